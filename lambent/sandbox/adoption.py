"""How the front end takes over a husk that was given out: its descriptors become a Sandbox, and its end is heard of."""

import asyncio
import os
import socket
from collections.abc import Callable

from lambent.clock import Clock
from lambent.errors import SandboxError
from lambent.model import Version
from lambent.observe.logbook import Logbook, LogStream
from lambent.runtimes.table import TABLE
from lambent.sandbox.agent_client import AgentClient, Given
from lambent.sandbox.api_router import ApiServer
from lambent.sandbox.brake import Brake
from lambent.sandbox.channel import ChannelLink
from lambent.sandbox.counters import Counters
from lambent.sandbox.custom import CustomLink
from lambent.sandbox.link import InitSpec, RuntimeLink
from lambent.sandbox.logtap import LogTap
from lambent.sandbox.protocol import Ended, Exited
from lambent.sandbox.runtime_api import HttpLink
from lambent.sandbox.sandbox import LONG_S, Sandbox
from lambent.sandbox.watch import Watch


def is_custom(version: Version) -> bool:
    """Does its own `bootstrap` speak the Runtime API?"""
    row = TABLE.get(version.runtime)
    return row is None or row.kind == "provided"


class Hearing:
    """Hears how a sandbox ends, though it may do so before there is anybody to tell."""

    def __init__(self, agent: AgentClient, on_end: Callable[[Sandbox], None]) -> None:
        self._agent = agent
        self._on_end = on_end
        self._sandbox: Sandbox | None = None
        self._exit: Exited | None = None
        self._early: Ended | None = None
        self._abandoned = False

    def hear(self, news: Ended | Exited) -> None:
        if isinstance(news, Exited):
            self._exit = news
            if self._sandbox is not None:
                self._sandbox.exited(news)
            return
        self._early = news
        if self._sandbox is not None:
            self._sandbox.ended(news)
            self._on_end(self._sandbox)
        elif self._abandoned:
            self._agent.forget(news.husk)

    def concerns(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        if self._exit is not None:
            sandbox.exited(self._exit)
        if self._early is not None:
            self.hear(self._early)

    def nobody_cares(self) -> None:
        self._abandoned = True
        if self._early is not None:
            self.hear(self._early)


class Adoption:
    """Joins sandboxes to the log, and to the one watch over calls."""

    def __init__(
        self, logbook: Logbook, clock: Clock, open_door: Callable[[int | None], Callable[[], None] | None]
    ) -> None:
        """`open_door` serves the AWS endpoint inside at a descriptor, and returns what ends that."""
        self._logbook = logbook
        self._clock = clock
        self._open_door = open_door
        self._watch: Watch | None = None

    async def adopt(
        self, agent: AgentClient, version: Version, given: Given, stream: LogStream, spec: InitSpec
    ) -> Sandbox:
        """Take over the husk's descriptors, and tell its runtime what to become."""
        assigned, fds = given.assigned, dict(given.fds)
        channel = socket.socket(fileno=fds.pop("channel"))
        api = socket.socket(fileno=fds.pop("api")) if "api" in fds else None
        server = ApiServer(api) if api is not None else None
        try:
            link = await _link(channel, server, spec, custom=is_custom(version) or spec.exec_wrapper is not None)
        except BaseException as error:
            for fd in fds.values():
                os.close(fd)
            if isinstance(error, OSError):
                raise SandboxError(f"the sandbox's channel cannot be used: {error}") from error
            raise
        tap = LogTap(
            fds.pop("log"), lambda data: self._logbook.append(stream, self._clock.epoch(), data), self._congested
        )
        counters = Counters([fds.pop(name) for name in ("memory_peak", "cpu_time") if name in fds])
        brake = Brake(fds.pop("freeze", None))
        endpoint = fds.pop("endpoint", None)
        for fd in fds.values():
            os.close(fd)
        sandbox = Sandbox(
            assigned.husk, version, link, tap=tap, counters=counters, clock=self._clock, brake=brake,
            kill=lambda: agent.stop(assigned.husk), forget=lambda: agent.forget(assigned.husk),
            send=lambda number: agent.signal(assigned.husk, number), watch=self._watch_calls(),
        )  # fmt: skip
        sandbox.log_stream = stream.name
        sandbox.shut_door = self._open_door(endpoint)
        if server is not None:
            names = tuple(os.path.basename(path) for path in spec.extensions)
            sandbox.offer(server, lambda port: agent.connection_into(assigned.husk, port), names)
            server.listen()
        return sandbox

    def _watch_calls(self) -> Watch:
        """One for all sandboxes; made late, since it belongs to the event loop."""
        if self._watch is None:
            self._watch = Watch(asyncio.get_running_loop(), LONG_S)
        return self._watch

    def _congested(self) -> bool:
        return self._logbook.congested


async def _link(channel: socket.socket, server: ApiServer | None, spec: InitSpec, *, custom: bool) -> RuntimeLink:
    frames = await ChannelLink.open(channel, told=spec)
    return CustomLink(frames, HttpLink(server)) if custom and server is not None else frames
