"""Provisioned concurrency: makes and keeps as many initialised sandboxes as were asked for, ahead of any call.

Each qualifier has one task, which looks at what is wanted, makes what is missing, and rests until somebody wakes it.
What calls get is told to admission only when all of it is ready; what they had before stays theirs until then.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec.structs import replace

from lambent.clock import Clock
from lambent.errors import AgentGone, LambentError, NotNow, ResourceNotFound
from lambent.model import Allocation, Version
from lambent.sandbox.allotment import Team, Trouble, fits, require_active, split
from lambent.sandbox.keeper import Keeper
from lambent.sandbox.pool import Pool

log = logging.getLogger("lambent")

AT_ONCE = 2  # environments being made: husks and processors are there for calls first
RESPITE_S = 1.0  # between replacements, should they end as soon as they are there

Key = tuple[str, str, str, str]  # account, region, name, qualifier
Weighted = Sequence[tuple[Version, float]]  # what a qualifier stands for, with the share of its calls


class Gate(Protocol):
    """Admission: lets calls into provisioned sandboxes."""

    def provide(self, key: Key, twins: Sequence[tuple[Version, int]]) -> None: ...

    def withdraw(self, key: Key) -> None: ...


class Target:
    """One qualifier. `serving` is what calls get, `teams` what is wanted; they differ while something is made."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.teams: tuple[Team, ...] = ()
        self.serving: tuple[Team, ...] = ()
        self.trouble: Trouble | None = None
        self.woken = asyncio.Event()
        self.stale = False  # something else may be wanted than what is being made
        self.filled_at = -RESPITE_S  # on the event loop's clock
        self.work: AbstractContextManager[None] | None = None  # keeps virtual time from going on
        self.task: asyncio.Task[None] | None = None

    @property
    def keys(self) -> set[str]:
        """Of the pools that are its."""
        return {team.twin.pool_key for team in (*self.teams, *self.serving)}

    def __repr__(self) -> str:
        return f"<Target {':'.join(self.key)} serving={self.serving} teams={self.teams}>"


