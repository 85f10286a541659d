"""A sandbox whose runtime streams: what its outcome, its time-out and a cancelled call come to."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sandbox_samples import invocation, version
from test_sandbox_runs import FakeLink, Stage

from lambent.clock import FixedClock
from lambent.model import Outcome
from lambent.sandbox.link import Reply
from lambent.sandbox.streamed import Flow, Sink


class Still:
    """A connection that nobody holds."""

    def hold(self) -> None: ...
    def go_on(self) -> None: ...


class StreamingLink(FakeLink):
    """A runtime that says `said` and then does what `answer` says."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.said = b""

    async def stream(self, token: bytes, meta: dict[str, Any], payload: bytes, sink: Sink) -> Reply:
        sink.begin("", Still())
        sink.put(self.said)
        reply: Reply = await self._give(self.answer)
        return sink.reply(reply.payload, reply.error_type)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage(version(timeout_s=3))
    stage.link = stage.sandbox.link = StreamingLink(stage.clock)  # type: ignore[assignment]
    stage.link.said = b"x" * 1000  # type: ignore[attr-defined]
    yield stage
    stage.close()


async def stream(stage: Stage, flow: Flow) -> Outcome:
    return await stage.sandbox.stream(invocation(stage.sandbox.version), flow)


async def test_what_was_streamed_is_counted_and_is_not_in_the_outcome(stage: Stage) -> None:
    stage.link.answer, stage.link.takes_s = Reply(b""), 0.25
    outcome = await stream(stage, Flow())
    assert (outcome.payload, outcome.streamed_bytes, outcome.status) == (b"", 1000, "success")
    assert outcome.duration_ms == 250.0
    assert "REPORT RequestId" in stage.text()


async def test_a_call_after_a_streamed_one_has_streamed_nothing(stage: Stage) -> None:
    stage.link.answer = Reply(b"")
    await stream(stage, Flow())
    stage.link.answer = Reply(b'"hello"')
    assert (await stage.run()).streamed_bytes == 0


async def test_a_time_out_midway_is_a_time_out_with_what_was_streamed(stage: Stage) -> None:
    stage.link.answer = None
    call = asyncio.ensure_future(stream(stage, Flow()))
    await asyncio.sleep(0)
    for _ in range(2):  # it takes long; its time is up
        delay, due = stage.timers.set[-1]
        stage.clock.advance(delay)
        due()
    outcome = await call
    assert (outcome.status, outcome.error_type, outcome.streamed_bytes) == ("timeout", "Sandbox.Timedout", 1000)
    assert stage.kills == 1


async def test_a_stream_beyond_the_limit_is_an_error_of_the_function(stage: Stage) -> None:
    stage.link.answer = Reply(b"")
    outcome = await stream(stage, Flow(limit=999))
    assert (outcome.function_error, outcome.error_type) == ("Unhandled", "Function.ResponseSizeTooLarge")


async def test_a_cancelled_stream_ends_the_environment(stage: Stage) -> None:
    stage.link.answer = None
    call = asyncio.ensure_future(stream(stage, Flow()))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert (stage.kills, stage.sandbox.reusable) == (1, False)
