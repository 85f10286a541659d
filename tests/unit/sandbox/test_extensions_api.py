"""The Extensions and Telemetry APIs as an extension sees them, spoken by hand over loopback."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sandbox_samples import invocation, version

from lambent.clock import FixedClock
from lambent.model import Outcome
from lambent.sandbox.api_router import MOST_CONNECTIONS, ApiServer
from lambent.sandbox.apis import Apis
from lambent.sandbox.extension_states import Fatal
from lambent.sandbox.extensions import ExtensionFailed
from lambent.sandbox.shutdown import EXTERNAL, INTERNAL, NOTHING, budget, shut_down

ROOT = "/2020-01-01/extension"
PATIENCE_S = 20


class Tap:
    """The environment's log, kept as bytes."""

    def __init__(self) -> None:
        self.listener: Any = None
        self.text = b""

    def add(self, text: bytes) -> None:
        self.text += text

    def is_congested(self) -> bool:
        return False


class Stage:
    """The APIs of one environment with the external extensions that it was given."""

    def __init__(self, *external: str, **changes: Any) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self.server = ApiServer(listener)
        self.tap = Tap()
        self.clock = FixedClock()
        self.fatal: list[Fatal] = []
        self.apis = Apis(
            self.server, version(**changes), external, tap=self.tap, clock=self.clock,  # type: ignore[arg-type]
            connect=self.connect, speaks=True, on_fatal=self.fatal.append,
        )  # fmt: skip
        self.extensions = self.apis.extensions
        self.listening: socket.socket | None = None
        self.listener: asyncio.Server | None = None
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self, port: int) -> socket.socket:
        assert self.listening is not None
        sock = socket.socket()
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, self.listening.getsockname())
        except BaseException:
            sock.close()
            raise
        return sock

    async def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"{method} {path} HTTP/1.1", "Host: api", "Connection: close", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        try:
            answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
        finally:
            writer.close()
            await writer.wait_closed()
        head, _, rest = answer.partition(b"\r\n\r\n")
        found = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        return int(head.split()[1]), found, json.loads(rest or b"null")

    async def register(self, name: str, *events: str, **headers: str) -> str:
        body = json.dumps({"events": events}).encode()
        status, found, _ = await self.call("POST", ROOT + "/register", body, Lambda_Extension_Name=name, **headers)
        assert status == 200
        return found["Lambda-Extension-Identifier"]

    def asks(self, identifier: str) -> "asyncio.Task[Any]":
        call = self.call("GET", ROOT + "/event/next", Lambda_Extension_Identifier=identifier)
        return asyncio.ensure_future(call)

    async def raw(self, data: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - a condition of the product's, which has no event of its own
                await asyncio.sleep(0.001)


@pytest.fixture
async def make() -> AsyncIterator[Any]:
    stages: list[Stage] = []

    async def make(*external: str, **changes: Any) -> Stage:
        stages.append(Stage(*external, **changes))
        await stages[-1].server.serve()
        return stages[-1]

    yield make
    for stage in stages:
        stage.apis.close()
        stage.server.close()
        if stage.listener:
            stage.listener.close()
        for writer in stage.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    await asyncio.sleep(0.001)


async def kind_of(stage: Stage, *arguments: Any, **headers: str) -> tuple[int, str]:
    status, _, body = await stage.call(*arguments, **headers)
    return status, body["errorType"]


async def test_an_extension_learns_whom_it_serves(make):
    stage = await make("watcher")
    body = b'{"events": ["INVOKE"]}'
    answer = await stage.call(
        "POST", ROOT + "/register", body, Lambda_Extension_Name="watcher", Lambda_Extension_Accept_Feature="accountId"
    )
    about = {"functionName": "hello", "functionVersion": "$LATEST", "handler": "app.handler"}
    assert answer[0] == 200
    assert answer[2] == about | {"accountId": "111111111111"}
    assert len(answer[1]["Lambda-Extension-Identifier"]) == 36


async def test_what_a_registration_must_not_be_is_refused_as_aws_does(make):
    stage = await make("watcher")
    path = ROOT + "/register"
    assert await kind_of(stage, "POST", path, b"{}") == (403, "Extension.InvalidExtensionName")
    name = {"Lambda_Extension_Name": "watcher"}
    assert await kind_of(stage, "POST", path, b"{", **name) == (403, "InvalidRequestFormat")
    old = b'{"events": [], "configurationKeys": ["a"]}'
    assert await kind_of(stage, "POST", path, old, **name) == (403, "InvalidRequestFormat")
    assert await kind_of(stage, "POST", path, b'{"events": ["X"]}', **name) == (403, "Extension.InvalidEventType")
    await stage.register("watcher")
    assert await kind_of(stage, "POST", path, b"{}", **name) == (403, "Extension.InvalidExtensionState")


async def test_ten_extensions_are_the_most(make):
    stage = await make(*(f"e{number}" for number in range(9)))
    await stage.register("inside", "INVOKE")
    path, body = ROOT + "/register", b'{"events": []}'
    found = await kind_of(stage, "POST", path, body, Lambda_Extension_Name="one more")
    assert found == (403, "Extension.TooManyExtensions")
    crowded = await make(*(f"e{number}" for number in range(11)))
    with pytest.raises(ExtensionFailed, match=r"Extension\.LaunchError"):
        await crowded.extensions.registered()


async def test_nobody_new_comes_after_init(make):
    stage = await make()
    stage.extensions.open = False
    found = await kind_of(stage, "POST", ROOT + "/register", b'{"events": []}', Lambda_Extension_Name="late")
    assert found == (403, "Extension.RegistrationClosed")


async def test_the_identifier_is_asked_for(make):
    stage = await make("watcher")
    path = ROOT + "/event/next"
    assert await kind_of(stage, "GET", path) == (403, "Extension.MissingExtensionIdentifier")
    wrong = {"Lambda_Extension_Identifier": "me"}
    assert await kind_of(stage, "GET", path, **wrong) == (403, "Extension.InvalidExtensionIdentifier")
    unknown = {"Lambda_Extension_Identifier": "8476a536-e9f4-11e8-9739-2dfe598c3fcd"}
    assert await kind_of(stage, "GET", path, **unknown) == (403, "Extension.UnknownExtensionIdentifier")


async def test_init_waits_for_every_registration_and_then_for_every_first_next(make):
    stage = await make("one", "two")
    registered = asyncio.ensure_future(stage.extensions.registered())
    first = await stage.register("one", "INVOKE")
    assert not registered.done()
    second = await stage.register("two", "SHUTDOWN")
    await registered
    ready = asyncio.ensure_future(stage.apis.wait_until_ready())
    calls = [stage.asks(first)]
    await stage.until(lambda: stage.extensions.members[0].state == "Ready")
    assert not ready.done()
    calls.append(stage.asks(second))
    await ready
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_an_invocation_is_told_to_those_who_asked_for_it_and_is_over_when_they_ask_again(make):
    stage = await make("watcher", "sleeper")
    watcher, sleeper = await stage.register("watcher", "INVOKE"), await stage.register("sleeper", "SHUTDOWN")
    asking, other = stage.asks(watcher), stage.asks(sleeper)
    await stage.until(stage.extensions.are_ready)
    stage.apis.begin(invocation(trace="Root=1-2-3"), 1_700_000_003_000)
    _, _, event = await asking
    assert event == {
        "eventType": "INVOKE",
        "deadlineMs": 1_700_000_003_000,
        "requestId": invocation().request_id,
        "invokedFunctionArn": invocation().invoked_arn,
        "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1-2-3"},
    }
    assert not stage.extensions.are_ready()
    again = stage.asks(watcher)
    await stage.until(stage.extensions.are_ready)
    assert not other.done()
    for call in (again, other):
        call.cancel()
    await asyncio.gather(again, other, return_exceptions=True)


