"""A queue elsewhere as a source, with an endpoint that does as it is told."""

import asyncio
from typing import Any

import pytest

from lambent.clock import FixedClock
from lambent.services.external.queues import ExternalQueue

ARN = "arn:aws:sqs:eu-west-1:222222222222:orders"


class FakeCalls:
    """`waiting` are messages; a receive of an empty queue lasts until `more` is set."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.more = asyncio.Event()
        self.failed: list[dict[str, str]] = []

    async def queue_url(self, arn: str) -> str:
        return "https://elsewhere/orders"

    async def ask(self, arn: str, operation: str, **parameters: Any) -> dict[str, Any]:
        self.asked.append((operation, parameters))
        if operation == "get_queue_attributes":
            return {"Attributes": {"VisibilityTimeout": "45"}}
        if operation != "receive_message":
            return {"Failed": self.failed}
        if not self.waiting and parameters["WaitTimeSeconds"]:
            await self.more.wait()
        most = parameters["MaxNumberOfMessages"]
        found, self.waiting = self.waiting[:most], self.waiting[most:]
        return {"Messages": [_message(body) for body in found]} if found else {}

    def of(self, operation: str) -> list[dict[str, Any]]:
        return [parameters for asked, parameters in self.asked if asked == operation]


def _message(body: str) -> dict[str, Any]:
    return {
        "MessageId": f"id-{body}", "ReceiptHandle": f"handle-{body}", "Body": body, "MD5OfBody": "md5",
        "Attributes": {"ApproximateReceiveCount": "1"}, "MD5OfMessageAttributes": "md5 too",
        "MessageAttributes": {"b": {"DataType": "Binary", "BinaryValue": b"x"}},
    }  # fmt: skip


@pytest.fixture
def calls() -> FakeCalls:
    return FakeCalls()


@pytest.fixture
def queue(calls) -> ExternalQueue:
    return ExternalQueue(calls, ARN, "eu-west-1", FixedClock(100.0))


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_message_is_shown_as_lambda_shows_it(calls, queue):
    calls.waiting = ["a"]
    (record,) = await queue.poll(10, 300.0)
    assert record.document == {
        "messageId": "id-a",
        "receiptHandle": "handle-a",
        "body": "a",
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            "b": {"binaryValue": "eA==", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"}
        },
        "md5OfMessageAttributes": "md5 too",
        "md5OfBody": "md5",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "eu-west-1",
    }
    assert record.message.due == 145.0


async def test_an_empty_queue_is_waited_for_twenty_seconds_at_a_time(calls, queue):
    polling = asyncio.ensure_future(queue.poll(10, 300.0))
    await until(lambda: calls.of("receive_message"))
    assert calls.of("receive_message")[0]["WaitTimeSeconds"] == 20
    calls.waiting = ["a"]
    calls.more.set()
    assert len(await polling) == 1


async def test_a_large_batch_takes_several_calls(calls, queue):
    calls.waiting = [str(number) for number in range(25)]
    assert len(await queue.poll(100, 300.0)) == 25
    assert [each["WaitTimeSeconds"] for each in calls.of("receive_message")] == [20, 0, 0]


async def test_no_more_is_taken_than_was_asked_for(calls, queue):
    calls.waiting = [str(number) for number in range(25)]
    assert len(await queue.poll(12, 300.0)) == 12
    assert len(calls.waiting) == 13


async def test_who_is_cancelled_has_taken_nothing(calls, queue):
    polling = asyncio.ensure_future(queue.poll(10, 300.0))
    await until(lambda: calls.of("receive_message"))
    polling.cancel()
    calls.waiting = ["late"]
    calls.more.set()
    await until(lambda: calls.of("change_message_visibility_batch"))
    (given_back,) = calls.of("change_message_visibility_batch")
    assert given_back["Entries"] == [{"Id": "0", "ReceiptHandle": "handle-late", "VisibilityTimeout": 0}]
    assert polling.cancelled()


async def test_what_is_done_is_deleted_ten_at_a_time(calls, queue):
    calls.waiting = [str(number) for number in range(12)]
    await queue.drop(await queue.poll(12, 300.0))
    assert [len(each["Entries"]) for each in calls.of("delete_message_batch")] == [10, 2]


async def test_what_cannot_be_deleted_is_told(calls, queue, caplog):
    calls.waiting, calls.failed = ["a"], [{"Id": "0", "Code": "ReceiptHandleIsInvalid", "Message": "too late"}]
    await queue.drop(await queue.poll(1, 300.0))
    assert f"{ARN}: delete_message_batch: too late" in caplog.text
