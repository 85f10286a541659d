"""InvokeWithResponseStream: an event stream of PayloadChunk after PayloadChunk, then InvokeComplete.

The invocation runs in a task of its own: as on AWS it is run, and billed, to its end though its client has gone.
"""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from lambent.clock import Clock
from lambent.errors import LambentError
from lambent.invoke.pacing import Bucket
from lambent.invoke.path import Invoker
from lambent.model import Invocation, Outcome
from lambent.sandbox.streamed import PIECE, Flow
from lambent.wire.eventstream import CONTENT_TYPE

log = logging.getLogger("lambent")
UNTYPED = "application/octet-stream"  # what runtimes send when a function has named no type

Event = tuple[str, dict[str, Any]]  # name and members
Work = asyncio.Task[Outcome]
Sleep = Callable[[float], Awaitable[None]]


class Streams:
    """Starts streamed invocations, and keeps hold of those that run."""

    def __init__(self, invoker: Invoker, sleep: Sleep = asyncio.sleep) -> None:
        self._invoker = invoker
        self._sleep = sleep
        self._running: set[Work] = set()

    async def start(self, invocation: Invocation) -> dict[str, Any]:
        """The result of the operation, as soon as the function has begun to stream or has answered.

        Raises what the invoker raises when there is no permit or no sandbox.
        """
        flow = Flow()
        work = asyncio.get_running_loop().create_task(self._run(invocation, flow))
        self._running.add(work)
        work.add_done_callback(self._running.discard)
        try:
            await flow.first()
            if not flow.begun:
                await work
        except asyncio.CancelledError:
            flow.leave()
            raise
        work.add_done_callback(_look_at)
        typed = flow.content_type and flow.content_type != UNTYPED
        return {
            "StatusCode": 200,
            "ExecutedVersion": invocation.version.version,
            "ResponseStreamContentType": flow.content_type if typed else CONTENT_TYPE,
            "EventStream": Events(invocation, flow, work, self._invoker.clock, self._sleep),
        }

    async def close(self) -> None:
        """At the end of the server: what still runs, runs for nobody."""
        for work in self._running:
            work.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, invocation: Invocation, flow: Flow) -> Outcome:
        try:
            return await self._invoker.invoke(invocation, flow)
        finally:
            flow.close()


class Events:
    """The events of one stream, as they come; closing it, which says that the client has gone, ends no invocation."""

    def __init__(self, invocation: Invocation, flow: Flow, work: Work, clock: Clock, sleep: Sleep) -> None:
        self._invocation = invocation
        self._flow = flow
        self._work = work
        self._clock = clock
        self._sleep = sleep
        self._events = self._all()

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Event:
        return await anext(self._events)

    async def aclose(self) -> None:
        self._flow.leave()
        await self._events.aclose()  # type: ignore[attr-defined]

    async def _all(self) -> AsyncIterator[Event]:
        bucket = Bucket()
        while piece := await self._flow.next():
            wait = bucket.take(len(piece), self._clock.monotonic())
            if wait:
                await self._sleep(wait)
            yield _chunk(piece)
        try:
            outcome = await asyncio.shield(self._work)
        except LambentError as error:  # the environment was lost, and it is not the function's doing
            yield "InvokeComplete", {"ErrorCode": "ServiceException", "ErrorDetails": error.message}
            return
        if not outcome.function_error:
            for start in range(0, len(outcome.payload), PIECE):
                yield _chunk(outcome.payload[start : start + PIECE])
        yield "InvokeComplete", _complete(self._invocation, outcome)


def _chunk(data: bytes) -> Event:
    return "PayloadChunk", {"Payload": data}


def _complete(invocation: Invocation, outcome: Outcome) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if outcome.function_error:
        members["ErrorCode"] = outcome.error_type or outcome.function_error
        members["ErrorDetails"] = outcome.payload.decode("utf-8", "replace")
    if invocation.want_log_tail:
        members["LogResult"] = base64.b64encode(outcome.log_tail).decode()
    return members


def _look_at(work: Work) -> None:
    """Nobody may be waiting for it any more; what failed must not go unseen."""
    if not work.cancelled() and (error := work.exception()) is not None:
        log.error("a streamed invocation failed: %s", error)
