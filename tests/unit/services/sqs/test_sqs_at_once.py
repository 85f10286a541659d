"""What several clients do with the same queue at the same moment."""

import asyncio
import json

import pytest
from queue_house import ACCOUNT, ARN, Client, RefusedError

from lambent.clock import FixedClock
from lambent.principal import Principal
from lambent.services.post import Outgoing
from lambent.services.sqs.nouns import Content
from lambent.services.sqs.taker import QueueTaker


@pytest.fixture
async def client(tmp_path):
    client = Client(tmp_path / "queue", FixedClock())
    yield client
    await client.close()


async def done_and_refused(*calls):
    """How many of these calls were done, and the codes of the others."""
    told = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each.code for each in told if isinstance(each, RefusedError)]
    return len(told) - len(refused), refused


async def test_no_tag_is_lost_to_another_that_is_set_at_the_same_time(client):
    url = await client.queue()
    await asyncio.gather(*(client("TagQueue", QueueUrl=url, Tags={f"t{n}": "x"}) for n in range(5)))
    assert set((await client("ListQueueTags", QueueUrl=url))["Tags"]) == {f"t{n}" for n in range(5)}


async def test_attributes_and_permissions_that_are_set_at_the_same_time_are_all_there(client):
    url = await client.queue()
    may = {"QueueUrl": url, "AWSAccountIds": [ACCOUNT], "Actions": ["SendMessage"]}
    await asyncio.gather(
        client("SetQueueAttributes", QueueUrl=url, Attributes={"DelaySeconds": "7"}),
        client("AddPermission", Label="one", **may),
        client("AddPermission", Label="two", **may),
        client("PurgeQueue", QueueUrl=url),
        client("TagQueue", QueueUrl=url, Tags={"t": "x"}),
    )
    await client.again()
    told = await client.attributes(url)
    assert told["DelaySeconds"] == "7"
    assert {each["Sid"] for each in json.loads(told["Policy"])["Statement"]} == {"one", "two"}
    assert (await client("ListQueueTags", QueueUrl=url))["Tags"] == {"t": "x"}


async def test_of_two_purges_at_the_same_time_one_is_refused(client):
    url = await client.queue()
    told = await done_and_refused(*(client("PurgeQueue", QueueUrl=url) for _ in range(2)))
    assert told == (1, ["AWS.SimpleQueueService.PurgeQueueInProgress"])


async def test_of_two_move_tasks_that_are_started_at_the_same_time_one_is_refused(client):
    await client.queue("dead")
    await client.queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 1}))
    told = await done_and_refused(*(client("StartMessageMoveTask", SourceArn=f"{ARN}dead") for _ in range(2)))
    assert told == (1, ["InvalidParameterValue"])


async def test_a_move_task_that_ends_while_it_is_cancelled_has_ended(client, slow_disk, begun):
    await client.queue("dead")
    await client.queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 1}))
    handle = (await client("StartMessageMoveTask", SourceArn=f"{ARN}dead"))["TaskHandle"]
    disk = slow_disk(client.database)  # there is nothing to move: the end of the task is to be written
    cancelled = await begun(client("CancelMessageMoveTask", TaskHandle=handle))
    disk.go_on()
    assert await done_and_refused(cancelled) == (0, ["ResourceNotFoundException"])
    (told,) = (await client("ListMessageMoveTasks", SourceArn=f"{ARN}dead"))["Results"]
    assert told["Status"] == "COMPLETED"


async def test_messages_do_not_wait_for_whoever_changes_a_queue(client):
    url = await client.queue()
    async with client.sqs.changing:
        await client.send(url)
        assert await client.bodies(url) == ["hello"]


async def test_a_duplicate_is_accepted_when_what_another_service_passed_on_is_on_disk(client, slow_disk, begun):
    url = await client.fifo()
    disk, queue = slow_disk(client.database), client.sqs.by_arn(f"{ARN}q.fifo")
    first = client.sqs.ledger.enter(client.sqs.sending.pass_on(queue, Content(body="hello"), group="a", dedup="d"))
    sent = await begun(client.send(url, MessageGroupId="a", MessageDeduplicationId="d"))
    assert not sent.done()
    disk.go_on()
    await asyncio.gather(first, sent)
    assert await client.bodies(url) == ["hello"]


