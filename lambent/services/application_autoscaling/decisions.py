"""When provisioned concurrency is scaled, and to how much: pure functions over minutes of a metric.

Source: lambda-semantics.md §7, AWS's guide to target tracking. Each policy has two alarms. The one above the target
scales out, the one below nine tenths of it scales in; each needs POINTS minutes in a row. A minute without any data
makes the alarm INSUFFICIENT_DATA: then nothing moves, least of all down.
"""

import math
from collections.abc import Sequence

import msgspec

from lambent.observe.metrics import MINUTE_S, Minute

POINTS_OUT = 3  # minutes above the target
POINTS_IN = 3  # minutes below nine tenths of it
SCALE_IN_AT = 0.9  # of the target
_HAIR = 1e-9  # 7 of 10 at a target of 0.7 are exactly enough, whatever doubles say


class Bounds(msgspec.Struct, frozen=True):
    """How far a target may be scaled."""

    minimum: int
    maximum: int

    def clamp(self, count: int) -> int:
        return max(self.minimum, min(self.maximum, count))


class Capacity(msgspec.Struct, frozen=True):
    """What is provisioned now; 0: nothing."""

    count: int
    changed_at: float = 0.0  # epoch seconds
    ready: bool = True  # all of it can be used
    trouble: str = ""  # why it never will be


class Suspended(msgspec.Struct, frozen=True):
    """What policies must not do."""

    scale_in: bool = False
    scale_out: bool = False


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One policy, what its metric says, and what it did last."""

    policy: str
    target: float
    points: tuple[tuple[float, float], ...]  # (begin of a minute, value), of complete minutes, oldest first
    out_cooldown_s: float = 0.0
    in_cooldown_s: float = 0.0
    may_scale_in: bool = True
    out_at: float = 0.0
    out_from: int = 0
    in_at: float = 0.0


class Step(msgspec.Struct, frozen=True):
    """To how much, and by which policy."""

    count: int
    policy: str
    out: bool


def points(minutes: Sequence[Minute], statistic: str, now: float) -> tuple[tuple[float, float], ...]:
    """What a metric was in the minutes that are over."""
    current = now // MINUTE_S * MINUTE_S
    return tuple((each.at, _value(each, statistic)) for each in minutes if each.at < current)


def _value(minute: Minute, statistic: str) -> float:
    match statistic:
        case "Maximum":
            return minute.max
        case "Minimum":
            return minute.min
        case "Sum":
            return minute.sum
        case "SampleCount":
            return float(minute.count)
    return minute.sum / minute.count


def decide(views: Sequence[View], capacity: Capacity, bounds: Bounds, now: float, suspended: Suspended) -> Step | None:
    """What the policies of one target do now; None: nothing. The most capacity that any of them wants wins.

    Out as soon as one of them says so, in only when all that may scale in say so.
    """
    if not capacity.ready or capacity.count < 1:
        return None
    outs = [Step(count, view.policy, True) for view in views if (count := _out(view, capacity, now))]
    if outs:
        return None if suspended.scale_out else _within(max(outs, key=lambda step: step.count), capacity, bounds)
    willing = [view for view in views if view.may_scale_in]
    ins = [Step(count, view.policy, False) for view in willing if (count := _in(view, capacity, now))]
    if not ins or len(ins) < len(willing) or suspended.scale_in:
        return None
    return _within(max(ins, key=lambda step: step.count), capacity, bounds)


def _within(step: Step, capacity: Capacity, bounds: Bounds) -> Step | None:
    """The step as far as the bounds allow, if anything of it is left in its direction."""
    count = bounds.clamp(step.count)
    moves = count > capacity.count if step.out else count < capacity.count
    return Step(count, step.policy, step.out) if moves else None


def _out(view: View, capacity: Capacity, now: float) -> int:
    """How many it wants, if that is more; 0: it does not scale out."""
    latest = _run(view, POINTS_OUT, capacity, now)
    if latest is None or any(value <= view.target for _, value in view.points[-POINTS_OUT:]):
        return 0
    # While it cools down, what was added counts as part of what is wanted: only a larger step is taken.
    cooling = view.out_at and now < view.out_at + view.out_cooldown_s
    wanted = _wanted(view.out_from if cooling else capacity.count, latest, view.target)
    return wanted if wanted > capacity.count else 0


def _in(view: View, capacity: Capacity, now: float) -> int:
    """How many it wants, if that is fewer, but never none: nothing would ever scale it out again."""
    latest = _run(view, POINTS_IN, capacity, now)
    if latest is None or any(value >= view.target * SCALE_IN_AT for _, value in view.points[-POINTS_IN:]):
        return 0
    if view.in_at and now < view.in_at + view.in_cooldown_s:
        return 0
    wanted = max(1, _wanted(capacity.count, latest, view.target))
    return wanted if wanted < capacity.count else 0


def _wanted(count: int, value: float, target: float) -> int:
    wanted = count * value / target
    return math.ceil(wanted - _HAIR) if math.isfinite(wanted) else 0


def _run(view: View, length: int, capacity: Capacity, now: float) -> float | None:
    """The latest value, if the last `length` minutes have one each and the latest began after the last change of the
    capacity: what was seen before says nothing about what there is now."""
    last = now // MINUTE_S * MINUTE_S - MINUTE_S
    found = view.points[-length:]
    if [at for at, _ in found] != [last - MINUTE_S * back for back in reversed(range(length))]:
        return None
    return found[-1][1] if last > capacity.changed_at else None
