"""The Runtime API as a custom runtime sees it, spoken by hand over loopback."""

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lambent.sandbox.api_router import ApiServer
from lambent.sandbox.link import InitDone, InitSpec, LinkClosed, Reply
from lambent.sandbox.runtime_api import HttpLink
from lambent.sandbox.runtime_replies import MOST_RESPONSE_BYTES, valid_type

SPEC = InitSpec(environ={}, handler="function.handler")
ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
META: dict[str, Any] = {
    "id": ID,
    "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
    "deadline": 1_700_000_000_000,
    "trace": "Root=1-2-3",
    "context": None,
    "identity": None,
    "tenant": None,
}
NEXT = "/2018-06-01/runtime/invocation/next"
RESPONSE = f"/2018-06-01/runtime/invocation/{ID}/response"
ERROR = f"/2018-06-01/runtime/invocation/{ID}/error"
INIT_ERROR = "/2018-06-01/runtime/init/error"
TOKEN = bytes(16)


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def kind(self) -> Any:
        return json.loads(self.body)["errorType"]


class Runtime:
    """One connection of a custom runtime."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def connect(self) -> "Runtime":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1:9001"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def answer(self) -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers.get("Content-Length", 0)))
        return Answer(int(head[0].split()[1]), headers, body)

    async def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        self.send(method, path, body, **headers)
        return await self.answer()


class Stage:
    """A link whose runtime is this test."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.link = HttpLink(ApiServer(self.listener))
        self.init = asyncio.ensure_future(self.link.init(SPEC))
        self.runtimes: list[Runtime] = []

    async def runtime(self) -> Runtime:
        runtime = await Runtime(self.port).connect()
        self.runtimes.append(runtime)
        return runtime

    def invoke(self, payload: bytes = b"{}", **changes: Any) -> "asyncio.Future[Reply]":
        return asyncio.ensure_future(self.link.invoke(TOKEN, META | changes, payload))

    async def running(self, payload: bytes = b"{}") -> tuple[Runtime, "asyncio.Future[Reply]"]:
        """A runtime that has been handed an invocation."""
        runtime = await self.runtime()
        reply = self.invoke(payload)
        assert (await runtime.call("GET", NEXT)).status == 200
        return runtime, reply

    async def close(self) -> None:
        self.link.close()
        self.init.cancel()
        for runtime in self.runtimes:
            runtime.writer.close()
        await asyncio.gather(self.init, *(r.writer.wait_closed() for r in self.runtimes), return_exceptions=True)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    await made.close()


async def test_the_runtime_is_ready_when_it_first_asks(stage: Stage) -> None:
    runtime = await stage.runtime()
    runtime.send("GET", NEXT)
    assert await stage.init == InitDone()


