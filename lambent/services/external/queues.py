"""A queue elsewhere as the source of a mapping: polled for 20 seconds at a time, as Lambda's own pollers do."""

import asyncio
import base64
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from lambent.clock import Clock
from lambent.services.external.calls import Calls
from lambent.services.sources.records import Record, recorded

log = logging.getLogger("lambent")

LONGEST_POLL_S = 20
LOOK_EVERY_S = 60.0  # at the queue's visibility timeout
MOST = 10  # messages of one call


class ExternalMessage(msgspec.Struct, frozen=True):
    """One that was received there."""

    message_id: str
    handle: str  # its receipt
    due: float  # epoch seconds


class ExternalQueue:
    """Mutable, on the event loop only."""

    closed = False

    def __init__(self, calls: Calls, arn: str, region: str, clock: Clock) -> None:
        self._calls = calls
        self._arn = arn
        self._region = region
        self._clock = clock
        self._visibility_s = 30.0
        self._looked = -LOOK_EVERY_S
        self._tasks: set[asyncio.Task[None]] = set()

    def receive(self, most: int) -> list[Record[ExternalMessage]]:
        """Nobody knows without asking."""
        return []

    async def poll(self, most: int, wait_s: float) -> list[Record[ExternalMessage]]:
        """Raises Elsewhere, or Undeliverable if there is no such queue."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        found = await self._receive(most, wait_s)
        while not found and loop.time() < deadline:
            found = await self._receive(most, deadline - loop.time())
        try:
            while found and len(found) % MOST == 0 and len(found) < most:
                more = await self._receive(most - len(found), 0)
                if not more:
                    break
                found += more
        except BaseException:
            self.give_back(found)
            raise
        return found

    def give_back(self, records: Sequence[Record[ExternalMessage]]) -> None:
        if records:
            self._spawn(self._in_batches("change_message_visibility_batch", records, VisibilityTimeout=0))

    def drop(self, records: Sequence[Record[ExternalMessage]]) -> "asyncio.Future[None]":
        return self._spawn(self._in_batches("delete_message_batch", records))

    def drop_unseen(self, record: Record[ExternalMessage]) -> None:
        self.drop([record])

    # -- details

    async def _receive(self, most: int, wait_s: float) -> list[Record[ExternalMessage]]:
        """Whoever is cancelled while it waits has taken nothing: what comes then goes back."""
        receiving = asyncio.ensure_future(self._received(most, wait_s))
        try:
            return await asyncio.shield(receiving)
        except asyncio.CancelledError:
            receiving.add_done_callback(self._not_wanted)
            raise

    async def _received(self, most: int, wait_s: float) -> list[Record[ExternalMessage]]:
        url = await self._ready()
        asked = self._clock.epoch()
        answer = await self._calls.ask(
            self._arn, "receive_message", QueueUrl=url, MaxNumberOfMessages=min(most, MOST),
            WaitTimeSeconds=min(LONGEST_POLL_S, int(wait_s)), AttributeNames=["All"],
            MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"],
        )  # fmt: skip
        due = asked + self._visibility_s  # rather too early than too late
        return [record(each, self._arn, self._region, due) for each in answer.get("Messages", ())]

    async def _ready(self) -> str:
        """The queue's URL; now and then its visibility timeout is looked at."""
        url = await self._calls.queue_url(self._arn)
        now = asyncio.get_running_loop().time()
        if now - self._looked >= LOOK_EVERY_S:
            answer = await self._calls.ask(
                self._arn, "get_queue_attributes", QueueUrl=url, AttributeNames=["VisibilityTimeout"]
            )  # fmt: skip
            self._visibility_s = float(answer.get("Attributes", {}).get("VisibilityTimeout", self._visibility_s))
            self._looked = now
        return url

    def _not_wanted(self, receiving: "asyncio.Future[list[Record[ExternalMessage]]]") -> None:
        if not receiving.cancelled() and receiving.exception() is None:
            self.give_back(receiving.result())

    async def _in_batches(self, operation: str, records: Sequence[Record[ExternalMessage]], **more: Any) -> None:
        """What fails is told: those messages come back after their visibility timeout."""
        url = await self._calls.queue_url(self._arn)
        for first in range(0, len(records), MOST):
            entries = [
                {"Id": str(number), "ReceiptHandle": each.message.handle, **more}
                for number, each in enumerate(records[first : first + MOST])
            ]
            answer = await self._calls.ask(self._arn, operation, QueueUrl=url, Entries=entries)
            for failed in answer.get("Failed", ()):
                log.warning("%s: %s: %s", self._arn, operation, failed.get("Message") or failed.get("Code"))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("%s: %s", self._arn, error)


def record(message: Mapping[str, Any], arn: str, region: str, due: float) -> Record[ExternalMessage]:
    """A message as boto3 shows it, as Lambda shows it to a function."""
    document: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message.get("Body", ""),
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {name: _attribute(each) for name, each in message.get("MessageAttributes", {}).items()},
    }
    if "MD5OfMessageAttributes" in message:
        document["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    document |= {
        "md5OfBody": message.get("MD5OfBody", ""), "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": region,
    }  # fmt: skip
    return recorded(ExternalMessage(message["MessageId"], message["ReceiptHandle"], due), document)


def _attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"stringValue": attribute["StringValue"]} if "StringValue" in attribute else {}
    if "BinaryValue" in attribute:
        shown["binaryValue"] = base64.b64encode(attribute["BinaryValue"]).decode()
    return shown | {"stringListValues": [], "binaryListValues": [], "dataType": attribute["DataType"]}
