"""Turns a husk into a sandbox of a version: assignment, the link to its runtime, and the init phase."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from lambent.clock import Clock
from lambent.errors import AgentGone, InitFailed, SandboxError, SnapshotFailed
from lambent.model import Version
from lambent.observe import report
from lambent.observe.logbook import USUAL_GROUP, Logbook, LogStream
from lambent.runtimes.environment import environment, extension_environment, image_environment
from lambent.sandbox import extension_files, image_process, init_phase, role_keys
from lambent.sandbox.adoption import Adoption, Hearing, is_custom
from lambent.sandbox.agent_client import AgentClient, Given
from lambent.sandbox.image_process import ImageProcess
from lambent.sandbox.link import InitSpec
from lambent.sandbox.protocol import Assign
from lambent.sandbox.sandbox import Sandbox
from lambent.sandbox.snapshots import INIT_LIMIT_S as LONG_INIT_S
from lambent.sandbox.snapshots import ONE_THREAD, WHOLE, Part, Snapshots
from lambent.sandbox.surroundings import Surroundings
from lambent.store.images import ImageStore


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
        self.role_keys: role_keys.RoleKeys = role_keys.Placeholders()
        self._adoption = Adoption(logbook, clock, self._open_door)

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
        ending = Hearing(agent, on_end)
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
                owner=version.function_arn, file_systems=version.file_systems,
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
            sandbox = await self._adoption.adopt(agent, version, given, stream, spec)
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

    def _open_door(self, endpoint: int | None) -> Callable[[], None] | None:
        """By the surroundings that there are then: the app gives others than those of the beginning."""
        return self.surroundings.open(endpoint)

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

    def _stream(self, version: Version, name: str = "") -> LogStream:
        """YYYY/MM/DD/[version]32 hex digits, or the `name` that the environment has already. In a group that may be
        others' too the function's name stands first (Developer Guide, "Configuring CloudWatch log groups").
        """
        day = datetime.fromtimestamp(self.clock.epoch(), UTC).strftime("%Y/%m/%d")
        function = "" if version.log_group in ("", USUAL_GROUP + version.name) else version.name
        name = name or f"{day}/{function}[{version.version}]{secrets.token_hex(16)}"
        return LogStream(version.account, version.region, version.name, name, version.log_group)

    def _spec(
        self, version: Version, log_stream: str, given: Given, extensions: tuple[str, ...], image: ImageProcess | None
    ) -> InitSpec:
        keys = self.role_keys.of(version)
        version = msgspec.structs.replace(version, environment=given.assigned.environment)
        kind = report.initialization(version)
        if image is None:
            environ = environment(version, log_stream, keys, initialization_type=kind)
        else:
            environ = image_environment(version, log_stream, keys, image.environ, initialization_type=kind)
        environ["AWS_LAMBDA_RUNTIME_API"] = given.assigned.runtime_api
        own_network = given.assigned.task_root == "/var/task"
        environ |= self.surroundings.variables(environ, given.fds.get("endpoint"), own_network=own_network)
        inside = self.surroundings.inside(given.fds.get("endpoint"))
        if version.snap_start and inside:
            environ = role_keys.fetched(environ, inside, self.role_keys.voucher(version))
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
