"""Timestamps in AWS's three spellings. In: always an aware datetime in UTC. Out: from a datetime or epoch seconds."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from lambent.wire.faults import malformed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(value: Any) -> datetime:
    """An aware datetime from what a handler gives: a datetime or epoch seconds."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return EPOCH + timedelta(seconds=value)


def to_unix(value: Any) -> int | float:
    """Epoch seconds, with milliseconds only where there are any, as AWS writes them."""
    seconds = round((moment(value) - EPOCH).total_seconds(), 3)
    return int(seconds) if seconds.is_integer() else seconds


def to_iso8601(value: Any) -> str:
    at = moment(value).astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def to_rfc822(value: Any) -> str:
    return format_datetime(moment(value).astimezone(UTC).replace(microsecond=0), usegmt=True)


def from_number(value: Any) -> datetime:
    """From epoch seconds; botocore and AWS keep microseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return from_text(value)
    try:
        return EPOCH + timedelta(microseconds=round(value * 1_000_000))
    except (OverflowError, ValueError):
        raise malformed(f"{value} is not a timestamp") from None


def from_text(value: Any) -> datetime:
    """From any of the three spellings: AWS's front ends take what they can read."""
    if not isinstance(value, str):
        raise malformed("Unexpected field type for a timestamp")
    for read in (_iso8601, parsedate_to_datetime, _unix):
        try:
            at = read(value)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    raise malformed(f"{value} is not a timestamp")


def _iso8601(value: str) -> datetime:
    if not value[4:5] == "-":  # 20240101 would be read as a date, and is epoch seconds
        raise ValueError(value)
    return datetime.fromisoformat(value)


def _unix(value: str) -> datetime:
    return EPOCH + timedelta(microseconds=round(float(value) * 1_000_000))


WRITERS = {"unixTimestamp": to_unix, "unixtimestamp": to_unix, "iso8601": to_iso8601, "rfc822": to_rfc822}
