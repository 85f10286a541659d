"""When provisioned concurrency is scaled, and to how much: tables, and what holds for whatever is thrown at it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lambent.observe.metrics import Minute
from lambent.services.application_autoscaling.decisions import (
    POINTS_IN,
    POINTS_OUT,
    Bounds,
    Capacity,
    Step,
    Suspended,
    View,
    decide,
    points,
)

NOW = 1_700_000_040.0  # the begin of a minute
WIDE = Bounds(1, 100)
FREE = Suspended()


def seen(*values: float | None) -> tuple[tuple[float, float], ...]:
    """What was seen in the minutes before NOW, the last one last; None: nothing."""
    begin = NOW - 60 * len(values)
    return tuple((begin + 60 * at, value) for at, value in enumerate(values) if value is not None)


def a_view(*values: float | None, **facts: Any) -> View:
    return View(**{"policy": "track", "target": 0.7, "points": seen(*values)} | facts)


def to(views: list[View] | View, count: int = 10, bounds: Bounds = WIDE, **facts: Any) -> int | None:
    step = decide(views if isinstance(views, list) else [views], Capacity(count, **facts), bounds, NOW, FREE)
    return step.count if step else None


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ((1.0, 1.0, 1.0), 15),  # 10 x 1.0 / 0.7, rounded up
        ((0.8, 0.8, 0.71), 11),
        ((0.7, 0.7, 0.7), None),  # at the target is not above it
        ((1.0, 1.0), None),  # a burst shorter than three minutes
        ((0.5, 1.0, 1.0), None),
        ((1.0, None, 1.0, 1.0), None),
        ((1.0, 1.0, 1.0, None), None),  # the last minute has nothing
        ((0.64, 0.64, 0.64), None),  # between 63 % and 70 % nothing happens
        ((0.63, 0.62, 0.62), None),  # nine tenths of the target is not below it
        ((0.62, 0.62, 0.62), 9),
        ((0.1, 0.1, 0.1), 2),
        ((0.0, 0.0, 0.0), 1),  # never none
        ((0.1, None, 0.1), None),
        ((), None),
    ],
)
def test_the_last_minutes_say_how_much_is_wanted(values: tuple[float | None, ...], count: int | None) -> None:
    assert (POINTS_OUT, POINTS_IN) == (3, 3)
    assert to(a_view(*values)) == count


def test_exactly_enough_is_enough_whatever_doubles_say() -> None:
    assert [to(a_view(0.7, 0.7, 0.7, target=target), count) for count, target in ((7, 0.1), (3, 0.3))] == [49, 7]


def test_what_was_seen_before_the_last_change_moves_nothing() -> None:
    busy = a_view(1.0, 1.0, 1.0)
    assert to(busy, changed_at=NOW - 60) is None, "the last minute was not all after it"
    assert to(busy, changed_at=NOW - 61) == 15


def test_nothing_moves_while_environments_are_being_made_or_where_there_are_none() -> None:
    assert to(a_view(1.0, 1.0, 1.0), ready=False) is None
    assert to(a_view(1.0, 1.0, 1.0), count=0) is None


def test_bounds_cut_a_step_and_a_step_never_goes_the_other_way() -> None:
    busy, idle = a_view(1.0, 1.0, 1.0), a_view(0.1, 0.1, 0.1)
    assert to(busy, bounds=Bounds(1, 12)) == 12
    assert to(busy, bounds=Bounds(1, 10)) is None
    assert to(busy, bounds=Bounds(1, 5)) is None, "somebody has provisioned more by hand"
    assert to(idle, bounds=Bounds(4, 12)) == 4
    assert to(idle, bounds=Bounds(20, 30)) is None


def test_scaling_out_again_waits_for_its_cooldown_unless_the_step_is_larger() -> None:
    cooling = {"out_cooldown_s": 300, "out_at": NOW - 200}
    assert to(a_view(0.9, 0.9, 0.9, out_from=10, **cooling), 15) is None, "10 x 0.9 / 0.7 are there already"
    assert to(a_view(0.9, 0.9, 0.9, out_from=14, **cooling), 15) == 18
    assert to(a_view(0.9, 0.9, 0.9, out_from=10, **cooling | {"out_at": NOW - 300}), 15) == 20


def test_scaling_in_again_waits_for_its_cooldown() -> None:
    idle = {"in_cooldown_s": 300}
    assert to(a_view(0.1, 0.1, 0.1, in_at=NOW - 200, **idle)) is None
    assert to(a_view(0.1, 0.1, 0.1, in_at=NOW - 300, **idle)) == 2


def test_of_many_policies_any_scales_out_and_all_must_scale_in_and_the_most_wins() -> None:
    busy, busier, fine, idle, idler = (a_view(v, v, v) for v in (0.8, 1.0, 0.65, 0.4, 0.1))
    assert to([busy, busier, idle]) == 15
    assert to([idle, idler]) == 6
    assert to([idle, fine]) is None
    assert to([idle, a_view()]) is None, "one of them has no data"
    assert to([idle, a_view(0.65, 0.65, 0.65, may_scale_in=False)]) == 6
    assert to([a_view(0.1, 0.1, 0.1, may_scale_in=False)]) is None


def test_what_is_suspended_does_not_happen() -> None:
    capacity = Capacity(10)
    busy, idle = [a_view(1.0, 1.0, 1.0)], [a_view(0.1, 0.1, 0.1)]
    assert decide(busy, capacity, WIDE, NOW, Suspended(scale_out=True)) is None
    assert decide(idle, capacity, WIDE, NOW, Suspended(scale_in=True)) is None
    assert decide(busy, capacity, WIDE, NOW, Suspended(scale_in=True)) == Step(15, "track", True)
    assert decide(idle, capacity, WIDE, NOW, Suspended(scale_out=True)) == Step(2, "track", False)


@pytest.mark.parametrize(
    ("statistic", "value"), [("Average", 2.0), ("Maximum", 5.0), ("Minimum", 0.5), ("Sum", 8.0), ("SampleCount", 4.0)]
)
def test_a_minute_is_seen_by_its_statistic_and_only_when_it_is_over(statistic: str, value: float) -> None:
    minutes = [Minute(NOW - 60, 4, 8.0, 0.5, 5.0), Minute(NOW, 1, 9.0, 9.0, 9.0)]
    assert points(minutes, statistic, NOW + 12) == ((NOW - 60, value),)


numbers = some.floats(0, 1e9, allow_nan=False)
views = some.builds(
    a_view,
    some.one_of(some.none(), numbers),
    some.one_of(some.none(), numbers),
    some.one_of(some.none(), numbers),
    some.one_of(some.none(), numbers),
    target=some.floats(1e-6, 1e6),
    out_cooldown_s=some.integers(0, 600),
    in_cooldown_s=some.integers(0, 600),
    out_at=some.sampled_from([0.0, NOW - 400, NOW - 100]),
    out_from=some.integers(0, 1000),
    in_at=some.sampled_from([0.0, NOW - 400, NOW - 100]),
    may_scale_in=some.booleans(),
)


@given(
    some.lists(views, max_size=4), some.integers(0, 2000), some.integers(0, 500), some.integers(0, 500), some.booleans()
)
def test_a_step_ends_within_the_bounds_and_needs_the_last_minutes_of_whoever_takes_it(
    found: list[View], count: int, minimum: int, span: int, ready: bool
) -> None:
    bounds = Bounds(minimum, minimum + span)
    step = decide(found, Capacity(count, ready=ready), bounds, NOW, FREE)
    if step is None:
        return
    assert ready
    assert count > 0
    assert minimum <= step.count <= minimum + span
    assert step.out == (step.count > count)
    assert step.count != count
    last = [NOW - 180, NOW - 120, NOW - 60]
    told = [[at for at, _ in view.points[-3:]] == last for view in found]
    assert any(told)
    if not step.out:
        assert all(there for there, view in zip(told, found, strict=True) if view.may_scale_in)
