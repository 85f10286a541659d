"""Keeps the pools: carries out what pool.decide says, and gives each invocation a sandbox for as long as it runs."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Set

from msgspec.structs import replace

from lambent.clock import Clock
from lambent.errors import AgentGone, NotNow, RuntimeMissing, SandboxError
from lambent.model import RuntimeInfo, Version
from lambent.runtimes import finder
from lambent.sandbox import coldness, image_process
from lambent.sandbox import pool as decisions
from lambent.sandbox.agent_client import AgentClient
from lambent.sandbox.budget import Meter, budget_mb
from lambent.sandbox.coldness import Losses
from lambent.sandbox.expiry import Expiry
from lambent.sandbox.freezing import Freezer
from lambent.sandbox.places import Places
from lambent.sandbox.pool import Node, Pool, Step
from lambent.sandbox.sandbox import Sandbox
from lambent.sandbox.shutdown import EXTERNAL
from lambent.sandbox.starter import Start, Starter
from lambent.settings import Settings

log = logging.getLogger("lambent")

AGENT_WAIT_S = 15.0  # a new agent is there after one or two
WAIT_WORTH_TELLING_MS = 1.0  # whoever finds an agent waits for no turn of the event loop
LOOK_EVERY_S = 1.0  # how often all sandboxes are looked over; ages are meant in minutes, but memory fills in seconds


class Lease:
    """`async with`: a sandbox for one invocation. A class of its own since contextlib's costs 3 µs on the hot path."""

    __slots__ = ("_keeper", "_pool", "_sandbox", "_version")

    def __init__(self, keeper: "Keeper", version: Version) -> None:
        self._keeper = keeper
        self._version = version

    async def __aenter__(self) -> Sandbox:
        pool = self._pool = self._keeper.pool(self._version)
        self._sandbox = pool.take() or await self._keeper.obtain(pool, self._version)
        pool.busy.add(self._sandbox)
        return self._sandbox

    async def __aexit__(self, error: object, *_: object) -> None:
        if error is not None:
            self._sandbox.end()  # nobody knows what an invocation that came to no outcome left behind in there
        settling = self._sandbox.settling
        if settling is None:
            self._keeper.release(self._pool, self._sandbox)
        else:
            settling.add_done_callback(lambda _: self._keeper.release(self._pool, self._sandbox))


