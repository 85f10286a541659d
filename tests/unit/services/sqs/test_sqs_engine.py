"""The promises of SQS, at its operations: botocore's requests and answers, a real database, a clock that stands
still."""

import asyncio
import json

import pytest
from queue_house import ACCOUNT, ARN, MODEL, Client, RefusedError

from lambent.clock import FixedClock
from lambent.services.sqs.move_tasks import resume
from lambent.services.sqs.registry import operations


@pytest.fixture
def clock():
    return FixedClock()


@pytest.fixture
async def client(tmp_path, clock):
    client = Client(tmp_path / "queue", clock)
    yield client
    await client.close()


def test_every_operation_of_the_model_is_there():
    assert set(operations) == set(MODEL.operation_names)


async def test_a_message_comes_back_with_what_it_carried(client):
    url = await client.queue()
    attributes = {
        "n": {"DataType": "Number", "StringValue": "1"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = await client.send(url, "grüße", MessageAttributes=attributes)
    (got,) = await client.receive(url, MessageAttributeNames=["All"], AttributeNames=["All"])
    assert (got["Body"], got["MessageAttributes"]) == ("grüße", attributes)
    assert got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert (got["MessageId"], got["MD5OfBody"]) == (sent["MessageId"], sent["MD5OfMessageBody"])
    assert got["Attributes"] == {
        "SenderId": ACCOUNT, "SentTimestamp": "1700000000000", "ApproximateReceiveCount": "1",
        "ApproximateFirstReceiveTimestamp": "1700000000000",
    }  # fmt: skip


async def test_attributes_that_nobody_asked_for_are_not_shown(client):
    url = await client.queue()
    await client.send(url, MessageAttributes={"a.b": {"DataType": "String", "StringValue": "x"}})
    (got,) = await client.receive(url, VisibilityTimeout=0)
    assert set(got) == {"MessageId", "ReceiptHandle", "MD5OfBody", "Body"}
    (got,) = await client.receive(url, MessageAttributeNames=["a.*"])
    assert list(got["MessageAttributes"]) == ["a.b"]


async def test_a_message_is_hidden_while_it_is_in_flight_and_comes_back_after_that(client, clock):
    url = await client.queue(VisibilityTimeout="10")
    await client.send(url)
    assert await client.bodies(url) == ["hello"]
    assert await client.bodies(url) == []
    clock.advance(10)
    assert await client.bodies(url) == ["hello"]


async def test_a_deleted_message_is_gone_for_good(client, clock):
    url = await client.queue()
    await client.send(url)
    (got,) = await client.receive(url)
    await client("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    await client("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    clock.advance(3600)
    assert await client.bodies(url) == []
    await client.again()
    assert await client.bodies(url) == []


async def test_whoever_waits_is_served_by_the_next_message(client):
    url = await client.queue()
    waiting = asyncio.ensure_future(client.bodies(url, WaitTimeSeconds=20))
    for _ in range(5):
        await asyncio.sleep(0)
    await client.send(url, "at last")
    assert await waiting == ["at last"]


async def test_whoever_waits_is_served_by_one_that_becomes_visible(client, clock):
    url = await client.queue(DelaySeconds="5")
    await client.send(url)
    waiting = asyncio.ensure_future(client.bodies(url, WaitTimeSeconds=20))
    for _ in range(5):
        await asyncio.sleep(0)
    clock.advance(5)
    assert await waiting == ["hello"]


async def test_a_message_that_was_received_too_often_goes_to_the_dead_letter_queue(client, clock):
    dead = await client.queue("dead")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 2})
    url = await client.queue(VisibilityTimeout="1", RedrivePolicy=policy)
    sent = await client.send(url)
    for _ in range(2):
        assert await client.bodies(url) == ["hello"]
        clock.advance(1)
    assert await client.bodies(url) == []
    await client.sqs.ledger.close()
    (got,) = await client.receive(dead, AttributeNames=["All"])
    assert (got["MessageId"], got["Attributes"]["DeadLetterQueueSourceArn"]) == (sent["MessageId"], f"{ARN}q")
    assert await client.count(url) == 0


async def test_without_a_dead_letter_queue_it_stays(client, clock):
    await client.queue("dead")
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 1})
    url = await client.queue(VisibilityTimeout="1", RedrivePolicy=policy)
    await client("DeleteQueue", QueueUrl="http://x/111111111111/dead")
    await client.send(url)
    for _ in range(3):
        assert await client.bodies(url) == ["hello"]
        clock.advance(1)


