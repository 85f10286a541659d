"""Keeps the pools: carries out what pool.decide says, and gives each invocation a sandbox for as long as it runs."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from lambent.clock import Clock
from lambent.errors import AgentGone, RuntimeMissing, SandboxError
from lambent.model import Invocation, Version
from lambent.runtimes.finder import how_to_add
from lambent.sandbox import pool as decisions
from lambent.sandbox.agent_client import AgentClient
from lambent.sandbox.pool import Pool, Step
from lambent.sandbox.sandbox import Sandbox
from lambent.sandbox.starter import Starter
from lambent.settings import Settings

log = logging.getLogger("lambent")

AGENT_WAIT_S = 15.0  # a new agent is there after one or two
LOOK_EVERY_S = 5.0  # how often idle sandboxes are looked over; expiry is meant in minutes


class Lease:
    """`async with`: a sandbox for one invocation. A class of its own since contextlib's costs 3 µs on the hot path."""

    __slots__ = ("_keeper", "_pool", "_sandbox", "_version")

    def __init__(self, keeper: "Keeper", version: Version) -> None:
        self._keeper = keeper
        self._version = version

    async def __aenter__(self) -> Sandbox:
        pool = self._pool = self._keeper.pool(self._version)
        self._sandbox = pool.take() or await self._keeper.obtain(pool, self._version)
        pool.busy += 1
        return self._sandbox

    async def __aexit__(self, *_: object) -> None:
        self._pool.busy -= 1
        self._keeper.release(self._pool, self._sandbox)


