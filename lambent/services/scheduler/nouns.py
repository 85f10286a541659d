"""Schedules and their groups, and when a schedule is due. Pure.

Source: EventBridge Scheduler User Guide, "Schedule types", "Configuring flexible time windows".
"""

import datetime
from typing import Any

import msgspec

from lambent.services.schedules import due_after

DEFAULT = "default"  # the group that is always there
Key = tuple[str, str, str, str]  # account, region, group, name


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule group."""

    account: str
    region: str
    name: str
    tags: dict[str, str] = {}
    created: float  # epoch seconds
    modified: float

    @property
    def arn(self) -> str:
        return f"arn:aws:scheduler:{self.region}:{self.account}:schedule-group/{self.name}"


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule. `settings` are members of GetSchedule as they were asked for, dates as epoch seconds."""

    account: str
    region: str
    group_name: str
    name: str
    settings: dict[str, Any]
    created: float  # epoch seconds
    modified: float
    planned: float = 0.0  # epoch seconds, of the next time; 0: there is none
    due: float = 0.0  # the same, somewhere in the flexible window

    @property
    def key(self) -> Key:
        return self.account, self.region, self.group_name, self.name

    @property
    def arn(self) -> str:
        return f"arn:aws:scheduler:{self.region}:{self.account}:schedule/{self.group_name}/{self.name}"

    @property
    def enabled(self) -> bool:
        return bool(self.settings.get("State", "ENABLED") == "ENABLED")


def next_time(schedule: Schedule, after: float) -> float:
    """When it is due next after a moment (epoch seconds); 0: never again. Raises ValueError for a bad expression.

    A rate counts from the start date, which is its first time, or from when the schedule was made. One-time schedules
    know neither start nor end. Moments at which no clock shows the time named (daylight saving) are cronsim's matter.
    """
    settings = schedule.settings
    expression, zone = settings["ScheduleExpression"], settings.get("ScheduleExpressionTimezone", "")
    if expression.startswith("at("):
        return due_after(expression, zone)(after) or 0.0
    start, end = settings.get("StartDate"), settings.get("EndDate")
    if expression.startswith("rate(") and start is not None and start > after:
        found: float | None = float(start)
    else:
        anchor = schedule.created if start is None else float(start)
        found = due_after(expression, zone, anchor)(after if start is None else max(after, float(start) - 1e-6))
    return 0.0 if found is None or (end is not None and found > end) else found


def planned(schedule: Schedule, after: float, chance: float) -> Schedule:
    """The schedule with its next time; `chance` (0 to 1) places it in its flexible window."""
    moment = next_time(schedule, after) if schedule.enabled else 0.0
    window = schedule.settings.get("FlexibleTimeWindow") or {}
    spread_s = 60.0 * window.get("MaximumWindowInMinutes", 0) if window.get("Mode") == "FLEXIBLE" else 0.0
    due = moment + chance * spread_s if moment else 0.0
    return msgspec.structs.replace(schedule, planned=moment, due=due)


def is_over(schedule: Schedule) -> bool:
    """Has it come to its end, for ActionAfterCompletion?"""
    return schedule.enabled and not schedule.planned


def dated(moment: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC)