async def test_what_was_accepted_is_there_after_a_restart_and_what_was_in_flight_stays_hidden(client, clock):
    url = await client.queue(VisibilityTimeout="30")
    await client.send(url, "one")
    await client.send(url, "two")
    assert await client.bodies(url, 1) == ["one"]
    await client.again()
    assert await client.bodies(url) == ["two"]
    clock.advance(30)
    (got, _) = await client.receive(url, AttributeNames=["ApproximateReceiveCount"])
    assert (got["Body"], got["Attributes"]) == ("one", {"ApproximateReceiveCount": "2"})


async def test_a_receipt_handle_of_before_a_restart_still_deletes(client):
    url = await client.queue()
    await client.send(url)
    (got,) = await client.receive(url)
    await client.again()
    await client("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert sum(int(value) for name, value in (await client.attributes(url)).items() if "Approximate" in name) == 0


async def test_a_long_queue_is_received_whole_though_little_of_it_is_in_memory(client):
    url = await client.queue()
    many = 1_700
    for start in range(0, many, 10):
        entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(start, start + 10)]
        await client("SendMessageBatch", QueueUrl=url, Entries=entries)
    assert await client.count(url) == many
    got = []
    while bodies := await client.bodies(url):
        got += bodies
    assert got == [str(n) for n in range(many)]


async def test_a_message_that_was_kept_for_its_time_is_gone(client, clock):
    url = await client.queue(MessageRetentionPeriod="60", VisibilityTimeout="1")
    await client.send(url)
    clock.advance(59)
    assert await client.bodies(url) == ["hello"]
    clock.advance(1)
    assert await client.bodies(url) == []


async def test_a_purged_queue_is_empty_and_takes_new_messages(client):
    url = await client.queue()
    for _ in range(20):
        await client.send(url)
    await client.bodies(url)
    await client("PurgeQueue", QueueUrl=url)
    assert await client.bodies(url) == []
    await client.send(url, "new")
    assert await client.bodies(url) == ["new"]
    with pytest.raises(RefusedError, match="PurgeQueueInProgress"):
        await client("PurgeQueue", QueueUrl=url)


async def test_a_deleted_queue_is_gone_with_its_messages_and_its_name_rests_a_minute(client, clock):
    url = await client.queue()
    await client.send(url)
    await client("DeleteQueue", QueueUrl=url)
    with pytest.raises(RefusedError, match="The specified queue does not exist"):
        await client.send(url)
    with pytest.raises(RefusedError, match="You must wait 60 seconds"):
        await client.queue()
    clock.advance(60)
    await client.queue()
    assert await client.bodies(url) == []


