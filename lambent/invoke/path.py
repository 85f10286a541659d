"""The path of one invocation: a permit, a sandbox, an outcome. Everything else listens."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from lambent.clock import Clock
from lambent.errors import SandboxError, TooManyRequests
from lambent.invoke.admission import Admission
from lambent.model import Invocation, Outcome
from lambent.sandbox.sandbox import Sandbox

# What listeners hear: the invocation, its outcome (None: throttled), and the milliseconds until it ran.
Listener = Callable[[Invocation, Outcome | None, float], None]


class Placement(Protocol):
    """Where an invocation runs: the local keeper now, another machine later."""

    def lease(self, invocation: Invocation) -> AbstractAsyncContextManager[Sandbox]: ...


class Invoker:
    """The engine's one door. Listeners must be quick and must not raise: they are on the hot path."""

    def __init__(self, admission: Admission, placement: Placement, clock: Clock, listeners: list[Listener]) -> None:
        self.admission = admission
        self.placement = placement
        self.clock = clock
        self.listeners = listeners

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run it. Raises TooManyRequests when there is no permit, SandboxError when there is no sandbox."""
        came = self.clock.monotonic()
        try:
            with self.admission.hold(invocation):
                async with self.placement.lease(invocation) as sandbox:
                    wait_ms = (self.clock.monotonic() - came) * 1000
                    outcome = await sandbox.run(invocation)
        except TooManyRequests:
            self.tell(invocation, None, 0.0)
            raise
        except SandboxError as error:
            self.tell(invocation, Outcome(payload=b"", status="failure", error_type=type(error).__name__), 0.0)
            raise
        self.tell(invocation, outcome, wait_ms)
        return outcome

    def tell(self, invocation: Invocation, outcome: Outcome | None, wait_ms: float) -> None:
        for listener in self.listeners:
            listener(invocation, outcome, wait_ms)
