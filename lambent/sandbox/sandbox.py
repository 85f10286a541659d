"""One execution environment, as the front end holds it: a link to its runtime, its log, its counters.

One invocation at a time. State moves forward only: starting, idle ⇄ busy, gone.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from lambent.clock import Clock
from lambent.errors import AgentGone
from lambent.model import Invocation, Outcome, Version
from lambent.observe import report
from lambent.sandbox import failures
from lambent.sandbox.failures import Failure
from lambent.sandbox.link import InitDone, InitSpec, LinkClosed, Reply, RuntimeLink
from lambent.sandbox.logtap import LogTap
from lambent.sandbox.protocol import Ended

INIT_LIMIT_S = 10.0  # AWS: after that, init is run again at the first invoke, under the function's own time-out
DEATH_WAIT_S = 2.0  # how long a closed channel may precede the news of how the runtime ended
LONG_S = 0.05  # a call that takes longer is worth a line in the log before it is over
_MB = 1024 * 1024
_TOKEN = 16  # bytes


def tokens() -> Iterator[bytes]:
    """Unguessable tokens, 64 for each time that the kernel is asked."""
    while True:
        bits = os.urandom(64 * _TOKEN)
        yield from (bits[at : at + _TOKEN] for at in range(0, len(bits), _TOKEN))


next_token = tokens().__next__


class Counters:
    """The control group's counters, read from descriptors that the agent opened; 1 µs each."""

    def __init__(self, fds: list[int]) -> None:
        self._fds = fds
        self._last: tuple[bytes, ...] = ()  # what they said last; the files go away with the control group

    def memory_peak_mb(self) -> int:
        """Highest use since the environment was made, rounded up; 0 where nobody counts."""
        return -(-int(self._read(0) or b"0") // _MB)

    def cpu_ns(self) -> int | None:
        data = self._read(1)
        if data.startswith(b"usage_usec"):  # version 2
            return int(data.split(None, 2)[1]) * 1000
        return int(data) if data else None

    def keep(self, last: tuple[bytes, ...] = ()) -> None:
        """Before the group goes: an invocation that its environment does not survive has used memory too."""
        self._last = last or tuple(self._read(index) for index in range(len(self._fds)))

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds = []

    def _read(self, index: int) -> bytes:
        if self._fds:
            try:
                return os.pread(self._fds[index], 128, 0)
            except OSError:
                pass  # the group is gone
        return self._last[index] if self._last else b""


class Sandbox:
    """Made by the keeper; used by one invocation after another until it ends."""

    def __init__(
        self, name: str, version: Version, link: RuntimeLink, *, tap: LogTap, counters: Counters, clock: Clock,
        kill: Callable[[], None],
    ) -> None:  # fmt: skip
        self.name = name
        self.version = version
        self.log_stream = ""
        self.idle_since = 0.0
        self.init_ms: float | None = None  # until the first invocation has reported it
        self.gone = False
        self.doomed: InitDone | None = None  # init failed: the first invocation is answered with its error
        self.init_trouble: str | None = None  # "timeout" or "exited": init failed twice, without a word
        self._link = link
        self._tap = tap
        self._counters = counters
        self._clock = clock
        self._kill = kill
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Ended] = self._loop.create_future()
        self._speaks = report.speaks(version)
        self._cpu_before: int | None = 0
        self._late = False  # the time-out ended the invocation
        self._timer: asyncio.TimerHandle

    def __repr__(self) -> str:
        return f"<Sandbox {self.name} {self.version.arn}{' gone' if self.gone else ''}>"

    async def init(self, spec: InitSpec, limit_s: float = INIT_LIMIT_S, began: float | None = None) -> str | None:
        """Run the init phase. Returns None, "timeout" or "exited"; a failure that the runtime reports dooms it.

        `began` is when the runtime was told, if that is over already (monotonic).
        """
        began = self._clock.monotonic() if began is None else began
        if self._speaks:
            self._tap.add(report.init_start(self.version, self._clock.epoch()))
        try:
            async with asyncio.timeout(limit_s):
                done = await self._link.init(spec)
        except TimeoutError:
            self.end()
            return "timeout"
        except LinkClosed:
            await self._how_it_ended()
            return "exited"
        finally:
            self.init_ms = (self._clock.monotonic() - began) * 1000
        if done.error_type:
            self.doomed = done
        return None

    async def run(self, invocation: Invocation) -> Outcome:
        """Run one invocation to its outcome; never raises for what a function or its runtime does.

        Raises AgentGone when the node agent dies meanwhile.
        """
        clock, tap, version = self._clock, self._tap, self.version
        tap.begin(report.start(invocation.request_id, version, clock.epoch()) if self._speaks else b"")
        began = clock.monotonic()
        answer = await self._ask(invocation) if self.reusable else await self._doom(invocation)
        duration_ms = (clock.monotonic() - began) * 1000
        tap.finish()
        if isinstance(answer, Failure) and answer.status == "timeout":
            duration_ms = version.timeout_s * 1000.0
            tap.add(report.timed_out(invocation.request_id, version, clock.epoch()))
        outcome = self._outcome(answer, duration_ms)
        if self._speaks:
            tap.add(report.end(invocation.request_id, version, outcome, clock.epoch()))
        if invocation.want_log_tail:
            outcome = _with_tail(outcome, tap.tail())
        return outcome

    def end(self) -> None:
        """Stop it now; everything in it is killed. Safe to call again."""
        if not self.gone:
            self.gone = True
            self._counters.keep()
            self._kill()

    def ended(self, news: Ended) -> None:
        """The agent says that it is over: let go of everything."""
        self.gone = True
        if not self._ended.done():
            self._ended.set_result(news)
        self._link.close()
        self._tap.finish()
        self._tap.close()
        self._counters.keep(news.counters)
        self._counters.close()

    @property
    def reusable(self) -> bool:
        return not (self.gone or self.doomed or self.init_trouble or self._link.closed)

    # -- details

    async def _doom(self, invocation: Invocation) -> Failure:
        """The failure of init, as the answer to the invocation that needed it."""
        if self.doomed is not None:
            error_type = self.doomed.error_type or "Runtime.Unknown"
            return failures.init_failed(invocation.request_id, error_type, self.doomed.error_body)
        if self.init_trouble == "timeout":
            return failures.timed_out(invocation.request_id, self.version.timeout_s)
        return await self._exited(invocation)

    async def _ask(self, invocation: Invocation) -> Reply | Failure:
        """The runtime's answer, or the failure that stands for it. The host keeps the time."""
        timeout_s = self.version.timeout_s
        deadline = self._clock.epoch() + timeout_s
        meta: dict[str, Any] = {
            "id": invocation.request_id,
            "arn": invocation.invoked_arn,
            "deadline": int(deadline * 1000),
            "trace": invocation.trace,
        }
        if invocation.client_context is not None:
            meta["context"] = invocation.client_context
        self._timer = self._loop.call_later(LONG_S, self._takes_long)
        try:
            reply = await self._link.invoke(next_token(), meta, invocation.payload)
        except LinkClosed:
            if self._late:
                self.end()
                return failures.timed_out(invocation.request_id, timeout_s)
            return await self._exited(invocation)
        finally:
            self._timer.cancel()
        if reply.last:
            self.init_trouble = "exited"  # it is ending by itself; being told is a moment away
        if len(reply.payload) > failures.RESPONSE_LIMIT:
            return failures.too_large(len(reply.payload))
        return reply

    def _takes_long(self) -> None:
        """The one timer of most calls serves two ends: show in the log that this one runs, then watch its time."""
        self._tap.release()
        self._timer = self._loop.call_later(self.version.timeout_s - LONG_S, self._time_is_up)

    def _time_is_up(self) -> None:
        self._late = True
        self._link.close()

    async def _exited(self, invocation: Invocation) -> Failure:
        """The runtime is gone. That is the function's doing, unless the agent went: then it is ours, and AgentGone."""
        news = await self._how_it_ended()
        if news.lost:
            raise AgentGone("the node agent died, and the execution environment with it; the call may have run")
        return failures.exited(invocation.request_id, news.status, out_of_memory=news.out_of_memory)

    async def _how_it_ended(self) -> Ended:
        """The news of the runtime's end, which follows its closed channel; killed if it only closed the channel."""
        try:
            async with asyncio.timeout(DEATH_WAIT_S / 10):
                return await asyncio.shield(self._ended)
        except TimeoutError:
            self.end()
        try:
            async with asyncio.timeout(DEATH_WAIT_S):
                return await asyncio.shield(self._ended)
        except TimeoutError:
            return Ended(self.name, None, False)

    def _outcome(self, answer: Reply | Failure, duration_ms: float) -> Outcome:
        init_ms, self.init_ms = self.init_ms, None
        cpu = self._cpu_ms()
        return Outcome(
            payload=answer.body if isinstance(answer, Failure) else answer.payload,
            function_error="Unhandled" if answer.error_type else None,
            error_type=answer.error_type,
            status=answer.status if isinstance(answer, Failure) else "error" if answer.error_type else "success",
            cold=init_ms is not None,
            duration_ms=duration_ms,
            init_ms=init_ms,
            billed_ms=-int(-(duration_ms + (init_ms or 0.0)) // 1),
            memory_peak_mb=self._counters.memory_peak_mb(),
            cpu_ms=cpu,
            sandbox=self.name,
        )

    def _cpu_ms(self) -> float | None:
        if self._cpu_before is None:
            return None
        now = self._counters.cpu_ns()
        if now is None:
            self._cpu_before = None
            return None
        spent, self._cpu_before = now - self._cpu_before, now
        return spent / 1e6


def _with_tail(outcome: Outcome, tail: bytes) -> Outcome:
    return msgspec.structs.replace(outcome, log_tail=tail)