class TestFifo:
    async def test_a_duplicate_within_five_minutes_is_the_same_message_also_after_a_restart(self, client, clock):
        url = await client.fifo(ContentBasedDeduplication="true")
        first = await client.send(url, MessageGroupId="a")
        assert await client.send(url, MessageGroupId="b") == first
        (got,) = await client.receive(url)
        await client("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
        await client.again()
        assert await client.send(url, MessageGroupId="a") == first
        clock.advance(300)
        assert await client.send(url, MessageGroupId="a") != first

    async def test_two_duplicates_at_once_are_one_message(self, client):
        url = await client.fifo()
        both = await asyncio.gather(
            *(client.send(url, MessageGroupId="a", MessageDeduplicationId="d") for _ in range(2))
        )
        assert both[0] == both[1]
        assert await client.bodies(url) == ["hello"]

    async def test_deduplication_by_group_tells_groups_apart(self, client):
        url = await client.fifo(DeduplicationScope="messageGroup")
        for group in ("a", "b", "a"):
            await client.send(url, MessageGroupId=group, MessageDeduplicationId="d")
        assert len(await client.bodies(url)) == 2

    async def test_sequence_numbers_grow_and_are_twenty_digits(self, client):
        url = await client.fifo(ContentBasedDeduplication="true")
        numbers = [(await client.send(url, str(n), MessageGroupId="a"))["SequenceNumber"] for n in range(3)]
        await client.again()
        numbers.append((await client.send(url, "after", MessageGroupId="a"))["SequenceNumber"])
        assert numbers == sorted(numbers)
        assert {len(number) for number in numbers} == {20}

    async def test_an_expired_handle_deletes_nothing(self, client, clock):
        url = await client.fifo(VisibilityTimeout="1")
        await client.send(url, MessageGroupId="a", MessageDeduplicationId="d")
        (got,) = await client.receive(url)
        clock.advance(2)
        with pytest.raises(RefusedError, match="Reason: The receipt handle has expired"):
            await client("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
        assert await client.bodies(url) == ["hello"]

    async def test_the_same_attempt_gets_the_same_messages(self, client):
        url = await client.fifo()
        await client.send(url, MessageGroupId="a", MessageDeduplicationId="d")
        first = await client.receive(url, ReceiveRequestAttemptId="once")
        assert await client.receive(url, ReceiveRequestAttemptId="once") == first
        assert await client.receive(url, ReceiveRequestAttemptId="other") == []


class TestMoveTasks:
    async def a_dead_letter(self, client, clock):
        dead = await client.queue("dead")
        policy = json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 1})
        url = await client.queue(VisibilityTimeout="1", RedrivePolicy=policy)
        await client.send(url)
        await client.bodies(url)
        clock.advance(1)
        await client.bodies(url)
        await client.sqs.ledger.close()
        assert await client.count(dead) == 1
        return url

    async def done(self, client):
        await asyncio.gather(*client.sqs._tasks)

    async def test_dead_letters_go_back_to_where_they_came_from(self, client, clock):
        url = await self.a_dead_letter(client, clock)
        await client("StartMessageMoveTask", SourceArn=f"{ARN}dead")
        await self.done(client)
        assert await client.bodies(url) == ["hello"]
        (told,) = (await client("ListMessageMoveTasks", SourceArn=f"{ARN}dead"))["Results"]
        assert told == {
            "SourceArn": f"{ARN}dead", "Status": "COMPLETED", "StartedTimestamp": 1700000001000,
            "ApproximateNumberOfMessagesMoved": 1, "ApproximateNumberOfMessagesToMove": 1,
        }  # fmt: skip

    async def test_or_to_another_queue(self, client, clock):
        await self.a_dead_letter(client, clock)
        other = await client.queue("other")
        await client("StartMessageMoveTask", SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}other")
        await self.done(client)
        assert await client.bodies(other) == ["hello"]

    async def test_one_that_the_disk_refuses_has_failed_and_another_can_be_started(
        self, client, clock, slow_disk, begun, caplog
    ):
        url = await self.a_dead_letter(client, clock)
        disk = slow_disk(client.database)
        started = await begun(client("StartMessageMoveTask", SourceArn=f"{ARN}dead"))
        disk.go_on()
        await started
        disk.go_on(refusals=3)  # of the group, of the message alone, and of the end of the task
        failing = await begun(self.done(client))
        await begun(client.sqs.ledger.enter())
        assert not failing.done()
        clock.advance(10)
        await failing
        assert "no space is left" in caplog.text
        (told,) = (await client("ListMessageMoveTasks", SourceArn=f"{ARN}dead"))["Results"]
        assert (told["Status"], told["FailureReason"]) == ("FAILED", "InternalError")
        clock.advance(30)  # until it is visible again
        await client("StartMessageMoveTask", SourceArn=f"{ARN}dead")
        await self.done(client)
        assert await client.bodies(url) == ["hello"]

    async def test_one_that_was_under_way_goes_on_after_a_restart(self, client, clock):
        url = await self.a_dead_letter(client, clock)
        await client("StartMessageMoveTask", SourceArn=f"{ARN}dead")
        await client.again()
        resume(client.sqs)
        await self.done(client)
        assert await client.bodies(url) == ["hello"]


