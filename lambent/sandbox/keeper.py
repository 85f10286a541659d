"""Keeps the pools: carries out what pool.decide says, and gives each invocation a sandbox for as long as it runs."""

import asyncio
import math
from collections.abc import Callable, Set

from msgspec.structs import replace

from lambent.clock import Clock
from lambent.errors import AgentGone, RuntimeMissing
from lambent.model import Version
from lambent.sandbox import coldness
from lambent.sandbox import pool as decisions
from lambent.sandbox.agency import Agency
from lambent.sandbox.budget import Meter, budget_mb
from lambent.sandbox.coldness import Losses
from lambent.sandbox.expiry import Expiry
from lambent.sandbox.freezing import Freezer
from lambent.sandbox.lease import Lease, obtain
from lambent.sandbox.places import Places
from lambent.sandbox.pool import Pool
from lambent.sandbox.sandbox import Sandbox
from lambent.sandbox.shutdown import end_all
from lambent.sandbox.starter import Starter
from lambent.settings import Settings

LOOK_EVERY_S = 1.0  # how often all sandboxes are looked over; ages are meant in minutes, but memory fills in seconds


class Keeper:
    """All pools of this node. Who has a place is busy, idle or an estate in its pool, or is leaving."""

    def __init__(self, settings: Settings, starter: Starter, clock: Clock, real: Clock | None = None) -> None:
        """`clock` is the product's, by which sandboxes expire; `real`, if that is another, is for all else."""
        self.settings = settings
        self.starter = starter
        self.clock = clock
        self.real = real or clock
        self.agency = Agency(settings)
        self.pools: dict[str, Pool] = {}
        self._retired: list[Pool] = []  # whose running calls have not finished
        self.freezer = Freezer(self.pools.values, self.real, settings.freeze_after_ms)
        self.expiry = Expiry(clock, self._look)
        self._budget_mb = budget_mb(settings.memory_budget_mb)
        self.meter = Meter(self.real.monotonic)
        self._max_age_s = settings.max_age_s or math.inf
        self.places = Places()
        self.losses = Losses()
        self.on_shortage: Callable[[Pool], None] = lambda pool: None  # a pinned pool lacks a sandbox, or has an old one

    @property
    def budget_mb(self) -> int:
        """The memory that sandboxes may fill, without what the templates of SnapStart hold of it."""
        return max(0, self._budget_mb - self.starter.snapshots.held_mb())

    @property
    def alive(self) -> int:
        """Sandboxes that exist or are being made, and estates."""
        return self.places.taken

    # -- invoke's Placement

    def lease(self, version: Version) -> Lease:
        """A sandbox of `version` for one invocation, its alone until the block ends. Raises SandboxError."""
        return Lease(self, version)

    # -- provisioned concurrency: pools that are pinned

    async def furnish(self, version: Version) -> None:
        """One more initialised sandbox comes to rest in the pool of a provisioned version, whoever rests there.

        Raises NotNow when running calls have all of it, InitFailed.
        """
        pool = self.pool(version)
        sandbox = await obtain(self, pool, version, fresh=True)
        sandbox.beginning = replace(sandbox.beginning, why_cold="", owed_ms=0.0)  # no call has waited for it
        sandbox.measure()  # it may hold memory for long before a call is measured
        self.release(pool, sandbox)

    def trim(self, pool: Pool) -> None:
        """End idle ones that are more than are to be kept."""
        for sandbox in decisions.surplus(pool, self.clock.monotonic(), self._max_age_s):
            self.dismiss(pool, sandbox, coldness.NEVER_COLD)

    def outlived(self, pool: Pool) -> int:
        """How many sandboxes of a pinned pool are to be replaced because of their age."""
        return len(decisions.outlived(pool, self.clock.monotonic(), self._max_age_s))

    def retire(self, pool: Pool) -> None:
        """Running calls finish where they are, nobody new goes there."""
        pool.pinned, pool.retired = 0, True
        if self.pools.get(pool.key) is pool:
            self._retired.append(self.pools.pop(pool.key))
        for sandbox in (*pool.idle, *pool.estates):
            self.dismiss(pool, sandbox, coldness.NEVER_COLD)

    # -- control's Capacity

    async def prepare(self, version: Version) -> None:
        """Have the runtime's husks ready before the first call. Raises SandboxError."""
        refusal = self.agency.refuse(version.husk_runtime) if version.image is None else self.agency.refuse_images()
        if refusal:
            raise RuntimeMissing(refusal)
        await self.agency.use(version.husk_runtime)
        if version.snap_start:
            await self._initialise(version)

    async def _initialise(self, version: Version) -> None:
        """Have the version's template ready; once more if the agent dies meanwhile."""
        try:
            await self.starter.snapshots.template(await self.agency.present(), version)
        except AgentGone:
            await self.starter.snapshots.template(await self.agency.present(), version)

    def changed(self, account: str, region: str, name: str, stays: Callable[[str], bool]) -> None:
        """The function was updated or deleted: running calls finish where they are, nobody new goes there.

        `stays` tells of a version whether it is as it was; published versions are, unless they were deleted.
        """
        self.losses.changed((account, region, name), self.clock.epoch())
        for pool in [pool for pool in self.pools.values() if pool.function == (account, region, name)]:
            if stays(pool.version):
                continue
            self.retire(pool)
        self.starter.snapshots.changed((account, region, name), stays)

    def reads(self, digests: Set[str]) -> bool:
        """May a call that runs, starts or waits here read one of these packages or images?"""
        pools = [pool for pool in self.all_pools() if not pool.code.isdisjoint(digests)]
        return any(pool.busy or pool.starting or pool.waiting for pool in pools)

    def detach(self) -> None:
        """The agent is gone, and every /tmp with it."""
        self.agency.detach()
        for pool in list(self.pools.values()):
            for estate in list(pool.estates):
                self.dismiss(pool, estate, coldness.AGENT_DIED)

    # -- housekeeping

    async def expire_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.expire(self.clock.monotonic())

    def _look(self) -> float | None:
        """Product time has come so far that a sandbox may be due. Seconds until the next may be."""
        now = self.clock.monotonic()
        self.expire(now)
        return decisions.next_expiry(self.all_pools(), now, self.settings.idle_expiry_s, self._max_age_s)

    def expire(self, now: float) -> None:
        """End what has been idle for too long or is too old, make up for memory that running calls have taken, and
        forget pools in which nobody is or waits."""
        pools = self.all_pools()
        idle_s = self.settings.idle_expiry_s
        for pool, sandbox in decisions.expired(pools, now, idle_s, self._max_age_s):
            idle = sandbox.idle_since + idle_s <= now
            self.dismiss(pool, sandbox, coldness.idle_for(idle_s) if idle else coldness.too_old(self._max_age_s))
        self.meter.measured_mb(pools, self.budget_mb)
        while decisions.expected_mb(pools) > self.budget_mb:
            oldest = decisions.least_recently_used(pools, estates=False)
            if oldest is None:
                break
            self.dismiss(*oldest, coldness.FOR_MEMORY)
        for pool in [pool for pool in pools if pool.pinned]:
            self.trim(pool)
            if self.outlived(pool):
                self.on_shortage(pool)
        self._retired = [pool for pool in self._retired if pool.size]
        for key in [key for key, pool in self.pools.items() if not (pool.size or pool.pinned)]:
            del self.pools[key]

    async def close(self, patience_s: float) -> None:
        """End all sandboxes that have a SHUTDOWN phase to go through; wait for them no longer than `patience_s`."""
        await end_all(self.places.homes, patience_s, self.real)

    def counts(self) -> dict[str, int]:
        idle = [sandbox for pool in self.pools.values() for sandbox in pool.idle]
        return {
            "idle": len(idle),
            "busy": sum(len(pool.busy) + pool.starting for pool in self.all_pools()),
            "frozen": sum(sandbox.frozen for sandbox in idle),
        }

    # -- details

    def pool(self, version: Version) -> Pool:
        key = version.pool_key
        pool = self.pools.get(key)
        if pool is None:
            function = (version.account, version.region, version.name)
            pool = self.pools[key] = Pool(key, function, version.version, version.memory_mb)
            pool.tenant = version.tenant
            pool.code = frozenset((version.code_digest, *version.layers))
        return pool

    def all_pools(self) -> list[Pool]:
        return [*self.pools.values(), *self._retired]

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
            self.places.rests(pool)
        elif wanted and not sandbox.lost:
            pool.estates.append(sandbox)
            sandbox.end("failure")
            self.places.make_room()
        elif sandbox.lost:
            self.dismiss(pool, sandbox, coldness.AGENT_DIED)
        else:
            self.dismiss(pool, sandbox, coldness.NEVER_COLD if pool.retired else coldness.too_old(self._max_age_s))
        if pool.pinned and pool.short:
            self.on_shortage(pool)

    def dismiss(self, pool: Pool, sandbox: Sandbox, why: str) -> None:
        """End it for good: nobody will come back to its environment. `why` is for whoever meets a cold start."""
        if why:
            self.losses.lost(pool, why)
        for members in (pool.idle, pool.estates):
            if sandbox in members:
                members.remove(sandbox)
        sandbox.forget()
        self.places.leave(sandbox)
        sandbox.end()

    def ended(self, sandbox: Sandbox) -> None:
        """The agent says that a sandbox is gone, on our order or by itself."""
        pool = self.places.homes.get(sandbox)
        if pool is None or sandbox in pool.busy:
            return  # whoever has it will see
        if sandbox in self.places.leaving:
            self.places.vacate(sandbox)
        elif sandbox.lost:
            self.dismiss(pool, sandbox, coldness.AGENT_DIED)
        elif sandbox in pool.idle:
            pool.idle.remove(sandbox)
            pool.estates.append(sandbox)
            self.places.make_room()  # unlike an idle sandbox of a pinned pool, its estate may have to go for others
            if pool.pinned:
                self.places.make_room()  # nobody could have its place before; an estate's can be had
        if pool.pinned and pool.short:
            self.on_shortage(pool)