async def test_a_duplicate_of_what_could_not_be_written_is_written_itself(client, slow_disk, begun):
    url = await client.fifo()
    disk = slow_disk(client.database)
    once = {"MessageGroupId": "a", "MessageDeduplicationId": "d"}
    sent = [await begun(client.send(url, **once)) for _ in range(3)]
    disk.go_on(refusals=2)  # of the group, and of the first alone
    lost, *kept = await asyncio.gather(*sent, return_exceptions=True)
    assert isinstance(lost, OSError)
    (got,) = await client.receive(url)
    assert [each["MessageId"] for each in kept] == [got["MessageId"]] * 2


async def test_what_is_passed_on_is_written_itself_if_it_repeats_what_could_not_be_written(client, slow_disk):
    url = await client.fifo()
    disk, queue = slow_disk(client.database), client.sqs.by_arn(f"{ARN}q.fifo")
    taker, fifo = QueueTaker(client.sqs), {"group": "a", "dedup": "d"}
    outgoing = Outgoing(
        target=queue.stored.arn, body=b"hello", sender=Principal(account=ACCOUNT), source=f"{ARN}other", **fifo
    )
    passed_on = [client.sqs.ledger.enter(*taker.entries(outgoing)) for _ in range(3)]
    await asyncio.sleep(0)
    disk.go_on(refusals=2)  # of the group, and of the first alone
    lost, *kept = await asyncio.gather(*passed_on, return_exceptions=True)
    assert isinstance(lost, OSError)
    assert kept == [None, None]
    (got,) = await client.receive(url)
    assert got["Body"] == "hello"
    await client.again()
    told = await client.send(url, MessageGroupId="a", MessageDeduplicationId="d")
    assert told["MessageId"] == got["MessageId"]
    assert await client.bodies(url) == []  # there is none but that one, which is in flight


async def test_whoever_waits_is_served_when_a_delete_frees_the_group(client, begun):
    url = await client.fifo(ContentBasedDeduplication="true")
    for body in ("one", "two"):
        await client.send(url, body, MessageGroupId="a")
    (got,) = await client.receive(url, 1)
    waiting = await begun(client.bodies(url, WaitTimeSeconds=20))
    await client("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"])
    assert await at_once(client, waiting) == ["two"]


async def test_whoever_waits_is_served_when_the_move_of_a_dead_letter_frees_the_group(client, begun):
    await client.fifo("dead.fifo")
    redrive = json.dumps({"deadLetterTargetArn": f"{ARN}dead.fifo", "maxReceiveCount": 1})
    url = await client.fifo(RedrivePolicy=redrive, ContentBasedDeduplication="true")
    for body in ("one", "two"):
        await client.send(url, body, MessageGroupId="a")
    assert await client.bodies(url, 1, VisibilityTimeout=0) == ["one"]
    waiting = await begun(client.bodies(url, 1, VisibilityTimeout=0, WaitTimeSeconds=20))  # "one" was received enough
    await client.sqs.ledger.enter()
    assert await at_once(client, waiting) == ["two"]


async def test_whoever_waits_is_served_when_the_first_of_the_group_was_kept_for_long_enough(client, begun):
    url = await client.fifo(ContentBasedDeduplication="true", MessageRetentionPeriod="60")
    await client.send(url, "one", MessageGroupId="a")
    client.clock.advance(50)
    await client.send(url, "two", MessageGroupId="a")
    assert await client.bodies(url, 1, VisibilityTimeout=600) == ["one"]
    waiting = await begun(client.bodies(url, WaitTimeSeconds=20))
    client.clock.advance(11)
    await client.sqs.by_arn(f"{ARN}q.fifo").expire(client.clock.epoch())
    assert await at_once(client, waiting) == ["two"]


async def test_what_could_not_be_deleted_comes_back_once(client, slow_disk, begun):
    url = await client.queue()
    await client.send(url)
    (got,) = await client.receive(url)
    disk = slow_disk(client.database)
    deleted = await begun(client("DeleteMessage", QueueUrl=url, ReceiptHandle=got["ReceiptHandle"]))
    disk.go_on(refusals=2)  # of the group, and of this one alone
    with pytest.raises(OSError, match="no space"):
        await deleted
    assert await client.bodies(url) == []
    client.clock.advance(30)
    assert await client.bodies(url) == ["hello"]


async def at_once(client, waiting):
    """What somebody is told who waits, and who has to be told by now."""
    await asyncio.sleep(0)
    try:
        assert waiting.done()
    finally:
        client.sqs.hush()
    return await waiting