async def test_an_event_waits_for_an_extension_that_hung_up(make):
    stage = await make("watcher")
    me = await stage.register("watcher", "INVOKE")
    first = stage.asks(me)
    await stage.until(stage.extensions.are_ready)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await stage.until(lambda: not stage.extensions._asking)
    stage.apis.begin(invocation(), 1)
    assert (await stage.asks(me))[2]["eventType"] == "INVOKE"


async def test_news_of_processes_and_output_come_through_the_same_port(make):
    stage = await make("watcher")
    await stage.raw(b"LAMBENT-OUTPUT watcher\nfirst line\nno end")
    await stage.until(lambda: stage.tap.text == b"first line\nno end\n")
    await stage.raw(b"LAMBENT-PROCESSES\nexit 256 nobody\nexit 256 watcher\n")
    await stage.until(lambda: stage.fatal)
    assert stage.fatal == [Fatal("Extension.Crash", "exit status 1")]
    with pytest.raises(ExtensionFailed):
        await stage.extensions.registered()


async def test_connections_that_say_nothing_are_few_and_leave_room_when_they_go(make):
    stage = await make("watcher")
    silent = [await asyncio.open_connection("127.0.0.1", stage.port) for _ in range(MOST_CONNECTIONS)]
    await stage.until(lambda: not stage.server.has_room())
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    assert await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    for _, each in [*silent, (reader, writer)]:
        each.close()
        await each.wait_closed()
    await stage.until(stage.server.has_room)
    await stage.register("watcher")