REFUSALS = [  # operation, parameters, code, message; sources: errors.tsv (recorded), API reference
    ("ReceiveMessage", {"MaxNumberOfMessages": 11}, "InvalidParameterValue",
     "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."),
    ("ReceiveMessage", {"WaitTimeSeconds": -1}, "InvalidParameterValue",
     "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."),
    ("SendMessage", {"MessageBody": ""}, "MissingParameter", "The request must contain the parameter MessageBody."),
    ("SendMessage", {"MessageBody": "x" * 1_048_577}, "InvalidParameterValue",
     "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."),
    ("SendMessage",
     {"MessageBody": "x", "MessageAttributes": {"ErrorDetails": {"DataType": "String", "StringValue": ""}}},
     "InvalidParameterValue",
     "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'."),
    ("SendMessageBatch", {"Entries": [{"Id": str(n), "MessageBody": "x"} for n in range(20)]},
     "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
     "Maximum number of entries per request are 10. You have sent 20."),
    ("SendMessageBatch", {"Entries": [{"Id": "a", "MessageBody": "x" * 1_048_576}, {"Id": "b", "MessageBody": "x"}]},
     "AWS.SimpleQueueService.BatchRequestTooLong",
     "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."),
    ("SetQueueAttributes", {"Attributes": {"FifoQueue": "true"}}, "InvalidAttributeName",
     "Unknown Attribute FifoQueue."),
    ("SetQueueAttributes", {"Attributes": {"ContentBasedDeduplication": "true"}}, "InvalidAttributeName",
     "Unknown Attribute ContentBasedDeduplication."),
    ("SetQueueAttributes", {"Attributes": {"DeduplicationScope": "queue"}}, "InvalidAttributeName",
     "You can specify the DeduplicationScope only when FifoQueue is set to true."),
    ("RemovePermission", {"Label": "crossaccountpermission2"}, "InvalidParameterValue",
     "Value crossaccountpermission2 for parameter Label is invalid. Reason: can't find label."),
    ("StartMessageMoveTask", {"SourceArn": f"{ARN}q"}, "InvalidParameterValue",
     "Source queue must be configured as a Dead Letter Queue."),
    ("StartMessageMoveTask", {"SourceArn": f"{ARN}none"}, "ResourceNotFoundException",
     "The resource that you specified for the SourceArn parameter doesn't exist."),
    ("CancelMessageMoveTask", {"TaskHandle": "foobared"}, "InvalidParameterValue",
     "Value for parameter TaskHandle is invalid."),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "parameters", "code", "message"), REFUSALS)
async def test_what_aws_refuses_is_refused_in_its_words(client, operation, parameters, code, message):
    url = await client.queue()
    if "QueueUrl" in MODEL.operation_model(operation).input_shape.members:
        parameters = {"QueueUrl": url, **parameters}
    with pytest.raises(RefusedError) as caught:
        await client(operation, **parameters)
    assert (caught.value.code, caught.value.message) == (code, message)


async def test_a_queue_asked_for_with_another_attribute_is_another_queue(client):
    await client.queue(DelaySeconds="1")
    assert await client.queue(DelaySeconds="1") == await client.queue()
    with pytest.raises(RefusedError, match=r"QueueAlreadyExists: A queue already exists .* attribute DelaySeconds"):
        await client.queue(DelaySeconds="2")


async def test_a_queue_of_another_account_is_used_only_as_its_policy_allows(client):
    url = await client.queue()
    with pytest.raises(RefusedError, match="403 AccessDenied"):
        await client.send(url, account="222222222222")
    await client("AddPermission", QueueUrl=url, Label="them", AWSAccountIds=["222222222222"], Actions=["SendMessage"])
    await client.send(url, account="222222222222")
    with pytest.raises(RefusedError, match="is not authorized to perform: sqs:ReceiveMessage"):
        await client.receive(url, account="222222222222")
    await client("RemovePermission", QueueUrl=url, Label="them")
    with pytest.raises(RefusedError, match="403 AccessDenied"):
        await client.send(url, account="222222222222")


async def test_a_handle_of_another_queue_is_not_valid_here(client):
    url, other = await client.queue(), await client.queue("other")
    await client.send(url)
    (got,) = await client.receive(url)
    with pytest.raises(RefusedError, match="ReceiptHandleIsInvalid"):
        await client("DeleteMessage", QueueUrl=other, ReceiptHandle=got["ReceiptHandle"])
