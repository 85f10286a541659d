"""A custom runtime that streams: chunked upload, trailers, and all that it may do wrong."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import pytest
from test_runtime_api import ERROR, META, NEXT, RESPONSE, STREAMING, TOKEN, Runtime, Stage, chunked

from lambent.sandbox.link import LinkClosed, Reply
from lambent.sandbox.streamed import HIGH, Flow


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    await made.close()


async def streaming(stage: Stage, flow: Flow) -> "tuple[Runtime, asyncio.Future[Reply]]":
    runtime = await stage.runtime()
    reply = asyncio.ensure_future(stage.link.stream(TOKEN, META, b"{}", flow))
    assert (await runtime.call("GET", NEXT)).status == 200
    return runtime, reply


def head(*more: str) -> bytes:
    lines = [f"POST {RESPONSE} HTTP/1.1", "Host: x", STREAMING.strip(), "Transfer-Encoding: chunked", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def piece(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def filled(flow: Flow) -> None:
    while flow.size < HIGH:  # noqa: ASYNC110 - a flow tells nobody but its client
        await asyncio.sleep(0)


async def rest(flow: Flow) -> bytes:
    flow.close()
    said = b""
    while (each := await flow.next()) is not None:
        said += each
    return said


async def test_chunks_are_heard_as_they_come(stage: Stage) -> None:
    flow = Flow()
    runtime, reply = await streaming(stage, flow)
    runtime.writer.write(head("Content-Type: text/html") + piece(b"one "))
    await flow.first()
    assert (flow.content_type, await flow.next()) == ("text/html", b"one ")
    assert not reply.done()
    runtime.writer.write(piece(b"two") + b"0\r\n\r\n")
    assert (await runtime.answer()).status == 202
    assert await reply == Reply(b"")
    assert await rest(flow) == b"two"
    assert not stage.link.closed


async def test_an_error_in_the_trailers_ends_what_was_streamed(stage: Stage) -> None:
    flow = Flow()
    runtime, reply = await streaming(stage, flow)
    document = b'{"errorMessage": "mid-stream"}'
    trailers = (
        "Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n"
        f"Lambda-Runtime-Function-Error-Body: {base64.b64encode(document).decode()}\r\n"
    )
    runtime.writer.write(chunked(STREAMING, b"half", trailers=trailers))
    assert await reply == Reply(document, "Runtime.StreamError")
    assert await rest(flow) == b"half"


async def test_a_runtime_that_answers_in_one_piece_answers_who_asked_for_a_stream(stage: Stage) -> None:
    flow = Flow()
    runtime, reply = await streaming(stage, flow)
    assert (await runtime.call("POST", RESPONSE, b'"whole"')).status == 202
    assert await reply == Reply(b'"whole"')
    assert not flow.begun


async def test_nothing_else_may_answer_while_a_stream_comes(stage: Stage) -> None:
    flow = Flow()
    runtime, reply = await streaming(stage, flow)
    runtime.writer.write(head() + piece(b"mine "))
    await flow.first()
    other = await stage.runtime()
    for path in (RESPONSE, ERROR):
        assert (await other.call("POST", path, b"{}")).kind == "InvalidStateTransition"
    other.writer.write(chunked(STREAMING, b"theirs"))
    assert (await other.answer()).status == 403
    third = await stage.runtime()
    third.writer.write(chunked(STREAMING, b"theirs")[:-5])
    third.writer.close()
    runtime.writer.write(piece(b"all") + b"0\r\n\r\n")
    assert await reply == Reply(b"")
    assert await rest(flow) == b"mine all"


@pytest.mark.parametrize("broken", [b"", b"zzz\r\n"])
async def test_a_stream_that_breaks_off_is_a_truncated_response(stage: Stage, broken: bytes) -> None:
    flow = Flow()
    runtime, reply = await streaming(stage, flow)
    runtime.writer.write(head() + piece(b"half") + broken)
    await flow.first()
    if not broken:
        runtime.writer.close()
    assert (await reply).error_type == "Runtime.TruncatedResponse"
    assert await rest(flow) == b"half"


async def test_a_runtime_waits_when_nobody_takes_what_it_says(stage: Stage) -> None:
    flow = Flow()
    runtime, reply = await streaming(stage, flow)
    runtime.writer.write(head() + piece(b"x" * 20_000_000) + b"0\r\n\r\n")
    await filled(flow)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert flow.size < 4 * HIGH
    taken = 0
    while taken < 20_000_000:
        taken += len(await flow.next() or b"")
    assert await reply == Reply(b"")


async def test_a_stream_beyond_its_limit_is_refused_with_413(stage: Stage) -> None:
    flow = Flow(limit=10)
    runtime, reply = await streaming(stage, flow)
    runtime.writer.write(chunked(STREAMING, b"123456", b"789012"))
    assert (await runtime.answer()).status == 413
    answer = await reply
    assert answer.error_type == "Function.ResponseSizeTooLarge"
    assert "(12 bytes)" in json.loads(answer.payload)["errorMessage"]
    assert await rest(flow) == b"1234567890"


async def test_a_stream_for_another_invocation_is_refused_and_not_heard(stage: Stage) -> None:
    flow = Flow()
    runtime, reply = await streaming(stage, flow)
    runtime.writer.write(
        chunked(STREAMING, b"x").replace(RESPONSE.encode(), b"/2018-06-01/runtime/invocation/1/response")
    )
    assert (await runtime.answer()).kind == "InvalidRequestID"
    assert not flow.begun
    assert not reply.done()
    reply.cancel()


async def test_closing_ends_a_stream(stage: Stage) -> None:
    flow = Flow()
    runtime, reply = await streaming(stage, flow)
    runtime.writer.write(head() + piece(b"half"))
    await flow.first()
    stage.link.close()
    with pytest.raises(LinkClosed):
        await reply
