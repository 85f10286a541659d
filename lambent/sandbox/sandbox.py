"""One execution environment, as the front end holds it: a link to its runtime, its log, its counters.

One invocation at a time. State moves forward only: starting, idle ⇄ busy, gone. While idle it may be frozen.
Its phases have files of their own: init_phase.py, invoke_phase.py, shutdown.py.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from lambent.clock import Clock
from lambent.model import Invocation, Outcome, Version
from lambent.observe import report
from lambent.sandbox import invoke_phase
from lambent.sandbox.api_router import ApiServer
from lambent.sandbox.apis import Apis
from lambent.sandbox.brake import Brake
from lambent.sandbox.counters import Counters
from lambent.sandbox.demise import DEATH_WAIT_S, Demise
from lambent.sandbox.extension_states import Fatal
from lambent.sandbox.link import InitDone, RuntimeLink
from lambent.sandbox.logtap import LogTap
from lambent.sandbox.outcomes import WARM
from lambent.sandbox.protocol import Ended, Exited
from lambent.sandbox.shutdown import shut_down
from lambent.sandbox.streamed import Flow
from lambent.sandbox.telemetry_sender import Connect
from lambent.sandbox.watch import Watch

LONG_S = 0.05  # a call that takes longer is worth a line in the log before it is over


class Sandbox:
    """Made by the keeper; used by one invocation after another until it ends."""

    # More attributes than the 30 that Python shares between instances: without slots each access costs twice as much.
    __slots__ = (
        "_bequeaths", "_brake", "_forget", "_kill", "_send", "_server", "apis", "beginning", "born", "clock",
        "counters", "demise", "doomed", "flow", "frozen", "gone", "idle_since", "init_at", "init_over", "init_trouble",
        "initialization", "link", "log_stream", "loop", "name", "rested_at", "settling", "shared_mb", "shut_door",
        "speaks", "tap", "timer", "used_mb", "version", "waited", "watch",
    )  # fmt: skip

    def __init__(
        self, name: str, version: Version, link: RuntimeLink, *, tap: LogTap, counters: Counters, clock: Clock,
        kill: Callable[[], None], forget: Callable[[], None] = lambda: None, brake: Brake | None = None,
        send: Callable[[int], None] = lambda number: None, watch: Watch | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.version = version
        self.link = link
        self.tap = tap
        self.counters = counters
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self.log_stream = ""
        self.speaks = report.speaks(version)
        self.initialization = report.initialization(version)
        # Monotonic, of the product's clock: expiry goes by them. A reset makes a new sandbox of the same age, since the
        # environment is the same.
        self.born = 0.0
        self.idle_since = 0.0
        self.rested_at = 0.0  # the same as idle_since on the real clock, for freezing
        self.used_mb = 0  # most memory that it was seen to use
        self.shared_mb = 0  # of a clone: what its template uses, and it with it
        # init
        self.init_at: float | None = None  # epoch
        self.init_over = False
        self.init_trouble: str | None = None  # "timeout", "exited", "extension": init failed without a word
        self.doomed: InitDone | None = None  # init failed: the first invocation is answered with its error
        self.beginning = WARM  # until the first invocation has reported it
        # invocations
        self.waited: tuple[float, str] | None = None  # ms for which its invocation waited for room, and why
        self.flow: Flow | None = None  # where the answer of the last invocation was streamed to
        self.watch = watch or Watch(self.loop, LONG_S)
        self.timer: asyncio.TimerHandle | None = None  # of the time-out, once a call takes long
        self.settling: asyncio.Task[Outcome] | None = None  # answered, but extensions are still at work
        self.frozen = False
        # what else lives inside
        self.apis: Apis | None = None  # extensions and telemetry, once anybody asked for them
        self.shut_door: Callable[[], None] | None = None  # of the AWS endpoint inside
        self._server: ApiServer | None = None
        # the end
        self.gone = False
        self.demise = Demise(self.loop)
        self._bequeaths = True  # its /tmp may yet be taken over by the sandbox that follows it
        self._brake = brake or Brake()
        self._kill = kill
        self._forget = forget
        self._send = send  # signals the runtime

    def __repr__(self) -> str:
        return f"<Sandbox {self.name} {self.version.arn}{' gone' if self.gone else ''}>"

    # -- invocations

    def run(self, invocation: Invocation) -> Coroutine[Any, Any, Outcome]:
        """Run one invocation to its outcome; never raises for what a function or its runtime does.

        Raises AgentGone when the node agent dies meanwhile.
        """
        return invoke_phase.run(self, invocation)

    def stream(self, invocation: Invocation, flow: Flow) -> Coroutine[Any, Any, Outcome]:
        """As `run`; what the function streams goes to `flow` as it comes, and is not in the outcome."""
        return invoke_phase.stream(self, invocation, flow)

    def takes_long(self, for_s: float) -> None:
        """The call has been running `for_s` seconds: show in the log that it does, and watch its time from here on."""
        self.tap.release()
        left_s = self.version.timeout_s - self.beginning.owed_ms / 1000 - for_s
        self.timer = self.loop.call_later(max(0.0, left_s), self._time_is_up)

    def _time_is_up(self) -> None:
        self.demise.late = True
        self.link.close()

    def measure(self) -> int:
        """The most memory that it has used, in MB, read now."""
        self.used_mb = self.counters.memory_peak_mb()
        return self.used_mb

    def whole_mb(self) -> int:
        """The same with what a clone shares with its template; what it has copied counts twice, but no more than there
        may be."""
        return min(self.version.memory_mb, self.measure() + self.shared_mb)

    @property
    def reusable(self) -> bool:
        return not (self.gone or self.doomed or self.init_trouble or self.link.closed)

    @property
    def failed_init(self) -> bool:
        return bool(self.doomed or self.init_trouble)

    def freeze(self) -> None:
        """Everything in it stands still until `thaw`."""
        self.frozen = True
        self._brake.put_on()

    def thaw(self) -> bool:
        """False when there is nobody left to go on."""
        self.frozen = False
        return self._brake.let_go()

    # -- extensions

    def offer(self, server: ApiServer, connect: Connect, external: tuple[str, ...] = ()) -> None:
        """Have extensions served behind `server`: now if there are `external` ones, or else when somebody asks."""

        def open_apis() -> None:
            self.apis = Apis(
                server, self.version, external,
                tap=self.tap, clock=self.clock, connect=connect, speaks=self.speaks, on_fatal=self._extension_failed,
            )  # fmt: skip
            self.apis.extensions.open = self.apis.telemetry.open = not self.init_over
            if self.init_at is not None:
                self.apis.init_began(self.init_at, self.log_stream)
            server.shared = True

        self._server = server
        if external:
            open_apis()
        else:
            server.router.more = open_apis

    def _extension_failed(self, fatal: Fatal) -> None:
        """Nobody may use it any more; whoever does just now is told why."""
        if not self.gone:
            self.demise.fatal = fatal
            self.link.close()

    # -- its end

    def end(self, reason: str = "spindown") -> None:
        """Stop it; everything in it is killed, after the SHUTDOWN phase if there are extensions. Safe to call again."""
        if self.gone:
            return
        self.gone = True
        self.demise.reason = reason
        self.counters.keep()
        if self.apis is None or not self.apis.active:
            self._kill()
        else:
            self.demise.farewell = self.loop.create_task(self._say_farewell(self.apis, reason))

    async def _say_farewell(self, apis: Apis, reason: str) -> None:
        if self.frozen:
            self.thaw()
        try:
            await shut_down(apis, reason, runtime_over=self.demise.runtime, send=self._send, clock=self.clock)
        finally:
            self._kill()

    def forget(self) -> None:
        """Nothing of it is wanted any more, not even its /tmp."""
        self._bequeaths = False
        if self.over:
            self._forget()

    def exited(self, news: Exited) -> None:
        """The runtime is over; the extensions are not yet."""
        self.demise.runtime_exited(news)
        self.link.close()

    def ended(self, news: Ended) -> None:
        """The agent says that it is over: let go of everything."""
        self.gone = True
        self.demise.is_over(news)
        self.link.close()
        if self._server is not None:
            self._server.close()
        if self.shut_door is not None:
            self.shut_door()
        if self.apis is not None:
            self.apis.close()
        self.tap.finish()
        self.tap.close()
        self.counters.keep(news.counters)
        self.counters.close()
        self._brake.close()
        if not self._bequeaths:
            self._forget()

    async def has_left(self) -> bool:
        """Wait until its /tmp can be taken over; False if it cannot be."""
        if self.farewell is None:
            await asyncio.wait([self.demise.environment], timeout=DEATH_WAIT_S)
        if not self.over:
            self.forget()  # its extensions are still busy with their SHUTDOWN, which no call waits for
        return self.over and not self.lost

    @property
    def farewell(self) -> "asyncio.Task[None] | None":
        """Its SHUTDOWN phase, as long as that goes on."""
        farewell = self.demise.farewell
        return farewell if farewell is not None and not farewell.done() else None

    @property
    def over(self) -> bool:
        """The agent has said that it is gone."""
        return self.demise.over

    @property
    def lost(self) -> bool:
        """It went with its agent."""
        return self.demise.lost

    @property
    def ending(self) -> str:
        """How it came to its end, in a few words; none if nobody knows."""
        return self.demise.in_words(self.doomed, self.init_trouble)
