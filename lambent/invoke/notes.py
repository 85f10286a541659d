"""What the path of an invocation finds worth telling the journal: throttles, waits, and that there was no sandbox.

Attempts at events are told of by the events engine, which knows what follows from them.
"""

from lambent.clock import Clock
from lambent.errors import LambentError, TooManyRequests
from lambent.model import Invocation
from lambent.observe.journal import Journal
from lambent.sandbox.sandbox import Sandbox


class Notes:
    """Called only when something was out of the ordinary. Without a journal nothing is told."""

    def __init__(self, clock: Clock, journal: Journal | None = None) -> None:
        self._clock = clock
        self._journal = journal

    def throttled(self, invocation: Invocation, error: TooManyRequests) -> None:
        """With who held the permits, as long as it is not one of too many."""
        if self._journal is not None and not invocation.attempt and self._journal.spare():
            facts = {"reason": error.members.get("Reason"), "why": getattr(error, "why", None)}
            self._journal.tell(self._clock.epoch(), invocation.request_id, "throttled", **facts)

    def waited(self, invocation: Invocation, sandbox: Sandbox) -> None:
        waited, sandbox.waited = sandbox.waited, None
        if self._journal is not None and waited is not None:
            facts = {"ms": round(waited[0], 1), "why": waited[1], "attempt": invocation.attempt}
            self._journal.tell(self._clock.epoch(), invocation.request_id, "waited", **facts)

    def failed(self, invocation: Invocation, error: LambentError) -> None:
        if self._journal is not None and not invocation.attempt:
            facts = {"error": type(error).__name__, "message": error.message}
            self._journal.tell(self._clock.epoch(), invocation.request_id, "failed", **facts)
