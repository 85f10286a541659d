"""Invoke and InvokeWithResponseStream, from a parsed call to their results and refusals."""

import base64
import json
import re
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from invoke_doubles import Engine
from invoke_samples import ACCOUNT, FUNCTION_ARN, REGION, REQUEST_ID, outcome

from lambent.errors import (
    AwsError,
    InvalidParameterValue,
    InvalidRequestContent,
    RecursiveInvocation,
    ResourceNotFound,
    TooManyRequests,
)
from lambent.invoke import lineage
from lambent.invoke.operations import CLIENT_CONTEXT_LIMIT, SYNC_LIMIT
from lambent.settings import Settings
from lambent.wire.http import Request
from lambent.wire.parse import Call, Wire

PATHS = {
    "Invoke": "/2015-03-31/functions/hello/invocations",
    "InvokeWithResponseStream": "/2021-11-15/functions/hello/response-streaming-invocations",
}


def call(operation: str = "Invoke", headers: dict[str, str] | None = None, **parameters: Any) -> Call:
    request = Request("POST", PATHS[operation], "", headers or {}, b"")
    given = {"FunctionName": "hello"} | parameters
    return Call("lambda", operation, given, request, REQUEST_ID, "", ACCOUNT, REGION, None)  # type: ignore[arg-type]


