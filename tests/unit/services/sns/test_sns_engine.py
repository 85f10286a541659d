"""The promises of SNS, at its operations: botocore's requests and answers, a real database, a clock that stands
still."""

import asyncio
import json
import threading

import pytest
from topic_house import ACCOUNT, QUEUE, House, RefusedError

from lambent.clock import FixedClock
from lambent.principal import Principal
from lambent.services.post import Outgoing
from lambent.services.sns import http
from lambent.services.sns.taker import TopicTaker


@pytest.fixture
async def house(tmp_path):
    house = House(tmp_path / "queue", FixedClock())
    yield house
    await house.close()


async def test_no_change_of_a_topic_is_lost_to_another_at_the_same_time(house):
    topic = await house.topic()
    may = {"TopicArn": topic, "AWSAccountId": [ACCOUNT], "ActionName": ["Publish"]}
    await asyncio.gather(
        house("SetTopicAttributes", TopicArn=topic, AttributeName="DisplayName", AttributeValue="shown"),
        house("AddPermission", Label="one", **may),
        house("AddPermission", Label="two", **may),
        *(house("TagResource", ResourceArn=topic, Tags=[{"Key": f"t{n}", "Value": "x"}]) for n in range(5)),
    )
    await house.again()
    told = await house.attributes(topic)
    assert told["DisplayName"] == "shown"
    assert {"one", "two"} < {each["Sid"] for each in json.loads(told["Policy"])["Statement"]}
    assert set(await house.tags(topic)) == {f"t{n}" for n in range(5)}


async def test_attributes_of_a_subscription_that_are_set_at_the_same_time_are_all_there(house):
    arn = await house.subscribe(await house.topic())
    given = {"RawMessageDelivery": "true", "FilterPolicy": '{"a": ["b"]}'}
    await asyncio.gather(
        *(
            house("SetSubscriptionAttributes", SubscriptionArn=arn, AttributeName=name, AttributeValue=value)
            for name, value in given.items()
        )
    )
    told = (await house("GetSubscriptionAttributes", SubscriptionArn=arn))["Attributes"]
    assert given.items() <= told.items()


async def test_who_subscribes_twice_at_the_same_time_has_one_subscription(house):
    topic = await house.topic()
    one, other = await asyncio.gather(*(house.subscribe(topic, QUEUE) for _ in range(2)))
    assert one == other


async def test_a_topic_that_is_deleted_while_somebody_unsubscribes_is_gone(house):
    topic = await house.topic()
    subscription = house.sns.subscription(await house.subscribe(topic))
    await asyncio.gather(house.sns.unsubscribe(subscription), house.sns.delete(house.sns.topic(topic)))
    assert await house("ListTopics") == {"Topics": []}
    await house.again()
    assert await house("ListTopics") == {"Topics": []}


async def test_a_topic_counts_those_who_unsubscribed(house):
    topic = await house.topic()
    for queue in ("one", "two"):
        await house("Unsubscribe", SubscriptionArn=await house.subscribe(topic, f"{QUEUE}-{queue}"))
    assert (await house.attributes(topic))["SubscriptionsDeleted"] == "2"
    await house.again()
    assert (await house.attributes(topic))["SubscriptionsDeleted"] == "2"


async def test_publishing_does_not_wait_for_whoever_changes_a_topic(house):
    topic = await house.topic()
    await house.subscribe(topic)
    async with house.sns.changing:
        await house("Publish", TopicArn=topic, Message="hello")
    assert len(house.takes.taken) == 1


ONCE = {"Message": "hello", "MessageGroupId": "g", "MessageDeduplicationId": "d"}


async def test_a_duplicate_is_accepted_when_the_first_is_on_disk(house, slow_disk, begun):
    topic = await house.topic("t.fifo", FifoTopic="true")
    disk = slow_disk(house.database)
    entries = [{"Id": "batch", **ONCE}]
    first = await begun(house("Publish", TopicArn=topic, **ONCE))
    second = await begun(house("Publish", TopicArn=topic, **ONCE))
    third = await begun(house("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries))
    assert not any(each.done() for each in (first, second, third))
    disk.go_on()
    told, again, batch = await asyncio.gather(first, second, third)
    assert told == again
    assert batch["Successful"] == [{"Id": "batch", **told}]


async def test_a_duplicate_of_what_could_not_be_written_is_published_itself(house, slow_disk, begun):
    topic = await house.topic("t.fifo", FifoTopic="true")
    await house.subscribe(topic)
    disk = slow_disk(house.database)
    sent = [await begun(house("Publish", TopicArn=topic, **ONCE)) for _ in range(3)]
    disk.go_on(refusals=2)  # of the group, and of the first alone
    lost, one, other = await asyncio.gather(*sent, return_exceptions=True)
    assert isinstance(lost, OSError)
    assert one == other
    assert len(house.takes.taken) == 1


async def test_what_is_passed_on_is_published_itself_if_it_repeats_what_could_not_be_written(house, slow_disk):
    topic = await house.topic("t.fifo", FifoTopic="true")
    await house.subscribe(topic)
    disk, taker = slow_disk(house.database), TopicTaker(house.sns)
    outgoing = Outgoing(
        target=topic, body=b"hello", sender=Principal(account=ACCOUNT), source=QUEUE, group="g", dedup="d"
    )
    passed_on = [house.ledger.enter(*taker.entries(outgoing)) for _ in range(3)]
    await asyncio.sleep(0)
    disk.go_on(refusals=2)  # of the group, and of the first alone
    lost, *kept = await asyncio.gather(*passed_on, return_exceptions=True)
    assert isinstance(lost, OSError)
    assert kept == [None, None]
    assert len(house.takes.taken) == 1
    await house.again()
    await house("Publish", TopicArn=topic, **ONCE)
    assert len(house.takes.taken) == 1


async def test_a_request_of_which_nothing_can_be_written_down_is_logged(house, slow_disk, monkeypatch, caplog):
    answered = threading.Event()
    monkeypatch.setattr(http, "_request", lambda _: "" if answered.wait(10) else "no answer")
    await house.subscribe(await house.topic(), "http://localhost/", protocol="http")  # it is asked to confirm that
    slow_disk(house.database).go_on(refusals=2)  # of the group, and of the end of the request alone
    answered.set()
    await house.sns.http._work.finish()
    assert "made again at the next start: no space is left" in caplog.text


async def test_of_a_batch_that_is_refused_nothing_is_taken_for_published(house):
    topic = await house.topic("t.fifo", FifoTopic="true")
    await house.subscribe(topic)
    entries = [{"Id": "good", **ONCE}, {"Id": "bad", "Message": "of no group"}]
    with pytest.raises(RefusedError, match="MessageGroupId parameter is required"):
        await house("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries)
    await house("Publish", TopicArn=topic, **ONCE)
    assert len(house.takes.taken) == 1