async def test_an_invocation_is_handed_out_with_its_headers_and_answered(stage: Stage) -> None:
    runtime = await stage.runtime()
    identity = {"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}
    reply = stage.invoke(b'{"a": 1}', context='{\n"custom": {"é": 1}}', identity=identity, tenant="blue")
    handed = await runtime.call("GET", NEXT)
    assert (handed.status, handed.body) == (200, b'{"a": 1}')
    assert handed.headers["Lambda-Runtime-Aws-Request-Id"] == ID
    assert handed.headers["Lambda-Runtime-Deadline-Ms"] == "1700000000000"
    assert handed.headers["Lambda-Runtime-Invoked-Function-Arn"] == META["arn"]
    assert handed.headers["Lambda-Runtime-Trace-Id"] == "Root=1-2-3"
    assert json.loads(handed.headers["Lambda-Runtime-Client-Context"]) == {"custom": {"é": 1}}
    assert json.loads(handed.headers["Lambda-Runtime-Cognito-Identity"]) == identity
    assert handed.headers["Lambda-Runtime-Aws-Tenant-Id"] == "blue"
    accepted = await runtime.call("POST", RESPONSE, b"done")
    assert (accepted.status, accepted.body) == (202, b'{"status":"OK"}\n')
    assert await reply == Reply(b"done")


async def test_what_an_invocation_does_not_have_has_no_header(stage: Stage) -> None:
    runtime = await stage.runtime()
    stage.invoke()
    headers = (await runtime.call("GET", NEXT)).headers
    assert not {"Client-Context", "Cognito-Identity", "Aws-Tenant-Id"} & {name[15:] for name in headers}


async def test_a_callers_text_cannot_add_headers(stage: Stage) -> None:
    runtime = await stage.runtime()
    stage.invoke(trace="Root=1\r\nEvil: yes", context="no json\nEvil: yes")
    headers = (await runtime.call("GET", NEXT)).headers
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1 Evil: yes"
    assert "Evil" not in headers


async def test_a_runtime_that_waits_gets_the_invocation_when_it_comes(stage: Stage) -> None:
    runtime = await stage.runtime()
    runtime.send("GET", NEXT)
    await stage.init
    for number in range(3):
        request_id = f"id-{number}"
        reply = stage.invoke(b"%d" % number, id=request_id)
        assert (await runtime.answer()).body == b"%d" % number
        path = RESPONSE.replace(ID, request_id)
        assert (await runtime.call("POST", path, b"ok")).status == 202
        assert await reply == Reply(b"ok")
        runtime.send("GET", NEXT)


async def test_a_connection_for_each_call_serves_as_well(stage: Stage) -> None:
    reply = stage.invoke()
    answers = [await (await stage.runtime()).call("GET", NEXT, Connection="close")]
    answers.append(await (await stage.runtime()).call("POST", RESPONSE, b"1", Connection="close"))
    assert [answer.status for answer in answers] == [200, 202]
    assert {answer.headers["Connection"] for answer in answers} == {"close"}
    assert await reply == Reply(b"1")


async def test_an_error_is_passed_on_with_its_document_as_it_stands(stage: Stage) -> None:
    runtime, reply = await stage.running()
    body = b'{"errorMessage": "Error: some_error_msg", "errorType": "errorString"}'
    answer = await runtime.call("POST", ERROR, body, Lambda_Runtime_Function_Error_Type="errorString")
    assert answer.status == 202
    assert await reply == Reply(body, "Runtime.Unknown")


@pytest.mark.parametrize(
    ("posted", "reported"),
    [
        ("Function.NoSuchThing", "Function.NoSuchThing"),
        ("Runtime.ExitError", "Runtime.ExitError"),
        ("Function.lower", "Function.Unknown"),
        ("Function.With.Dots", "Function.Unknown"),
        ("ValueError", "Runtime.Unknown"),
        ("", "Runtime.Unknown"),
    ],
)
def test_an_error_type_that_aws_does_not_know_loses_its_name(posted: str, reported: str) -> None:
    assert valid_type(posted) == reported


async def test_an_error_without_a_document_gets_one(stage: Stage) -> None:
    runtime, reply = await stage.running()
    await runtime.call("POST", ERROR, Lambda_Runtime_Function_Error_Type="Function.Broken", Content_Length="0")
    assert json.loads((await reply).payload) == {"errorMessage": "", "errorType": "Function.Broken"}


async def test_an_init_error_is_how_init_ends(stage: Stage) -> None:
    runtime = await stage.runtime()
    body = b'{"errorMessage": "no", "errorType": "Runtime.NoHandler"}'
    answer = await runtime.call("POST", INIT_ERROR, body, Lambda_Runtime_Function_Error_Type="Runtime.NoHandler")
    assert answer.status == 202
    assert await stage.init == InitDone("Runtime.NoHandler", body)
    assert (await runtime.call("GET", NEXT)).kind == "InvalidStateTransition"


async def test_an_init_error_after_init_is_refused(stage: Stage) -> None:
    runtime, _ = await stage.running()
    assert (await runtime.call("POST", INIT_ERROR, b"{}")).status == 403


async def test_only_the_invocation_in_hand_can_be_answered_and_only_once(stage: Stage) -> None:
    runtime, reply = await stage.running()
    wrong = await runtime.call("POST", RESPONSE.replace(ID, "another"), b"not mine")
    assert (wrong.status, wrong.kind) == (400, "InvalidRequestID")
    await runtime.call("POST", RESPONSE, b"first")
    for path in (RESPONSE, ERROR):
        second = await runtime.call("POST", path, b"second")
        assert (second.status, second.kind) == (403, "InvalidStateTransition")
    assert await reply == Reply(b"first")
    later = stage.invoke(id="later")
    await runtime.call("GET", NEXT)
    assert (await runtime.call("POST", RESPONSE, b"late")).status == 400
    assert not later.done()


async def test_an_invocation_that_was_not_handed_out_cannot_be_answered(stage: Stage) -> None:
    runtime = await stage.runtime()
    reply = stage.invoke()
    await asyncio.sleep(0)
    assert (await runtime.call("POST", RESPONSE, b"guessed")).status == 400
    assert not reply.done()


async def test_asking_again_while_an_answer_is_due_is_refused(stage: Stage) -> None:
    runtime, reply = await stage.running()
    assert (await runtime.call("GET", NEXT)).status == 403
    await runtime.call("POST", RESPONSE, b"still fine")
    assert await reply == Reply(b"still fine")


async def test_only_one_connection_may_wait_and_another_may_take_its_place(stage: Stage) -> None:
    first, second = await stage.runtime(), await stage.runtime()
    first.send("GET", NEXT)
    await stage.init
    assert (await second.call("GET", NEXT)).status == 403
    first.writer.close()
    await first.writer.wait_closed()
    while stage.link._asking is not None:  # noqa: ASYNC110 - the link has no event for it, and needs none
        await asyncio.sleep(0)
    second.send("GET", NEXT)
    stage.invoke(b"for the second")
    assert (await second.answer()).body == b"for the second"


async def test_an_answer_over_6_mb_is_refused_and_reported_with_its_size(stage: Stage) -> None:
    runtime, reply = await stage.running()
    size = MOST_RESPONSE_BYTES + 1
    answer = await runtime.call("POST", RESPONSE, b"x" * size)
    assert (answer.status, answer.kind) == (413, "RequestEntityTooLarge")
    assert (await reply).error_type == "Function.ResponseSizeTooLarge"
    assert json.loads((await reply).payload) == {
        "errorMessage": "Response payload size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


async def test_an_answer_of_exactly_the_limit_is_taken(stage: Stage) -> None:
    runtime, reply = await stage.running()
    assert (await runtime.call("POST", RESPONSE, b"x" * MOST_RESPONSE_BYTES)).status == 202
    assert len((await reply).payload) == MOST_RESPONSE_BYTES


def chunked(headers: str, *chunks: bytes, trailers: str = "") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = f"POST {RESPONSE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
    return head.encode() + body + f"0\r\n{trailers}\r\n".encode()


STREAMING = "Lambda-Runtime-Function-Response-Mode: streaming\r\n"


async def test_a_streamed_answer_is_collected(stage: Stage) -> None:
    runtime, reply = await stage.running()
    runtime.writer.write(chunked(STREAMING, b"one ", b"two"))
    assert (await runtime.answer()).status == 202
    assert await reply == Reply(b"one two")


async def test_an_error_in_the_trailers_of_a_streamed_answer_is_the_answer(stage: Stage) -> None:
    runtime, reply = await stage.running()
    document = b'{"errorMessage": "mid-stream"}'
    trailers = (
        "Lambda-Runtime-Function-Error-Type: Function.Broke\r\n"
        f"Lambda-Runtime-Function-Error-Body: {base64.b64encode(document).decode()}\r\n"
    )
    runtime.writer.write(chunked(STREAMING, b"half", trailers=trailers))
    await runtime.answer()
    assert await reply == Reply(document, "Function.Broke")


async def test_a_streamed_answer_that_breaks_off_is_a_truncated_response(stage: Stage) -> None:
    runtime, reply = await stage.running()
    runtime.writer.write(chunked(STREAMING, b"half")[:-5])
    await runtime.writer.drain()
    runtime.writer.close()
    assert (await reply).error_type == "Runtime.TruncatedResponse"


async def test_a_buffered_answer_that_breaks_off_may_be_sent_again(stage: Stage) -> None:
    runtime, reply = await stage.running()
    runtime.writer.write(f"POST {RESPONSE} HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf".encode())
    runtime.writer.close()
    await runtime.writer.wait_closed()
    assert (await (await stage.runtime()).call("POST", RESPONSE, b"whole")).status == 202
    assert await reply == Reply(b"whole")


async def test_an_unknown_response_mode_is_an_error_of_the_runtime(stage: Stage) -> None:
    runtime, reply = await stage.running()
    answer = await runtime.call("POST", RESPONSE, b"x", Lambda_Runtime_Function_Response_Mode="sideways")
    assert (answer.status, answer.kind) == (400, "Runtime.InvalidResponseModeHeader")
    assert (await reply).error_type == "Runtime.InvalidResponseModeHeader"


async def test_a_body_is_waited_for_after_100_continue(stage: Stage) -> None:
    runtime, reply = await stage.running()
    runtime.writer.write(f"POST {RESPONSE} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n".encode())
    assert await runtime.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    runtime.writer.write(b"body")
    assert (await runtime.answer()).status == 202
    assert await reply == Reply(b"body")


async def test_an_offer_of_http_2_is_ignored(stage: Stage) -> None:
    runtime, reply = await stage.running()
    offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "AAEAAEAAAAIAAAAB"}
    assert (await runtime.call("POST", RESPONSE, b"body\r\n\r\nUpgrade: x", **offer)).status == 202
    assert await reply == Reply(b"body\r\n\r\nUpgrade: x")


async def test_calls_sent_ahead_are_answered_in_order(stage: Stage) -> None:
    runtime = await stage.runtime()
    reply = stage.invoke()
    runtime.send("GET", "/2018-06-01/ping")
    runtime.send("GET", NEXT)
    runtime.send("POST", RESPONSE, b"ahead")
    runtime.send("GET", "/nowhere")
    assert [(await runtime.answer()).status for _ in range(4)] == [200, 200, 202, 404]
    assert await reply == Reply(b"ahead")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/2018-06-01/ping?x=1", 200), ("POST", NEXT, 405), ("GET", RESPONSE, 405), ("GET", "/2015-01-01/x", 404)],
)
async def test_other_paths_and_methods_get_their_status(stage: Stage, method: str, path: str, status: int) -> None:
    assert (await (await stage.runtime()).call(method, path)).status == status


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff" * 50,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9.9\r\n\r\n",
        b"A" * 2_000_000,
        b"GET / HTTP/1.1\r\nX: " + b"y" * 2_000_000,
    ],
    ids=["bytes", "short", "version", "endless", "header"],
)
async def test_garbage_is_answered_with_400_and_hurts_nobody(stage: Stage, garbage: bytes) -> None:
    runtime, reply = await stage.running()
    rude = await stage.runtime()
    rude.writer.write(garbage)
    with contextlib.suppress(ConnectionResetError):  # we may hang up before it has sent everything
        assert (await rude.reader.read(12)) == b"HTTP/1.1 400"
    await runtime.call("POST", RESPONSE, b"unharmed")
    assert await reply == Reply(b"unharmed")


