"""Provisioned concurrency: made ahead, all or nothing, kept through age, death and change, and released."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sandbox_samples import ACCOUNT, REGION, FakeSandbox, hello, version

from lambent.clock import FixedClock
from lambent.errors import InitFailed, LambentError, ResourceNotFound
from lambent.model import Allocation, Version
from lambent.sandbox.allotment import LONGEST_PAUSE_S, PATIENCE, Trouble, split
from lambent.sandbox.keeper import Keeper
from lambent.sandbox.provisioner import RESPITE_S, Provisioner
from lambent.settings import Settings

KEY = (ACCOUNT, REGION, "hello", "live")
PLACES, MAX_AGE_S = 10, 3000


class FakeAgent:
    gone = False
    hello = hello()


class NoSnapshots:
    def held_mb(self) -> int:
        return 0

    def changed(self, function: tuple[str, str, str], stays: Callable[[str], bool]) -> None: ...


class FakeStarter:
    """Starts what it is asked for while `open` is set, at most `most`. `trouble` is raised by every start."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.snapshots = NoSnapshots()
        self.open = asyncio.Event()
        self.open.set()
        self.most = asyncio.Semaphore(100)
        self.trouble: LambentError | None = None
        self.asked = 0
        self.made: list[FakeSandbox] = []
        self.on_end: dict[FakeSandbox, Callable[[Any], None]] = {}
        self.estates: list[FakeSandbox] = []

    async def ready(
        self, agent: FakeAgent, of: Version, on_end: Callable[[Any], None], estate: FakeSandbox | None = None
    ) -> FakeSandbox:
        self.asked += 1
        await self.open.wait()
        await self.most.acquire()
        if self.trouble:
            raise self.trouble
        sandbox = FakeSandbox(f"s{len(self.made)}", of)
        sandbox.born = estate.born if estate else self.clock.monotonic()
        self.estates += [estate] if estate else []
        self.made.append(sandbox)
        self.on_end[sandbox] = on_end
        return sandbox

    start = ready

    @property
    def living(self) -> list[FakeSandbox]:
        return [each for each in self.made if not each.gone]


class FakeGate:
    """What calls get."""

    def __init__(self) -> None:
        self.provided: dict[tuple[str, str, str, str], list[tuple[str, int]]] = {}
        self.twins: list[Version] = []

    def provide(self, key: tuple[str, str, str, str], twins: Any) -> None:
        self.provided[key] = [(twin.version, count) for twin, count in twins]
        self.twins = [twin for twin, _ in twins]

    def withdraw(self, key: tuple[str, str, str, str]) -> None:
        self.provided.pop(key, None)


