"""A queue of this server as the source of a mapping."""

import asyncio
from collections.abc import Sequence

from lambent.services.sources.records import Record, record
from lambent.services.sqs import receipts
from lambent.services.sqs.engine import Sqs
from lambent.services.sqs.nouns import Message
from lambent.services.sqs.queue import Queue, Received


class LocalQueue:
    """Nothing is polled in vain: an empty queue is waited for."""

    def __init__(self, sqs: Sqs, queue: Queue, arn: str, region: str) -> None:
        self._sqs = sqs
        self._queue = queue
        self._arn = arn
        self._region = region

    @property
    def closed(self) -> bool:
        return self._queue.closed or self._sqs.by_arn(self._arn) is not self._queue

    async def poll(self, most: int, wait_s: float) -> list[Record[Message]]:
        return self._records(await self._queue.poll(most, self._queue.settings.visibility_s, wait_s))

    def receive(self, most: int) -> list[Record[Message]]:
        return self._records(self._queue.receive(most, self._queue.settings.visibility_s))

    def give_back(self, records: Sequence[Record[Message]]) -> None:
        """They do not count as received."""
        for each in records:
            if not each.message.gone:
                each.message.receives -= 1
                self._queue.hide(each.message, 0)

    def drop(self, records: Sequence[Record[Message]]) -> "asyncio.Future[None]":
        return self._queue.drop_all([each.message for each in records])

    def drop_unseen(self, record: Record[Message]) -> None:
        self._queue.drop_unseen(record.message)

    def _records(self, taken: Sequence[Received]) -> list[Record[Message]]:
        return [found for each in taken if (found := self._record(each)) is not None]

    def _record(self, received: Received) -> Record[Message] | None:
        """None if it has gone from the disk meanwhile."""
        content = self._queue.content(received.message)
        if content is None:
            self._queue.backlog.drop(received.message)
            return None
        handle = receipts.handle_of(received.receipt, self._sqs.key)
        fifo = self._queue.settings.fifo
        return record(received.message, content, handle, arn=self._arn, region=self._region, fifo=fifo)
