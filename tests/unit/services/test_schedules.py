"""AWS's schedule expressions: when they are due, and what is none."""

import datetime

import pytest

from lambent.services.schedules import due_after

START = datetime.datetime(2026, 11, 21, 12, 0, tzinfo=datetime.UTC)  # a Saturday


def due(expression: str, zone: str = "", count: int = 3) -> list[str]:
    find, found, at = due_after(expression, zone, START.timestamp()), [], START.timestamp()
    while len(found) < count:
        moment = find(at)
        if moment is None:
            return [*found, "never"]
        at = moment
        found.append(f"{datetime.datetime.fromtimestamp(moment, datetime.UTC):%Y-%m-%dT%H:%M:%S}")
    return found


@pytest.mark.parametrize(
    ("expression", "zone", "moments"),
    [
        ("cron(0 9 ? * MON-FRI *)", "", ["2026-11-23T09:00:00", "2026-11-24T09:00:00", "2026-11-25T09:00:00"]),
        ("cron(0 9 ? * 2-6 *)", "", ["2026-11-23T09:00:00", "2026-11-24T09:00:00", "2026-11-25T09:00:00"]),
        ("cron(0 9 ? * 7-2 *)", "", ["2026-11-22T09:00:00", "2026-11-23T09:00:00", "2026-11-28T09:00:00"]),
        ("cron(0 9 ? * L *)", "", ["2026-11-28T09:00:00", "2026-12-05T09:00:00", "2026-12-12T09:00:00"]),
        ("cron(0 9 ? * 6L *)", "", ["2026-11-27T09:00:00", "2026-12-25T09:00:00", "2027-01-29T09:00:00"]),
        ("cron(0 9 ? * 3#2 *)", "", ["2026-12-08T09:00:00", "2027-01-12T09:00:00", "2027-02-09T09:00:00"]),
        ("cron(0 9 15W * ? *)", "", ["2026-12-15T09:00:00", "2027-01-15T09:00:00", "2027-02-15T09:00:00"]),
        ("cron(0 9 1W 5 ? *)", "", ["2027-05-03T09:00:00", "2028-05-01T09:00:00", "2029-05-01T09:00:00"]),
        ("cron(0 9 31W 1 ? *)", "", ["2027-01-29T09:00:00", "2028-01-31T09:00:00", "2029-01-31T09:00:00"]),
        ("cron(0 0 L * ? *)", "", ["2026-11-30T00:00:00", "2026-12-31T00:00:00", "2027-01-31T00:00:00"]),
        ("cron(0/20 8-9 * * ? 2030)", "", ["2030-01-01T08:00:00", "2030-01-01T08:20:00", "2030-01-01T08:40:00"]),
        ("cron(0 0 1 1 ? 2027-2031/2)", "", ["2027-01-01T00:00:00", "2029-01-01T00:00:00", "2031-01-01T00:00:00"]),
        ("cron(0 0 29 2 ? 2027,2028)", "", ["2028-02-29T00:00:00", "never"]),
        ("cron(0 0 1 1 ? 2026)", "", ["never"]),
        (
            "cron(30 9 ? * MON *)",
            "Europe/Berlin",
            ["2026-11-23T08:30:00", "2026-11-30T08:30:00", "2026-12-07T08:30:00"],
        ),
        ("at(2026-12-01T10:00:00)", "Asia/Tokyo", ["2026-12-01T01:00:00", "never"]),
        ("at(2026-11-21T12:00:00)", "", ["never"]),
        ("rate(5 minutes)", "", ["2026-11-21T12:05:00", "2026-11-21T12:10:00", "2026-11-21T12:15:00"]),
        ("rate(1 day)", "", ["2026-11-22T12:00:00", "2026-11-23T12:00:00", "2026-11-24T12:00:00"]),
    ],
)
def test_an_expression_is_due_when_aws_says_so(expression: str, zone: str, moments: list[str]) -> None:
    assert due(expression, zone) == moments


def test_an_hour_of_the_day_stays_what_it_is_over_a_change_of_clocks() -> None:
    find = due_after("cron(0 9 * * ? *)", "Europe/Berlin")
    before = datetime.datetime(2027, 3, 27, 12, tzinfo=datetime.UTC).timestamp()  # clocks go forward on the 28th
    assert datetime.datetime.fromtimestamp(find(before) or 0, datetime.UTC).hour == 7


@pytest.mark.parametrize(
    "expression",
    [
        "", "30 3 * * *", "cron(0 9 * * *)", "cron(0 9 * * * *)", "cron(0 9 ? * ? *)", "cron(60 9 * * ? *)",
        "cron(0 9 32W * ? *)", "cron(* * 30W 2 ? *)", "cron(0 9 ? * 0 *)", "cron(0 9 ? * 8 *)",
        "cron(0 9 ? * MON-TUEL *)", "cron(0 9 * * ? 1969)", "cron(0 9 * * ? 2200)", "cron(0 9 * * ? 2030/0)",
        "cron(0 9 31 2 ? *)",
        "rate(0 minutes)", "rate(5 weeks)", "rate(1.5 hours)", "at(tomorrow)",
        "at(2026-13-01T00:00:00)", "at(2026-12-01)",
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused_with_a_sentence(expression: str) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        due_after(expression)


def test_a_time_zone_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no time zone 'Europe/Atlantis'"):
        due_after("rate(1 hour)", "Europe/Atlantis")
