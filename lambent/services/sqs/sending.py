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
from lambent.services.sqs.dedup import Known
from lambent.services.sqs.ledger import MessageLedger, added, dropped
from lambent.services.sqs.nouns import Content, Message
from lambent.services.sqs.queue import Queue
from lambent.store.ledger import Entry


class Sent(NamedTuple):
    """What a sender is told of its message."""

    message_id: str
    sequence: str  # "" in a standard queue


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
        while (known := self._known(queue, content, group, dedup)) is not None:
            await self._ledger.enter()  # what was entered before is on disk then, or forgotten: it could not be written
            if self._known(queue, content, group, dedup) == known:
                return Sent(known.message_id, known.sequence)
        message, entry = self._entry(queue, content, delay_s=delay_s, group=group, dedup=dedup)
        await self._ledger.enter(entry)
        return Sent(message.message_id, message.sequence if queue.settings.fifo else "")

    def _entry(
        self, queue: Queue, content: Content, *, delay_s: int | None = None, group: str = "", dedup: str = ""
    ) -> tuple[Message, Entry]:
        """A new message, and what is to be entered, at once, for it to be accepted. A FIFO queue knows it from now
        on; whoever calls this has seen that it is no duplicate."""
        settings, now = queue.settings, self._clock.epoch()
        due = now + (settings.delay_s if delay_s is None else delay_s)
        message = Message(
            next(self._numbers), str(uuid.uuid4()), sent=now, due=due, group=group, dedup=_dedup(queue, content, dedup),
            size=content.size, content=content,
        )  # fmt: skip
        rows = [added(message, queue.stored.number, content)]
        if not settings.fifo:
            return message, Entry(rows, message.size, written=lambda: queue.arrived(message))
        scope = _scope(queue, group)
        rows.append(queue.dedup.remember(scope, message, now))
        return message, Entry(
            rows, message.size, written=lambda: queue.arrived(message),
            failed=lambda: queue.dedup.forget(scope, message),
        )  # fmt: skip

    def pass_on(self, queue: Queue, content: Content, *, group: str = "", dedup: str = "") -> Entry | None:
        """What another service enters to have a message in the queue; None for a duplicate."""
        if self._known(queue, content, group, dedup) is not None:
            return None
        return self._entry(queue, content, group=group, dedup=dedup)[1]

    def _known(self, queue: Queue, content: Content, group: str, dedup: str) -> Known | None:
        if not queue.settings.fifo:
            return None
        return queue.dedup.known(_scope(queue, group), _dedup(queue, content, dedup), self._clock.epoch())

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
        return self._ledger.enter(
            Entry(
                [added(moved, target.stored.number, carried), dropped(message)], message.size,
                written=lambda: target.arrived(moved), failed=lambda: queue.restore(message),
            )
        )  # fmt: skip


def _scope(queue: Queue, group: str) -> str:
    return group if queue.settings.dedup_by_group else ""


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
