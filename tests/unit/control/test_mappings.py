"""Event source mappings: states, changes, lists, tags, and what becomes of them."""

import datetime

import pytest
from control_client import ACCOUNT, REGION, RefusedError, function_arn
from mapping_samples import BROKER, QUEUE, REQUESTS, STREAM, KnownSources, filtered

from lambent.control.event_sources import EventSource
from lambent.control.mappings import PASSING_S, resume


async def make(client, clock=None, kind="sqs", **changes):
    """A mapping of the function hello; with a clock, one that is Enabled."""
    made = await client("CreateEventSourceMapping", **{"FunctionName": "hello", **REQUESTS[kind], **changes})
    if clock:
        clock.advance(PASSING_S)
    return made["UUID"]


async def state(client, uuid):
    return (await client("GetEventSourceMapping", UUID=uuid))["State"]


async def test_a_mapping_goes_through_its_states_as_the_clock_goes_on(client, clock):
    await client.create()
    uuid = await make(client)
    seen = [await state(client, uuid)]
    for changes in ({"Enabled": False}, {"BatchSize": 5}, {"Enabled": True}, {"Enabled": True}):
        clock.advance(PASSING_S)
        seen.append(await state(client, uuid))
        seen.append((await client("UpdateEventSourceMapping", UUID=uuid, **changes))["State"])
    clock.advance(PASSING_S)
    seen.append(await state(client, uuid))
    seen.append((await client("DeleteEventSourceMapping", UUID=uuid))["State"])

    assert seen == [
        "Creating", "Enabled", "Disabling", "Disabled", "Updating", "Disabled", "Enabling", "Enabled", "Updating",
        "Enabled", "Deleting",
    ]  # fmt: skip
    assert await state(client, uuid) == "Deleting"
    clock.advance(PASSING_S)
    with pytest.raises(RefusedError, match=r"404 .*The resource you requested does not exist\."):
        await state(client, uuid)


@pytest.mark.parametrize("changes", [{}, {"BatchSize": 5}, {"Enabled": False}])
async def test_what_is_in_a_passing_state_cannot_be_changed_or_deleted(client, clock, changes):
    await client.create()
    uuid = await make(client, clock if changes else None)
    if changes:
        await client("UpdateEventSourceMapping", UUID=uuid, **changes)

    for operation, word in (("UpdateEventSourceMapping", "update"), ("DeleteEventSourceMapping", "delete")):
        with pytest.raises(RefusedError) as refused:
            await client(operation, UUID=uuid)
        assert (refused.value.status, refused.value.code) == (400, "ResourceInUseException")
        assert refused.value.message == f"Cannot {word} the event source mapping because it is in use."


async def test_the_end_of_a_passing_state_is_written_down_and_told(client, control, clock):
    await client.create()
    control.sources = KnownSources()
    uuid = await make(client, clock)
    await control.settled()
    await client("DeleteEventSourceMapping", UUID=uuid)
    clock.advance(PASSING_S)
    await control.settled()

    assert control.stores.mappings.all() == []
    assert control.sources.told == [(uuid, each) for each in ("Creating", "Enabled", "Deleting", "Deleting")]


async def test_a_timer_that_comes_too_early_ends_a_passing_state_all_the_same(client, control, clock, monkeypatch):
    """libuv's do, by a millisecond; the mapping would never be polled."""
    on_time = clock.call_later
    monkeypatch.setattr(clock, "call_later", lambda delay_s, todo, **more: on_time(delay_s - 0.001, todo, **more))
    await client.create()
    uuid = await make(client)
    clock.advance(PASSING_S - 0.0005)
    await control.settled()
    stored = control.stores.mappings.get(ACCOUNT, REGION, uuid)
    assert (stored.state, stored.due) == ("Enabled", 0.0)


async def test_after_a_restart_passing_states_come_to_their_end(client, control, clock, stores):
    await client.create()
    uuid = await make(client)
    await control.close()  # nobody waits for the end of Creating any more
    clock.advance(PASSING_S)
    assert stores.mappings.get(ACCOUNT, REGION, uuid).state == "Creating"

    resume(control)
    clock.advance(0)
    await control.settled()

    assert stores.mappings.get(ACCOUNT, REGION, uuid).state == "Enabled"


async def test_an_update_changes_what_it_says_and_an_empty_thing_ends_one(client, clock):
    await client.create()
    uuid = await make(
        client, clock, FilterCriteria=filtered({"body": ["a"]}), ScalingConfig={"MaximumConcurrency": 5},
        MetricsConfig={"Metrics": ["EventCount"]}, FunctionResponseTypes=["ReportBatchItemFailures"],
    )  # fmt: skip

    await client("UpdateEventSourceMapping", UUID=uuid, BatchSize=7)
    clock.advance(PASSING_S)
    kept = await client("GetEventSourceMapping", UUID=uuid)
    await client(
        "UpdateEventSourceMapping", UUID=uuid, FilterCriteria={"Filters": []}, ScalingConfig={}, MetricsConfig={},
        FunctionResponseTypes=[],
    )  # fmt: skip
    clock.advance(PASSING_S)
    ended = await client("GetEventSourceMapping", UUID=uuid)

    assert (kept["BatchSize"], kept["ScalingConfig"]) == (7, {"MaximumConcurrency": 5})
    assert kept["FilterCriteria"] == filtered({"body": ["a"]})
    assert kept["MetricsConfig"] == {"Metrics": ["EventCount"]}
    assert not {"FilterCriteria", "ScalingConfig", "MetricsConfig"} & set(ended)
    assert (ended["BatchSize"], ended["FunctionResponseTypes"]) == (7, [])


