"""Everything that follows the end of an event, put together: letters, their targets and the kept list.

The outbox has what an older Lambent sent, which had no queues, topics, buses and buckets; nothing comes into it.
"""

import asyncio
from collections.abc import Sequence

from lambent.clock import Clock
from lambent.events.engine import Engine
from lambent.events.postman import Postman
from lambent.events.retention import Retention
from lambent.events.targets import LambdaTarget, Targets
from lambent.invoke import lineage
from lambent.invoke.authority import May, same_account
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.model import Event
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.store.kept import Kept, KeptEvents, Which
from lambent.store.letters import Letters
from lambent.store.outbox import OutboxStore
from lambent.store.shelves import Shelf


class Delivery:
    """Attributes are the parts; the engine tells it when something has come to its end."""

    def __init__(
        self, engine: Engine, resolver: Resolver, loops: Loops, *, clock: Clock, journal: Journal, metrics: Metrics,
        keep_days: int, keep_bytes: int, may: May = same_account,
    ) -> None:  # fmt: skip
        db = engine.database
        self.letters, self.kept, self.outbox = Letters(db), KeptEvents(db), OutboxStore(db)
        self._engine = engine
        self._clock = clock
        self._journal = journal
        self._loops = loops
        functions = LambdaTarget(engine, resolver, clock, self._stopped, may=may)
        self.targets = Targets({"lambda": functions})  # other services add themselves
        self.postman = Postman(self.letters, self.targets, clock, journal.tell, metrics.add)
        self.retention = Retention([Shelf(db, "kept"), Shelf(db, "outbox")], clock, keep_days, keep_bytes)
        engine.posted = self.posted

    def start(self) -> None:
        self.postman.start()
        self.retention.start()

    def posted(self) -> None:
        """An event has left letters, or is kept."""
        self.postman.posted()
        self.retention.grew()

    async def close(self) -> None:
        await self.postman.close()
        await self.retention.close()

    async def replay(self, entries: Sequence[Kept]) -> list[Event]:
        """Put kept events back into the queue, as new ones with the request ids that they had; those that were there.

        Each is kept or in the queue at any moment. One that is kept twice is replayed once.
        """
        now = self._clock.epoch()
        moves = [(entry, self._engine.queue.numbered(_as_new(entry, now))) for entry in entries]
        moved = await self.kept.replay(moves)
        for event in moved:
            self._journal.tell(now, event.request_id, "replayed")
            self._engine.dispatcher.added(event.function, now)
        return moved

    async def page(self, which: Which) -> list[Kept]:
        """The next kept events, whole."""
        return await asyncio.to_thread(self.kept.page, which)

    def counts(self) -> dict[str, int]:
        """What is kept and in the outbox, and what went for lack of room. It reads the disk."""
        return self.retention.totals() | {f"{name}_dropped": count for name, count in self.retention.dropped.items()}

    def _stopped(self, event: Event) -> bool:
        return self._loops.judge(event.trace, event.function_arn, event.request_id, event.received).stopped


def _as_new(entry: Kept, now: float) -> Event:
    """All attempts and the whole age are before it again, and the runs of a loop: somebody has decided that it may."""
    return Event(
        id=0, request_id=entry.request_id, account=entry.account, region=entry.region, name=entry.name,
        qualifier=entry.qualifier, payload=entry.payload, trace=lineage.without(entry.trace), received=now,
        due=now, tenant=entry.tenant,
    )  # fmt: skip
