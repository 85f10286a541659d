"""What the journal and the metrics are told by parts of the engine that know of neither."""

import logging

from lambent.arns import FunctionRef
from lambent.clock import Clock
from lambent.invoke.keys import Asked
from lambent.invoke.recursion import Loop
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.store.answers import StoredAnswer

log = logging.getLogger("lambent")


class Telling:
    """A piece of app."""

    def __init__(self, journal: Journal, metrics: Metrics, clock: Clock) -> None:
        self._journal = journal
        self._metrics = metrics
        self._clock = clock

    def loop_stopped(self, loop: Loop) -> None:
        self._journal.tell(loop.at, loop.request_id, "recursion", run=loop.run, chain=", ".join(loop.chain))
        self._metrics.add("RecursiveInvocationsDropped", (loop.account, loop.region, loop.name), 1.0)

    def mistrusted(self, ref: FunctionRef, worth: str) -> None:
        """Code or a layer for a function was not signed as its code signing configuration wants."""
        log.warning("what was deployed to %s is not signed as it should be: %s", ref.name, worth)
        self._metrics.add("SignatureValidationErrors", (ref.account, ref.region, ref.name), 1.0)

    def key(self, kind: str, asked: Asked, answer: StoredAnswer) -> None:
        """Of an Idempotency-Key: that a call was answered from it, or that the server ended while its call ran."""
        now, key = self._clock.epoch(), asked.scope.idempotency_key
        if kind == "interrupted":
            self._journal.tell(now, answer.request_id, kind, key=key, repeated_as=asked.request_id)
        else:
            self._journal.tell(now, asked.request_id, kind, key=key, ran_as=answer.request_id)
