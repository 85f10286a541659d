"""Calls that have just begun are looked after together; the loop and its time are the test's."""

from typing import Any

import pytest

from lambent.sandbox.watch import Watch


class Loop:
    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Any) -> None:
        self.timers.append((self.now + delay, callback))

    def go_on(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer[0] <= end]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.now = first[0]
            first[1]()
        self.now = end


class Call:
    def __init__(self) -> None:
        self.told: list[float] = []

    def takes_long(self, for_s: float) -> None:
        self.told.append(for_s)


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def watch(loop: Loop) -> Watch:
    return Watch(loop, 0.05)  # type: ignore[arg-type]


def test_a_long_call_is_told_once_and_of_how_long_it_has_taken(loop: Loop, watch: Watch) -> None:
    call = Call()
    watch.begin(call)
    loop.go_on(1)
    assert call.told == [pytest.approx(0.05)]


def test_a_call_that_is_over_in_time_is_not_told(loop: Loop, watch: Watch) -> None:
    call = Call()
    watch.begin(call)
    loop.go_on(0.04)
    watch.end(call)
    loop.go_on(1)
    assert call.told == []


def test_whoever_begins_between_two_looks_is_told_by_the_second(loop: Loop, watch: Watch) -> None:
    first, second = Call(), Call()
    watch.begin(first)
    loop.go_on(0.03)
    watch.begin(second)
    loop.go_on(1)
    assert second.told == [pytest.approx(0.07)]


def test_there_is_one_timer_however_many_calls_there_are(loop: Loop, watch: Watch) -> None:
    for _ in range(100):
        watch.begin(Call())
    assert len(loop.timers) == 1


def test_there_is_no_timer_when_there_is_nobody_to_watch(loop: Loop, watch: Watch) -> None:
    call = Call()
    watch.begin(call)
    watch.end(call)
    loop.go_on(1)
    assert loop.timers == []


def test_the_same_sandbox_is_watched_again_with_its_next_call(loop: Loop, watch: Watch) -> None:
    call = Call()
    for _ in range(3):
        watch.begin(call)
        loop.go_on(0.2)
    assert len(call.told) == 3
