"""All queues of this server: made, found, changed and deleted; messages sent, moved and expired."""

import asyncio
import itertools
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lambent.clock import Clock, Timer
from lambent.errors import AwsError
from lambent.services.sqs import errors
from lambent.services.sqs.ledger import MessageLedger
from lambent.services.sqs.nouns import Message, StoredQueue
from lambent.services.sqs.queue import Queue
from lambent.services.sqs.sending import Sending
from lambent.store.connection import Row
from lambent.store.ledger import Entry
from lambent.store.sqs import SqsStore

log = logging.getLogger("lambent")

RECENTLY_S = 60.0  # a name is not given again so soon after its queue was deleted
SWEEP_S = 60.0
Key = tuple[str, str, str]  # account, region, name


class Sqs:
    """Mutable, on the event loop only: `_queues` are those that are there, `_deleted` says when others went."""

    def __init__(self, store: SqsStore, ledger: MessageLedger, clock: Clock, key: bytes) -> None:
        """`key` signs receipt handles."""
        self.store = store
        self.ledger = ledger
        self.clock = clock
        self.key = key
        self.changing = asyncio.Lock()  # held by whoever reads what a queue or a task is in order to change it
        self._queues: dict[Key, Queue] = {}
        self._deleted: dict[Key, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        last_message, last_queue = store.last_numbers()
        now = clock.epoch()
        self.sending = Sending(ledger, clock, last_message)
        self._queue_numbers = itertools.count(max(last_queue, int(now)) + 1)

    def __repr__(self) -> str:
        return f"<Sqs with {len(self._queues)} queues>"

    # -- from start to end

    def start(self) -> None:
        counts, by_number = self.store.counts(), {}
        for row in self.store.queues():
            stored = stored_from(row)
            if row["deleted"]:
                self._deleted[stored.key] = row["deleted"]
                self.spawn(self._remove(stored.number))
            else:
                queue = self._queues[stored.key] = self._live(stored, counts.get(stored.number, 0))
                by_number[stored.number] = queue
        for dedup in self.store.dedups(self.clock.epoch()):
            if dedup["queue"] in by_number:
                by_number[dedup["queue"]].dedup.load(dedup)
        self._sweep_later()

    def hush(self) -> None:
        """The server is about to stop: whoever waits for a message is told that there is none."""
        for queue in self._queues.values():
            queue.hush()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for queue in self._queues.values():
            queue.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- queues

    def queue(self, account: str, region: str, name: str) -> Queue:
        """Raises QueueDoesNotExist."""
        found = self._queues.get((account, region, name))
        if found is None:
            raise errors.no_queue()
        return found

    def by_arn(self, arn: str) -> Queue | None:
        parts = arn.split(":")
        return self._queues.get((parts[4], parts[3], parts[5])) if len(parts) == 6 and parts[2] == "sqs" else None

    def queues(self, account: str, region: str) -> list[Queue]:
        """By name."""
        found = [queue for key, queue in self._queues.items() if key[:2] == (account, region)]
        return sorted(found, key=lambda queue: queue.stored.name)

    def dead_letter_sources(self, arn: str) -> Iterator[Queue]:
        """The queues whose dead letters go there."""
        for queue in self._queues.values():
            if queue.settings.redrive is not None and queue.settings.redrive.target == arn:
                yield queue

    async def create(self, key: Key, attributes: Mapping[str, str], tags: Mapping[str, str]) -> Queue:
        """A new queue; the caller has seen that there is none. Raises QueueDeletedRecently."""
        now = self.clock.epoch()
        if now - self._deleted.get(key, -RECENTLY_S) < RECENTLY_S:
            raise AwsError(
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
                code="QueueDeletedRecently", status=400,
            )  # fmt: skip
        account, region, name = key
        stored = StoredQueue(
            number=next(self._queue_numbers), account=account, region=region, name=name, attributes=dict(attributes),
            tags=dict(tags), created=now, modified=now,
        )  # fmt: skip
        queue = self._queues[key] = self._live(stored)
        if self._timer is None:
            self._sweep_later()
        try:
            await self.ledger.enter(Entry([("sqs_queue_add", _columns(stored))]))
        except Exception:
            if self._queues.get(key) is queue:
                del self._queues[key]
            raise
        return queue

    async def change(self, queue: Queue, **changes: Any) -> None:
        """Store other attributes or tags of a queue; obeyed once they are on disk."""
        stored = msgspec.structs.replace(queue.stored, **changes)
        columns = {name: value for name, value in _columns(stored).items() if name in _CHANGING}
        await self.ledger.enter(Entry([("sqs_queue_update", columns)], written=lambda: queue.change(stored)))

    async def delete(self, queue: Queue) -> None:
        stored, now = queue.stored, self.clock.epoch()

        def gone() -> None:
            self._queues.pop(stored.key, None)
            self._deleted[stored.key] = now
            queue.close()
            self.spawn(self._remove(stored.number))

        await self.ledger.enter(Entry([("sqs_queue_delete", {"number": stored.number, "now": now})], written=gone))

    async def purge(self, queue: Queue) -> None:
        """All messages that were accepted before are gone. Raises PurgeQueueInProgress within a minute of the last."""
        async with self.changing:  # not while they are removed: there may be many
            now = self.clock.epoch()
            if now - queue.stored.purged < RECENTLY_S:
                raise AwsError(
                    f"Only one PurgeQueue operation on {queue.stored.name} is allowed every 60 seconds.",
                    code="PurgeQueueInProgress", status=403,
                )  # fmt: skip
            upto = self.sending.next_number()
            await self.change(queue, purged=now)
        queue.backlog.purge(upto)
        await self.store.clear(queue.stored.number, upto)

    # -- messages

    def bury(self, queue: Queue, message: Message) -> bool:
        """To the dead-letter queue, as it is. If there is none, or it refuses, the message stays where it is."""
        redrive = queue.settings.redrive
        target = self.by_arn(redrive.target) if redrive else None
        if target is None or target is queue or not permits(target, queue.stored.arn):
            return False
        self.sending.move(queue, message, target, source=queue.stored.arn).add_done_callback(_look_at)
        return True

    # -- in the background

    def _live(self, stored: StoredQueue, total: int = 0) -> Queue:
        return Queue(stored, self.store, self.ledger, self.clock, bury=self.bury, total=total)

    async def _remove(self, number: int) -> None:
        """What is left of a queue that was deleted; its row goes when nobody may ask for its name any more."""
        await self.store.clear(number, 2**62)
        await self.store.write(
            [("sqs_dedups_of_queue_drop", {"queue": number}), ("sqs_queue_forget", {"number": number})]
        )

    def _sweep_later(self) -> None:
        """Of a server without queues nobody is woken: a month of virtual time has 43,200 sweeps."""
        if self._timer is not None:
            self._timer.cancel()
        sweeps = self._queues or self._deleted
        timer = self.clock.call_later(SWEEP_S, lambda: self.spawn(self._sweep()), background=True) if sweeps else None
        self._timer = timer

    async def _sweep(self) -> None:
        """Messages that were kept for as long as they were to be, and what else time makes superfluous."""
        now = self.clock.epoch()
        try:
            with self.clock.working():
                self._deleted = {key: at for key, at in self._deleted.items() if now - at < RECENTLY_S}
                await self.store.write([("sqs_dedups_drop", {"now": now})])
                for queue in list(self._queues.values()):
                    await queue.expire(now)
        except Exception as error:
            log.error("old messages cannot be removed: %s", error)
        finally:
            self._sweep_later()


def permits(target: Queue, source: str) -> bool:
    """May that queue name this one as its dead-letter queue? (RedriveAllowPolicy)"""
    settings = target.settings
    if settings.redrive_permission == "byQueue":
        return source in settings.redrive_sources
    return settings.redrive_permission == "allowAll"


_CHANGING = ("number", "attributes", "tags", "modified", "purged")


def _columns(stored: StoredQueue) -> dict[str, Any]:
    columns = msgspec.structs.asdict(stored)
    return columns | {name: msgspec.json.encode(columns[name]).decode() for name in ("attributes", "tags")}


def stored_from(row: Row) -> StoredQueue:
    columns = {name: row[name] for name in StoredQueue.__struct_fields__}
    return StoredQueue(**columns | {name: msgspec.json.decode(columns[name]) for name in ("attributes", "tags")})


def _look_at(future: "asyncio.Future[None]") -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("a message could not be moved to its dead-letter queue, and stays where it is: %s", error)
