"""What EventBridge is made of: buses, rules, archives, replays, and the events that pass through.

Source: Amazon EventBridge API Reference (2015-10-07) and User Guide.
"""

from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from lambent.patterns import Pattern, compile_pattern
from lambent.wire.timestamps import moment

DEFAULT = "default"  # the bus that is always there
LARGEST = 1_048_576  # bytes that the entries of one PutEvents may have together
BusKey = tuple[str, str, str]  # account, region, name
RuleKey = tuple[str, str, str, str]  # account, region, bus, name
Target = dict[str, Any]  # members of AWS's Target


class Bus(msgspec.Struct, frozen=True, kw_only=True):
    """An event bus as it is stored; a default one is there without having been made."""

    account: str
    region: str
    name: str
    settings: dict[str, Any] = {}  # Description, DeadLetterConfig
    policy: str = ""  # JSON; "": none
    tags: dict[str, str] = {}
    created: float = 0.0  # epoch seconds
    modified: float = 0.0

    @property
    def key(self) -> BusKey:
        return self.account, self.region, self.name

    @property
    def arn(self) -> str:
        return f"arn:aws:events:{self.region}:{self.account}:event-bus/{self.name}"


class Rule(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A rule and its targets. `settings`: EventPattern, ScheduleExpression, State, Description, RoleArn."""

    account: str
    region: str
    bus: str  # name
    name: str
    settings: dict[str, Any]
    targets: dict[str, Target] = {}  # by Id
    tags: dict[str, str] = {}
    anchor: float = 0.0  # epoch seconds: from here a rate counts
    due: float = 0.0  # epoch seconds: the next time of its schedule; 0: there is none

    @property
    def key(self) -> RuleKey:
        return self.account, self.region, self.bus, self.name

    @property
    def arn(self) -> str:
        path = self.name if self.bus == DEFAULT else f"{self.bus}/{self.name}"
        return f"arn:aws:events:{self.region}:{self.account}:rule/{path}"

    @property
    def enabled(self) -> bool:
        return bool(self.settings.get("State") != "DISABLED")

    @property
    def schedule(self) -> str:
        return self.settings.get("ScheduleExpression") or ""

    @cached_property
    def pattern(self) -> Pattern | None:
        text = self.settings.get("EventPattern")
        return compile_pattern(text) if text else None


class Archive(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An archive of what comes to a bus. `settings`: EventSourceArn, Description, EventPattern, RetentionDays."""

    account: str
    region: str
    name: str
    settings: dict[str, Any]
    created: float  # epoch seconds

    @property
    def key(self) -> BusKey:
        return self.account, self.region, self.name

    @property
    def arn(self) -> str:
        return f"arn:aws:events:{self.region}:{self.account}:archive/{self.name}"

    @property
    def bus(self) -> str:
        """ARN"""
        return str(self.settings["EventSourceArn"])

    @property
    def days(self) -> int:
        """For so long it keeps events; 0: for ever."""
        return int(self.settings.get("RetentionDays") or 0)

    @cached_property
    def pattern(self) -> Pattern | None:
        text = self.settings.get("EventPattern")
        return compile_pattern(text) if text else None


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A replay. `settings` are members of DescribeReplay, dates as epoch seconds."""

    account: str
    region: str
    name: str
    settings: dict[str, Any]
    last_at: float = 0.0  # how far it has come
    last_id: int = 0

    @property
    def key(self) -> BusKey:
        return self.account, self.region, self.name

    @property
    def arn(self) -> str:
        return f"arn:aws:events:{self.region}:{self.account}:replay/{self.name}"

    @property
    def state(self) -> str:
        return str(self.settings["State"])


class Event(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An event as it is on a bus. `detail` is JSON without blanks, its numbers as they were written."""

    id: str
    detail_type: str
    source: str
    account: str
    at: float  # epoch seconds; whole ones are shown
    region: str
    resources: tuple[str, ...] = ()
    detail: bytes = b"{}"
    replay: str = ""  # name of the replay that it comes from
    trace: str = ""

    @property
    def time(self) -> str:
        return shown_time(self.at)

    @cached_property
    def envelope(self) -> dict[str, Any]:
        """All but the detail, in AWS's order."""
        shown: dict[str, Any] = {
            "version": "0", "id": self.id, "detail-type": self.detail_type, "source": self.source,
            "account": self.account, "time": self.time, "region": self.region, "resources": list(self.resources),
        }  # fmt: skip
        return shown | ({"replay-name": self.replay} if self.replay else {})

    @cached_property
    def body(self) -> bytes:
        return msgspec.json.encode(self.envelope)[:-1] + b',"detail":' + self.detail + b"}"

    @cached_property
    def document(self) -> dict[str, Any]:
        """As patterns and paths see it."""
        return self.envelope | {"detail": msgspec.json.decode(self.detail)}


def shown_time(at: float) -> str:
    """2026-01-31T12:00:00Z"""
    return f"{moment(at):%Y-%m-%dT%H:%M:%SZ}"


def event_from(body: bytes, replay: str) -> Event:
    """An archived event, as one of that replay."""
    found: dict[str, msgspec.Raw] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    plain = {name: msgspec.json.decode(raw) for name, raw in found.items() if name != "detail"}
    return Event(
        id=plain["id"], detail_type=plain["detail-type"], source=plain["source"], account=plain["account"],
        at=datetime.fromisoformat(plain["time"]).timestamp(), region=plain["region"],
        resources=tuple(plain["resources"]), detail=bytes(found["detail"]), replay=replay,
    )  # fmt: skip
