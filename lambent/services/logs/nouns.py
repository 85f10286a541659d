"""Log groups, streams, subscription filters and events, and their names. Pure."""

import re
from typing import Any

import msgspec

from lambent.observe.log_groups import LogEvent
from lambent.services.logs.errors import invalid

Key = tuple[str, str, str]  # account, region, name of the group
DAY_MS = 86_400_000
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
MOST_FILTERS = 2  # of a group: a quota of AWS
_ARN = re.compile(r"arn:[\w-]+:logs:(?P<region>[\w-]+):(?P<account>\d{12}):log-group:(?P<name>[^:*]+)(?::\*)?")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription filter."""

    name: str
    pattern: str
    destination: str  # ARN
    created: int
    distribution: str = "ByLogStream"


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody has said about a group."""

    retention_days: int = 0  # 0: for ever, as far as there is room
    tags: dict[str, str] = {}
    is_protected: bool = False  # from being deleted
    group_class: str = "STANDARD"
    filters: tuple[Filter, ...] = ()


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A log group. That of a function has a row only once somebody says something about it."""

    key: Key
    created: int  # epoch milliseconds
    settings: Settings = Settings()
    has_row: bool = True

    @property
    def name(self) -> str:
        return self.key[2]

    @property
    def arn(self) -> str:
        return group_arn(self.key)

    def begins(self, now: int) -> int:
        """The moment before which it keeps nothing (epoch milliseconds)."""
        days = self.settings.retention_days
        return now - days * DAY_MS if days else 0


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A log stream. Times in epoch milliseconds; 0: it has no event."""

    key: Key  # of its group
    name: str
    created: int
    first_at: int = 0
    last_at: int = 0
    taken: int = 0


def columns(key: Key) -> dict[str, Any]:
    """Of a row of something in that group."""
    return dict(zip(("account", "region", "group_name"), key, strict=True))


def group_arn(key: Key) -> str:
    account, region, name = key
    return f"arn:aws:logs:{region}:{account}:log-group:{name}"


def stream_arn(key: Key, name: str) -> str:
    return f"{group_arn(key)}:log-stream:{name}"


def key_of(text: str, account: str, region: str) -> Key:
    """The group that an ARN names, or a name of the caller's. Raises InvalidParameterException."""
    if not text.startswith("arn:"):
        return account, region, text
    found = _ARN.fullmatch(text)
    if found is None:
        raise invalid(f"Invalid log group identifier: {text}")
    return found["account"], found["region"], found["name"]


def put_event(row: Any) -> LogEvent:
    """An event that a client put, out of its row. Its id sorts with those of functions' events."""
    at = int(row["at"])
    return LogEvent(f"{at:014d}{0:08d}{row['id']:034d}", at, row["stream"], row["message"], int(row["taken"]))