async def test_a_launch_that_failed_is_told_in_the_log(make):
    stage = await make("watcher")
    await stage.raw(b"LAMBENT-PROCESSES\nlaunch 13 watcher\n")
    await stage.until(lambda: stage.fatal)
    stage.apis.init_ended("Extension.LaunchError", 1.0)
    line = b"EXTENSION\tName: watcher\tState: LaunchError\tEvents: []\tError Type: PermissionDenied\n"
    assert line in stage.tap.text


async def test_the_logs_api_is_refused_in_awss_words(make):
    stage = await make("watcher")
    me = await stage.register("watcher")
    found = await stage.call("PUT", "/2020-08-15/logs", b"{}", Lambda_Extension_Identifier=me)
    assert (found[0], found[2]["errorType"]) == (202, "Logs.NotSupported")


# -- telemetry


async def listen(stage: Stage, status: int = 200) -> list[Any]:
    """A listener inside the environment; what it is posted is in the list."""
    posted: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stage.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                posted.append((head.split(b"\r\n")[0].decode(), json.loads(await reader.readexactly(length))))
                writer.write(f"HTTP/1.1 {status} Told\r\nContent-Length: 2\r\n\r\nOK".encode())

    stage.listening = socket.create_server(("127.0.0.1", 0))
    stage.listener = await asyncio.start_server(serve, sock=stage.listening)
    return posted


def subscription(**changes: Any) -> bytes:
    asked: dict[str, Any] = {
        "schemaVersion": "2022-12-13", "types": ["platform", "function", "extension"],
        "buffering": {"timeoutMs": 25}, "destination": {"protocol": "HTTP", "URI": "http://sandbox:8080/path?q=1"},
    }  # fmt: skip
    return json.dumps(asked | changes).encode()


async def test_events_from_before_the_subscription_are_sent_too(make):
    stage = await make("watcher")
    posted = await listen(stage)
    stage.apis.init_began(1_700_000_000.0, "2023/11/14/[$LATEST]0")
    me = await stage.register("watcher")
    answer = await stage.call("PUT", "/2022-07-01/telemetry", subscription(), Lambda_Extension_Identifier=me)
    assert (answer[0], answer[2]) == (200, "OK")
    stage.tap.listener(b"hello\nworld\n")
    await stage.apis.telemetry.flush()
    line, events = posted[0]
    assert line == "POST /path?q=1 HTTP/1.1"
    kinds = [event["type"] for _, batch in posted for event in batch]
    assert kinds == ["platform.initStart", "platform.telemetrySubscription", "function", "function"]
    assert events[0]["record"]["instanceMaxMemory"] == 128 * 1024 * 1024
    assert events[0]["time"] == "2023-11-14T22:13:20.000Z"
    assert b"TELEMETRY\tName: watcher\tState: Subscribed\tTypes: [Platform, Function, Extension]\n" in stage.tap.text


