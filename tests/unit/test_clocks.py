"""Clocks that are moved by hand: what is due fires in order, never early, and nothing that happens stops the time."""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent import agenda
from lambent.clock import GRID, Clock, FixedClock, RealClock, VirtualClock, iso, sleep

START = 1_700_000_000.25
DAY_S = 86_400.0
delays = st.one_of(st.floats(0, 400 * DAY_S), st.sampled_from([0.0, 0.1, 1.0, 60.0, 120.0]))


class Kept:
    """Where a clock keeps how far it has come."""

    def __init__(self) -> None:
        self.dates: list[float] = []
        self.trouble: Exception | None = None

    async def __call__(self, epoch: float) -> None:
        if self.trouble:
            raise self.trouble
        self.dates.append(epoch)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def clock(kept: Kept) -> VirtualClock:
    return VirtualClock(START, kept)


@pytest.fixture
async def spawn() -> AsyncIterator[Callable[[Awaitable[None]], None]]:
    tasks: list[asyncio.Future[None]] = []
    yield lambda work: tasks.append(asyncio.ensure_future(work))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# -- what every such clock does


@pytest.mark.parametrize("kind", [FixedClock, VirtualClock])
def test_time_stands_still_until_it_is_moved(kind: type[FixedClock]) -> None:
    clock = kind(START)
    assert (clock.epoch(), clock.monotonic()) == (START, 0.0)
    assert (clock.epoch(), clock.monotonic()) == (START, 0.0)
    clock.advance(90)
    assert (clock.epoch(), clock.monotonic()) == (START + 90, 90.0)


