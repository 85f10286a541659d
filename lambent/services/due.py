"""Fires what has times of its own: schedules, and rules with one. What is sent and when the next time is are written in
one step (decision 34), so that a crash at any instant neither forgets a time nor makes two of one."""

import asyncio
import heapq
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from lambent.clock import Clock, Timer
from lambent.store.ledger import Entry, Ledger

log = logging.getLogger("lambent")

Key = tuple[str, str, str, str]  # account, region, and its name there


class Timed(Protocol):
    """Something that is due at a time."""

    @property
    def key(self) -> Key: ...

    @property
    def arn(self) -> str: ...

    @property
    def due(self) -> float:
        """Epoch seconds of the next time; 0: there is none."""
        ...


Noun = TypeVar("Noun", bound=Timed)


class Due(Generic[Noun]):
    """Mutable, on the event loop only. `_agenda` holds (due, key) of all that have a next time; entries that are no
    longer true are passed over, and those of what is being changed (`_changing`), which is entered again after that."""

    def __init__(
        self, clock: Clock, ledger: Ledger, find: Callable[[Key], Noun | None],
        fire: Callable[[Noun, float], list[Entry]],
    ) -> None:  # fmt: skip
        """`find` gives what has a key now. `fire` gives what is to be entered for one that is due, and by then finds it
        at its next time: whatever becomes of the step, it is not fired twice meanwhile."""
        self._clock = clock
        self._ledger = ledger
        self._find = find
        self._fire = fire
        self._agenda: list[tuple[float, Key]] = []
        self._changing: Counter[Key] = Counter()
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Due with {len(self._agenda)} times to come>"

    def start(self, nouns: Iterable[Noun]) -> None:
        """What was due while nobody was here is due now, once."""
        for noun in nouns:
            self._push(noun)
        self._set_timer()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def catch_up(self) -> None:
        """Fire what is due by now, should its timer not have come round yet: before somebody reads it to change it."""
        now = self._clock.epoch()
        while (first := self._first()) is not None and first.due <= now:
            heapq.heappop(self._agenda)
            self._fire_one(first, now)
        self._set_timer()

    async def change(self, key: Key, entry: Entry) -> None:
        """Have a new one, or another one under the key, written by that entry.

        Should it be due meanwhile, it is fired when that is over, as what it is then. Fired at once, as what it was,
        its next time (or that it is gone) would be written over what has been acknowledged.
        """
        with self._clock.working():
            await self._ledger.enter(entry, self._hold(key))

    def _hold(self, key: Key) -> Entry:
        """It is let go when this is on disk, or could not be written."""
        self._changing[key] += 1

        def over() -> None:
            self._changing[key] -= 1
            if not self._changing[key]:
                del self._changing[key]
            if (noun := self._find(key)) is not None:
                self._push(noun)
            self.catch_up()

        return Entry([], written=over, failed=over)

    def _push(self, noun: Noun) -> None:
        if noun.due:
            heapq.heappush(self._agenda, (noun.due, noun.key))

    def _first(self) -> Noun | None:
        while self._agenda:
            due, key = self._agenda[0]
            noun = self._find(key)
            if noun is not None and noun.due == due and key not in self._changing:
                return noun
            heapq.heappop(self._agenda)
        return None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        first = self._first()
        if first is not None:
            self._timer = self._clock.call_later(max(0.0, first.due - self._clock.epoch()), self.catch_up)

    def _fire_one(self, noun: Noun, now: float) -> None:
        """A mistake in one keeps no other from its time."""
        try:
            self._enter(self._fire(noun, now), noun)
        except Exception:
            log.exception("%s was due, and could not be fired", noun.arn)
        after = self._find(noun.key)
        if after is not None and after.due > now:
            self._push(after)

    def _enter(self, entries: list[Entry], noun: Noun) -> None:
        """Time that is moved by hand stands still until this is on disk."""
        working = self._clock.working()
        working.__enter__()

        def done(written: "asyncio.Future[None]") -> None:
            working.__exit__(None, None, None)
            if not written.cancelled() and (error := written.exception()) is not None:
                log.error("%s was due, and could not be written: %s", noun.arn, error)

        self._ledger.enter(*entries).add_done_callback(done)
