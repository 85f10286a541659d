"""The brake of one sandbox, and the one timer that puts all of them on."""

import asyncio
import os
from typing import Any

from sandbox_samples import FakeSandbox

from lambent.clock import FixedClock
from lambent.sandbox.brake import Brake
from lambent.sandbox.freezing import Freezer
from lambent.sandbox.pool import Pool


def test_a_brake_writes_what_the_control_group_understands_and_closes_once():
    read, write = os.pipe()
    brake = Brake(write)
    brake.put_on()
    assert brake.on
    assert brake.let_go()
    assert not brake.on
    assert os.read(read, 16) == b"10"
    brake.close()
    brake.close()
    assert os.read(read, 16) == b""
    os.close(read)


def test_a_brake_whose_control_group_has_gone_says_so():
    read, write = os.pipe()
    os.close(read)  # a write fails, as one does to the file of a group that was removed
    brake = Brake(write)
    brake.put_on()
    assert not brake.let_go()
    brake.close()


def test_where_nothing_can_be_frozen_a_brake_is_only_pretended():
    brake = Brake()
    brake.put_on()
    assert brake.let_go()
    brake.close()


class Timers:
    """The running loop's timers, which run when the test says so."""

    def __init__(self, monkeypatch: Any) -> None:
        self.set: list[tuple[float, Any]] = []
        monkeypatch.setattr(asyncio, "get_running_loop", lambda: self)

    def call_later(self, delay: float, callback: Any) -> Any:
        self.set.append((round(delay, 6), callback))
        return self

    def cancel(self) -> None:
        self.set.clear()


def make(after_ms: int = 100) -> tuple[Freezer, Pool, FixedClock]:
    clock, pool = FixedClock(), Pool("p", ("111111111111", "eu-west-1", "p"), "$LATEST")
    return Freezer(lambda: [pool], clock, after_ms), pool, clock


def rest(freezer: Freezer, pool: Pool, clock: FixedClock) -> FakeSandbox:
    sandbox = FakeSandbox(idle_since=clock.monotonic())
    pool.idle.append(sandbox)  # type: ignore[arg-type]
    if not freezer.armed:
        freezer.arm()
    return sandbox


def test_one_timer_serves_all_and_each_is_frozen_in_its_time(monkeypatch):
    freezer, pool, clock = make()
    timers = Timers(monkeypatch)
    first = rest(freezer, pool, clock)
    clock.advance(0.06)
    second = rest(freezer, pool, clock)
    assert [delay for delay, _ in timers.set] == [0.1]
    clock.advance(0.04)
    timers.set.pop()[1]()
    assert (first.frozen, second.frozen) == (True, False)
    assert [delay for delay, _ in timers.set] == [0.06]
    clock.advance(0.06)
    timers.set.pop()[1]()
    assert second.frozen
    assert timers.set == []
    assert not freezer.armed


def test_no_timer_runs_while_everybody_is_busy(monkeypatch):
    freezer, pool, clock = make()
    timers = Timers(monkeypatch)
    rest(freezer, pool, clock)
    pool.idle.clear()  # a call took it
    clock.advance(0.1)
    timers.set.pop()[1]()
    assert timers.set == []
    rest(freezer, pool, clock)
    assert len(timers.set) == 1
    freezer.close()
    assert timers.set == []


def test_a_thousand_at_once_are_frozen_bit_by_bit(monkeypatch):
    freezer, pool, clock = make()
    timers = Timers(monkeypatch)
    everybody = [rest(freezer, pool, clock) for _ in range(1000)]
    clock.advance(0.1)
    looks = 0
    while timers.set:
        before = sum(sandbox.frozen for sandbox in everybody)
        timers.set.pop()[1]()
        assert 0 < sum(sandbox.frozen for sandbox in everybody) - before <= 32
        looks += 1
    assert looks == 32
    assert all(sandbox.frozen for sandbox in everybody)


def test_one_that_was_told_to_end_is_not_frozen_any_more(monkeypatch):
    freezer, pool, clock = make()
    timers = Timers(monkeypatch)
    rest(freezer, pool, clock).end()
    clock.advance(0.1)
    timers.set.pop()[1]()
    assert timers.set == []
    assert not pool.idle[0].frozen


def test_zero_milliseconds_mean_never(monkeypatch):
    freezer, pool, clock = make(after_ms=0)
    timers = Timers(monkeypatch)
    rest(freezer, pool, clock)
    assert timers.set == []
    freezer.close()