def context(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.fixture
def engine() -> Engine:
    return Engine()


async def test_an_answer_comes_with_the_version_that_ran(engine):
    result, _ = await engine.data.invoke(call(Payload=b'{"name": "Ada"}'))
    assert result == {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": b'"hello"'}
    (ran,) = engine.placement.ran
    assert (ran.payload, ran.request_id, ran.invoked_arn) == (b'{"name": "Ada"}', REQUEST_ID, FUNCTION_ARN)
    assert ran.received == 1_700_000_000.0


async def test_the_invoked_arn_has_a_qualifier_only_if_the_caller_gave_one(engine):
    result, _ = await engine.data.invoke(call(Qualifier="7"))
    assert result["ExecutedVersion"] == "7"
    assert engine.placement.ran[0].invoked_arn == f"{FUNCTION_ARN}:7"


async def test_a_function_error_is_a_success_of_the_operation(engine):
    engine.placement.outcome = outcome(
        payload=b'{"errorMessage": "boom"}', function_error="Unhandled", error_type="ValueError"
    )
    result, _ = await engine.data.invoke(call())
    assert (result["StatusCode"], result["FunctionError"]) == (200, "Unhandled")
    assert result["Payload"] == b'{"errorMessage": "boom"}'


async def test_the_log_tail_is_given_in_base64_when_asked_for(engine):
    engine.placement.outcome = outcome(log_tail=b"START\nEND\n")
    result, _ = await engine.data.invoke(call(LogType="Tail"))
    assert base64.b64decode(result["LogResult"]) == b"START\nEND\n"
    result, _ = await engine.data.invoke(call(LogType="None"))
    assert "LogResult" not in result


@pytest.mark.parametrize("payload", [{}, {"Payload": b""}])
async def test_without_a_payload_the_event_is_an_empty_object(engine, payload):
    await engine.data.invoke(call(**payload))
    assert engine.placement.ran[0].payload == b"{}"


async def test_a_dry_run_checks_everything_and_runs_nothing(engine):
    result, _ = await engine.data.invoke(call(InvocationType="DryRun"))
    assert result == {"StatusCode": 204}
    with pytest.raises(InvalidRequestContent):
        await engine.data.invoke(call(InvocationType="DryRun", Payload=b"{"))
    with pytest.raises(ResourceNotFound):
        await engine.data.invoke(call(InvocationType="DryRun", FunctionName="missing"))
    assert engine.placement.ran == []


async def test_an_event_is_taken_in_with_its_qualifier_and_the_trace_as_it_came(engine):
    headers = {"x-amzn-trace-id": "Root=1-2-3"}
    result, trace = await engine.data.invoke(call(InvocationType="Event", Qualifier="7", headers=headers, Payload=b"1"))
    assert (result, trace) == ({"StatusCode": 202}, "Root=1-2-3")
    ((event, rows),) = engine.intake.taken
    assert (event.name, event.qualifier, event.payload, event.trace) == ("hello", "7", b"1", "Root=1-2-3")
    assert (event.request_id, event.due, rows, engine.placement.ran) == (REQUEST_ID, event.received, (), [])


async def test_a_payload_may_be_six_megabytes_and_not_a_byte_more(engine):
    fits = b'"' + b"x" * (SYNC_LIMIT - 2) + b'"'
    await engine.data.invoke(call(Payload=fits))
    with pytest.raises(AwsError) as caught:
        await engine.data.invoke(call(Payload=fits + b" "))
    assert (caught.value.code, caught.value.status) == ("RequestEntityTooLargeException", 413)
    assert caught.value.message == "Request must be smaller than 6291456 bytes for the InvokeFunction operation"


async def test_a_missing_function_is_told_before_a_bad_payload(engine):
    with pytest.raises(ResourceNotFound):
        await engine.data.invoke(call(FunctionName="missing", Payload=b"{"))


async def test_a_throttled_call_is_refused(engine):
    engine.admission.limit = 0
    with pytest.raises(TooManyRequests):
        await engine.data.invoke(call())


async def test_a_client_context_reaches_the_function_as_json(engine):
    await engine.data.invoke(call(ClientContext=context({"custom": {"ä": 1}})))
    assert json.loads(engine.placement.ran[0].client_context or "") == {"custom": {"ä": 1}}


@pytest.mark.parametrize(
    "text",
    [
        "not base64!",
        base64.b64encode(b"no json").decode(),
        base64.b64encode(b"\xff").decode(),
        context([1]),
        context(None),
        "é",
    ],
)
async def test_a_client_context_that_is_no_json_object_is_refused(engine, text):
    with pytest.raises(InvalidRequestContent, match="Client context must be a valid Base64-encoded JSON object"):
        await engine.data.invoke(call(ClientContext=text))


async def test_a_client_context_has_a_size_limit(engine):
    with pytest.raises(InvalidRequestContent, match="at most 3583 bytes"):
        await engine.data.invoke(call(ClientContext=context({"a": "x" * CLIENT_CONTEXT_LIMIT})))


@pytest.mark.parametrize(
    ("name", "words"), [("TenantId", "not enabled for tenancy"), ("DurableExecutionName", "not a durable")]
)
async def test_parameters_for_functions_of_another_kind_are_refused(engine, name, words):
    with pytest.raises(InvalidParameterValue, match=words):
        await engine.data.invoke(call(**{name: "x"}))


async def test_the_callers_trace_goes_to_the_function_and_back(engine):
    _, trace = await engine.data.invoke(call(headers={"x-amzn-trace-id": "Root=1-2-3;Sampled=1"}))
    assert trace == engine.placement.ran[0].trace == f"Root=1-2-3;Sampled=1{lineage.first(FUNCTION_ARN)}"


async def test_a_trace_that_cannot_be_handed_on_is_replaced(engine):
    _, trace = await engine.data.invoke(call(headers={"x-amzn-trace-id": "Root=\x1b[2J"}))
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=1:[0-9a-f]{8}:0", trace)


async def test_the_17th_run_for_one_event_is_refused(engine):
    trace = "Root=1-2-3"
    for _ in range(16):
        _, trace = await engine.data.invoke(call(headers={"x-amzn-trace-id": trace}))
    with pytest.raises(RecursiveInvocation, match="recursive loop"):
        await engine.data.invoke(call(headers={"x-amzn-trace-id": trace}))
    assert len(engine.placement.ran) == 16


async def test_without_a_trace_a_call_gets_one_that_nobody_else_has(engine):
    traces = [(await engine.data.invoke(call()))[1] for _ in range(50)]
    assert len(set(traces)) == 50


async def events(engine: Engine, **parameters: Any) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """What botocore reads from a streamed answer: the headers, and (event type, payload) of each event."""
    result, _ = await engine.data.stream(call("InvokeWithResponseStream", **parameters))
    wire = Wire(Settings())
    parsed = wire.parse(Request("POST", PATHS["InvokeWithResponseStream"], "", {"host": "localhost"}, b"{}"))
    response = wire.render(parsed, result)
    assert not isinstance(response.body, bytes)
    buffer = EventStreamBuffer()
    async for piece in response.body:
        buffer.add_data(piece)
    return dict(response.headers), [(event.headers[":event-type"], event.payload) for event in buffer]


async def test_a_streamed_answer_is_read_by_botocore_as_chunks_and_an_end(engine):
    answer = bytes(range(256)) * 2_000
    engine.placement.outcome = outcome(payload=answer)
    headers, heard = await events(engine)
    assert headers["Content-Type"] == "application/vnd.amazon.eventstream"
    assert [kind for kind, _ in heard] == ["PayloadChunk"] * 4 + ["InvokeComplete"]
    assert b"".join(payload for kind, payload in heard if kind == "PayloadChunk") == answer
    assert json.loads(heard[-1][1]) == {}


async def test_a_function_error_ends_a_stream_with_its_code_and_its_document(engine):
    engine.placement.outcome = outcome(
        payload=b'{"errorMessage": "boom"}', function_error="Unhandled", error_type="ValueError"
    )
    _, heard = await events(engine, LogType="Tail")
    ((kind, payload),) = heard
    assert kind == "InvokeComplete"
    assert json.loads(payload) == {
        "ErrorCode": "ValueError",
        "ErrorDetails": '{"errorMessage": "boom"}',
        "LogResult": "",
    }


async def test_a_dry_run_of_a_stream_checks_everything_and_runs_nothing(engine):
    result, _ = await engine.data.stream(call("InvokeWithResponseStream", InvocationType="DryRun"))
    assert result == {"StatusCode": 204}
    with pytest.raises(InvalidRequestContent):
        await engine.data.stream(call("InvokeWithResponseStream", InvocationType="DryRun", Payload=b"{"))
    assert engine.placement.ran == []


async def test_a_payload_too_large_to_stream_names_its_operation(engine):
    with pytest.raises(AwsError, match="for the InvokeWithResponseStream operation"):
        await engine.data.stream(call("InvokeWithResponseStream", Payload=b"x" * (SYNC_LIMIT + 1)))
