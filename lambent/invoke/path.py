"""The path of one invocation: a permit, a sandbox, an outcome. Everything else listens."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from lambent.clock import Clock
from lambent.errors import EnvironmentDenied, MountFailure, SandboxError, SnapStartError, TooManyRequests
from lambent.invoke.admission import Admission, Permit
from lambent.invoke.notes import Notes
from lambent.model import Invocation, Outcome, Version
from lambent.sandbox.sandbox import Sandbox
from lambent.sandbox.streamed import Flow

# What listeners hear: the invocation, its outcome (None: throttled), the milliseconds until it ran, and why it was
# throttled.
Listener = Callable[[Invocation, Outcome | None, float, str | None], None]


class Placement(Protocol):
    """Where an invocation runs: the local keeper now, another machine later."""

    def lease(self, version: Version) -> AbstractAsyncContextManager[Sandbox]: ...


class Invoker:
    """The engine's one door. Listeners must be quick and must not raise: they are on the hot path."""

    def __init__(
        self, admission: Admission, placement: Placement, clock: Clock, listeners: list[Listener],
        notes: Notes | None = None,
    ) -> None:  # fmt: skip
        self.admission = admission
        self.placement = placement
        self.clock = clock
        self.listeners = listeners
        self.notes = notes or Notes(clock)

    async def invoke(self, invocation: Invocation, flow: Flow | None = None) -> Outcome:
        """Run it; what a streaming function answers goes to `flow`, if there is one.

        Raises TooManyRequests when there is no permit, SandboxError when there is no sandbox.
        """
        came = self.clock.monotonic()
        try:
            permit = self.admission.hold(invocation, came)
            with permit as version:
                async with self.placement.lease(version) as sandbox:
                    if sandbox.waited is not None:
                        self.notes.waited(invocation, sandbox)
                    wait_ms = (self.clock.monotonic() - came) * 1000
                    outcome = await (sandbox.run(invocation) if flow is None else sandbox.stream(invocation, flow))
        except TooManyRequests as error:
            self.tell(invocation, None, 0.0, str(error.members.get("Reason", "")))
            self.notes.throttled(invocation, error)
            raise
        except (SandboxError, SnapStartError, EnvironmentDenied, MountFailure) as error:
            self.tell(invocation, Outcome(payload=b"", status="failure", error_type=type(error).__name__), 0.0)
            self.notes.failed(invocation, error)
            raise
        if sandbox.settling is None:
            self.tell(invocation, outcome, wait_ms)
        else:
            self._tell_when_settled(invocation, permit, sandbox.settling, wait_ms)
        return outcome

    def _tell_when_settled(
        self, invocation: Invocation, permit: Permit, settling: "asyncio.Task[Outcome]", wait_ms: float
    ) -> None:
        """The caller has its answer, but extensions are at work: it counts as running, and is recorded, until then."""
        longer = self.admission.extend(permit)

        def settled(task: "asyncio.Task[Outcome]") -> None:
            longer.__exit__()
            if not task.cancelled() and task.exception() is None:
                self.tell(invocation, task.result(), wait_ms)

        settling.add_done_callback(settled)

    def tell(self, invocation: Invocation, outcome: Outcome | None, wait_ms: float, why: str | None = None) -> None:
        for listener in self.listeners:
            listener(invocation, outcome, wait_ms, why)