async def test_too_many_connections_are_hung_up_on(stage: Stage) -> None:
    crowd = [await stage.runtime() for _ in range(64)]
    last = await stage.runtime()
    with contextlib.suppress(ConnectionResetError):
        assert await last.reader.read(1) == b""
    assert (await crowd[0].call("GET", "/2018-06-01/ping")).status == 200


async def test_closing_ends_every_wait(stage: Stage) -> None:
    _, reply = await stage.running()
    stage.link.close()
    with pytest.raises(LinkClosed):
        await reply
    with pytest.raises(LinkClosed):
        await stage.link.invoke(TOKEN, META, b"")


async def test_closing_before_the_runtime_spoke_fails_init(stage: Stage) -> None:
    await asyncio.sleep(0)
    stage.link.close()
    with pytest.raises(LinkClosed):
        await stage.init


async def test_an_answer_of_another_attempt_is_none_of_this_one(stage: Stage) -> None:
    runtime = await stage.runtime()
    reply = stage.invoke()
    attempt = (await runtime.call("GET", NEXT)).headers["Lambda-Runtime-Invocation-Id"]
    other = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    refused = await runtime.call("POST", RESPONSE, b"late", Lambda_Runtime_Invocation_Id=other)
    assert (refused.status, refused.kind) == (400, "InvalidRequestID")
    assert (await runtime.call("POST", RESPONSE, b"done", Lambda_Runtime_Invocation_Id=attempt)).status == 202
    assert await reply == Reply(b"done")


async def test_a_cause_for_x_ray_is_taken_up_to_a_megabyte(stage: Stage) -> None:
    runtime, reply = await stage.running()
    cause = json.dumps({"working_directory": "/var/task", "exceptions": [], "paths": ["x" * 1_000_000]})
    headers = {"Lambda_Runtime_Function_XRay_Error_Cause": cause, "Lambda_Runtime_Function_Error_Type": "Function.No"}
    assert (await runtime.call("POST", ERROR, b"{}", **headers)).status == 202
    assert (await reply).error_type == "Function.No"


async def test_restoring_is_not_offered_where_nothing_was_saved(stage: Stage) -> None:
    runtime = await stage.runtime()
    assert (await runtime.call("GET", "/2018-06-01/runtime/restore/next")).status == 404
    assert (await runtime.call("POST", "/2018-06-01/runtime/restore/error", b"{}")).status == 404
