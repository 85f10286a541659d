"""What follows from an attempt: what is told to the journal and the metrics, and what takes the place of an event that
has come to its end."""

from typing import Any

from lambent.clock import Clock
from lambent.events import end as ends
from lambent.events.attempt import Result
from lambent.events.end import End
from lambent.events.letters import kept_letter, letters_for
from lambent.model import Event
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.store.kept import kept_columns
from lambent.store.letters import letter_columns

Rows = tuple[tuple[str, dict[str, Any]], ...]


class Settling:
    """Pure but for what it tells the journal and the metrics."""

    def __init__(self, journal: Journal, metrics: Metrics, clock: Clock) -> None:
        self._journal = journal
        self._metrics = metrics
        self._clock = clock

    def accepted(self, event: Event) -> None:
        self._metrics.add("AsyncEventsReceived", event.function, 1.0, event.qualifier)

    def settle(self, event: Event, result: Result) -> Rows:
        """The rows to be written in place of an event that has come to its end."""
        now = self._clock.epoch()
        if result.trouble:
            self._tell_trouble(now, event, result)
        if result.end is None:
            return ()
        self._metrics.add("AsyncEventAge", event.function, (now - event.received) * 1000, event.qualifier)
        if result.end.succeeded and not result.end.config.on_success:
            return ()
        return self._close(result.end)

    # -- details

    def _tell_trouble(self, now: float, event: Event, result: Result) -> None:
        again = result.again
        if result.throttle is not None:
            why = getattr(result.throttle, "why", None) if self._journal.spare() else None  # it costs a look at all
            facts = {"reason": result.throttle.members.get("Reason"), "why": why}
            self._journal.tell(now, event.request_id, "throttled", **facts)
        else:
            number = event.attempts + 1
            self._journal.tell(now, event.request_id, "attempt-failed", attempt=number, trouble=result.trouble)
        if again is not None:
            self._journal.tell(now, event.request_id, "retry-at", due=again.due, attempt=again.attempts + 1)

    def _close(self, end: End) -> Rows:
        """On AWS an event counts as dropped when it has failed for good, wherever it is sent before that."""
        letters, event = letters_for(end), end.event
        if not end.succeeded:
            self._metrics.add("AsyncEventsDropped", event.function, 1.0, event.qualifier)
        if letters or end.succeeded:
            return tuple(("letter_add", letter_columns(letter)) for letter in letters)
        facts = {"condition": end.condition, "attempts": event.attempts, "trouble": trouble(end)}
        self._journal.tell(end.now, event.request_id, "kept", **facts)
        return (("kept_add", kept_columns(kept_letter(end))),)


def trouble(end: End) -> str:
    """What was wrong, in a word or a sentence."""
    if end.outcome is not None:
        return end.outcome.error_type or end.outcome.status
    return end.error or {
        ends.ZERO_RESERVED_CONCURRENCY: "the function's reserved concurrency is 0",
        ends.RECURSION: "the function has come round to itself too often",
        ends.EVENT_AGE_EXCEEDED: "it waited for longer than its maximum age",
    }.get(end.condition, end.condition)
