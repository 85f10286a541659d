"""AWS's schedule expressions: at(...), rate(...) and cron(...) of six fields. Pure: when is it due next?

Source: Application Auto Scaling's guide, schedule-expressions. The five fields that every cron has are cronsim's
matter, and so is what happens when clocks are put forward or back.
"""

import datetime
import re
import zoneinfo
from collections.abc import Callable
from typing import NamedTuple

from cronsim import CronSim, CronSimError

_FORM = re.compile(r"(?P<kind>at|rate|cron)\((?P<inside>[^()]*)\)")
_RATE = re.compile(r"([1-9]\d{0,8}) (minute|hour|day)s?")
_UNITS_S = {"minute": 60.0, "hour": 3_600.0, "day": 86_400.0}
_YEARS = range(1970, 2200)
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # 1 to 7 in AWS's cron, 0 to 6 in others
_DAY = re.compile(r"(SUN|MON|TUE|WED|THU|FRI|SAT|[1-7])(?:(L|#[1-5])|-(SUN|MON|TUE|WED|THU|FRI|SAT|[1-7]))?(/\d+)?")
_NEAREST = re.compile(r"(\d{1,2})W")

Next = Callable[[float], float | None]  # epoch seconds -> when it is due after that; None: never again


class _Cron(NamedTuple):
    five: str  # as others write it
    years: frozenset[int]
    nearest: int  # the day of the month whose nearest weekday is meant; 0: none


def due_after(expression: str, timezone: str = "", anchor: float = 0.0) -> Next:
    """How to find when an expression is due; rates count from `anchor`. Raises ValueError with a sentence."""
    zone = zone_of(timezone)
    found = _FORM.fullmatch(expression.strip())
    if found is None:
        raise ValueError("it is none of at(yyyy-mm-ddThh:mm:ss), rate(value unit), cron(fields)")
    match found["kind"]:
        case "at":
            return _at(found["inside"].strip(), zone)
        case "rate":
            return _rate(found["inside"].strip(), anchor)
    return _next_of(_cron(found["inside"].split()), zone)


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of an IANA name, UTC for none. Raises ValueError."""
    try:
        return zoneinfo.ZoneInfo(name or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None


def _at(text: str, zone: zoneinfo.ZoneInfo) -> Next:
    try:
        moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("at() takes a date like 2026-01-31T12:00:00") from None
    return lambda after: moment if moment > after else None


def _rate(text: str, anchor: float) -> Next:
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError("rate() takes a positive number and a unit: minutes, hours or days")
    every_s = int(found[1]) * _UNITS_S[found[2]]

    def due(after: float) -> float:
        return anchor + (max(0, int((after - anchor) // every_s)) + 1) * every_s

    return due


def _cron(fields: list[str]) -> _Cron:
    if len(fields) != 6:
        raise ValueError("cron() takes six fields: minutes, hours, day of month, month, day of week, year")
    minutes, hours, days, months, weekdays, years = (field.upper() for field in fields)
    if (days == "?") == (weekdays == "?"):
        raise ValueError("one of day of month and day of week must be ?, and not both")
    nearest = _NEAREST.fullmatch(days)
    plain = "*" if days == "?" or nearest else days
    five = f"{minutes} {hours} {plain} {months} {_weekdays(weekdays)}"
    try:
        for each in (five, f"0 0 {nearest[1] if nearest else '*'} {months} *"):  # is there such a day?
            CronSim(each, datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
    except CronSimError as error:
        raise ValueError(str(error)) from None
    return _Cron(five, _years(years), int(nearest[1]) if nearest else 0)


def _weekdays(field: str) -> str:
    """The same days, counted from 0 and not from 1; L alone is Saturday."""
    if field in ("?", "*"):
        return "*"
    return ",".join(_weekday("7" if part == "L" else part) for part in field.split(","))


def _weekday(part: str) -> str:
    found = _DAY.fullmatch(part)
    if found is None:
        raise ValueError(f"{part} is no day of the week")
    first, last = _number(found[1]), _number(found[3]) if found[3] else None
    if last is None:
        return f"{first}{found[2] or ''}{found[4] or ''}"
    if found[2]:
        raise ValueError(f"{part} is no day of the week")
    step = int((found[4] or "/1")[1:])
    days = range(first, (last if last >= first else last + 7) + 1, step or 1)  # FRI-MON goes round
    return ",".join(str(day % 7) for day in days)


def _number(day: str) -> int:
    return int(day) - 1 if day.isdigit() else _DAYS.index(day)


def _years(field: str) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:\*|(\d{4})(?:-(\d{4}))?)(?:/(\d{1,3}))?", part)
        if match is None or match[3] == "0":
            raise ValueError(f"{part} is no year: 1970 to 2199, * - , /")
        first = int(match[1] or _YEARS[0])
        last = int(match[2]) if match[2] else first if match[1] and not match[3] else _YEARS[-1]
        found.update(range(first, last + 1, int(match[3] or 1)))
    if not found or not found <= set(_YEARS):
        raise ValueError(f"{field} is no year: 1970 to 2199, * - , /")
    return frozenset(found)


def _next_of(cron: _Cron, zone: zoneinfo.ZoneInfo) -> Next:
    def due(after: float) -> float | None:
        start: datetime.datetime | None = datetime.datetime.fromtimestamp(after, zone)
        while start is not None and (moment := next(CronSim(cron.five, start), None)) is not None:
            if moment.year not in cron.years:
                start = _new_year(min((year for year in cron.years if year > moment.year), default=None), zone)
            elif cron.nearest and not _is_nearest(moment.date(), cron.nearest):
                start = moment.replace(hour=23, minute=59)
            else:
                return moment.timestamp()
        return None

    return due


def _new_year(year: int | None, zone: zoneinfo.ZoneInfo) -> datetime.datetime | None:
    """The minute before it begins."""
    return datetime.datetime(year - 1, 12, 31, 23, 59, tzinfo=zone) if year else None


def _is_nearest(day: datetime.date, wanted: int) -> bool:
    """Is it the weekday nearest to that day of its month? A month never lends its neighbour a day."""
    last = ((day.replace(day=28) + datetime.timedelta(days=4)).replace(day=1) - datetime.timedelta(days=1)).day
    if wanted > last:
        return False
    goal = day.replace(day=wanted)
    shift = {5: -1 if wanted > 1 else 2, 6: 1 if wanted < last else -2}.get(goal.weekday(), 0)
    return day == goal + datetime.timedelta(days=shift)