class World:
    """A provisioner over a real keeper. `wanted` and `behind` are what the store would say of `live`."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.starter = FakeStarter(self.clock)
        settings = Settings(sandboxes=PLACES, idle_expiry_s=600, max_age_s=MAX_AGE_S, memory_budget_mb=100_000)
        self.keeper = Keeper(settings, self.starter, self.clock)  # type: ignore[arg-type]
        self.keeper.agency.agent = FakeAgent()  # type: ignore[assignment]
        self.gate = FakeGate()
        self.wanted = {"live": 3}
        self.behind: list[tuple[Version, float]] | None = [(version(version="1"), 1.0)]
        self.provisioner = Provisioner(self.keeper, self.gate, self.clock, lambda *_: self.wanted, self._find)

    def _find(self, key: tuple[str, str, str, str]) -> list[tuple[Version, float]]:
        if self.behind is None:
            raise ResourceNotFound("Function not found")
        return self.behind

    async def look(self) -> None:
        self.provisioner.look(ACCOUNT, REGION, "hello")
        await self.settle()

    def rest(self) -> None:
        """What was replaced last is no news any more."""
        for target in self.provisioner._targets.values():
            target.filled_at -= RESPITE_S

    async def settle(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        self.rest()
        self.clock.advance(seconds)
        self.keeper.expire(self.clock.monotonic())
        await self.settle()

    async def die(self, sandbox: FakeSandbox) -> None:
        sandbox.gone = sandbox.over = True
        self.starter.on_end[sandbox](sandbox)
        await self.settle()

    @property
    def how(self) -> Allocation:
        return self.provisioner.allocation(KEY)

    @property
    def twin(self) -> Version:
        return self.gate.twins[0]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.provisioner.close()


READY = Allocation(allocated=3, available=3, status="READY")


async def test_none_is_usable_until_all_are_ready(world: World) -> None:
    world.starter.most = asyncio.Semaphore(0)
    await world.look()
    assert world.how == Allocation()
    assert world.starter.asked == 2, "calls need husks and processors too"
    for _ in range(2):
        world.starter.most.release()
    await world.settle()
    assert world.how == Allocation(allocated=2)
    assert world.gate.provided == {}
    world.starter.most.release()
    await world.settle()
    assert world.how == READY
    assert world.gate.provided == {KEY: [("1", 3)]}


async def test_calls_take_sandboxes_of_the_provisioned_version_which_have_not_waited_for_a_call(world: World) -> None:
    await world.look()
    assert world.twin.provisioned == "live"
    async with world.keeper.lease(world.twin) as sandbox:
        assert sandbox in world.starter.made
        assert (sandbox.beginning.why_cold, sandbox.beginning.owed_ms) == ("", 0.0)
    assert world.starter.asked == 3


async def test_an_init_that_fails_is_told_and_tried_again_later_each_time_after_a_longer_pause(world: World) -> None:
    world.starter.trouble = InitFailed()
    await world.look()
    assert world.how == Allocation(status="FAILED", reason="FUNCTION_ERROR_INIT_FAILURE")
    assert (world.keeper.alive, world.gate.provided) == (0, {})
    asked = world.starter.asked
    await world.pass_time(29)
    assert world.starter.asked == asked
    await world.pass_time(2)
    assert world.starter.asked > asked
    world.starter.trouble = None
    await world.pass_time(31)
    assert world.how.status == "FAILED"
    await world.pass_time(31)
    assert world.how == READY


async def test_what_calls_have_stays_theirs_when_more_cannot_be_made(world: World) -> None:
    await world.look()
    world.wanted = {"live": 5}
    world.starter.trouble = InitFailed()
    await world.look()
    assert (world.how.status, world.how.available) == ("FAILED", 3)
    assert world.gate.provided == {KEY: [("1", 3)]}
    assert len(world.starter.living) == 3


async def test_idle_ones_neither_expire_nor_make_room_for_others(world: World) -> None:
    await world.look()
    await world.pass_time(2000)
    async with world.keeper.lease(version("other")):
        pass
    waiting = [asyncio.ensure_future(world.keeper.lease(version("other")).__aenter__()) for _ in range(PLACES)]
    await world.settle()
    assert sum(each.done() for each in waiting) == PLACES - 3
    assert world.how == READY
    for each in waiting:
        each.cancel()


async def test_old_ones_are_replaced_the_new_ones_first(world: World) -> None:
    await world.look()
    first = world.starter.living
    world.starter.open.clear()
    await world.pass_time(MAX_AGE_S)
    assert world.starter.asked == 5
    assert world.starter.living == first
    world.starter.open.set()
    await world.settle()
    assert world.how == READY
    assert len(world.starter.living) == 3
    assert not set(first) & set(world.starter.living)


async def test_time_that_is_moved_by_hand_waits_until_old_ones_are_replaced(world: World) -> None:
    await world.look()
    assert world.clock._workers == 0
    world.clock.advance(MAX_AGE_S)
    world.keeper.expire(world.clock.monotonic())
    assert world.clock._workers == 1
    world.rest()
    world.keeper.expire(world.clock.monotonic())
    await world.settle()
    assert world.clock._workers == 0


async def test_an_old_one_at_work_finishes_its_call(world: World) -> None:
    await world.look()
    async with world.keeper.lease(world.twin) as sandbox:
        await world.pass_time(MAX_AGE_S)
        await world.pass_time(1)
        assert len(world.starter.living) == 4
        assert not sandbox.gone
    assert world.starter.asked == 6
    await world.pass_time(1)
    assert len(world.starter.living) == 3
    assert sandbox.gone


async def test_one_that_dies_is_made_up_for(world: World) -> None:
    await world.look()
    world.rest()
    world.starter.open.clear()
    await world.die(world.starter.living[0])
    assert world.how == Allocation(allocated=2, available=2, status="READY")
    world.starter.open.set()
    await world.settle()
    assert (world.how, len(world.starter.living)) == (READY, 3)


async def test_one_that_dies_with_its_call_is_made_up_for_with_its_tmp(world: World) -> None:
    await world.look()
    world.rest()
    async with world.keeper.lease(world.twin) as sandbox:
        sandbox.spoilt = True
    await world.settle()
    assert (world.how, world.starter.estates) == (READY, [sandbox])


async def test_fewer_are_ended_at_once_and_none_are_ended_behind_their_calls(world: World) -> None:
    await world.look()
    world.wanted = {"live": 1}
    await world.look()
    assert world.how == Allocation(allocated=1, available=1, status="READY")
    assert len(world.starter.living) == 1
    async with world.keeper.lease(world.twin) as sandbox:
        world.wanted = {}
        await world.look()
        assert (world.gate.provided, sandbox.gone) == ({}, False)
        assert world.how == Allocation()
    assert sandbox.gone
    assert world.starter.living == []


async def test_what_is_asked_for_while_others_are_being_made_is_what_is_made(world: World) -> None:
    world.wanted = {"live": 8}
    world.starter.open.clear()
    await world.look()
    world.wanted = {"live": 1}
    world.provisioner.look(ACCOUNT, REGION, "hello")
    world.starter.open.set()
    await world.settle()
    assert world.how == Allocation(allocated=1, available=1, status="READY")
    assert (world.starter.asked, len(world.starter.living)) == (2, 1)


async def test_an_alias_that_moves_takes_its_calls_along_when_the_new_ones_are_ready(world: World) -> None:
    await world.look()
    old = world.starter.living
    world.starter.open.clear()
    world.behind = [(version(version="2", revision="r2"), 1.0)]
    await world.look()
    assert world.how == Allocation(available=3)
    assert world.gate.provided == {KEY: [("1", 3)]}
    world.starter.open.set()
    await world.settle()
    assert world.gate.provided == {KEY: [("2", 3)]}
    assert (world.how, {each.version.version for each in world.starter.living}) == (READY, {"2"})
    assert all(each.gone for each in old)


async def test_an_alias_that_moves_twice_leaves_nothing_of_the_first_move(world: World) -> None:
    await world.look()
    for number in ("2", "3"):
        world.starter.open.clear()
        world.behind = [(version(version=number, revision=number), 1.0)]
        await world.look()
        world.starter.open.set()
        await asyncio.sleep(0)
    await world.settle()
    assert world.gate.provided == {KEY: [("3", 3)]}
    assert {each.version.version for each in world.starter.living} == {"3"}
    assert sum(pool.pinned for pool in world.keeper.pools.values()) == 3


async def test_the_versions_behind_an_alias_get_their_shares(world: World) -> None:
    world.wanted = {"live": 4}
    world.behind = [(version(version="1"), 0.75), (version(version="2", revision="r2"), 0.25)]
    await world.look()
    assert world.gate.provided == {KEY: [("1", 3), ("2", 1)]}
    assert world.how == Allocation(allocated=4, available=4, status="READY")


async def test_another_revision_id_alone_is_no_other_version(world: World) -> None:
    await world.look()
    world.behind = [(version(version="1", revision="r9"), 1.0)]
    await world.look()
    assert (world.how, world.starter.asked) == (READY, 3)


async def test_after_the_agent_died_calls_get_none_until_all_are_there_again(world: World) -> None:
    await world.look()
    dead = world.starter.living
    async with world.keeper.lease(world.twin) as busy:
        for each in dead:
            each.gone = each.over = each.lost = True
            world.starter.on_end[each](each)
        world.keeper.detach()
        world.provisioner.agent_gone()
        await world.settle()
        assert busy in dead
    assert (world.gate.provided, world.how) == ({}, Allocation())
    world.keeper.agency.agent = FakeAgent()  # type: ignore[assignment]
    world.keeper.agency._attached.set()
    await world.settle()
    assert (world.gate.provided, world.how) == ({KEY: [("1", 3)]}, READY)


async def test_places_are_kept_for_calls_on_demand(world: World) -> None:
    world.wanted = {"live": PLACES}
    await world.look()
    assert world.how == Allocation(
        status="FAILED",
        reason=(
            "This machine has 10 places for environments (setting sandboxes): 1 are kept for calls on demand, and 0 "
            "are provisioned already."
        ),
    )
    assert world.starter.asked == 0


async def test_running_calls_are_waited_for(world: World) -> None:
    leases = [world.keeper.lease(version("other")) for _ in range(PLACES - 2)]
    for lease in leases:
        await lease.__aenter__()
    await world.look()
    assert world.how == Allocation(allocated=2)
    await leases[0].__aexit__(None)
    await world.look()
    assert world.how == READY


async def test_environments_that_end_as_soon_as_they_are_there_are_not_made_without_a_pause(world: World) -> None:
    world.wanted = {"live": 1}
    await world.look()
    await world.die(world.starter.living[0])
    asked = world.starter.asked
    assert asked == 1, "a respite between replacements"
    assert world.how.status == "READY"


@pytest.mark.parametrize(("state", "status"), [("Pending", "IN_PROGRESS"), ("Failed", "FAILED")])
async def test_a_version_that_is_not_active_has_no_environments(world: World, state: str, status: str) -> None:
    world.behind = [(version(version="1", state=state, state_reason="so it is"), 1.0)]
    await world.look()
    assert world.how.status == status
    assert world.how.reason == ("Version 1 is Failed: so it is" if status == "FAILED" else "")


async def test_a_function_that_is_gone_has_nothing_provisioned(world: World) -> None:
    await world.look()
    world.behind = None
    await world.look()
    assert (world.gate.provided, world.starter.living, world.provisioner.qualifiers()) == ({}, [], [])


async def test_of_one_that_was_in_trouble_and_is_gone_no_timer_stops_the_time(world: World) -> None:
    world.starter.trouble = InitFailed()
    await world.look()
    world.wanted = {}
    await world.look()
    await world.pass_time(3600)
    assert world.clock._workers == 0


def test_shares_are_rounded_and_add_up() -> None:
    one, two = version(version="1"), version(version="2")
    assert split([(one, 1.0)], 7) == [(one, 7)]
    assert split([(one, 0.9), (two, 0.1)], 3) == [(one, 3)]
    assert split([(one, 0.9), (two, 0.1)], 10) == [(one, 9), (two, 1)]
    assert split([(one, 0.0), (two, 1.0)], 2) == [(two, 2)]


def test_what_passes_is_told_only_when_it_does_not() -> None:
    assert not Trouble("no room", PATIENCE, passing=True).is_told
    assert Trouble("no room", PATIENCE + 1, passing=True).is_told
    assert Trouble("init", 99).pause_s == LONGEST_PAUSE_S
