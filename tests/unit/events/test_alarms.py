"""One timer for all lines: each is woken when it is due, and nobody else."""

from collections.abc import Sequence

from event_samples import NOW
from hypothesis import given
from hypothesis import strategies as st

from lambent.clock import FixedClock
from lambent.events.alarms import Alarms
from lambent.store.queue import FunctionKey

A, B = ("1", "r", "a"), ("1", "r", "b")


class Woken:
    """What rang, and when."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOW)
        self.rung: list[tuple[str, float]] = []
        self.alarms = Alarms(self.clock, self.ring)

    def ring(self, functions: Sequence[FunctionKey]) -> None:
        self.rung += [(function[2], self.clock.epoch() - NOW) for function in functions]


def test_each_is_woken_once_at_the_earliest_moment_that_was_set():
    woken = Woken()
    for function, due in ((A, 60), (B, 30), (A, 20), (A, 40)):
        woken.alarms.set(function, NOW + due)
    woken.clock.advance(100)
    assert woken.rung == [("a", 20), ("b", 30)]
    woken.alarms.set(A, NOW + 120)
    woken.clock.advance(100)
    assert woken.rung[2:] == [("a", 120)]


def test_after_the_close_nobody_is_woken():
    woken = Woken()
    woken.alarms.set(A, NOW + 1)
    woken.alarms.close()
    woken.clock.advance(10)
    assert woken.rung == []


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 50)), max_size=30))
def test_whoever_sets_an_alarm_is_woken_by_then(wishes):
    woken = Woken()
    for name, due in wishes:
        woken.alarms.set(("1", "r", name), NOW + due)
    woken.clock.advance(60)
    first = {name: min(due for other, due in wishes if other == name) for name, _ in wishes}
    assert dict(woken.rung) == first
    assert len(woken.rung) == len(first)
