"""Stand-ins for what an invocation meets: a sandbox, a placement, and a store with one function."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from invoke_samples import outcome, version

from lambent.clock import FixedClock
from lambent.errors import ResourceNotFound
from lambent.invoke.admission import Admission
from lambent.invoke.operations import DataPlane
from lambent.invoke.path import Invoker
from lambent.invoke.resolve import Resolver
from lambent.model import Event, Invocation, Outcome, Version
from lambent.sandbox.streamed import Flow
from lambent.store.queue import Rows


class NeverHeld:
    """A runtime's connection that nobody needs to hold."""

    def hold(self) -> None: ...
    def go_on(self) -> None: ...


class FakePlacement:
    """One sandbox that answers `outcome`, or raises it; remembers who came. With `script` it streams first: that is
    given the flow, and may wait."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.outcome: Outcome | Exception = outcome()
        self.no_sandbox: Exception | None = None
        self.ran: list[Invocation] = []
        self.leased = 0
        self.settling = None
        self.waited: tuple[float, str] | None = None
        self.script: Callable[[Flow], Awaitable[None]] | None = None

    @asynccontextmanager
    async def lease(self, version: Version) -> AsyncIterator[Any]:
        if self.no_sandbox:
            raise self.no_sandbox
        self.clock.advance(0.25)
        self.leased += 1
        try:
            yield self
        finally:
            self.leased -= 1

    async def run(self, invocation: Invocation) -> Outcome:
        self.ran.append(invocation)
        self.clock.advance(1.0)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def stream(self, invocation: Invocation, flow: Flow) -> Outcome:
        if self.script is not None:
            flow.begin("", NeverHeld())
            await self.script(flow)
        return await self.run(invocation)


class FakeIntake:
    """Takes every event, and what goes with it."""

    def __init__(self) -> None:
        self.taken: list[tuple[Event, Rows]] = []

    async def accept(self, event: Event, rows: Rows = ()) -> None:
        self.taken.append((event, rows))


class Engine:
    """The whole path over doubles: the function `hello` exists, nothing else does."""

    def __init__(self, limit: int = 10) -> None:
        self.clock = FixedClock()
        self.placement = FakePlacement(self.clock)
        self.admission = Admission(limit)
        self.heard: list[tuple[Invocation, Outcome | None, float, str | None]] = []
        self.invoker = Invoker(self.admission, self.placement, self.clock, [lambda *news: self.heard.append(news)])
        self.intake = FakeIntake()
        self.data = DataPlane(Resolver(self.load), self.invoker, self.intake)

    @staticmethod
    def load(account: str, region: str, name: str, qualifier: str | None) -> Version:
        if name != "hello":
            raise ResourceNotFound(f"Function not found: arn:aws:lambda:{region}:{account}:function:{name}")
        return version(account=account, region=region, version=qualifier or "$LATEST")