async def test_a_subscription_that_is_not_valid_or_too_late_is_refused(make):
    stage = await make("watcher")
    me = {"Lambda_Extension_Identifier": await stage.register("watcher")}
    path = "/2022-07-01/telemetry"
    status, _, body = await stage.call("PUT", path, subscription(types=[]), **me)
    assert (status, body) == (400, {"errorMessage": "types should not be empty", "errorType": "ValidationError"})
    assert await kind_of(stage, "PUT", path, subscription()) == (403, "Extension.MissingExtensionIdentifier")
    stage.apis.telemetry.close_subscriptions()
    assert await kind_of(stage, "PUT", path, subscription(), **me) == (403, "Telemetry.SubscriptionClosed")


async def test_a_listener_that_refuses_everything_loses_events_and_is_told_how_many(make, monkeypatch):
    monkeypatch.setattr("lambent.sandbox.telemetry_sender.PAUSES_S", (0.0, 0.0))
    stage = await make("watcher")
    posted = await listen(stage, status=500)
    me = await stage.register("watcher")
    await stage.call("PUT", "/2022-07-01/telemetry", subscription(), Lambda_Extension_Identifier=me)
    await stage.until(lambda: any(event["type"] == "platform.logsDropped" for _, batch in posted for event in batch))
    dropped = [event for _, batch in posted for event in batch if event["type"] == "platform.logsDropped"]
    assert dropped[0]["record"]["droppedRecords"] >= 1
    assert set(dropped[0]["record"]) == {"droppedBytes", "droppedRecords", "reason"}


async def test_a_report_tells_what_extensions_took(make):
    stage = await make("watcher")
    posted = await listen(stage)
    me = await stage.register("watcher")
    await stage.call("PUT", "/2022-07-01/telemetry", subscription(), Lambda_Extension_Identifier=me)
    outcome = Outcome(payload=b"{}", status="failure", error_type="Runtime.ExitError", duration_ms=12.5, billed_ms=13)
    stage.apis.answered(invocation(), outcome, 10.0)
    stage.apis.reported(invocation(), outcome, 2.5)
    await stage.apis.telemetry.flush()
    found = {event["type"]: event["record"] for _, batch in posted for event in batch}
    assert found["platform.runtimeDone"]["status"] == "error"
    assert found["platform.runtimeDone"]["errorType"] == "Runtime.ExitError"
    assert found["platform.runtimeDone"]["metrics"] == {"durationMs": 10.0, "producedBytes": 0}
    assert found["platform.report"]["spans"][0]["name"] == "extensionOverhead"
    assert found["platform.report"]["spans"][0]["durationMs"] == 2.5
    assert found["platform.report"]["metrics"]["billedDurationMs"] == 13


# -- the end


async def test_the_shutdown_phase_is_as_long_as_its_extensions_need(make):
    assert budget([]) == NOTHING == (0, 0)
    inside = await make()
    await inside.register("inside")
    assert budget(inside.extensions.members) == INTERNAL == (500, 500)
    outside = await make("watcher")
    assert budget(outside.extensions.members) == EXTERNAL == (300, 2_000)


async def test_the_runtime_ends_first_then_extensions_are_told_why(make):
    stage = await make("watcher")
    me = await stage.register("watcher", "SHUTDOWN")
    asking = stage.asks(me)
    await stage.until(stage.extensions.are_ready)
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    signals: list[int] = []

    def send(number: int) -> None:
        signals.append(number)
        over.set_result(None)

    end = asyncio.ensure_future(shut_down(stage.apis, "timeout", runtime_over=over, send=send, clock=stage.clock))
    _, _, event = await asking
    assert signals == [15]
    assert event == {"eventType": "SHUTDOWN", "shutdownReason": "timeout", "deadlineMs": 1_700_000_002_000}
    stage.extensions.exited("watcher", 0)
    await asyncio.wait_for(end, PATIENCE_S)
    assert stage.fatal == []
