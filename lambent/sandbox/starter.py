"""Turns a husk into a sandbox of a version: assignment, the link to its runtime, and the init phase."""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from lambent.clock import Clock
from lambent.errors import AgentGone, InitFailed, SandboxError, SnapshotFailed
from lambent.model import Version
from lambent.observe import report
from lambent.observe.logbook import Logbook, LogStream
from lambent.runtimes.environment import Credentials, environment, extension_environment, image_environment
from lambent.runtimes.table import TABLE
from lambent.sandbox import extension_files, image_process, init_phase
from lambent.sandbox.agent_client import AgentClient, Given
from lambent.sandbox.api_router import ApiServer
from lambent.sandbox.brake import Brake
from lambent.sandbox.channel import ChannelLink
from lambent.sandbox.counters import Counters
from lambent.sandbox.custom import CustomLink
from lambent.sandbox.image_process import ImageProcess
from lambent.sandbox.link import InitSpec, RuntimeLink
from lambent.sandbox.logtap import LogTap
from lambent.sandbox.protocol import Assign, Ended, Exited
from lambent.sandbox.runtime_api import HttpLink
from lambent.sandbox.sandbox import LONG_S, Sandbox
from lambent.sandbox.snapshots import INIT_LIMIT_S as LONG_INIT_S
from lambent.sandbox.snapshots import ONE_THREAD, WHOLE, Part, Snapshots
from lambent.sandbox.surroundings import Surroundings
from lambent.sandbox.watch import Watch
from lambent.store.images import ImageStore


def is_custom(version: Version) -> bool:
    """Does its own `bootstrap` speak the Runtime API?"""
    row = TABLE.get(version.runtime)
    return row is None or row.kind == "provided"


class _Ending:
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


class Start(Protocol):
    """A sandbox that has been through init."""

    def __call__(
        self, agent: AgentClient, version: Version, on_end: Callable[[Sandbox], None], estate: Sandbox | None = None
    ) -> Awaitable[Sandbox]: ...