async def test_last_modified_is_the_last_change_of_a_user(client, clock):
    await client.create()
    uuid = await make(client)
    made = (await client("GetEventSourceMapping", UUID=uuid))["LastModified"]
    clock.advance(60)
    assert (await client("GetEventSourceMapping", UUID=uuid))["LastModified"] == made

    changed = (await client("UpdateEventSourceMapping", UUID=uuid, BatchSize=3))["LastModified"]

    assert changed - made == datetime.timedelta(seconds=60)


async def test_a_starting_timestamp_is_shown_as_it_was_given(client):
    await client.create()
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)

    uuid = await make(client, kind="kinesis", StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)

    assert (await client("GetEventSourceMapping", UUID=uuid))["StartingPositionTimestamp"] == moment


async def test_kafka_gets_a_consumer_group_that_stays(client, clock):
    await client.create()
    uuid = await make(client, clock, "kafka")
    made = await client("GetEventSourceMapping", UUID=uuid)
    assert made["AmazonManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": uuid}
    assert "MaximumBatchingWindowInSeconds" not in made  # 500 ms, which is no number of seconds (§5.3)

    with pytest.raises(RefusedError, match="consumer group of an event source mapping cannot be changed"):
        await client(
            "UpdateEventSourceMapping", UUID=uuid, AmazonManagedKafkaEventSourceConfig={"ConsumerGroupId": "other"}
        )


@pytest.mark.parametrize(
    ("kind", "expected"), [("sqs", (2, 200)), ("kafka", (1, 200)), ("self-managed-kafka", (1, 200))]
)
async def test_provisioned_pollers_that_are_not_given_are_filled_in(client, kind, expected):
    await client.create()
    uuid = await make(client, kind=kind, ProvisionedPollerConfig={"MaximumPollers": 200})

    config = (await client("GetEventSourceMapping", UUID=uuid))["ProvisionedPollerConfig"]

    assert (config["MinimumPollers"], config["MaximumPollers"]) == expected


async def test_mappings_are_listed_by_function_and_by_source(client):
    await client.create()
    await client.create("other")
    await client("PublishVersion", FunctionName="hello")
    await client("CreateAlias", FunctionName="hello", Name="live", FunctionVersion="1")
    await make(client)
    await make(client, FunctionName="hello:live")
    await make(client, kind="kinesis", FunctionName=function_arn("other"))

    async def found(**asked):
        listed = (await client("ListEventSourceMappings", **asked))["EventSourceMappings"]
        return sorted((each["FunctionArn"], each["EventSourceArn"]) for each in listed)

    hello, live, other = function_arn(), function_arn(qualifier="live"), function_arn("other")
    assert await found() == sorted([(hello, QUEUE), (live, QUEUE), (other, STREAM)])
    assert await found(FunctionName="hello") == [(hello, QUEUE)]
    assert await found(FunctionName=live) == [(live, QUEUE)]
    assert await found(EventSourceArn=STREAM) == [(other, STREAM)]
    assert await found(EventSourceArn=STREAM, FunctionName="hello") == []
    assert await found(region="us-east-1") == []


async def test_lists_come_in_pages_and_markers_hold_for_their_list_only(client):
    await client.create()
    for number in range(5):
        await make(client, EventSourceArn=f"{QUEUE}{number}")
    seen, marker = [], {}
    while marker is not None:
        page = await client("ListEventSourceMappings", MaxItems=2, **marker)
        seen += [each["EventSourceArn"] for each in page["EventSourceMappings"]]
        assert len(page["EventSourceMappings"]) <= 2
        marker = {"Marker": page["NextMarker"]} if "NextMarker" in page else None
    first = await client("ListEventSourceMappings", MaxItems=2)

    assert sorted(seen) == [f"{QUEUE}{number}" for number in range(5)]
    with pytest.raises(RefusedError, match="400 InvalidParameterValueException"):
        await client("ListEventSourceMappings", FunctionName="hello", Marker=first["NextMarker"])


