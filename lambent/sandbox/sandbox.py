"""One execution environment, as the front end holds it: a link to its runtime, its log, its counters.

One invocation at a time. State moves forward only: starting, idle ⇄ busy, gone. While idle it may be frozen.
"""

import asyncio
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from lambent.clock import Clock
from lambent.errors import AgentGone
from lambent.model import Invocation, Outcome, Version
from lambent.observe import report
from lambent.sandbox import failures
from lambent.sandbox.api_router import ApiServer
from lambent.sandbox.apis import Apis
from lambent.sandbox.brake import Brake
from lambent.sandbox.counters import Counters
from lambent.sandbox.extension_states import Fatal
from lambent.sandbox.extensions import ExtensionFailed
from lambent.sandbox.failures import Failure
from lambent.sandbox.link import InitDone, InitSpec, LinkClosed, Reply, RuntimeLink
from lambent.sandbox.logtap import LogTap
from lambent.sandbox.protocol import Ended, Exited
from lambent.sandbox.shutdown import shut_down
from lambent.sandbox.streamed import Flow
from lambent.sandbox.telemetry_events import Init
from lambent.sandbox.telemetry_sender import Connect
from lambent.sandbox.watch import Watch

INIT_LIMIT_S = 10.0  # AWS: after that, init is run again at the first invoke, under the function's own time-out
DEATH_WAIT_S = 2.0  # how long a closed channel may precede the news of how the runtime ended
LONG_S = 0.05  # a call that takes longer is worth a line in the log before it is over
_TOKEN = 16  # bytes


def tokens() -> Iterator[bytes]:
    """Unguessable tokens, 64 for each time that the kernel is asked."""
    while True:
        bits = os.urandom(64 * _TOKEN)
        yield from (bits[at : at + _TOKEN] for at in range(0, len(bits), _TOKEN))


next_token = tokens().__next__