class Keeper:
    """All pools of this node. `alive` is the number of sandboxes that exist or are being made."""

    def __init__(self, settings: Settings, starter: Starter, clock: Clock) -> None:
        self.settings = settings
        self.starter = starter
        self.clock = clock
        self.agent: AgentClient | None = None
        self._attached = asyncio.Event()  # set while there is an agent
        self.pools: dict[str, Pool] = {}
        self.alive = 0
        self._room: deque[asyncio.Future[None]] = deque()  # invocations that wait for any sandbox to end or rest
        self._homes: dict[str, Pool] = {}  # sandbox name: its pool
        self._in_use: dict[str, int] = {}  # runtimes that functions need: husks to keep

    # -- invoke's Placement

    def lease(self, invocation: Invocation) -> "Lease":
        """A sandbox of the invocation's version, its alone until the block ends. Raises SandboxError."""
        return Lease(self, invocation.version)

    # -- control's Capacity

    async def prepare(self, version: Version) -> None:
        """Have the runtime's husks ready before the first call. Raises SandboxError."""
        refusal = self.refuse(version.runtime)
        if refusal:
            raise RuntimeMissing(refusal)
        await self.use(version.runtime)

    async def use(self, runtime: str) -> None:
        agent = await self._present()
        husks = self._in_use[runtime] = self.settings.husks
        await agent.prepare(runtime, husks)

    def changed(self, account: str, region: str, name: str, stays: Callable[[str], bool]) -> None:
        """The function was updated or deleted: running calls finish where they are, nobody new goes there.

        `stays` tells of a version whether it is as it was; published versions are, unless they were deleted.
        """
        for pool in [pool for pool in self.pools.values() if pool.function == (account, region, name)]:
            if stays(pool.version):
                continue
            pool.retired = True
            del self.pools[pool.key]
            idle, pool.idle = pool.idle, []
            for sandbox in idle:
                sandbox.end()

    def refuse(self, runtime: str) -> str | None:
        """Why `runtime` cannot run here and how to add it; None when it can."""
        if self.agent is None or runtime in self.agent.hello.runtimes:
            return None
        return how_to_add(runtime)

    # -- the agent's comings and goings

    async def attach(self, agent: AgentClient) -> None:
        """A (new) agent is there: its husks are made for the runtimes in use."""
        self.agent = agent
        self._attached.set()
        for runtime in list(self._in_use):
            try:
                await self.use(runtime)
            except SandboxError as error:
                log.warning("husks for %s: %s", runtime, error)

    def detach(self) -> None:
        self.agent = None
        self._attached.clear()

    # -- housekeeping

    async def expire_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.expire(self.clock.monotonic())

    def expire(self, now: float) -> None:
        """End what has been idle for too long, and forget pools in which nobody is or waits."""
        for pool, sandbox in decisions.expired(list(self.pools.values()), now, self.settings.idle_expiry_s):
            if sandbox in pool.idle:  # ending one may be how the agent's death comes to light, which ends all
                self._end_idle(pool, sandbox)
        for key in [key for key, pool in self.pools.items() if not pool.size]:
            del self.pools[key]

    def counts(self) -> dict[str, int]:
        return {
            "idle": sum(len(pool.idle) for pool in self.pools.values()),
            "busy": sum(pool.busy + pool.starting for pool in self.pools.values()),
        }

    # -- details

    def pool(self, version: Version) -> Pool:
        key = version.pool_key
        pool = self.pools.get(key)
        if pool is None:
            pool = self.pools[key] = Pool(key, (version.account, version.region, version.name), version.version)
        return pool

    async def _present(self) -> AgentClient:
        """The agent. After one died, whoever needs it waits for the next. Raises AgentGone."""
        try:
            async with asyncio.timeout(AGENT_WAIT_S):
                while self.agent is None or self.agent.gone:
                    self._attached.clear()
                    await self._attached.wait()
        except TimeoutError:
            raise AgentGone("the node agent is being restarted; try again") from None
        return self.agent

    async def obtain(self, pool: Pool, version: Version) -> Sandbox:
        """Carry out decisions until there is a sandbox."""
        while True:
            full = self.alive >= self.settings.sandboxes
            oldest = decisions.least_recently_used(self.pools.values()) if full else None
            match decisions.decide(pool, self.alive, self.settings.sandboxes, oldest is not None):
                case Step.REUSE:
                    sandbox = pool.take()
                    if sandbox is not None:
                        return sandbox
                case Step.START:
                    return await self._start(pool, version)
                case Step.EVICT if oldest is not None:
                    self._end_idle(*oldest)
                    # Its place counts as free at once: the kernel frees the memory within a millisecond or two.
                    return await self._start(pool, version)
                case _:
                    await self._wait(pool)

    async def _wait(self, pool: Pool) -> None:
        """Until there may be room."""
        waiting = asyncio.get_running_loop().create_future()
        self._room.append(waiting)
        pool.waiting += 1
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self._make_room()  # the room was meant for this one; another one can use it
            raise
        finally:
            pool.waiting -= 1

    async def _start(self, pool: Pool, version: Version) -> Sandbox:
        self.alive += 1
        pool.starting += 1
        try:
            sandbox = await self._make(version)
        except BaseException:
            self.alive -= 1
            self._make_room()
            raise
        finally:
            pool.starting -= 1
        if sandbox.gone:
            self.alive -= 1  # its end was reported before it had a home
            self._make_room()
        else:
            self._homes[sandbox.name] = pool
        return sandbox

    async def _make(self, version: Version) -> Sandbox:
        """A sandbox; once more if the agent dies meanwhile, since nothing of the invocation has run yet."""
        try:
            return await self.starter.start(await self._present(), version, self._ended)
        except AgentGone:
            return await self.starter.start(await self._present(), version, self._ended)

    def release(self, pool: Pool, sandbox: Sandbox) -> None:
        if not sandbox.reusable or pool.retired:
            sandbox.end()
            return
        sandbox.idle_since = self.clock.monotonic()
        pool.idle.append(sandbox)
        if self._room:
            self._make_room()

    def _end_idle(self, pool: Pool, sandbox: Sandbox) -> None:
        pool.idle.remove(sandbox)
        sandbox.end()

    def _ended(self, sandbox: Sandbox) -> None:
        """The agent says that a sandbox is gone, on our order or by itself."""
        pool = self._homes.pop(sandbox.name, None)
        if pool is None:
            return
        self.alive -= 1
        if sandbox in pool.idle:
            pool.idle.remove(sandbox)
        self._make_room()

    def _make_room(self) -> None:
        while self._room:
            waiting = self._room.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
