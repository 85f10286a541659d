"""How messages come into queues: sent by a client, passed on by a service, moved from another queue."""

import asyncio
import hashlib
import itertools
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from lambent.clock import Clock
from lambent.services.sqs import contents, errors
from lambent.services.sqs.ledger import MessageLedger, added, dropped
from lambent.services.sqs.nouns import Content, Message
from lambent.services.sqs.queue import Queue
from lambent.store.ledger import Entry, Rows


class Sent(NamedTuple):
    """What a sender is told of its message."""

    message_id: str
    sequence: str  # "" in a standard queue


class _Once:
    """A message for a FIFO queue. Whether it is a duplicate is seen as it is written: what was entered before it is
    then on disk, is written with it, or has failed, so that the next one is the first."""

    def __init__(self, queue: Queue, scope: str, message: Message, row: tuple[str, dict[str, Any]]) -> None:
        self._queue = queue
        self._scope = scope
        self._message = message
        self._row = row
        self.sent = Sent(message.message_id, message.sequence)  # that of the first, once it is written

    @property
    def entry(self) -> Entry:
        forget = self._queue.dedup.forget
        return Entry(
            self._rows, self._message.size, written=self._written,
            failed=lambda: forget(self._scope, self._message),
        )  # fmt: skip

    @property
    def _is_first(self) -> bool:
        return self.sent.message_id == self._message.message_id

    def _rows(self) -> Rows:
        dedup = self._queue.dedup
        known = dedup.claim(self._scope, self._message)
        self.sent = Sent(known.message_id, known.sequence)
        return [self._row, dedup.row(self._scope, self._message)] if self._is_first else []

    def _written(self) -> None:
        if self._is_first:
            self._queue.arrived(self._message)


class Sending:
    """Gives out the numbers of messages, in order of acceptance."""

    def __init__(self, ledger: MessageLedger, clock: Clock, last: int) -> None:
        """`last`: the highest number that a message on disk has."""
        self._ledger = ledger
        self._clock = clock
        # Numbers never come again, even if whatever had the last one is gone: they begin with the time.
        self._numbers = itertools.count(max(last, int(clock.epoch() * 2**20)) + 1)

    def next_number(self) -> int:
        """Later than all messages that there are."""
        return next(self._numbers)

    async def send(self, queue: Queue, content: Content, *, delay_s: int | None, group: str, dedup: str) -> Sent:
        """Returns when it is on disk; a duplicate in a FIFO queue is taken for the first one."""
        message = self._message(queue, content, delay_s=delay_s, group=group, dedup=dedup)
        if not queue.settings.fifo:
            await self._ledger.enter(_plain(queue, message, content))
            return Sent(message.message_id, "")
        once = _once(queue, message, content)
        await self._ledger.enter(once.entry)
        return once.sent

    def pass_on(self, queue: Queue, content: Content, *, group: str = "", dedup: str = "") -> Entry:
        """What another service enters, at once, to have a message in the queue."""
        message = self._message(queue, content, group=group, dedup=dedup)
        return _once(queue, message, content).entry if queue.settings.fifo else _plain(queue, message, content)

    def _message(
        self, queue: Queue, content: Content, *, delay_s: int | None = None, group: str = "", dedup: str = ""
    ) -> Message:
        now = self._clock.epoch()
        return Message(
            next(self._numbers), str(uuid.uuid4()), sent=now,
            due=now + (queue.settings.delay_s if delay_s is None else delay_s), group=group,
            dedup=_dedup(queue, content, dedup), size=content.size, content=content,
        )  # fmt: skip

    def move(self, queue: Queue, message: Message, target: Queue, *, source: str = "") -> "asyncio.Future[None]":
        """From one queue to another in one step; there is always one of it. Its age goes on, but not from FIFO to FIFO
        (Developer Guide, "Understanding message retention periods for dead-letter queues")."""
        content, now = queue.content(message) or Content(), self._clock.epoch()
        moved = Message(
            next(self._numbers), message.message_id, sent=now if queue.settings.fifo else message.sent, due=now,
            group=message.group, dedup=message.dedup, size=message.size,
        )  # fmt: skip
        carried = msgspec.structs.replace(content, source=source)
        queue.backlog.drop(message)

        def written() -> None:
            target.arrived(moved)
            queue.serve()

        rows = [added(moved, target.stored.number, carried), dropped(message)]
        return self._ledger.enter(Entry(rows, message.size, written, failed=lambda: queue.restore(message)))


def _plain(queue: Queue, message: Message, content: Content) -> Entry:
    """What a standard queue enters."""
    rows = [added(message, queue.stored.number, content)]
    return Entry(rows, message.size, written=lambda: queue.arrived(message))


def _once(queue: Queue, message: Message, content: Content) -> _Once:
    scope = message.group if queue.settings.dedup_by_group else ""
    return _Once(queue, scope, message, added(message, queue.stored.number, content))


def _dedup(queue: Queue, content: Content, given: str) -> str:
    """The deduplication id: as given, or that of the body."""
    if given or not queue.settings.fifo:
        return given
    return hashlib.sha256(content.body.encode()).hexdigest()


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
