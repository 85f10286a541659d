"""All queues of this server: made, found, changed and deleted; messages sent, moved and expired."""

import asyncio
import hashlib
import itertools
import logging
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from lambent.clock import Clock, Timer
from lambent.errors import AwsError
from lambent.services.sqs import contents, errors
from lambent.services.sqs.dedup import Known
from lambent.services.sqs.ledger import MessageLedger, added, dropped
from lambent.services.sqs.nouns import Content, Message, StoredQueue
from lambent.services.sqs.queue import Queue
from lambent.store.connection import Row
from lambent.store.ledger import Entry
from lambent.store.sqs import SqsStore

log = logging.getLogger("lambent")

RECENTLY_S = 60.0  # a name is not given again so soon after its queue was deleted
SWEEP_S = 60.0
Key = tuple[str, str, str]  # account, region, name


class Sent(NamedTuple):
    """What a sender is told of its message."""

    message_id: str
    sequence: str  # "" in a standard queue


class Sqs:
    """Mutable, on the event loop only: `_queues` are those that are there, `_deleted` says when others went."""

    def __init__(self, store: SqsStore, ledger: MessageLedger, clock: Clock, key: bytes) -> None:
        """`key` signs receipt handles."""
        self.store = store
        self.ledger = ledger
        self.clock = clock
        self.key = key
        self._queues: dict[Key, Queue] = {}
        self._deleted: dict[Key, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        last_message, last_queue = store.last_numbers()
        # Numbers never come again, even if whatever had the last one is gone: they begin with the time.
        now = clock.epoch()
        self._numbers = itertools.count(max(last_message, int(now * 2**20)) + 1)
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
        now = self.clock.epoch()
        if now - queue.stored.purged < RECENTLY_S:
            raise AwsError(
                f"Only one PurgeQueue operation on {queue.stored.name} is allowed every 60 seconds.",
                code="PurgeQueueInProgress", status=403,
            )  # fmt: skip
        upto = next(self._numbers)
        await self.change(queue, purged=now)
        queue.purged(upto)
        await self.store.clear(queue.stored.number, upto)

    # -- messages

    def next_number(self) -> int:
        """Later than all messages that there are."""
        return next(self._numbers)

    async def send(self, queue: Queue, content: Content, *, delay_s: int | None, group: str, dedup: str) -> Sent:
        """Returns when it is on disk; a duplicate in a FIFO queue is taken for the first one."""
        known = self._known(queue, content, group, dedup)
        if known is not None:
            if known.written is not None and not known.written.done():
                await asyncio.shield(known.written)
            return Sent(known.message_id, known.sequence)
        message, entry = self.entry(queue, content, delay_s=delay_s, group=group, dedup=dedup)
        written = self.ledger.enter(entry)
        if queue.settings.fifo:
            queue.dedup.remember(_scope(queue, group), message, self.clock.epoch(), written)
        await written
        return Sent(message.message_id, message.sequence if queue.settings.fifo else "")

    def entry(
        self, queue: Queue, content: Content, *, delay_s: int | None = None, group: str = "", dedup: str = ""
    ) -> tuple[Message, Entry]:
        """A new message, and what is to be entered, at once, for it to be accepted. Whoever calls this for a FIFO queue
        has seen that it is no duplicate, and has it remembered."""
        settings, now = queue.settings, self.clock.epoch()
        due = now + (settings.delay_s if delay_s is None else delay_s)
        message = Message(
            next(self._numbers), str(uuid.uuid4()), sent=now, due=due, group=group, dedup=_dedup(queue, content, dedup),
            size=content.size, content=content,
        )  # fmt: skip
        rows = [added(message, queue.stored.number, content)]
        if not settings.fifo:
            return message, Entry(rows, message.size, written=lambda: queue.arrived(message))
        scope = _scope(queue, group)
        rows.append(queue.dedup.row(scope, message, now))
        return message, Entry(
            rows, message.size, written=lambda: queue.arrived(message),
            failed=lambda: queue.dedup.forget(scope, message),
        )  # fmt: skip

    def pass_on(self, queue: Queue, content: Content, *, group: str = "", dedup: str = "") -> Entry | None:
        """What another service enters to have a message in the queue; None for a duplicate, which is there already."""
        if self._known(queue, content, group, dedup) is not None:
            return None
        message, entry = self.entry(queue, content, group=group, dedup=dedup)
        if queue.settings.fifo:
            queue.dedup.remember(_scope(queue, group), message, self.clock.epoch())
        return entry

    def _known(self, queue: Queue, content: Content, group: str, dedup: str) -> Known | None:
        if not queue.settings.fifo:
            return None
        return queue.dedup.known(_scope(queue, group), _dedup(queue, content, dedup), self.clock.epoch())

    def bury(self, queue: Queue, message: Message) -> bool:
        """To the dead-letter queue, as it is. If there is none, or it refuses, the message stays where it is."""
        redrive = queue.settings.redrive
        target = self.by_arn(redrive.target) if redrive else None
        if target is None or target is queue or not permits(target, queue.stored.arn):
            return False
        self.move(queue, message, target, source=queue.stored.arn).add_done_callback(_look_at)
        return True

    def move(self, queue: Queue, message: Message, target: Queue, *, source: str = "") -> "asyncio.Future[None]":
        """From one queue to another in one step; there is always one of it. Its age goes on, but not from FIFO to FIFO
        (Developer Guide, "Understanding message retention periods for dead-letter queues")."""
        content, now = queue.content(message) or Content(), self.clock.epoch()
        moved = Message(
            next(self._numbers), message.message_id, sent=now if queue.settings.fifo else message.sent, due=now,
            group=message.group, dedup=message.dedup, size=message.size,
        )  # fmt: skip
        carried = msgspec.structs.replace(content, source=source)
        queue.line.drop(message)
        queue.total -= 1
        return self.ledger.enter(
            Entry(
                [added(moved, target.stored.number, carried), dropped(message)], message.size,
                written=lambda: target.arrived(moved), failed=lambda: queue.restore(message),
            )
        )  # fmt: skip

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


def _scope(queue: Queue, group: str) -> str:
    return group if queue.settings.dedup_by_group else ""


def _dedup(queue: Queue, content: Content, given: str) -> str:
    """The deduplication id: as given, or that of the body."""
    if given or not queue.settings.fifo:
        return given
    return hashlib.sha256(content.body.encode()).hexdigest()


def permits(target: Queue, source: str) -> bool:
    """May that queue name this one as its dead-letter queue? (RedriveAllowPolicy)"""
    settings = target.settings
    if settings.redrive_permission == "byQueue":
        return source in settings.redrive_sources
    return settings.redrive_permission == "allowAll"


def check_dedup(queue: Queue, asked: Mapping[str, Any]) -> None:
    """What a FIFO queue needs of each message, and a standard queue refuses."""
    group, dedup = asked.get("MessageGroupId"), asked.get("MessageDeduplicationId")
    if not queue.settings.fifo:
        if dedup is not None:
            raise errors.invalid_value(
                dedup, "MessageDeduplicationId",
                "The request includes a parameter that is not valid for this queue type.",
            )  # fmt: skip
        contents.check_token(group, "MessageGroupId")
        return
    if group is None:
        raise errors.missing_parameter("MessageGroupId")
    contents.check_token(group, "MessageGroupId")
    contents.check_token(dedup, "MessageDeduplicationId")
    if dedup is None and not queue.settings.by_content:
        raise errors.invalid_parameter(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
            "explicitly"
        )


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
