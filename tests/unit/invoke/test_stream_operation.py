"""A streamed invocation: what its client hears and when, who waits, and that it goes on when the client has gone."""

import asyncio
from typing import Any

import pytest
from invoke_doubles import Engine
from invoke_samples import REQUEST_ID, invocation, outcome

from lambent.errors import AgentGone, SandboxError, TooManyRequests
from lambent.invoke.streaming import Streams
from lambent.sandbox.streamed import PIECE, Flow

MB = 1024 * 1024


@pytest.fixture
def engine() -> Engine:
    return Engine()


def streams(engine: Engine) -> Streams:
    async def sleep(seconds: float) -> None:
        engine.clock.advance(seconds)

    return Streams(engine.invoker, sleep)


class Script:
    """A function that says what it is told to, piece by piece, and then ends when it may."""

    def __init__(self) -> None:
        self.flow: Flow | None = None
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, flow: Flow) -> None:
        self.flow = flow
        self.begun.set()
        await self.may_end.wait()

    def say(self, data: bytes) -> None:
        assert self.flow is not None
        self.flow.put(data)


@pytest.fixture
def script(engine: Engine) -> Script:
    engine.placement.script = Script()
    engine.placement.outcome = outcome(payload=b"")
    return engine.placement.script


def recorded(engine: Engine) -> asyncio.Event:
    """Set when the next invocation is over."""
    over = asyncio.Event()
    engine.invoker.listeners.append(lambda *_: over.set())
    return over


async def started(engine: Engine, script: Script, **changes: Any) -> Any:
    result = await streams(engine).start(invocation(**changes))
    await script.begun.wait()
    return result["EventStream"]


async def test_a_piece_is_heard_before_the_next_one_is_said(engine: Engine, script: Script) -> None:
    events = await started(engine, script)
    for word in (b"one", b"two"):
        script.say(word)
        assert await anext(events) == ("PayloadChunk", {"Payload": word})
    script.may_end.set()
    assert await anext(events) == ("InvokeComplete", {})
    with pytest.raises(StopAsyncIteration):
        await anext(events)


async def test_permit_and_sandbox_are_held_until_the_function_has_ended(engine: Engine, script: Script) -> None:
    events = await started(engine, script)
    account = invocation().version
    assert (engine.placement.leased, engine.admission.busy(account.account, account.region)) == (1, 1)
    script.may_end.set()
    assert [name async for name, _ in events] == ["InvokeComplete"]
    assert (engine.placement.leased, engine.admission.busy(account.account, account.region)) == (0, 0)
    assert [heard[0].request_id for heard in engine.heard] == [REQUEST_ID]


async def test_when_the_client_goes_the_function_runs_to_its_end_and_is_recorded(
    engine: Engine, script: Script
) -> None:
    events = await started(engine, script)
    script.say(b"one")
    await events.aclose()
    for _ in range(100):
        script.say(b"x" * PIECE)
    assert (engine.placement.leased, engine.heard) == (1, [])
    over = recorded(engine)
    script.may_end.set()
    await over.wait()
    assert engine.heard[0][1] == engine.placement.outcome
    assert engine.placement.leased == 0


async def test_a_client_that_goes_before_anything_was_said_ends_nothing(engine: Engine, script: Script) -> None:
    waiting = asyncio.ensure_future(streams(engine).start(invocation()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    over = recorded(engine)
    script.may_end.set()
    await over.wait()
    assert engine.heard[0][1] == engine.placement.outcome


async def test_what_the_function_answered_in_one_piece_is_streamed(engine: Engine) -> None:
    engine.placement.outcome = outcome(payload=b"x" * (PIECE + 1))
    result = await streams(engine).start(invocation())
    sizes = [len(members.get("Payload", b"")) async for _, members in result["EventStream"]]
    assert sizes == [PIECE, 1, 0]


@pytest.mark.parametrize("error", [SandboxError("no room"), TooManyRequests("Rate Exceeded.")])
async def test_what_fails_before_the_function_runs_is_an_error_of_the_operation(
    engine: Engine, error: Exception
) -> None:
    engine.placement.no_sandbox = error
    with pytest.raises(type(error)):
        await streams(engine).start(invocation())


async def test_an_environment_that_is_lost_midway_ends_the_stream_as_our_fault(engine: Engine, script: Script) -> None:
    engine.placement.outcome = AgentGone("it died")
    events = await started(engine, script)
    script.say(b"half")
    script.may_end.set()
    assert [event async for event in events] == [
        ("PayloadChunk", {"Payload": b"half"}),
        ("InvokeComplete", {"ErrorCode": "ServiceException", "ErrorDetails": "it died"}),
    ]


async def test_an_error_midway_comes_behind_what_was_said(engine: Engine, script: Script) -> None:
    engine.placement.outcome = outcome(payload=b'{"a":1}', function_error="Unhandled", error_type="Boom", log_tail=b"E")
    events = await started(engine, script, want_log_tail=True)
    script.say(b"half")
    script.may_end.set()
    heard = [event async for event in events]
    assert heard[1] == ("InvokeComplete", {"ErrorCode": "Boom", "ErrorDetails": '{"a":1}', "LogResult": "RQ=="})


async def test_a_stream_beyond_six_megabytes_is_slowed_to_two_megabytes_a_second(
    engine: Engine, script: Script
) -> None:
    events = await started(engine, script)
    before = engine.clock.monotonic()
    for _ in range(16 * MB // PIECE):
        script.say(b"x" * PIECE)
        await anext(events)
    assert engine.clock.monotonic() - before == pytest.approx(5.0)
    script.may_end.set()
    assert [name async for name, _ in events] == ["InvokeComplete"]


async def test_a_server_that_ends_ends_what_runs_for_nobody(engine: Engine, script: Script) -> None:
    made = streams(engine)
    result = await made.start(invocation())
    await result["EventStream"].aclose()
    await made.close()
    assert engine.placement.leased == 0
