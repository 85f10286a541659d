"""The engine of asynchronous invocation, put together: from the intake to the end of each event."""

import logging
from collections.abc import Callable
from pathlib import Path

from lambent.clock import Clock
from lambent.errors import LambentError
from lambent.events.attempt import Attempts, Configs
from lambent.events.dispatcher import Dispatcher
from lambent.events.intake import Intake
from lambent.events.settling import Settling
from lambent.invoke.path import Invoker
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.model import Event
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.store.ledger import Entry
from lambent.store.queue import Queue, Rows, open_queue

log = logging.getLogger("lambent")


class Engine:
    """Attributes are the parts. `posted` is called when there is something to deliver; set before `start`."""

    def __init__(
        self, directory: Path, invoker: Invoker, resolver: Resolver, configs: Configs, *, clock: Clock, loops: Loops,
        journal: Journal, metrics: Metrics,
    ) -> None:  # fmt: skip
        self.database = open_queue(directory)
        self.queue = Queue(self.database)
        self.posted: Callable[[], None] = lambda: None
        self._clock = clock
        self._journal = journal
        self._settling = Settling(journal, metrics, clock)
        self.attempts = Attempts(invoker, resolver, configs, clock, loops)
        self.dispatcher = Dispatcher(self.queue, self.attempts, clock, self._settling.settle, self._posted)
        self._intake = Intake(self.queue, self.dispatcher)

    async def accept(self, event: Event, rows: Rows = ()) -> None:
        """Return when it is on disk, and `rows` with it. Raises StoreError, and nothing was accepted, if it cannot be
        written.
        """
        await self._intake.accept(event, rows)
        self._settling.accepted(event)

    def entry(self, event: Event) -> Entry:
        """The same as part of another step: what is to be entered into the ledger, at once."""
        entry = self._intake.entry(event)

        def written() -> None:
            entry.written()
            self._settling.accepted(event)

        return entry._replace(written=written)

    async def start(self) -> None:
        """Take up what the last server left: what it had taken may have run, which the journal says of each."""
        now = self._clock.epoch()
        interrupted = await self.dispatcher.start()
        for row in interrupted:
            self._journal.tell(now, row["request_id"], "interrupted")
        if interrupted:
            log.warning("%d events may have been running when the last server ended; they run again", len(interrupted))

    async def drain(self, patience_s: float) -> None:
        """Begin no attempt any more; let those under way come to their ends."""
        await self._intake.close()
        try:
            await self.dispatcher.close(patience_s)
        except LambentError as error:
            log.error("%s", error.message)

    def close(self) -> None:
        self.database.close()

    def _posted(self) -> None:
        self.posted()

    def counts(self) -> dict[str, int]:
        return self.dispatcher.counts()
