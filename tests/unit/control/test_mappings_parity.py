"""Event source mappings against what AWS was recorded to answer, member for member (recorded_mappings.json)."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from control_client import ACCOUNT, REGION, RefusedError, function_arn
from mapping_samples import FIFO, QUEUE, STREAM, TABLE, KnownSources

from lambent.control.event_sources import EventSource

RECORDED = json.loads((Path(__file__).parent / "recorded_mappings.json").read_text())
VARYING = ("HTTPHeaders", "RequestId", "UUID", "LastModified")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(autouse=True)
def _polled(control):
    """What AWS was recorded to show belongs to sources that are there and polled."""
    control.sources = KnownSources()


def comparable(answer: Any, source: str) -> Any:
    """With the names of things, dates and ids alike on both sides."""
    text = json.dumps(answer, default=str)
    text = UUID.sub("ID", re.sub(r"<uuid:\d>", "ID", text))
    text = re.sub(r"arn:[^\" ]*:(sqs|kinesis|dynamodb|sns|s3):[^\" ]*", r"arn of \1", text)
    text = re.sub(r"arn:[^\" ]*:event-source-mapping:[^\" ]*", "arn of the mapping", text)
    text = re.sub(r"arn:[^\" ]*:function:[^\" ]*", "arn of the function", text)
    text = re.sub(r"(stream|table)/test-foobar-\w+", r"\1/made-up", text).replace("<resource:2>", "hello")
    return without(json.loads(text))


def without(answer: Any) -> Any:
    if isinstance(answer, list):
        return [without(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    fixed = {key: without(value) for key, value in answer.items() if key not in VARYING}
    assert ("UUID" in answer) == ("LastModified" in answer)
    for pattern in [each for each in fixed.get("Filters", []) if isinstance(each["Pattern"], str)]:
        pattern["Pattern"] = json.loads(pattern["Pattern"])  # as the recorder has done
    if fixed.get("MaximumBatchingWindowInSeconds") == "maximum-batching-window-in-seconds":
        fixed["MaximumBatchingWindowInSeconds"] = 1
    return fixed


async def answer(client, operation: str, **parameters: Any) -> Any:
    try:
        return await client(operation, **parameters)
    except RefusedError as refused:
        return refused.answer


@pytest.mark.parametrize(
    ("step", "parameters"),
    [
        ("create", {}),
        ("create_scaled", {
            "BatchSize": 20, "MaximumBatchingWindowInSeconds": 1, "ScalingConfig": {"MaximumConcurrency": 2},
        }),
        ("create_partial", {"FunctionResponseTypes": ["ReportBatchItemFailures"]}),
        ("create_filtered", {
            "MaximumBatchingWindowInSeconds": 1,
            "FilterCriteria": {"Filters": [
                {"Pattern": json.dumps({"body": {"my-number": [{"numeric": [">=", 100, "<", 200]}]}})}
            ]},
        }),
        ("create_disabled", {"BatchSize": 1, "Enabled": False}),
        ("no_window", {"BatchSize": 11}),
        ("bad_filter", {"FilterCriteria": {"Filters": [{"Pattern": "null"}]}}),
        ("bad_filter", {"FilterCriteria": {"Filters": [{"Pattern": '"simple string"'}]}}),
        ("bad_filter", {"FilterCriteria": {"Filters": [{"Pattern": '{"eventSource": "aws:sqs"}'}]}}),
        ("bad_filter", {"FilterCriteria": {"Filters": [{"Pattern": '{"eventSource": []}'}]}}),
    ],
)  # fmt: skip
async def test_a_mapping_of_a_queue_is_made_as_recorded(client, step, parameters):
    await client.create()

    made = await answer(client, "CreateEventSourceMapping", FunctionName="hello", EventSourceArn=QUEUE, **parameters)

    assert comparable(made, QUEUE) == comparable(RECORDED["sqs"][step], QUEUE)


async def test_a_mapping_of_a_queue_is_enabled_as_recorded(client, clock):
    await client.create()
    made = await client(
        "CreateEventSourceMapping", FunctionName="hello", EventSourceArn=FIFO, BatchSize=1, Enabled=False
    )

    enabling = await client("UpdateEventSourceMapping", UUID=made["UUID"], Enabled=True)
    clock.advance(2)
    enabled = await client("GetEventSourceMapping", UUID=made["UUID"])

    assert comparable(enabling, FIFO) == comparable(RECORDED["sqs"]["enabling"], FIFO)
    assert comparable(enabled, FIFO) == comparable(RECORDED["sqs"]["enabled"], FIFO)


async def test_a_mapping_of_a_queue_goes_to_another_function_as_recorded(client, clock):
    await client.create()
    await client.create("other")
    made = await client(
        "CreateEventSourceMapping", FunctionName="hello", EventSourceArn=QUEUE, MaximumBatchingWindowInSeconds=1
    )
    clock.advance(2)

    updating = await client("UpdateEventSourceMapping", UUID=made["UUID"], FunctionName="other")
    clock.advance(2)
    updated = await client("GetEventSourceMapping", UUID=made["UUID"])

    assert comparable(updating, QUEUE) == comparable(RECORDED["sqs"]["updating"], QUEUE)
    assert comparable(updated, QUEUE) == comparable(RECORDED["sqs"]["updated"], QUEUE)
    assert updating["FunctionArn"] == updated["FunctionArn"] == function_arn("other")


async def test_an_update_needs_a_window_for_large_batches_as_recorded(client, clock):
    await client.create()
    made = await client("CreateEventSourceMapping", FunctionName="hello", EventSourceArn=QUEUE)
    clock.advance(2)

    refused = await answer(client, "UpdateEventSourceMapping", UUID=made["UUID"], BatchSize=11)

    assert comparable(refused, QUEUE) == comparable(RECORDED["sqs"]["no_window_on_update"], QUEUE)


@pytest.mark.parametrize(
    ("step", "parameters"),
    [
        ("create", {"StartingPosition": "LATEST"}),
        ("create_with_destination", {
            "StartingPosition": "TRIM_HORIZON", "BatchSize": 3, "MaximumBatchingWindowInSeconds": 1,
            "MaximumRetryAttempts": 3, "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
        }),
        ("create_to_bucket", {
            "StartingPosition": "TRIM_HORIZON", "BatchSize": 1, "MaximumBatchingWindowInSeconds": 1,
            "MaximumRetryAttempts": 1, "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failed"}},
        }),
        ("create_young", {
            "StartingPosition": "TRIM_HORIZON", "BatchSize": 1, "MaximumBatchingWindowInSeconds": 1,
            "MaximumRecordAgeInSeconds": 60, "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
        }),
    ],
)  # fmt: skip
async def test_a_mapping_of_a_kinesis_stream_is_made_as_recorded(client, step, parameters):
    await client.create()

    made = await answer(client, "CreateEventSourceMapping", FunctionName="hello", EventSourceArn=STREAM, **parameters)

    assert comparable(made, STREAM) == comparable(RECORDED["kinesis"][step], STREAM)


async def test_the_last_batch_shows_as_recorded(client, control, clock):
    await client.create()
    made = await client(
        "CreateEventSourceMapping", FunctionName="hello", EventSourceArn=STREAM, StartingPosition="TRIM_HORIZON",
        BatchSize=1, MaximumBatchingWindowInSeconds=1, MaximumRetryAttempts=2,
    )  # fmt: skip
    clock.advance(2)

    await control.stores.mappings.note((ACCOUNT, REGION, made["UUID"]), "OK")
    got = await client("GetEventSourceMapping", UUID=made["UUID"])

    assert comparable(got, STREAM) == comparable(RECORDED["kinesis"]["after_a_batch"], STREAM)


async def test_mappings_of_a_dynamodb_stream_show_as_recorded(client, clock):
    await client.create()
    made = await client(
        "CreateEventSourceMapping", FunctionName="hello", EventSourceArn=TABLE, StartingPosition="TRIM_HORIZON",
        BatchSize=1,
    )  # fmt: skip
    clock.advance(2)
    got = await client("GetEventSourceMapping", UUID=made["UUID"])
    listed = []
    for name in ("DELETE", "MODIFY"):
        pattern = json.dumps({"eventName": [name]})
        await client("UpdateEventSourceMapping", UUID=made["UUID"], FilterCriteria={"Filters": [{"Pattern": pattern}]})
        clock.advance(2)
        listed.append(await client("ListEventSourceMappings", FunctionName="hello"))

    recorded = RECORDED["dynamodb"]
    assert comparable(got, TABLE) == comparable(recorded["get"], TABLE)
    assert [comparable(each, TABLE) for each in listed] == [
        comparable(recorded[step], TABLE) for step in ("list", "list_after_update")
    ]


@pytest.mark.parametrize(("service", "arn"), [("sqs", QUEUE), ("kinesis", STREAM)])
async def test_a_second_mapping_of_the_same_two_is_refused_as_recorded(client, service, arn):
    await client.create()
    asked = {"FunctionName": "hello", "EventSourceArn": arn}
    asked |= {} if service == "sqs" else {"StartingPosition": "LATEST"}
    made = await client("CreateEventSourceMapping", **asked)

    refused = await answer(client, "CreateEventSourceMapping", **asked)

    assert made["UUID"] in refused["Error"]["Message"]
    assert comparable(refused, arn) == comparable(RECORDED[service]["twin"], arn)


@pytest.mark.parametrize(("service", "arn", "step"), [("sqs", QUEUE, "no_queue"), ("kinesis", STREAM, "no_stream")])
async def test_a_source_that_is_not_there_is_refused_as_recorded(client, control, service, arn, step):
    await client.create()
    control.sources.known[arn] = EventSource(exists=False)
    asked = {} if service == "sqs" else {"StartingPosition": "LATEST"}

    refused = await answer(client, "CreateEventSourceMapping", FunctionName="hello", EventSourceArn=arn, **asked)

    assert comparable(refused, arn) == comparable(RECORDED[service][step], arn)
