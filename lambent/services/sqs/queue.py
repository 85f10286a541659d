"""One queue at work: messages come, are received, come back or are deleted; whoever waits for one is served."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lambent.clock import Clock, Timer
from lambent.errors import AwsError
from lambent.services.sqs import errors
from lambent.services.sqs.attempts import Attempts
from lambent.services.sqs.backlog import Backlog
from lambent.services.sqs.dedup import Dedup
from lambent.services.sqs.ledger import MessageLedger, dropped
from lambent.services.sqs.line import Line
from lambent.services.sqs.nouns import (
    LONGEST_VISIBILITY_S,
    MOST_IN_FLIGHT,
    Content,
    Message,
    QueueSettings,
    StoredQueue,
)
from lambent.services.sqs.queue_attributes import settings_of
from lambent.services.sqs.receipts import Receipt, new_flight
from lambent.store.ledger import Entry
from lambent.store.sqs import SqsStore


class Received(NamedTuple):
    """A message that goes out, and what its receipt handle says."""

    message: Message
    receipt: Receipt


class _Waiter(NamedTuple):
    """Somebody who polls a queue that has nothing."""

    most: int
    visibility_s: float
    served: "asyncio.Future[list[Received]]"


Bury = Callable[["Queue", Message], bool]  # to the dead-letter queue; False: there is none


class Queue:
    """Mutable, on the event loop only."""

    def __init__(
        self, stored: StoredQueue, store: SqsStore, ledger: MessageLedger, clock: Clock, *, bury: Bury, total: int = 0
    ) -> None:
        self.stored = stored
        self.settings: QueueSettings = settings_of(stored)
        self.backlog = Backlog(stored.number, store, fifo=self.settings.fifo, total=total)
        self.closed = False
        self.dedup = Dedup(stored.number)
        self.attempts = Attempts()
        self._ledger = ledger
        self._clock = clock
        self._bury = bury
        self._waiters: deque[_Waiter] = deque()
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Queue {self.stored.arn} with {self.backlog!r}>"

    def change(self, stored: StoredQueue) -> None:
        """It is set up in another way from now on."""
        self.stored, self.settings = stored, settings_of(stored)

    # -- messages come

    @property
    def line(self) -> Line:
        return self.backlog.line

    @property
    def total(self) -> int:
        return self.backlog.total

    def arrived(self, message: Message) -> None:
        """It is on disk."""
        if self.backlog.arrived(message, self._clock.epoch()):
            self.serve()

    # -- and go out

    def receive(self, most: int, visibility_s: float) -> list[Received]:
        """At most so many messages that are visible now, for so long hidden from others. Raises OverLimit."""
        now = self._clock.epoch()
        if self.line.flying >= MOST_IN_FLIGHT and not self.settings.fifo:
            raise AwsError("Too many messages in flight.", code="OverLimit", status=403)
        found: list[Received] = []
        while len(found) < most and self.backlog.has_one(now):
            for message in self.line.take(most - len(found), now, now + visibility_s):
                if self._is_over(message, now) or self._is_dead(message):
                    continue
                message.flight = new_flight()
                found.append(Received(message, Receipt(self.stored.number, message.id, message.flight)))
                self._ledger.note(message)
            if visibility_s <= 0:
                break  # they are visible already
        return found

    async def poll(self, most: int, visibility_s: float, wait_s: float) -> list[Received]:
        """The same, waiting so long for the first one: the client's own time, hence real, whatever the clock says."""
        found = self.receive(most, visibility_s)
        if found or wait_s <= 0 or self.closed:
            return found
        loop = asyncio.get_running_loop()
        waiter = _Waiter(most, visibility_s, loop.create_future())
        self._waiters.append(waiter)
        self._set_timer()
        timer = loop.call_later(wait_s, _give_up, waiter)
        try:
            return await waiter.served
        except asyncio.CancelledError:
            self._take_back(waiter)
            raise
        finally:
            timer.cancel()
            waiter.served.cancel()

    def _take_back(self, waiter: _Waiter) -> None:
        """Who waited has left in the moment in which there was something for it: nobody has seen that."""
        if waiter.served.done() and not waiter.served.cancelled() and waiter.served.exception() is None:
            for received in waiter.served.result():
                received.message.receives -= 1
                self.hide(received.message, 0)

    def content(self, message: Message) -> Content | None:
        """What it carries; None if it has gone from the disk meanwhile."""
        return self.backlog.content(message)

    def find(self, receipt: Receipt) -> Message | None:
        """The message that was given out with that receipt, if it is still there."""
        return self.backlog.find(receipt.id)

    def drop(self, message: Message) -> "asyncio.Future[None]":
        """Delete it. If that cannot be written it is what it was: in flight, for as long as it was to be."""
        return self.drop_all([message])

    def drop_unseen(self, message: Message) -> None:
        """The same, for what nobody waits for."""
        self.drop(message).add_done_callback(_look_at)

    def drop_all(self, messages: Sequence[Message]) -> "asyncio.Future[None]":
        """Delete them in one step."""
        for message in messages:
            self.backlog.drop(message)

        def failed() -> None:
            for message in messages:
                self.restore(message)

        return self._ledger.enter(Entry([dropped(each) for each in messages], written=self.serve, failed=failed))

    def restore(self, message: Message) -> None:
        """What was to go has to stay after all."""
        self.backlog.restore(message, self._clock.epoch())
        self.serve()

    def serve(self) -> None:
        """Whoever waits: there may be something, as what has gone from a FIFO queue frees the next of its group."""
        while self._waiters:
            waiter = self._waiters[0]
            if not waiter.served.done():
                found = self.receive(waiter.most, waiter.visibility_s)
                if not found:
                    break
                waiter.served.set_result(found)
            self._waiters.popleft()
        self._set_timer()

    def hide(self, message: Message, visibility_s: float) -> None:
        """One in flight is visible again in so many seconds. Raises InvalidParameterValue beyond 12 hours in all."""
        now = self._clock.epoch()
        if now + visibility_s - message.first_received > LONGEST_VISIBILITY_S and visibility_s > 0:
            raise errors.invalid_value(
                int(visibility_s), "VisibilityTimeout",
                f"Total VisibilityTimeout for the message is beyond the limit [{LONGEST_VISIBILITY_S} seconds].",
            )  # fmt: skip
        self.line.change(message, now + visibility_s, now)
        self._ledger.note(message)
        self.serve()

    async def expire(self, now: float) -> None:
        """Remove those that were kept for as long as they were to be, as far as they are the oldest; others that were
        moved here at a great age are met as they go out."""
        more = True
        while more and not self.closed:
            over, more = self.backlog.too_old(now - self.settings.retention_s)
            if over:
                rows = [("sqs_message_drop", {"id": each}) for each in over]
                await self._ledger.enter(Entry(rows, written=self.serve))

    def hush(self) -> None:
        """Whoever waits gets what there is, and nobody waits any more."""
        self.closed = True
        for waiter in self._waiters:
            _give_up(waiter)

    def close(self) -> None:
        """It is deleted: nobody is served any more."""
        self.closed = True
        while self._waiters:
            served = self._waiters.popleft().served
            if not served.done():
                served.set_exception(errors.no_queue())
        if self._timer is not None:
            self._timer.cancel()

    def counts(self) -> dict[str, int]:
        return self.backlog.counts(self._clock.epoch())

    # -- details

    def _is_over(self, message: Message, now: float) -> bool:
        """Has it been kept for as long as it was to be?"""
        if message.sent + self.settings.retention_s > now:
            return False
        self.drop_unseen(message)
        return True

    def _is_dead(self, message: Message) -> bool:
        redrive = self.settings.redrive
        return redrive is not None and message.receives > redrive.most and self._bury(self, message)

    def _set_timer(self) -> None:
        """Only while somebody waits: an idle queue wakes nobody up."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.line.next_due() if self._waiters else None
        if due is not None:
            self._timer = self._clock.call_later(max(0.0, due - self._clock.epoch()), self.serve)


def _give_up(waiter: _Waiter) -> None:
    if not waiter.served.done():
        waiter.served.set_result([])


def _look_at(future: "asyncio.Future[None]") -> None:
    if not future.cancelled():
        future.exception()