async def test_a_mapping_outlives_its_function_and_says_so(client, clock):
    await client.create()
    uuid = await make(client, clock)
    await client("DeleteFunction", FunctionName="hello")

    [listed] = (await client("ListEventSourceMappings", FunctionName="hello"))["EventSourceMappings"]
    assert listed["LastProcessingResult"] == "PROBLEM: The function does not exist."
    assert (await client("UpdateEventSourceMapping", UUID=uuid, Enabled=False))["State"] == "Disabling"
    await client.create()
    with pytest.raises(RefusedError, match=r"already exists\. Please update or delete the existing mapping with UUID"):
        await make(client)


async def test_a_mapping_that_nobody_polls_for_says_so(client, control):
    await client.create()
    uuid = await make(client, kind="mq")
    said = (await client("GetEventSourceMapping", UUID=uuid))["LastProcessingResult"]
    control.sources = KnownSources()

    assert said == "PROBLEM: Lambent does not poll Amazon MQ yet. This mapping is kept, but invokes nothing."
    assert (await client("GetEventSourceMapping", UUID=uuid))["LastProcessingResult"] == "No records processed"


async def test_brokers_may_feed_a_function_from_several_queues(client):
    await client.create()
    await make(client, kind="mq")
    await make(client, kind="mq", Queues=["another"])
    with pytest.raises(RefusedError, match=r"409 .*already exists"):
        await make(client, kind="mq")

    listed = (await client("ListEventSourceMappings", EventSourceArn=BROKER))["EventSourceMappings"]
    assert sorted(each["Queues"] for each in listed) == [["another"], ["q"]]


async def test_an_update_must_not_make_a_twin(client, clock):
    await client.create()
    await client.create("other")
    await make(client, clock)
    uuid = await make(client, clock, FunctionName="other")

    with pytest.raises(RefusedError, match=r"409 .*already exists"):
        await client("UpdateEventSourceMapping", UUID=uuid, FunctionName="hello")
    assert (await client("GetEventSourceMapping", UUID=uuid))["FunctionArn"] == function_arn("other")


async def test_a_queue_must_hide_its_messages_as_long_as_the_function_may_take(client, control, clock):
    await client.create(Timeout=60)
    control.sources = KnownSources()
    control.sources.known[QUEUE] = EventSource(visibility_timeout_s=30)

    with pytest.raises(RefusedError) as refused:
        await make(client)
    assert (refused.value.code, refused.value.message) == (
        "InvalidParameterValueException",
        "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
    )
    control.sources.known[QUEUE] = EventSource(visibility_timeout_s=60)
    await make(client)


async def test_maximum_concurrency_is_at_most_what_the_function_has_reserved(client, clock):
    await client.create()
    await client("PutFunctionConcurrency", FunctionName="hello", ReservedConcurrentExecutions=3)

    with pytest.raises(RefusedError, match="MaximumConcurrency 4 is more than the function's reserved concurrency"):
        await make(client, ScalingConfig={"MaximumConcurrency": 4})
    uuid = await make(client, clock, ScalingConfig={"MaximumConcurrency": 3})
    with pytest.raises(RefusedError, match="MaximumConcurrency 9 is more than"):
        await client("UpdateEventSourceMapping", UUID=uuid, ScalingConfig={"MaximumConcurrency": 9})
    await client("UpdateEventSourceMapping", UUID=uuid, ScalingConfig={"MaximumConcurrency": 2})


async def test_tags_of_a_mapping_are_kept_apart_from_its_state(client, clock):
    await client.create()
    made = await client("CreateEventSourceMapping", FunctionName="hello", EventSourceArn=QUEUE, Tags={"a": "1"})
    arn = made["EventSourceMappingArn"]
    assert "Tags" not in made

    await client("TagResource", Resource=arn, Tags={"b": "2"})
    await client("UntagResource", Resource=arn, TagKeys=["a"])

    assert (await client("ListTags", Resource=arn))["Tags"] == {"b": "2"}
    assert await state(client, made["UUID"]) == "Creating"
    with pytest.raises(RefusedError, match=r"404 .*The resource you requested does not exist\."):
        await client("ListTags", Resource=arn.replace(REGION, "us-east-1"))


async def test_filters_under_a_key_are_encrypted_on_disk_and_readable_in_answers(client, clock, stores):
    await client.create()
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
    secret = filtered({"body": {"customer": ["a secret"]}})
    uuid = await make(client, clock, FilterCriteria=secret, KMSKeyArn=key)
    stored = stores.mappings.get(ACCOUNT, REGION, uuid).settings

    assert "a secret" not in str(stored)
    assert (await client("GetEventSourceMapping", UUID=uuid))["FilterCriteria"] == secret
    changed = await client("UpdateEventSourceMapping", UUID=uuid, BatchSize=3)
    assert (changed["FilterCriteria"], changed["KMSKeyArn"]) == (secret, key)
    clock.advance(PASSING_S)
    [listed] = (await client("ListEventSourceMappings"))["EventSourceMappings"]
    assert listed["FilterCriteria"] == secret
    await client("UpdateEventSourceMapping", UUID=uuid, KMSKeyArn="")
    assert "a secret" in str(stores.mappings.get(ACCOUNT, REGION, uuid).settings)