@given(st.lists(st.tuples(delays, st.booleans(), st.booleans()), max_size=30), st.lists(delays, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_timers_fire_in_order_and_never_early_and_all_that_are_due(
    timers: list[tuple[float, bool, bool]], steps: list[float]
) -> None:
    clock, fired, asked = VirtualClock(START), list[int](), dict[int, float]()

    def fire(number: int) -> None:
        assert clock.monotonic() >= asked[number]
        assert clock.monotonic() < asked[number] + 2 / GRID
        fired.append(number)

    for number, (delay, background, cancelled) in enumerate(timers):
        asked[number] = clock.monotonic() + delay
        timer = clock.call_later(delay, lambda number=number: fire(number), background=background)  # type: ignore[misc]
        if cancelled:
            timer.cancel()
            del asked[number]
    total = 0.0
    for step in steps:
        total += step
        asyncio.run(clock.travel(step))
        assert clock.monotonic() >= total
    moments = [(math.ceil(asked[number] * GRID), number) for number in fired]
    assert moments == sorted(moments), "those of one moment in the order in which they were set"
    assert set(fired) >= {number for number, at in asked.items() if at <= total}
    assert set(fired) <= {number for number, at in asked.items() if at <= clock.monotonic()}
    assert clock.pending() == sum(not timers[number][1] for number in asked if number not in fired)


def test_timers_of_one_moment_fire_in_the_order_in_which_they_were_set() -> None:
    clock, fired = FixedClock(), list[int]()
    for number in range(50):
        clock.call_later(60, lambda number=number: fired.append(number), background=number % 3 == 0)  # type: ignore[misc]
    clock.advance(60)
    assert fired == list(range(50))


def test_a_cancelled_timer_does_not_fire_and_one_may_be_cancelled_twice_or_too_late() -> None:
    clock, fired = FixedClock(), list[str]()
    first = clock.call_later(1, lambda: fired.append("first"))
    second = clock.call_later(1, lambda: fired.append("second"))
    second.cancel()
    second.cancel()
    clock.advance(1)
    first.cancel()
    assert fired == ["first"]


def test_a_timer_may_cancel_another_that_is_due_in_the_same_moment() -> None:
    clock, fired = FixedClock(), list[str]()
    clock.call_later(1, lambda: other.cancel())  # noqa: PLW0108 - there is no other yet
    other = clock.call_later(1, lambda: fired.append("other"))
    clock.advance(2)
    assert fired == []


def test_what_a_timer_sets_fires_on_the_same_journey_if_it_is_due_on_it() -> None:
    clock, fired = FixedClock(), list[float]()

    def again() -> None:
        fired.append(clock.monotonic())
        clock.call_later(60, again)

    clock.call_later(60, again)
    clock.advance(200)
    assert fired == [60.0, 120.0, 180.0]


def test_timers_that_are_set_and_cancelled_again_and_again_do_not_fill_the_memory() -> None:
    clock = FixedClock()
    kept = [clock.call_later(DAY_S, lambda: None) for _ in range(10)]
    for _ in range(5_000):
        clock.call_later(60, lambda: None).cancel()
    assert len(kept) == len(clock._awaited) == 10
    assert len(clock._awaited._heap) <= 10 + agenda.FEW + 1


@given(st.lists(st.tuples(st.sampled_from(["add", "cancel", "pop"]), st.integers(0, 1000)), max_size=400))
@settings(max_examples=60, deadline=None)
def test_an_agenda_knows_how_many_are_to_come_and_which_is_first(steps: list[tuple[str, int]]) -> None:
    tested, model = agenda.Agenda(), list[agenda.Entry]()
    for number, (what, value) in enumerate(steps):
        if what == "add":
            model.append(tested.add(float(value), number, lambda: None))
        elif what == "cancel" and model:
            model.pop(value % len(model)).cancel()
        elif what == "pop" and tested.first() is not None:
            model.remove(tested.pop())
        assert len(tested) == len(model) == len(list(tested))
        assert tested.first() == min(model, default=None)


async def test_one_can_sleep_on_a_clock_and_is_not_woken_early(clock: VirtualClock) -> None:
    sleeper = asyncio.ensure_future(sleep(clock, 30))
    await clock.travel(29.9)
    assert not sleeper.done()
    await clock.travel(0.1)
    await sleeper


async def test_who_stops_sleeping_leaves_no_timer(clock: VirtualClock) -> None:
    sleeper = asyncio.ensure_future(sleep(clock, 30))
    await asyncio.sleep(0)
    assert clock.pending() == 1
    sleeper.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sleeper
    assert clock.pending() == 0


async def test_the_real_clock_goes_on_by_itself_and_calls_back() -> None:
    clock: Clock = RealClock()
    with clock.working():
        await asyncio.wait_for(sleep(clock, 0.001), 30)
    clock.call_later(-5, (called := asyncio.Event()).set)
    await asyncio.wait_for(called.wait(), 30)
    assert clock.epoch() > START


# -- the virtual clock


@given(st.floats(1.5e9, 8e9), st.floats(0.001, 30 * DAY_S))
@settings(max_examples=60, deadline=None)
def test_a_timer_for_a_date_is_due_at_that_very_date_after_as_many_seconds(epoch: float, span: float) -> None:
    """With doubles alone, a retry that is due in a minute would still be to come when a minute has passed."""
    clock = VirtualClock(epoch)
    received = clock.epoch()
    due, fired = received + span, list[float]()
    clock.call_later(due - clock.epoch(), lambda: fired.append(clock.epoch()))
    asyncio.run(clock.travel(span))
    assert fired
    assert fired[0] >= due


def test_a_virtual_clock_begins_no_earlier_than_it_was_told() -> None:
    for epoch in (START, 1795282360.8771029, 1e9 + 1 / 3):
        assert epoch <= VirtualClock(epoch).epoch() < epoch + 1e-5


async def test_time_waits_for_the_work_that_a_timer_has_set_off(
    clock: VirtualClock, spawn: Callable[[Awaitable[None]], None]
) -> None:
    seen: list[tuple[str, float]] = []
    finish = asyncio.Event()

    async def work() -> None:
        with clock.working():
            await finish.wait()
            seen.append(("work", clock.monotonic()))

    clock.call_later(60, lambda: spawn(work()))
    clock.call_later(61, lambda: seen.append(("next", clock.monotonic())))
    journey = asyncio.ensure_future(clock.travel(120))
    for _ in range(50):
        await asyncio.sleep(0)
    assert (seen, clock.monotonic(), journey.done()) == ([], 60.0, False)
    finish.set()
    assert await journey == 2
    assert seen == [("work", 60.0), ("next", 61.0)]


async def test_time_does_not_set_out_while_somebody_is_at_work(clock: VirtualClock) -> None:
    with clock.working():
        journey = asyncio.ensure_future(clock.travel(10))
        for _ in range(50):
            await asyncio.sleep(0)
        assert clock.monotonic() == 0.0
    await journey
    assert clock.monotonic() == 10.0


async def test_work_that_fails_holds_the_time_up_no_longer(clock: VirtualClock) -> None:
    with contextlib.suppress(ValueError), clock.working():
        raise ValueError
    assert await asyncio.wait_for(clock.travel(10), 30) == 0


async def test_those_that_are_due_in_one_moment_are_at_work_together(
    clock: VirtualClock, spawn: Callable[[Awaitable[None]], None]
) -> None:
    """Or a thousand retries that are due at once would run one after the other."""
    meeting = asyncio.Barrier(3)

    async def work() -> None:
        with clock.working():
            await meeting.wait()

    for _ in range(3):
        clock.call_later(60, lambda: spawn(work()))
    assert await asyncio.wait_for(clock.travel(60), 30) == 3


async def test_a_callback_that_fails_stops_neither_the_others_nor_the_time(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    fired: list[float] = []

    def fail() -> None:
        with clock.working():
            raise ValueError("a bug")

    clock.call_later(1, fail)
    clock.call_later(1, lambda: fired.append(clock.monotonic()))
    clock.call_later(2, lambda: fired.append(clock.monotonic()))
    with caplog.at_level(logging.ERROR):
        assert await asyncio.wait_for(clock.travel(3), 30) == 3
    assert (fired, clock.monotonic()) == ([1.0, 2.0], 3.0)
    assert "a bug" in caplog.text


async def test_two_journeys_at_once_are_made_one_after_the_other(clock: VirtualClock) -> None:
    fired: list[float] = []
    for at in (5, 15, 25):
        clock.call_later(at, lambda: fired.append(clock.monotonic()))
    await asyncio.gather(clock.travel(10), clock.travel(20))
    assert (fired, clock.monotonic()) == ([5.0, 15.0, 25.0], 30.0)


async def test_running_until_idle_goes_from_one_to_the_next_and_no_further(clock: VirtualClock) -> None:
    def again(left: int) -> None:
        if left:
            clock.call_later(60, lambda: again(left - 1))

    again(3)
    assert await clock.run_until_idle(DAY_S) == 3
    assert clock.monotonic() == 180.0
    assert clock.pending() == 0


async def test_running_until_idle_goes_no_further_than_it_may(clock: VirtualClock) -> None:
    clock.call_later(100, lambda: None)
    assert await clock.run_until_idle(99) == 0
    assert (clock.monotonic(), clock.pending(), clock.next_due()) == (0.0, 1, START + 100)


async def test_what_comes_round_for_ever_is_nothing_that_is_waited_for(clock: VirtualClock) -> None:
    rounds: list[float] = []

    def come_round() -> None:
        rounds.append(clock.monotonic())
        clock.call_later(10, come_round, background=True)

    clock.call_later(10, come_round, background=True)
    clock.call_later(35, lambda: None)
    assert clock.pending() == 1
    assert await asyncio.wait_for(clock.run_until_idle(DAY_S), 30) == 1
    assert (rounds, clock.monotonic(), clock.next_due()) == ([10.0, 20.0, 30.0], 35.0, None)


async def test_many_thousands_of_timers_are_no_trouble(clock: VirtualClock) -> None:
    """Each step used to look at all of them: this took minutes."""
    fired = 0

    def count() -> None:
        nonlocal fired
        fired += 1

    for number in range(20_000):
        clock.call_later(number // 10, count)
    assert await clock.run_until_idle(DAY_S) == fired == 20_000


async def test_a_timer_for_no_day_at_all_is_never_due(clock: VirtualClock) -> None:
    clock.call_later(math.inf, lambda: pytest.fail("it came"))
    assert await clock.travel(1e8) == 0


# -- how far it has come is kept


async def test_a_date_is_kept_before_it_is_reached(clock: VirtualClock, kept: Kept) -> None:
    clock.call_later(60, lambda: seen.extend(kept.dates))
    seen: list[float] = []
    await clock.travel(120)
    assert seen == [START + 120], "what is written at that moment must not be in the future after a restart"


async def test_running_until_idle_keeps_each_date_before_it_is_reached(clock: VirtualClock, kept: Kept) -> None:
    clock.call_later(60, lambda: clock.call_later(120, lambda: None))
    await clock.run_until_idle(DAY_S)
    assert kept.dates == [START + 60, START + 180]


async def test_time_that_cannot_be_kept_does_not_pass(clock: VirtualClock, kept: Kept) -> None:
    clock.call_later(1, lambda: pytest.fail("it fired"))
    kept.trouble = OSError("the disk is full")
    for journey in (clock.travel(10), clock.run_until_idle(10)):
        with pytest.raises(OSError, match="full"):
            await journey
    assert (clock.monotonic(), clock.pending()) == (0.0, 1)


async def test_a_journey_that_is_broken_off_ends_where_it_was_and_that_is_kept(clock: VirtualClock, kept: Kept) -> None:
    hold = clock.working()
    clock.call_later(60, hold.__enter__)
    journey = asyncio.ensure_future(clock.travel(120))
    while clock.monotonic() < 60:  # noqa: ASYNC110 - what is waited for is the event loop's own work
        await asyncio.sleep(0)
    journey.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await journey
    assert clock.monotonic() == 60.0
    assert kept.dates[-1] == START + 60
    hold.__exit__(None, None, None)
    await asyncio.wait_for(clock.travel(1), 30)


def test_dates_are_shown_as_everywhere() -> None:
    assert iso(1769860800.5) == "2026-01-31T12:00:00.500Z"
    assert "2023-11-14T22:13:20.000Z" in repr(FixedClock())


async def test_the_real_clock_asks_for_a_little_more_than_the_delay(monkeypatch):
    """Timers of libuv come up to 1.3 ms early, and whoever compares dates then would find that nothing is due."""
    asked: list[float] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda delay_s, todo: asked.append(delay_s))
    for delay_s in (1.0, 0.0, -5.0):
        RealClock().call_later(delay_s, lambda: None)
    assert asked[0] >= 1.0013
    assert asked[1:] == [0.0, 0.0]