class Keeper:
    """All pools of this node. Who has a place is busy, idle or an estate in its pool, or is leaving."""

    def __init__(self, settings: Settings, starter: Starter, clock: Clock, real: Clock | None = None) -> None:
        """`clock` is the product's, by which sandboxes expire; `real`, if that is another, is for all else."""
        self.settings = settings
        self.starter = starter
        self.clock = clock
        self.real = real or clock
        self.agent: AgentClient | None = None
        self._attached = asyncio.Event()  # set while there is an agent
        self.pools: dict[str, Pool] = {}
        self._retired: list[Pool] = []  # whose running calls have not finished
        self.freezer = Freezer(self.pools.values, self.real, settings.freeze_after_ms)
        self.expiry = Expiry(clock, self._look)
        self._budget_mb = budget_mb(settings.memory_budget_mb)
        self._meter = Meter(self.real.monotonic)
        self._max_age_s = settings.max_age_s or math.inf
        self._places = Places()
        self._losses = Losses()
        self._in_use: dict[str, int] = {}  # runtimes that functions need: husks to keep
        self.on_shortage: Callable[[Pool], None] = lambda pool: None  # a pinned pool lacks a sandbox, or has an old one

    @property
    def budget_mb(self) -> int:
        """The memory that sandboxes may fill, without what the templates of SnapStart hold of it."""
        return max(0, self._budget_mb - self.starter.snapshots.held_mb())

    @property
    def alive(self) -> int:
        """Sandboxes that exist or are being made, and estates."""
        return self._places.taken

    # -- invoke's Placement

    def lease(self, version: Version) -> "Lease":
        """A sandbox of `version` for one invocation, its alone until the block ends. Raises SandboxError."""
        return Lease(self, version)

    # -- provisioned concurrency: pools that are pinned

    async def furnish(self, version: Version) -> None:
        """One more initialised sandbox comes to rest in the pool of a provisioned version, whoever rests there.

        Raises NotNow when running calls have all of it, InitFailed.
        """
        pool = self.pool(version)
        sandbox = await self.obtain(pool, version, fresh=True)
        sandbox.beginning = replace(sandbox.beginning, why_cold="", owed_ms=0.0)  # no call has waited for it
        self.release(pool, sandbox)

    def trim(self, pool: Pool) -> None:
        """End idle ones that are more than are to be kept."""
        for sandbox in decisions.surplus(pool, self.clock.monotonic(), self._max_age_s):
            self._dismiss(pool, sandbox, coldness.NEVER_COLD)

    def outlived(self, pool: Pool) -> int:
        """How many sandboxes of a pinned pool are to be replaced because of their age."""
        return len(decisions.outlived(pool, self.clock.monotonic(), self._max_age_s))

    def retire(self, pool: Pool) -> None:
        """Running calls finish where they are, nobody new goes there."""
        pool.pinned, pool.retired = 0, True
        if self.pools.get(pool.key) is pool:
            self._retired.append(self.pools.pop(pool.key))
        for sandbox in (*pool.idle, *pool.estates):
            self._dismiss(pool, sandbox, coldness.NEVER_COLD)

    # -- control's Capacity

    async def prepare(self, version: Version) -> None:
        """Have the runtime's husks ready before the first call. Raises SandboxError."""
        refusal = self.refuse(version.husk_runtime) if version.image is None else self.refuse_images()
        if refusal:
            raise RuntimeMissing(refusal)
        await self.use(version.husk_runtime)
        if version.snap_start:
            await self._initialise(version)

    async def _initialise(self, version: Version) -> None:
        """Have the version's template ready; once more if the agent dies meanwhile."""
        try:
            await self.starter.snapshots.template(await self.present(), version)
        except AgentGone:
            await self.starter.snapshots.template(await self.present(), version)

    async def use(self, runtime: str) -> None:
        agent = await self.present()
        husks = self._in_use[runtime] = self.settings.husks
        await agent.prepare(runtime, husks)

    def changed(self, account: str, region: str, name: str, stays: Callable[[str], bool]) -> None:
        """The function was updated or deleted: running calls finish where they are, nobody new goes there.

        `stays` tells of a version whether it is as it was; published versions are, unless they were deleted.
        """
        self._losses.changed((account, region, name), self.clock.epoch())
        for pool in [pool for pool in self.pools.values() if pool.function == (account, region, name)]:
            if stays(pool.version):
                continue
            self.retire(pool)
        self.starter.snapshots.changed((account, region, name), stays)

    def reads(self, digests: Set[str]) -> bool:
        """May a call that runs, starts or waits here read one of these packages or images?"""
        pools = [pool for pool in self._all_pools() if not pool.code.isdisjoint(digests)]
        return any(pool.busy or pool.starting or pool.waiting for pool in pools)

    def refuse(self, runtime: str) -> str | None:
        """Why `runtime` cannot run here and how to add it; None when it can."""
        if self.agent is None or runtime in self.agent.hello.runtimes or runtime in self.runtimes():
            return None
        return finder.how_to_add(runtime)

    def refuse_images(self) -> str | None:
        """Why container images cannot run here; None when they can."""
        return image_process.refusal(self.agent.hello.isolation) if self.agent is not None else None

    def runtimes(self) -> dict[str, RuntimeInfo]:
        """What the agent found when it started, and what has been added since; the former is what it uses."""
        found = self.agent.hello.runtimes if self.agent else {}
        return finder.find_added({"LAMBENT_DATA": str(self.settings.data_dir)}) | found

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
        """The agent is gone, and every /tmp with it."""
        self.agent = None
        self._attached.clear()
        for pool in list(self.pools.values()):
            for estate in list(pool.estates):
                self._dismiss(pool, estate, coldness.AGENT_DIED)

    # -- housekeeping

    async def expire_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.expire(self.clock.monotonic())

    def _look(self) -> float | None:
        """Product time has come so far that a sandbox may be due. Seconds until the next may be."""
        now = self.clock.monotonic()
        self.expire(now)
        return decisions.next_expiry(self._all_pools(), now, self.settings.idle_expiry_s, self._max_age_s)

    def expire(self, now: float) -> None:
        """End what has been idle for too long or is too old, make up for memory that running calls have taken, and
        forget pools in which nobody is or waits."""
        pools = self._all_pools()
        idle_s = self.settings.idle_expiry_s
        for pool, sandbox in decisions.expired(pools, now, idle_s, self._max_age_s):
            idle = sandbox.idle_since + idle_s <= now
            self._dismiss(pool, sandbox, coldness.idle_for(idle_s) if idle else coldness.too_old(self._max_age_s))
        self._meter.measured_mb(pools, self.budget_mb)
        while decisions.expected_mb(pools) > self.budget_mb:
            oldest = decisions.least_recently_used(pools, estates=False)
            if oldest is None:
                break
            self._dismiss(*oldest, coldness.FOR_MEMORY)
        for pool in [pool for pool in pools if pool.pinned]:
            self.trim(pool)
            if self.outlived(pool):
                self.on_shortage(pool)
        self._retired = [pool for pool in self._retired if pool.size]
        for key in [key for key, pool in self.pools.items() if not (pool.size or pool.pinned)]:
            del self.pools[key]

    async def close(self, patience_s: float) -> None:
        """Let calls that are answered come to their reports, then end all sandboxes that have a SHUTDOWN phase to go
        through, and wait for them; for all of that together no longer than `patience_s`."""
        deadline = self.real.monotonic() + patience_s
        busy = [sandbox.settling for sandbox in self._places.homes if sandbox.settling is not None]
        if busy:
            await asyncio.wait(busy, timeout=max(0.0, patience_s - EXTERNAL.total_ms / 1000))
        ending = []
        for sandbox in list(self._places.homes):
            if sandbox.apis is not None and sandbox.apis.active:
                sandbox.end()
            ending += [sandbox.farewell] if sandbox.farewell else []
        if ending:
            await asyncio.wait(ending, timeout=max(0.0, deadline - self.real.monotonic()))

    def counts(self) -> dict[str, int]:
        idle = [sandbox for pool in self.pools.values() for sandbox in pool.idle]
        return {
            "idle": len(idle),
            "busy": sum(len(pool.busy) + pool.starting for pool in self._all_pools()),
            "frozen": sum(sandbox.frozen for sandbox in idle),
        }

    # -- details

    def pool(self, version: Version) -> Pool:
        key = version.pool_key
        pool = self.pools.get(key)
        if pool is None:
            function = (version.account, version.region, version.name)
            pool = self.pools[key] = Pool(key, function, version.version, version.memory_mb)
            pool.code = frozenset((version.code_digest, *version.layers))
        return pool

    def _all_pools(self) -> list[Pool]:
        return [*self.pools.values(), *self._retired]

    async def present(self) -> AgentClient:
        """The agent. After one died, whoever needs it waits for the next. Raises AgentGone."""
        try:
            async with asyncio.timeout(AGENT_WAIT_S):
                while self.agent is None or self.agent.gone:
                    self._attached.clear()
                    await self._attached.wait()
        except TimeoutError:
            raise AgentGone("the node agent is being restarted; try again") from None
        return self.agent

    async def obtain(self, pool: Pool, version: Version, *, fresh: bool = False) -> Sandbox:
        """Carry out decisions until there is a sandbox; a `fresh` one is not waited for. Raises NotNow then."""
        came, reason = time.monotonic(), ""  # of waiting, which is real, whatever the product's clock says
        while True:
            full = decisions.is_full(pool, self._places.staying, self.settings.sandboxes)
            oldest = decisions.least_recently_used(self.pools.values(), estates=full)
            match decisions.decide(pool, self._node(pool, spare=oldest is not None), fresh=fresh):
                case Step.REUSE if sandbox := pool.take():
                    if reason:
                        self._places.make_room()  # there may be more of it than one invocation needs
                        sandbox.waited = (time.monotonic() - came) * 1000, reason
                    return sandbox
                case Step.START:
                    waited_ms = (time.monotonic() - came) * 1000
                    if reason:
                        self._places.make_room()
                    sandbox = await self._start(pool, version, ahead=fresh)
                    if reason:
                        sandbox.waited = waited_ms, reason
                    return sandbox
                case Step.EVICT if oldest is not None:
                    self._dismiss(*oldest, coldness.FOR_A_PLACE if full else coldness.FOR_MEMORY)
                case Step.WAIT if fresh:
                    raise NotNow(f"There is no room for another environment now: {self._no_room(full)}.")
                case Step.WAIT:
                    await self._places.wait(pool, first=bool(reason))
                    reason = self._no_room(full)

    def _no_room(self, full: bool) -> str:
        if full:
            return f"running calls had all places for sandboxes ({self.settings.sandboxes})"
        return f"running calls had filled the memory for sandboxes ({self.budget_mb} MB)"

    def _node(self, pool: Pool, *, spare: bool) -> Node:
        """What there is to decide on. Memory is measured only where it would make a difference."""
        pools = self._all_pools()
        expected = decisions.expected_mb(pools)
        short = expected + pool.claim_mb > self.budget_mb and not spare
        measured = self._meter.measured_mb(pools, self.budget_mb) if short else 0
        return Node(self._places.staying, self.settings.sandboxes, expected, self.budget_mb, spare, measured)

    async def _start(self, pool: Pool, version: Version, *, ahead: bool = False) -> Sandbox:
        """A new sandbox, in the environment of one that ended if there is one."""
        estate = pool.heirloom
        why = self._losses.why(pool, estate, self.pools.values())
        if estate is not None:
            pool.estates.remove(estate)
            self._places.leave(estate)
        self._places.starting += 1
        pool.starting += 1
        if not self.expiry.armed:
            self.expiry.arm()
        sandbox = None
        try:
            sandbox = await self._make(version, estate, why, self.starter.ready if ahead else self.starter.start)
            self._places.homes[sandbox] = pool
            return sandbox
        finally:
            pool.starting -= 1
            self._places.starting -= 1
            if sandbox is None:
                self._places.make_room()
                if estate is not None:
                    estate.forget()

    async def _make(self, version: Version, estate: Sandbox | None, why: str, start: Start) -> Sandbox:
        """A sandbox that knows why it was made; made once more if the agent dies meanwhile, since nothing of the
        invocation has run yet."""
        came = time.monotonic()
        try:
            agent = await self.present()
            waited_ms = (time.monotonic() - came) * 1000
            sandbox = await start(agent, version, self._ended, estate)
        except AgentGone:
            agent = await self.present()
            waited_ms, why = (time.monotonic() - came) * 1000, coldness.AGENT_DIED
            sandbox = await start(agent, version, self._ended)
        sandbox.beginning = replace(sandbox.beginning, why_cold=why)
        if waited_ms > WAIT_WORTH_TELLING_MS:
            sandbox.waited = waited_ms, "the node agent was being restarted"
        return sandbox

    def release(self, pool: Pool, sandbox: Sandbox) -> None:
        """The lease is over. Cases: 1 idle from here on, 2 its environment goes on in another, 3 of no more use."""
        pool.busy.discard(sandbox)
        if sandbox.used_mb > pool.most_mb:  # noqa: PLR1730 - max() takes three times as long, on the hot path
            pool.most_mb = sandbox.used_mb
        rested = sandbox.rested_at = self.real.monotonic()
        now = sandbox.idle_since = rested if self.clock is self.real else self.clock.monotonic()
        wanted = not pool.retired and (now - sandbox.born < self._max_age_s or pool.pinned > 0)
        if wanted and sandbox.reusable:
            pool.idle.append(sandbox)
            if not self.freezer.armed:
                self.freezer.arm()
            self._places.rests(pool)
        elif wanted and not sandbox.lost:
            pool.estates.append(sandbox)
            sandbox.end("failure")
            self._places.make_room()
        elif sandbox.lost:
            self._dismiss(pool, sandbox, coldness.AGENT_DIED)
        else:
            self._dismiss(pool, sandbox, coldness.NEVER_COLD if pool.retired else coldness.too_old(self._max_age_s))
        if pool.pinned and pool.short:
            self.on_shortage(pool)

    def _dismiss(self, pool: Pool, sandbox: Sandbox, why: str) -> None:
        """End it for good: nobody will come back to its environment. `why` is for whoever meets a cold start."""
        if why:
            self._losses.lost(pool, why)
        for members in (pool.idle, pool.estates):
            if sandbox in members:
                members.remove(sandbox)
        sandbox.forget()
        self._places.leave(sandbox)
        sandbox.end()

    def _ended(self, sandbox: Sandbox) -> None:
        """The agent says that a sandbox is gone, on our order or by itself."""
        pool = self._places.homes.get(sandbox)
        if pool is None or sandbox in pool.busy:
            return  # whoever has it will see
        if sandbox in self._places.leaving:
            self._places.vacate(sandbox)
        elif sandbox.lost:
            self._dismiss(pool, sandbox, coldness.AGENT_DIED)
        elif sandbox in pool.idle:
            pool.idle.remove(sandbox)
            pool.estates.append(sandbox)
        if pool.pinned and pool.short:
            self.on_shortage(pool)
