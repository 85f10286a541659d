"""SnapStart: one template for each version that has it, initialised when it is published, and clones of it on demand.

A template that is not there, because the server or the agent was started anew or the template died, is made again by
the first call that needs it; calls wait for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from lambent.clock import Clock
from lambent.errors import AgentGone, SandboxError, SnapshotFailed, SnapStartError
from lambent.model import Version
from lambent.sandbox.agent_client import AgentClient
from lambent.sandbox.link import InitDone
from lambent.sandbox.sandbox import Sandbox

log = logging.getLogger("lambent")

INIT_LIMIT_S = 130.0  # AWS: that, or the function's own time-out if it is longer
RESTORE_LIMIT_S = 10.0  # AWS: the runtime's start and the hooks after the restore
REFUSED = "Lambent.SnapshotRefused"  # how the guest says that a template cannot be copied
# Libraries that start threads when they are loaded, and what keeps them from it: a copy has one thread.
ONE_THREAD = dict.fromkeys(
    (
        "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
        "BLIS_NUM_THREADS", "RAYON_NUM_THREADS", "POLARS_MAX_THREADS",
    ),
    "1",
)  # fmt: skip

OnEnd = Callable[[Sandbox], None]


class Part(msgspec.Struct, frozen=True):
    """What a sandbox is to be: one of its own (neither), a template, or the clone of one."""

    makes_snapshot: bool = False
    template: str = ""
    limit_s: float = 0.0  # of its init or restore; 0: as for any sandbox
    began: float = 0.0  # of a clone: monotonic, when it was asked for


WHOLE = Part()


class Attempt(Protocol):
    """Starter's: a sandbox that has been through init or restore, whatever came of that."""

    def __call__(
        self, agent: AgentClient, version: Version, on_end: OnEnd, estate: None = None, part: Part = WHOLE
    ) -> Awaitable[Sandbox]: ...


class Template:
    """A version's template. `clones` are those that live or are being made: the kernel would end them with it."""

    def __init__(self, version: Version, sandbox: Sandbox) -> None:
        self.version = version
        self.sandbox = sandbox
        self.clones: set[object] = set()
        self.retired = False

    def let_go(self, clone: object) -> None:
        self.clones.discard(clone)
        self.end_if_done()

    def retire(self) -> None:
        """Nobody will ask for a clone any more; those that there are may finish."""
        self.retired = True
        self.end_if_done()

    def end_if_done(self) -> None:
        if self.retired and not self.clones:
            self.sandbox.forget()
            self.sandbox.end()


class Snapshots:
    """State: for each version (by pool key) the task that makes or has made its template, until that is gone."""

    def __init__(self, attempt: Attempt, clock: Clock) -> None:
        self._attempt = attempt
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[Template]] = {}
        self._versions: dict[str, Version] = {}  # of the tasks

    async def template(self, agent: AgentClient, version: Version) -> Template:
        """The version's template; made now if there is none. Raises SnapshotFailed, or another SandboxError."""
        key = version.pool_key
        task = self._tasks.get(key)
        if task is None or (_worked(task) and task.result().sandbox.gone):
            task = self._tasks[key] = asyncio.get_running_loop().create_task(self._make(agent, version))
            self._versions[key] = version
            task.add_done_callback(lambda done: self._made(key, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise SandboxError("the version was deleted while it was being initialised") from None
            raise

    async def restore(self, agent: AgentClient, version: Version, on_end: OnEnd) -> Sandbox:
        """A clone that is ready for invocations. Raises SnapStartError, or SandboxError."""
        for again in (True, False):
            try:
                template = await self.template(agent, version)
            except SnapshotFailed as error:
                raise SnapStartError(error.message, code="SnapStartRegenerationFailureException", status=409) from error
            try:
                return await self._clone(agent, template, on_end)
            except SandboxError as error:
                if isinstance(error, AgentGone) or not (template.sandbox.gone and again):
                    raise
        raise AssertionError("unreachable")

    def changed(self, function: tuple[str, str, str], stays: Callable[[str], bool]) -> None:
        """Let go of the templates of versions that are not there any more."""
        for key, version in list(self._versions.items()):
            if (version.account, version.region, version.name) != function or stays(version.version):
                continue
            task = self._tasks[key]
            self._drop(key)
            if _worked(task):
                task.result().retire()
            else:
                task.cancel()

    def count(self) -> int:
        """Templates that there are."""
        return sum(_worked(task) for task in self._tasks.values())

    def held_mb(self) -> int:
        """The memory that templates use."""
        return sum(task.result().sandbox.used_mb for task in self._tasks.values() if _worked(task))

    # -- details

    async def _make(self, agent: AgentClient, version: Version) -> Template:
        limit_s = max(INIT_LIMIT_S, float(version.timeout_s))
        part = Part(makes_snapshot=True, limit_s=limit_s)
        sandbox = await self._attempt(agent, version, lambda ended: self._lost(version.pool_key, ended), part=part)
        if sandbox.failed_init:
            sandbox.forget()
            sandbox.end()
            raise SnapshotFailed(_reason(sandbox.doomed))
        sandbox.measure()
        return Template(version, sandbox)

    def _made(self, key: str, task: "asyncio.Task[Template]") -> None:
        """Only what worked is kept: the next call may try again."""
        if not _worked(task):
            self._drop(key, task)
        elif self._tasks.get(key) is not task:
            task.result().retire()  # its version was deleted in the very moment in which it was done
        elif task.result().sandbox.gone:
            self._drop(key, task)

    def _drop(self, key: str, task: "asyncio.Task[Template] | None" = None) -> None:
        if task is None or self._tasks.get(key) is task:
            self._tasks.pop(key, None)
            self._versions.pop(key, None)

    def _lost(self, key: str, sandbox: Sandbox) -> None:
        task = self._tasks.get(key)
        if task is not None and _worked(task) and task.result().sandbox is sandbox:
            self._drop(key)
            sandbox.forget()
            if not task.result().retired and not sandbox.lost:
                log.warning("the template of %s ended; the next call makes another", task.result().version.arn)

    async def _clone(self, agent: AgentClient, template: Template, on_end: OnEnd) -> Sandbox:
        place = object()
        template.clones.add(place)

        def ended(sandbox: Sandbox) -> None:
            template.let_go(place)
            on_end(sandbox)

        began = self._clock.monotonic()
        part = Part(template=template.sandbox.name, limit_s=RESTORE_LIMIT_S, began=began)
        try:
            async with asyncio.timeout(RESTORE_LIMIT_S * 2):  # the hooks' own time is kept by the sandbox
                clone = await self._attempt(agent, template.version, ended, part=part)
        except TimeoutError:
            template.let_go(place)
            raise _timed_out() from None
        except BaseException:
            template.let_go(place)
            raise
        clone.shared_mb = template.sandbox.used_mb
        if not clone.failed_init:
            return clone
        clone.forget()
        clone.end()
        if clone.init_trouble == "timeout":
            raise _timed_out()
        raise SnapStartError()


def _worked(task: "asyncio.Task[Template]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _timed_out() -> SnapStartError:
    message = "Lambda couldn't restore the snapshot within the timeout limit."
    return SnapStartError(message, code="SnapStartTimeoutException", status=408)


def _reason(done: InitDone | None) -> str:
    """AWS's sentence for whatever the function did; a rule of ours is told in full."""
    sentence = str(SnapshotFailed.__doc__)
    if done is None or done.error_type != REFUSED or not done.error_body:
        return sentence
    return f"{sentence} {msgspec.json.decode(done.error_body)['errorMessage']}"
