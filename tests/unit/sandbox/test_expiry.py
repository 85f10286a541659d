"""Sandboxes grow old on the product's clock, to the moment, and freeze on the real one."""

import asyncio
import math
from typing import Any

import pytest
from sandbox_samples import FakeSandbox, version
from test_keeper import Call, FakeAgent, FakeStarter, run_one, turns

from lambent.clock import FixedClock, VirtualClock
from lambent.sandbox.keeper import Keeper
from lambent.sandbox.pool import SOON_S, Pool, next_expiry
from lambent.settings import Settings

IDLE_S, AGE_S = 600, 3000


class Stage:
    """A keeper whose product lives on a virtual clock."""

    def __init__(self, **changes: int) -> None:
        self.product, self.real = VirtualClock(1_700_000_000.0), FixedClock()
        self.starter = FakeStarter(self.product)
        usual = {"idle_expiry_s": IDLE_S, "max_age_s": AGE_S, "memory_budget_mb": 500}
        self.keeper = Keeper(Settings(**(usual | changes)), self.starter, self.product, self.real)  # type: ignore[arg-type]
        self.keeper.agency.agent = FakeAgent()  # type: ignore[assignment]

    async def run(self, name: str = "hello") -> Any:
        return await run_one(self.keeper, self.starter, version(name))


async def test_an_idle_sandbox_goes_in_the_very_moment_in_which_its_time_is_over() -> None:
    stage = Stage()
    sandbox = await stage.run()
    await stage.product.travel(IDLE_S - 0.001)
    assert not sandbox.gone
    await stage.product.travel(0.001)
    assert sandbox.gone
    assert stage.keeper.pools == {}


async def test_one_that_is_used_meanwhile_stays_for_as_long_again() -> None:
    stage = Stage()
    sandbox = await stage.run()
    await stage.product.travel(IDLE_S - 1)
    assert await stage.run() is sandbox
    await stage.product.travel(IDLE_S - 1)
    assert not sandbox.gone
    await stage.product.travel(1)
    assert sandbox.gone


async def test_what_is_due_later_on_the_same_journey_meets_no_sandbox_that_has_expired() -> None:
    stage = Stage()
    sandbox = await stage.run()
    seen: list[bool] = []
    stage.product.call_later(IDLE_S - 1, lambda: seen.append(sandbox.gone))
    stage.product.call_later(IDLE_S + 1, lambda: seen.append(sandbox.gone))
    await stage.product.travel(10 * IDLE_S)
    assert seen == [False, True]


async def test_an_old_sandbox_goes_though_it_is_used_again_and_again() -> None:
    stage = Stage()
    sandbox = await stage.run()
    for _ in range(AGE_S // 500 - 1):
        await stage.product.travel(500)
        assert await stage.run() is sandbox
    await stage.product.travel(499)
    assert not sandbox.gone
    await stage.product.travel(1)
    assert sandbox.gone


async def test_a_sandbox_that_has_become_too_old_while_it_ran_is_not_used_again() -> None:
    stage = Stage()
    call = Call(stage.keeper, version(), asyncio.get_running_loop())
    await turns()
    stage.starter.starting[0][0].set_result(stage.starter.starting[0][1])
    await turns()
    await stage.product.travel(2 * AGE_S)
    sandbox = call.sandbox
    assert not sandbox.gone, "a function's own time is real"
    call.gate.set_result(None)
    await call.task
    assert sandbox.gone


async def test_after_all_have_gone_the_next_is_watched_again_and_no_timer_is_left() -> None:
    stage = Stage()
    for _ in range(3):
        sandbox = await stage.run()
        assert stage.keeper.expiry.armed
        await stage.product.travel(IDLE_S)
        assert sandbox.gone
        assert not stage.keeper.expiry.armed
    assert not stage.product._background


async def test_nobody_waits_for_an_expiry() -> None:
    stage = Stage()
    await stage.run()
    assert await stage.product.run_until_idle(86400) == 0
    assert stage.product.monotonic() == 0.0


async def test_real_time_freezes_and_does_not_expire_and_virtual_time_does_not_freeze() -> None:
    stage = Stage(idle_expiry_s=10_000, max_age_s=0)
    sandbox = await stage.run()
    await stage.product.travel(5000)
    stage.keeper.freezer.look()
    assert not sandbox.frozen
    stage.real.advance(50_000)
    stage.keeper.freezer.look()
    stage.keeper.expire(stage.product.monotonic())
    assert (sandbox.frozen, sandbox.gone) == (True, False)


async def test_who_was_used_last_in_real_time_stays_when_virtual_time_stands_still() -> None:
    stage = Stage(sandboxes=2)
    first = await stage.run("a")
    stage.real.advance(1)
    second = await stage.run("b")
    stage.real.advance(1)
    assert await stage.run("a") is first
    stage.real.advance(1)
    await stage.run("c")
    assert (first.gone, second.gone) == (False, True)


async def test_without_any_patience_the_time_goes_on_all_the_same() -> None:
    stage = Stage(idle_expiry_s=0)
    sandbox = await stage.run()
    await asyncio.wait_for(stage.product.travel(10), 30)
    assert sandbox.gone
    call = Call(stage.keeper, version(), asyncio.get_running_loop())
    await turns()
    await asyncio.wait_for(stage.product.travel(100), 30)  # looking at one that starts must not hold the time up
    call.task.cancel()
    await turns()


@pytest.mark.parametrize(
    ("idle", "busy", "estates", "seconds"),
    [
        ([], [], [], None),
        ([(50.0, 0.0)], [], [], 550.0),
        ([(50.0, 0.0), (90.0, 20.0)], [], [(10.0, 0.0)], 510.0),
        ([(90.0, -2500.0)], [], [], 400.0),
        ([], [0.0], [], 600.0),
        ([], [-2800.0], [], 100.0),
        ([], [-3500.0], [], 600.0),
    ],
)
def test_the_next_look_is_when_the_first_can_be_due(
    idle: list[tuple[float, float]], busy: list[float], estates: list[tuple[float, float]], seconds: float | None
) -> None:
    """Idle ones and estates as (idle since, born), running ones by when they were born, seen at 100."""

    def made(since: float, born: float) -> FakeSandbox:
        sandbox = FakeSandbox(idle_since=since)
        sandbox.born = born
        return sandbox

    pool = Pool("p", ("111111111111", "eu-west-1", "p"), "$LATEST")
    pool.idle = [made(*each) for each in idle]  # type: ignore[misc]
    pool.estates = [made(*each) for each in estates]  # type: ignore[misc]
    pool.busy = {made(0.0, born) for born in busy}  # type: ignore[misc]
    assert next_expiry([pool], 100.0, IDLE_S, AGE_S) == seconds


def test_one_that_starts_is_looked_at_when_it_could_have_expired() -> None:
    pool = Pool("p", ("111111111111", "eu-west-1", "p"), "$LATEST")
    pool.starting = 1
    assert next_expiry([pool], 0.0, IDLE_S, math.inf) == IDLE_S
    assert next_expiry([pool], 0.0, 0, math.inf) == SOON_S