class Starter:
    """Knows where code lies and where logs go; the keeper asks it for sandboxes."""

    def __init__(
        self, code_path: Callable[[str], Path], images: ImageStore, logbook: Logbook, clock: Clock,
        ages: Clock | None = None,
    ) -> None:  # fmt: skip
        """`clock` is the real one; `ages` (the same, if it is not given) is the one by which sandboxes grow old."""
        self.code_path = code_path
        self.images = images
        self.logbook = logbook
        self.clock = clock
        self.ages = ages or clock
        self.snapshots = Snapshots(self._attempt, clock)
        self.surroundings = Surroundings()
        self._watch: Watch | None = None

    async def start(
        self, agent: AgentClient, version: Version, on_end: Callable[[Sandbox], None], estate: Sandbox | None = None
    ) -> Sandbox:
        """A sandbox that has been through init, or is doomed to report why not. Raises SandboxError.

        Init that fails is run again under the function's own time-out, as AWS does at the first invoke. `estate` is an
        ended sandbox whose environment goes on in this one: its init is a repetition from the start.
        """
        if version.snap_start:
            if estate is not None:
                estate.forget()  # a clone begins with what init has left in /tmp, whatever happened since
            return await self.snapshots.restore(agent, version, on_end)
        if estate is not None:
            return await self._attempt(agent, version, on_end, estate)
        first = await self._attempt(agent, version, on_end)
        if not first.failed_init:
            return first
        first.end()
        try:
            return await self._attempt(agent, version, on_end, first)
        except BaseException:
            first.forget()
            raise

    async def ready(
        self, agent: AgentClient, version: Version, on_end: Callable[[Sandbox], None], estate: Sandbox | None = None
    ) -> Sandbox:
        """As `start`, ahead of any call: its init may take long, and is not repeated. Raises InitFailed."""
        limit_s = max(LONG_INIT_S, float(version.timeout_s))
        sandbox = await self._attempt(agent, version, on_end, estate, Part(limit_s=limit_s))
        if sandbox.failed_init:
            sandbox.forget()
            sandbox.end()
            raise InitFailed
        sandbox.beginning = msgspec.structs.replace(sandbox.beginning, ahead=True)
        return sandbox

    async def _attempt(
        self, agent: AgentClient, version: Version, on_end: Callable[[Sandbox], None], estate: Sandbox | None = None,
        part: Part = WHOLE,
    ) -> Sandbox:  # fmt: skip
        ending = _Ending(agent, on_end)
        inherit = estate.name if estate is not None and await estate.has_left() else ""
        layers = tuple(str(self.code_path(digest)) for digest in version.layers)
        code, image = self._code(agent, version)
        process = image_process.of(self.images, version)
        extensions = process.extensions if process else extension_files.find(layers)
        if part.makes_snapshot:
            extensions = ()  # they are processes of their own: each clone starts them
        given = await agent.assign(
            lambda ask: Assign(
                ask, version.husk_runtime, code, layers, version.memory_mb, version.tmp_mb, inherit=inherit,
                image=image, linger=bool(extensions), snapshot=part.makes_snapshot, template=part.template,
                network=self.surroundings.network(version), sealed=version.sealed_environment,
                owner=version.function_arn,
            ),
            ending.hear,
        )  # fmt: skip
        stream = self._stream(version, estate.log_stream if estate else "")
        spec = self._spec(version, stream.name, given, extensions, process)
        if part.makes_snapshot and spec.exec_wrapper:
            ending.nobody_cares()
            agent.give_back(given)
            raise SnapshotFailed("SnapStart with AWS_LAMBDA_EXEC_WRAPPER is not built yet: take the variable away.")
        if part.makes_snapshot:
            spec = msgspec.structs.replace(spec, environ=ONE_THREAD | spec.environ)
        began = self.clock.monotonic()
        try:
            sandbox = await self._adopt(agent, version, given, stream, spec)
        except BaseException:
            ending.nobody_cares()
            agent.stop(given.assigned.husk)
            raise
        sandbox.born = estate.born if estate else self.ages.monotonic()
        ending.concerns(sandbox)
        try:
            await self._through_init(agent, sandbox, spec, began, again=estate is not None, part=part)
        except BaseException:
            sandbox.forget()
            sandbox.end()
            raise
        return sandbox

    def _code(self, agent: AgentClient, version: Version) -> tuple[str, str]:
        """The directory of a zip function's code, the root of an image function: one of them is empty."""
        if version.image is None:
            return str(self.code_path(version.code_digest)), ""
        if refusal := image_process.refusal(agent.hello.isolation):
            raise SandboxError(refusal)
        return "", str(self.images.path(version.code_digest))

    async def _through_init(
        self, agent: AgentClient, sandbox: Sandbox, spec: InitSpec, began: float, *, again: bool, part: Part
    ) -> None:
        limit_s = part.limit_s or (float(sandbox.version.timeout_s) if again else init_phase.INIT_LIMIT_S)
        if part.template:
            work = init_phase.restore(sandbox, spec, max(0.0, part.began + limit_s - began), part.began)
        else:
            work = init_phase.init(sandbox, spec, limit_s, began, again=again)
        if await work is None and not sandbox.doomed:
            agent.started(sandbox.name)
        elif sandbox.lost:
            raise AgentGone  # nothing of the invocation has run yet: it may be tried with another agent

    async def _adopt(
        self, agent: AgentClient, version: Version, given: Given, stream: LogStream, spec: InitSpec
    ) -> Sandbox:
        """Take over the husk's descriptors, and tell its runtime what to become."""
        assigned, fds = given.assigned, dict(given.fds)
        channel = socket.socket(fileno=fds.pop("channel"))
        api = socket.socket(fileno=fds.pop("api")) if "api" in fds else None
        server = ApiServer(api) if api is not None else None
        try:
            link = await self._link(channel, server, spec, custom=is_custom(version) or spec.exec_wrapper is not None)
        except BaseException as error:
            for fd in fds.values():
                os.close(fd)
            if isinstance(error, OSError):
                raise SandboxError(f"the sandbox's channel cannot be used: {error}") from error
            raise
        tap = LogTap(
            fds.pop("log"), lambda data: self.logbook.append(stream, self.clock.epoch(), data), self._congested
        )
        counters = Counters([fds.pop(name) for name in ("memory_peak", "cpu_time") if name in fds])
        brake = Brake(fds.pop("freeze", None))
        endpoint = fds.pop("endpoint", None)
        for fd in fds.values():
            os.close(fd)
        sandbox = Sandbox(
            assigned.husk, version, link, tap=tap, counters=counters, clock=self.clock, brake=brake,
            kill=lambda: agent.stop(assigned.husk), forget=lambda: agent.forget(assigned.husk),
            send=lambda number: agent.signal(assigned.husk, number), watch=self._watch_calls(),
        )  # fmt: skip
        sandbox.log_stream = stream.name
        sandbox.shut_door = self.surroundings.open(endpoint)
        if server is not None:
            names = tuple(os.path.basename(path) for path in spec.extensions)
            sandbox.offer(server, lambda port: agent.connection_into(assigned.husk, port), names)
            server.listen()
        return sandbox

    async def _link(
        self, channel: socket.socket, server: ApiServer | None, spec: InitSpec, *, custom: bool
    ) -> RuntimeLink:
        frames = await ChannelLink.open(channel, told=spec)
        return CustomLink(frames, HttpLink(server)) if custom and server is not None else frames

    def _watch_calls(self) -> Watch:
        """One for all sandboxes; made late, since it belongs to the event loop."""
        if self._watch is None:
            self._watch = Watch(asyncio.get_running_loop(), LONG_S)
        return self._watch

    def _congested(self) -> bool:
        return self.logbook.congested

    def _stream(self, version: Version, name: str = "") -> LogStream:
        """YYYY/MM/DD/[version]32 hex digits, or the `name` that the environment has already."""
        day = datetime.fromtimestamp(self.clock.epoch(), UTC).strftime("%Y/%m/%d")
        name = name or f"{day}/[{version.version}]{secrets.token_hex(16)}"
        return LogStream(version.account, version.region, version.name, name)

    def _spec(
        self, version: Version, log_stream: str, given: Given, extensions: tuple[str, ...], image: ImageProcess | None
    ) -> InitSpec:
        keys = Credentials(version.account, secrets.token_urlsafe(30), secrets.token_urlsafe(60))
        version = msgspec.structs.replace(version, environment=given.assigned.environment)
        kind = report.initialization(version)
        if image is None:
            environ = environment(version, log_stream, keys, initialization_type=kind)
        else:
            environ = image_environment(version, log_stream, keys, image.environ, initialization_type=kind)
        environ["AWS_LAMBDA_RUNTIME_API"] = given.assigned.runtime_api
        own_network = given.assigned.task_root == "/var/task"
        environ |= self.surroundings.variables(environ, given.fds.get("endpoint"), own_network=own_network)
        if given.assigned.task_root != "/var/task":
            environ["LAMBDA_TASK_ROOT"] = given.assigned.task_root
        return InitSpec(
            environ=environ, handler=version.handler, task_root=given.assigned.task_root,
            log_format=version.log_format, log_level=version.application_log_level, extensions=extensions,
            extension_environ=extension_environment(environ) if extensions else {},
            command=image.command if image else (),
            working_directory=image.working_directory if image else "",
            exec_wrapper=None if is_custom(version) else environ.get("AWS_LAMBDA_EXEC_WRAPPER"),
        )  # fmt: skip
