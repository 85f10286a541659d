"""Turns a husk into a sandbox of a version: assignment, the link to its runtime, and the init phase."""

import os
import secrets
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from lambent.clock import Clock
from lambent.errors import SandboxError
from lambent.model import Version
from lambent.observe.logbook import Logbook, LogStream
from lambent.runtimes.environment import Credentials, environment
from lambent.runtimes.table import TABLE
from lambent.sandbox.agent_client import AgentClient, Given
from lambent.sandbox.channel import ChannelLink
from lambent.sandbox.custom import CustomLink
from lambent.sandbox.link import InitSpec, RuntimeLink
from lambent.sandbox.logtap import LogTap
from lambent.sandbox.protocol import Assign, Ended, Exited
from lambent.sandbox.sandbox import INIT_LIMIT_S, Counters, Sandbox


def is_custom(version: Version) -> bool:
    """Does its own `bootstrap` speak the Runtime API?"""
    row = TABLE.get(version.runtime)
    return row is None or row.kind == "provided"


class Starter:
    """Knows where code lies and where logs go; the keeper asks it for sandboxes."""

    def __init__(self, code_path: Callable[[str], Path], logbook: Logbook, clock: Clock) -> None:
        self.code_path = code_path
        self.logbook = logbook
        self.clock = clock

    async def start(self, agent: AgentClient, version: Version, on_end: Callable[[Sandbox], None]) -> Sandbox:
        """A sandbox that has been through init, or is doomed to report why not. Raises SandboxError.

        Init that times out or crashes is run again under the function's own time-out, as AWS does at the first invoke.
        """
        sandbox, trouble = await self._attempt(agent, version, on_end, INIT_LIMIT_S)
        if trouble:
            again, trouble = await self._attempt(agent, version, on_end, float(version.timeout_s))
            again.init_ms = (sandbox.init_ms or 0.0) + (again.init_ms or 0.0)
            again.init_trouble = trouble
            return again
        return sandbox

    async def _attempt(
        self, agent: AgentClient, version: Version, on_end: Callable[[Sandbox], None], limit_s: float
    ) -> tuple[Sandbox, str | None]:
        holder: list[Sandbox] = []
        early: list[Ended] = []

        def ended(news: Ended | Exited) -> None:
            if isinstance(news, Exited):
                return  # nothing lingers yet
            if news.estate:
                agent.forget(news.husk)
            if holder:
                holder[0].ended(news)
                on_end(holder[0])
            else:
                early.append(news)

        layers = tuple(str(self.code_path(digest)) for digest in version.layers)
        code = str(self.code_path(version.code_digest))
        given = await agent.assign(
            lambda ask: Assign(ask, version.runtime, code, layers, version.memory_mb, version.tmp_mb), ended
        )
        stream = self._stream(version)
        spec = self._spec(version, stream.name, given)
        began = self.clock.monotonic()
        sandbox = await self._adopt(agent, version, given, stream, spec)
        holder.append(sandbox)
        for news in early:
            ended(news)
        trouble = await sandbox.init(spec, limit_s, began)
        if trouble is None:
            agent.started(sandbox.name)
        return sandbox, trouble

    async def _adopt(
        self, agent: AgentClient, version: Version, given: Given, stream: LogStream, spec: InitSpec
    ) -> Sandbox:
        """Take over the husk's descriptors, and tell its runtime what to become."""
        assigned, fds = given.assigned, dict(given.fds)
        channel = socket.socket(fileno=fds.pop("channel"))
        api = socket.socket(fileno=fds.pop("api")) if "api" in fds else None
        try:
            link = await self._link(channel, api if is_custom(version) else None, spec)
        except OSError as error:
            for fd in fds.values():
                os.close(fd)
            agent.stop(assigned.husk)
            raise SandboxError(f"the sandbox's channel cannot be used: {error}") from error
        if api is not None and not is_custom(version):
            api.close()  # a managed runtime talks frames; nobody else in there is answered yet
        tap = LogTap(
            fds.pop("log"), lambda data: self.logbook.append(stream, self.clock.epoch(), data), self._congested
        )
        counters = Counters([fds.pop(name) for name in ("memory_peak", "cpu_time") if name in fds])
        for fd in fds.values():
            os.close(fd)
        sandbox = Sandbox(
            assigned.husk, version, link, tap=tap, counters=counters, clock=self.clock,
            kill=lambda: agent.stop(assigned.husk),
        )  # fmt: skip
        sandbox.log_stream = stream.name
        return sandbox

    async def _link(self, channel: socket.socket, listener: socket.socket | None, spec: InitSpec) -> RuntimeLink:
        frames = await ChannelLink.open(channel, told=spec)
        if listener is None:
            return frames
        from lambent.sandbox.api_router import ApiServer
        from lambent.sandbox.runtime_api import HttpLink

        return CustomLink(frames, HttpLink(ApiServer(listener)))

    def _congested(self) -> bool:
        return self.logbook.congested

    def _stream(self, version: Version) -> LogStream:
        """YYYY/MM/DD/[version]32 hex digits"""
        day = datetime.fromtimestamp(self.clock.epoch(), UTC).strftime("%Y/%m/%d")
        name = f"{day}/[{version.version}]{secrets.token_hex(16)}"
        return LogStream(version.account, version.region, version.name, name)

    def _spec(self, version: Version, log_stream: str, given: Given) -> InitSpec:
        keys = Credentials(version.account, secrets.token_urlsafe(30), secrets.token_urlsafe(60))
        environ = environment(version, log_stream, keys)
        environ["AWS_LAMBDA_RUNTIME_API"] = given.assigned.runtime_api
        if given.assigned.task_root != "/var/task":
            environ["LAMBDA_TASK_ROOT"] = given.assigned.task_root
        return InitSpec(
            environ=environ, handler=version.handler, task_root=given.assigned.task_root,
            log_format=version.log_format, log_level=version.application_log_level,
        )  # fmt: skip