class Provisioner:
    """Targets by key. Sandboxes are the keeper's; each pool that is kept full is pinned."""

    def __init__(
        self, keeper: Keeper, gate: Gate, clock: Clock,
        requested: Callable[[str, str, str], dict[str, int]],  # account, region, name -> environments by qualifier
        find: Callable[[Key], Weighted],  # raises ResourceNotFound
    ) -> None:  # fmt: skip
        self._keeper = keeper
        self._gate = gate
        self._clock = clock
        self._requested = requested
        self._find = find
        self._targets: dict[Key, Target] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        keeper.on_shortage = self._short_of

    # -- what is told

    def look(self, account: str, region: str, name: str) -> None:
        """What is wanted for a function may have changed, or what its qualifiers stand for."""
        function = (account, region, name)
        for qualifier in self._requested(*function):
            self._target((*function, qualifier))
        for target in [each for key, each in self._targets.items() if key[:3] == function]:
            target.stale, target.trouble = True, None
            self._wake(target)

    def agent_gone(self) -> None:
        """All sandboxes are gone: calls run on demand until all are there again."""
        for target in self._targets.values():
            self._gate.withdraw(target.key)
            self._release(target.serving, target.teams)
            target.serving = ()
            self._wake(target)

    def qualifiers(self) -> list[Key]:
        """All qualifiers that something is provisioned for."""
        return sorted(self._targets)

    def allocation(self, key: Key) -> Allocation:
        target = self._targets.get(key)
        if target is None:
            return Allocation()
        allocated, available = self._ready(target.teams), self._ready(target.serving)
        if target.trouble is not None and target.trouble.is_told:
            return Allocation(allocated=allocated, available=available, status="FAILED", reason=target.trouble.reason)
        done = bool(target.serving) and target.serving == target.teams and not target.stale
        status = "READY" if done and not target.trouble else "IN_PROGRESS"
        return Allocation(allocated=allocated, available=available, status=status)

    async def close(self) -> None:
        tasks = [target.task for target in self._targets.values() if target.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for target in self._targets.values():
            self._end_work(target)

    # -- one qualifier

    def _target(self, key: Key) -> Target:
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = Target(key)
            target.task = asyncio.get_running_loop().create_task(self._tend(target))
        return target

    def _wake(self, target: Target) -> None:
        """Nobody tends a target that was given up: a timer that outlived it would stop virtual time for ever."""
        if self._targets.get(target.key) is target:
            self._begin_work(target)
            target.woken.set()

    def _begin_work(self, target: Target) -> None:
        """Virtual time waits from the moment in which it is known that there is something to do."""
        if target.work is None:
            target.work = self._clock.working()
            target.work.__enter__()

    def _end_work(self, target: Target) -> None:
        if target.work is not None:
            work, target.work = target.work, None
            work.__exit__(None, None, None)

    def _short_of(self, pool: Pool) -> None:
        """A pinned pool lacks a sandbox, or has one that is too old. In trouble, a timer is set already."""
        loop = asyncio.get_running_loop()
        for target in self._targets.values():
            if target.trouble is None and pool.key in target.keys:
                self._begin_work(target)
                loop.call_at(target.filled_at + RESPITE_S, target.woken.set)

    async def _tend(self, target: Target) -> None:
        """Until nothing is wanted for it any more."""
        while self._targets.get(target.key) is target:
            await target.woken.wait()
            target.woken.clear()
            target.stale = False
            try:
                self._begin_work(target)
                await self._round(target)
                target.trouble = None
            except ResourceNotFound:
                self._give_up(target)
            except LambentError as error:
                self._fail(target, error)
            except Exception as bug:
                log.exception("provisioned concurrency of %s", ":".join(target.key))
                self._fail(target, LambentError(f"An internal error occurred: {type(bug).__name__}."))
            finally:
                self._end_work(target)

    async def _round(self, target: Target) -> None:
        """Make what is missing, then let calls have it, then end what is not wanted any more. Raises LambentError."""
        account, region, name, qualifier = target.key
        count = self._requested(account, region, name).get(qualifier, 0)
        if not count:
            return self._give_up(target)
        former, target.teams = target.teams, self._teams(target, split(self._find(target.key), count))
        self._release(former, (*target.serving, *target.teams))
        others = sum(pool.pinned for pool in self._keeper.pools.values() if pool.key not in target.keys)
        fits(count, others, self._keeper.settings.sandboxes)
        for team in target.teams:
            pool = self._keeper.pool(team.twin)
            pool.pinned = max(pool.pinned, team.size)  # fewer only when calls know of it
        for team in target.teams:
            await self._fill(target, team)
        if not target.stale:
            self._serve(target)
        return None

    def _teams(self, target: Target, wanted: Sequence[tuple[Version, int]]) -> tuple[Team, ...]:
        """A version that only has another RevisionId is what it was: its sandboxes stay."""
        had = {team.twin.version: team.twin for team in (*target.serving, *target.teams)}
        teams = []
        for version, count in wanted:
            require_active(version)
            twin = replace(version, provisioned=target.key[3])
            old = had.get(twin.version)
            same = old is not None and replace(twin, revision=old.revision) == old
            teams.append(Team(old if same and old is not None else twin, count))
        return tuple(teams)

    async def _fill(self, target: Target, team: Team) -> None:
        """Have all sandboxes of a team ready, none of them too old, unless it becomes stale. Raises LambentError."""
        pool = self._keeper.pool(team.twin)
        missing = team.size - (pool.ready - self._keeper.outlived(pool))
        failed: list[LambentError] = []

        async def make_one() -> None:
            async with self._turns:
                if not (failed or target.stale):
                    try:
                        await self._keeper.furnish(team.twin)
                    except LambentError as error:
                        failed.append(error)

        await asyncio.gather(*(make_one() for _ in range(missing)))
        target.filled_at = asyncio.get_running_loop().time()
        if failed:
            raise failed[0]
        if pool.ready < team.size and not target.stale:
            raise NotNow("Environments end as soon as they are initialised.")

    def _serve(self, target: Target) -> None:
        former, target.serving = target.serving, target.teams
        self._gate.provide(target.key, [(team.twin, team.size) for team in target.teams])
        self._release(former, target.teams)

    def _release(self, teams: Sequence[Team], kept: Sequence[Team]) -> None:
        """End the sandboxes of `teams`, but for those that are kept."""
        stay: dict[str, int] = {}
        for team in kept:
            stay[team.twin.pool_key] = max(stay.get(team.twin.pool_key, 0), team.size)
        for team in (*teams, *kept):
            pool = self._keeper.pools.get(team.twin.pool_key)
            if pool is not None and pool.key in stay:
                pool.pinned = stay[pool.key]
                self._keeper.trim(pool)
            elif pool is not None:
                self._keeper.retire(pool)

    def _give_up(self, target: Target) -> None:
        """Nothing is wanted for it any more."""
        self._gate.withdraw(target.key)
        self._release((*target.serving, *target.teams), ())
        self._targets.pop(target.key, None)

    def _fail(self, target: Target, error: LambentError) -> None:
        """Tell why, keep what calls have already, end the rest, and try again later."""
        passing = isinstance(error, (AgentGone, NotNow))
        before = target.trouble
        trouble = target.trouble = Trouble(error.message, (before.times if before else 0) + 1, passing=passing)
        if not passing:
            self._release(target.teams, target.serving)
        if trouble.is_told and not (before and before.is_told):
            log.warning("provisioned concurrency of %s: %s", ":".join(target.key), error.message)
        if passing and not trouble.is_told:  # real time: what is waited for is this machine
            asyncio.get_running_loop().call_later(trouble.pause_s, target.woken.set)
        else:
            self._clock.call_later(trouble.pause_s, lambda: self._wake(target), background=True)

    def _ready(self, teams: Sequence[Team]) -> int:
        pools = self._keeper.pools
        found = ((pools.get(team.twin.pool_key), team.size) for team in teams)
        return sum(min(size, pool.ready) for pool, size in found if pool is not None)