class Sandbox:
    """Made by the keeper; used by one invocation after another until it ends."""

    # More attributes than the 30 that Python shares between instances: without slots each access costs twice as much.
    __slots__ = (
        "_bequeaths",
        "_brake",
        "_clock",
        "_counters",
        "_cpu_before",
        "_end_reason",
        "_ended",
        "_exited_with",
        "_farewell",
        "_fatal",
        "_flow",
        "_forget",
        "_init_at",
        "_initialization",
        "_kill",
        "_late",
        "_link",
        "_loop",
        "_send",
        "_server",
        "_speaks",
        "_tap",
        "_timer",
        "_watch",
        "ahead",
        "apis",
        "born",
        "doomed",
        "frozen",
        "gone",
        "idle_since",
        "init_ms",
        "init_over",
        "init_trouble",
        "log_stream",
        "name",
        "owed_ms",
        "rested_at",
        "restored",
        "settling",
        "shared_mb",
        "shut_door",
        "used_mb",
        "version",
        "waited",
        "why_cold",
    )

    def __init__(
        self, name: str, version: Version, link: RuntimeLink, *, tap: LogTap, counters: Counters, clock: Clock,
        kill: Callable[[], None], forget: Callable[[], None] = lambda: None, brake: Brake | None = None,
        send: Callable[[int], None] = lambda number: None, watch: Watch | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.version = version
        self.log_stream = ""
        # Monotonic, of the product's clock: expiry goes by them. A reset makes a new sandbox of the same age, since the
        # environment is the same.
        self.born = 0.0
        self.idle_since = 0.0
        self.rested_at = 0.0  # the same as idle_since on the real clock, for freezing
        self.used_mb = 0  # most memory that it was seen to use
        self.init_ms: float | None = None  # until the first invocation has reported it
        self.restored: tuple[float, int] | None = None  # of a clone: how long it took, and what of it is billed, in ms
        self.shared_mb = 0  # of a clone: what its template uses, and it with it
        self.ahead = False  # its init was over before there was a call that needed it
        self.why_cold = ""  # why it was started, until its first invocation has reported that
        self.waited: tuple[float, str] | None = None  # ms for which its invocation waited for room, and why
        self.gone = False
        self.frozen = False
        self.doomed: InitDone | None = None  # init failed: the first invocation is answered with its error
        self.init_trouble: str | None = None  # "timeout", "exited", "extension": init failed without a word
        self.apis: Apis | None = None  # extensions and telemetry, once anybody asked for them
        self.init_over = False
        self._init_at: float | None = None  # epoch
        self.settling: asyncio.Task[Outcome] | None = None  # answered, but extensions are still at work
        self.owed_ms = 0.0  # what a repeated init took of the first invocation's time
        self._link = link
        self._tap = tap
        self._counters = counters
        self._clock = clock
        self._kill = kill
        self._forget = forget
        self._brake = brake or Brake()
        self._bequeaths = True  # its /tmp may yet be taken over by the sandbox that follows it
        self._loop = asyncio.get_running_loop()
        self._send = send  # signals the runtime
        self._ended: asyncio.Future[Ended] = self._loop.create_future()
        self._exited_with: asyncio.Future[Ended] = self._loop.create_future()  # of the runtime; the others may linger
        self._fatal: Fatal | None = None  # an extension ended the environment
        self._farewell: asyncio.Task[None] | None = None  # the SHUTDOWN phase
        self._server: ApiServer | None = None
        self.shut_door: Callable[[], None] | None = None  # of the AWS endpoint inside
        self._speaks = report.speaks(version)
        self._initialization = report.initialization(version)
        self._cpu_before: int | None = 0
        self._end_reason = ""
        self._late = False  # the time-out ended the invocation
        self._flow: Flow | None = None  # where the answer of the last invocation was streamed to
        self._watch = watch or Watch(self._loop, LONG_S)
        self._timer: asyncio.TimerHandle | None = None  # of the time-out, once a call takes long

    def __repr__(self) -> str:
        return f"<Sandbox {self.name} {self.version.arn}{' gone' if self.gone else ''}>"

    async def init(
        self, spec: InitSpec, limit_s: float = INIT_LIMIT_S, began: float | None = None, *, again: bool = False
    ) -> str | None:
        """Run the init phase. Returns None or the trouble; a failure that the runtime reports dooms it.

        `began` is when the runtime was told, if that is over already (monotonic). `again` says that an earlier init
        failed or was lost with its runtime: its repetition is a part of the invocation that waits for it, and AWS shows
        no more of it than that (lambda-semantics.md §8, "suppressed init").
        """
        began = self._clock.monotonic() if began is None else began
        if self._speaks and not again:
            self._tap.add(report.init_start(self.version, self._clock.epoch()))
        self._init_at = self._clock.epoch()
        if self.apis is not None:
            self.apis.init = Init("invoke" if again else "init", self._initialization)
            self.apis.init_began(self._init_at, self.log_stream)
        self.init_trouble, error_type = await self._try_init(spec, limit_s)
        self.init_over = True
        took_ms = (self._clock.monotonic() - began) * 1000
        if self.apis is not None:
            self.apis.init_ended(error_type or ("Sandbox.Timedout" if self.init_trouble else None), took_ms)
        if again:
            self.owed_ms = took_ms
        else:
            self.init_ms = took_ms
        if (self.init_trouble or error_type) and not self.lost:
            self._tap.finish()
            self._tap.add(
                report.init_report(
                    self.version, took_ms, phase="invoke" if again else "init", error_type=error_type,
                    status="timeout" if self.init_trouble == "timeout" else "error", at=self._clock.epoch(),
                )
            )  # fmt: skip
        return self.init_trouble

    async def restore(self, spec: InitSpec, limit_s: float, began: float) -> str | None:
        """In a clone: the hooks after the restore, and what is new in `spec`. Returns None or the trouble, as `init`.

        `began` is when the clone was asked for (monotonic), `limit_s` what is left of the time that it may take.
        """
        clock, version = self._clock, self.version
        told = clock.monotonic()
        if self._speaks:
            self._tap.add(report.restore_start(version, clock.epoch()))
        if self.apis is not None:
            self.apis.restore_began(clock.epoch(), self.log_stream)
        self.init_trouble, error_type = await self._try_init(spec, limit_s)
        self.init_over = True
        now = clock.monotonic()
        took_ms = (now - began) * 1000
        self.restored = took_ms, math.ceil((now - told) * 1000)
        if self.apis is not None:
            self.apis.restore_ended(error_type or ("Sandbox.Timedout" if self.init_trouble else None), took_ms)
        status = "timeout" if self.init_trouble == "timeout" else "error" if error_type else "success"
        if self._speaks or status != "success":
            self._tap.finish()
            self._tap.add(report.restore_report(version, took_ms, status, error_type, clock.epoch()))
        return self.init_trouble or (error_type and "error")

    async def _try_init(self, spec: InitSpec, limit_s: float) -> tuple[str | None, str | None]:
        """The trouble that init came to, and the error type that tells of it."""
        try:
            async with asyncio.timeout(limit_s):
                done = await self._initialise(spec)
        except TimeoutError:
            self.end("timeout")
            return "timeout", None
        except ExtensionFailed as error:
            self._fatal = error.fatal
            self.end("failure")
            return "extension", error.fatal.kind
        except LinkClosed:
            if self._fatal is not None:
                self.end("failure")
                return "extension", self._fatal.kind
            news = await self._how_it_ended()
            return "exited", failures.exited("", news.status, out_of_memory=news.out_of_memory).error_type
        if done.error_type:
            self.doomed = done
        return None, done.error_type

    async def _initialise(self, spec: InitSpec) -> InitDone:
        """Init of the extensions, then of the runtime; over when all of them wait for an event."""
        if spec.extensions and self.apis is not None:
            done = await self._initialise_behind(self.apis, spec)
        else:
            done = await self._link.init(spec)
        if self.apis is not None and not done.error_type:
            await self.apis.wait_until_ready()
        return done

    async def _initialise_behind(self, apis: Apis, spec: InitSpec) -> InitDone:
        """The runtime goes on when all extensions have registered; its own end meanwhile is not missed."""
        init = self._loop.create_task(self._link.init(spec))
        registered = self._loop.create_task(apis.extensions.registered())
        try:
            await asyncio.wait((init, registered), return_when=asyncio.FIRST_COMPLETED)
            if registered.done():
                registered.result()
                self._link.proceed()
            return await init
        finally:
            for task in (init, registered):
                task.cancel()
            await asyncio.gather(init, registered, return_exceptions=True)

    async def run(self, invocation: Invocation, flow: Flow | None = None) -> Outcome:
        """Run one invocation to its outcome; never raises for what a function or its runtime does.

        Raises AgentGone when the node agent dies meanwhile.
        """
        clock, tap, version = self._clock, self._tap, self.version
        tap.begin(report.start(invocation.request_id, version, clock.epoch()) if self._speaks else b"")
        began = clock.monotonic()
        apis = self.apis if self.apis is not None and self.apis.active else None
        if apis is not None:
            apis.begin(invocation, int((clock.epoch() + version.timeout_s - self.owed_ms / 1000) * 1000))
        answer = await self._ask(invocation, flow) if self.reusable else await self._doom(invocation)
        duration_ms = (clock.monotonic() - began) * 1000 + self.owed_ms
        tap.finish()
        if apis is not None:
            return await self._settle(apis, invocation, answer, duration_ms)
        return self._conclude(invocation, answer, duration_ms)

    def _conclude(self, invocation: Invocation, answer: Reply | Failure, duration_ms: float) -> Outcome:
        """Nothing more happens: measure, report."""
        clock, tap, version = self._clock, self._tap, self.version
        if isinstance(answer, Failure) and answer.status == "timeout":
            duration_ms = version.timeout_s * 1000.0
            tap.add(report.timed_out(invocation.request_id, version, clock.epoch()))
        outcome = self._outcome(answer, duration_ms)
        if self._speaks or outcome.status != "success":  # at level WARN AWS tells of failures still
            tap.add(report.end(invocation.request_id, version, outcome, clock.epoch()))
        if invocation.want_log_tail:
            outcome = _with_tail(outcome, tap.tail())
        return outcome

    async def _settle(self, apis: Apis, invocation: Invocation, answer: Reply | Failure, duration_ms: float) -> Outcome:
        """With extensions the caller has its answer when the runtime has given it, and the report when all are done.

        Who asked for the tail of the log waits for that, since REPORT is what the tail is read for.
        """
        provisional = Outcome(
            payload=answer.body if isinstance(answer, Failure) else answer.payload,
            function_error="Unhandled" if answer.error_type else None,
            error_type=answer.error_type,
            status=answer.status if isinstance(answer, Failure) else "error" if answer.error_type else "success",
            cold=(self.init_ms is not None and not self.ahead) or self.owed_ms > 0,
            streamed_bytes=self._flow.size if self._flow is not None else 0,
        )
        apis.answered(invocation, provisional, duration_ms)
        work = self._await_extensions(apis, invocation, answer, duration_ms)
        if isinstance(answer, Failure) or invocation.want_log_tail or apis.extensions.are_ready():
            return await work
        self.settling = self._loop.create_task(work)
        return provisional

    async def _await_extensions(
        self, apis: Apis, invocation: Invocation, answer: Reply | Failure, duration_ms: float
    ) -> Outcome:
        """Until all extensions have asked for the next event, or the function's time is up."""
        began, request_id = self._clock.monotonic(), invocation.request_id
        verdict = answer
        if not self.gone:
            try:
                async with asyncio.timeout(max(0.0, self.version.timeout_s - duration_ms / 1000)):
                    await apis.extensions.ready()
            except TimeoutError:
                self.end("timeout")
                verdict = failures.timed_out(request_id, self.version.timeout_s)
            except ExtensionFailed as error:
                self.end("failure")
                verdict = failures.extension(request_id, error.fatal)
        overhead_ms = (self._clock.monotonic() - began) * 1000
        self._tap.finish()
        outcome = self._conclude(invocation, verdict, duration_ms + overhead_ms)
        apis.reported(invocation, outcome, overhead_ms)
        outcome = msgspec.structs.replace(outcome, extensions_ms=overhead_ms)
        if verdict is not answer and not isinstance(answer, Failure):
            outcome = msgspec.structs.replace(outcome, payload=answer.payload)  # the caller has its answer already
        self.settling = None
        return outcome

    async def stream(self, invocation: Invocation, flow: Flow) -> Outcome:
        """As `run`; what the function streams goes to `flow` as it comes, and is not in the outcome."""
        try:
            return await self.run(invocation, flow)
        except asyncio.CancelledError:
            self.end()  # it would go on streaming into the next invocation's ears
            raise

    def end(self, reason: str = "spindown") -> None:
        """Stop it; everything in it is killed, after the SHUTDOWN phase if there are extensions. Safe to call again."""
        if self.gone:
            return
        self.gone = True
        self._end_reason = reason
        self._counters.keep()
        if self.apis is None or not self.apis.active:
            self._kill()
        else:
            self._farewell = self._loop.create_task(self._say_farewell(self.apis, reason))

    async def _say_farewell(self, apis: Apis, reason: str) -> None:
        if self.frozen:
            self.thaw()
        try:
            await shut_down(apis, reason, runtime_over=self._exited_with, send=self._send, clock=self._clock)
        finally:
            self._kill()

    @property
    def farewell(self) -> "asyncio.Task[None] | None":
        """Its SHUTDOWN phase, as long as that goes on."""
        return self._farewell if self._farewell is not None and not self._farewell.done() else None

    def offer(self, server: ApiServer, connect: Connect, external: tuple[str, ...] = ()) -> None:
        """Have extensions served behind `server`: now if there are `external` ones, or else when somebody asks."""

        def open_apis() -> None:
            self.apis = Apis(
                server, self.version, external,
                tap=self._tap, clock=self._clock, connect=connect, speaks=self._speaks, on_fatal=self._extension_failed,
            )  # fmt: skip
            self.apis.extensions.open = self.apis.telemetry.open = not self.init_over
            if self._init_at is not None:
                self.apis.init_began(self._init_at, self.log_stream)
            server.shared = True

        self._server = server
        if external:
            open_apis()
        else:
            server.router.more = open_apis

    def _extension_failed(self, fatal: Fatal) -> None:
        """Nobody may use it any more; whoever does just now is told why."""
        if not self.gone:
            self._fatal = fatal
            self._link.close()

    def freeze(self) -> None:
        """Everything in it stands still until `thaw`."""
        self.frozen = True
        self._brake.put_on()

    def thaw(self) -> bool:
        """False when there is nobody left to go on."""
        self.frozen = False
        return self._brake.let_go()

    def forget(self) -> None:
        """Nothing of it is wanted any more, not even its /tmp."""
        self._bequeaths = False
        if self._ended.done():
            self._forget()

    def exited(self, news: Exited) -> None:
        """The runtime is over; the extensions are not yet."""
        if not self._exited_with.done():
            self._exited_with.set_result(Ended(news.husk, news.status, news.out_of_memory))
        self._link.close()

    def ended(self, news: Ended) -> None:
        """The agent says that it is over: let go of everything."""
        self.gone = True
        for told in (self._exited_with, self._ended):
            if not told.done():
                told.set_result(news)
        self._link.close()
        if self._server is not None:
            self._server.close()
        if self.shut_door is not None:
            self.shut_door()
        if self.apis is not None:
            self.apis.close()
        if self._farewell is not None:
            self._farewell.cancel()  # there is nobody left to wait for
        self._tap.finish()
        self._tap.close()
        self._counters.keep(news.counters)
        self._counters.close()
        self._brake.close()
        if not self._bequeaths:
            self._forget()

    def measure(self) -> int:
        """The most memory that it has used, in MB, read now."""
        self.used_mb = self._counters.memory_peak_mb()
        return self.used_mb

    @property
    def reusable(self) -> bool:
        return not (self.gone or self.doomed or self.init_trouble or self._link.closed)

    @property
    def failed_init(self) -> bool:
        return bool(self.doomed or self.init_trouble)

    @property
    def over(self) -> bool:
        """The agent has said that it is gone."""
        return self._ended.done()

    @property
    def ending(self) -> str:
        """How it came to its end, in a few words; none if nobody knows."""
        if self._late or "timeout" in (self._end_reason, self.init_trouble):
            return "time-out"
        if self._fatal is not None:
            return f"an extension failed ({self._fatal.kind})"
        if self.doomed is not None:
            return f"its init failed ({self.doomed.error_type})"
        return failures.ending(self._exited_with.result()) if self._exited_with.done() else ""

    @property
    def lost(self) -> bool:
        """It went with its agent."""
        return self._ended.done() and self._ended.result().lost

    async def has_left(self) -> bool:
        """Wait until its /tmp can be taken over; False if it cannot be."""
        if self.farewell is None:
            await asyncio.wait([self._ended], timeout=DEATH_WAIT_S)
        if not self.over:
            self.forget()  # its extensions are still busy with their SHUTDOWN, which no call waits for
        return self.over and not self.lost

    # -- details

    async def _doom(self, invocation: Invocation) -> Failure:
        """The failure of init, as the answer to the invocation that needed it."""
        if self.doomed is not None:
            error_type = self.doomed.error_type or "Runtime.Unknown"
            return failures.init_failed(invocation.request_id, error_type, self.doomed.error_body)
        if self._fatal is not None:
            return failures.extension(invocation.request_id, self._fatal)
        if self.init_trouble == "timeout":
            return failures.timed_out(invocation.request_id, self.version.timeout_s)
        return await self._exited(invocation)

    async def _ask(self, invocation: Invocation, flow: Flow | None) -> Reply | Failure:
        """The runtime's answer, or the failure that stands for it. The host keeps the time."""
        timeout_s = self.version.timeout_s
        deadline = self._clock.epoch() + timeout_s - self.owed_ms / 1000
        meta: dict[str, Any] = {
            "id": invocation.request_id,
            "arn": invocation.invoked_arn,
            "deadline": int(deadline * 1000),
            "trace": invocation.trace,
        }
        if invocation.client_context is not None:
            meta["context"] = invocation.client_context
        self._watch.begin(self)
        try:
            self._flow = flow
            if flow is None:
                reply = await self._link.invoke(next_token(), meta, invocation.payload)
            else:
                reply = await self._link.stream(next_token(), meta, invocation.payload, flow)
        except LinkClosed:
            if self._fatal is not None:
                self.end("failure")
                return failures.extension(invocation.request_id, self._fatal)
            if self._late:
                self.end("timeout")
                return failures.timed_out(invocation.request_id, timeout_s)
            return await self._exited(invocation)
        finally:
            self._watch.end(self)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        if reply.last:
            self.init_trouble = "exited"  # it is ending by itself; being told is a moment away
        if len(reply.payload) > failures.RESPONSE_LIMIT:
            return failures.too_large(len(reply.payload))
        return reply

    def takes_long(self, for_s: float) -> None:
        """The call has been running `for_s` seconds: show in the log that it does, and watch its time from here on."""
        self._tap.release()
        left_s = self.version.timeout_s - self.owed_ms / 1000 - for_s
        self._timer = self._loop.call_later(max(0.0, left_s), self._time_is_up)

    def _time_is_up(self) -> None:
        self._late = True
        self._link.close()

    async def _exited(self, invocation: Invocation) -> Failure:
        """The runtime is gone. That is the function's doing, unless the agent went: then it is ours, and AgentGone."""
        news = await self._how_it_ended()
        if news.lost:
            raise AgentGone("the node agent died, and the execution environment with it; the call may have run")
        self.end("failure")
        failure = failures.exited(invocation.request_id, news.status, out_of_memory=news.out_of_memory)
        reported = self.apis.extensions.reported if self.apis is not None else ""
        return failures.renamed(failure, reported) if reported else failure

    async def _how_it_ended(self) -> Ended:
        """The news of the runtime's end, which follows its closed channel; killed if it only closed the channel."""
        try:
            async with asyncio.timeout(DEATH_WAIT_S / 10):
                return await asyncio.shield(self._exited_with)
        except TimeoutError:
            self.end("failure")
        try:
            async with asyncio.timeout(DEATH_WAIT_S):
                return await asyncio.shield(self._exited_with)
        except TimeoutError:
            return Ended(self.name, None, False)

    def _outcome(self, answer: Reply | Failure, duration_ms: float) -> Outcome:
        init_ms, self.init_ms = self.init_ms, None
        owed_ms, self.owed_ms = self.owed_ms, 0.0
        restored, self.restored = self.restored, None
        why_cold, self.why_cold = self.why_cold, ""
        # Provisioned concurrency pays for its init apart, and the call has not waited for it; AWS still shows it once.
        waited_ms = None if self.ahead else init_ms
        before_ms = restored[1] if restored is not None else waited_ms or 0.0
        cpu = self._cpu_ms()
        return Outcome(
            payload=answer.body if isinstance(answer, Failure) else answer.payload,
            function_error="Unhandled" if answer.error_type else None,
            error_type=answer.error_type,
            status=answer.status if isinstance(answer, Failure) else "error" if answer.error_type else "success",
            cold=waited_ms is not None or owed_ms > 0 or restored is not None,
            duration_ms=duration_ms,
            init_ms=init_ms,
            restore_ms=restored[0] if restored is not None else None,
            restore_billed_ms=restored[1] if restored is not None else 0,
            billed_ms=-int(-(duration_ms + before_ms) // 1),
            memory_peak_mb=self._whole_mb() if self.shared_mb else self.measure(),
            cpu_ms=cpu,
            sandbox=self.name,
            why_cold=why_cold,
            initialization=self._initialization,
            streamed_bytes=self._flow.size if self._flow is not None else 0,
        )

    def _whole_mb(self) -> int:
        """With what it shares with its template; what it has copied counts twice, but no more than there may be."""
        return min(self.version.memory_mb, self.measure() + self.shared_mb)

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
