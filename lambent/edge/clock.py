"""/_lambent/clock: the time that the product lives in, and how it is moved. `lambent clock` is its client.

A real clock can be read only. A virtual one stands still until a request moves it, and the answer comes when everything
that was due on the way has been done; see docs/how-to/test-with-the-virtual-clock.md.
"""

import math
import re
from typing import Any, TypeVar

import msgspec

from lambent.clock import FAR_S, Clock, VirtualClock, iso
from lambent.errors import AwsError, InvalidParameterValue, InvalidRequestContent, ResourceConflict, ResourceNotFound
from lambent.model import Document
from lambent.wire.http import Request, Response

PREFIX = "/_lambent/clock"
MOST = "7d"  # how far run-until-idle goes unless it is told
UNITS_S = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SPAN = re.compile("".join(rf"(?:(?P<{unit}>\d{{1,12}}(?:\.\d{{1,9}})?){unit}\s*)?" for unit in UNITS_S), re.ASCII)
_json = msgspec.json.Encoder().encode
Body = TypeVar("Body")


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    """The body of advance: one of the two."""

    seconds: float | None = None
    by: str | None = None


class RunUntilIdle(msgspec.Struct, forbid_unknown_fields=True):
    """The body of run-until-idle, which may be empty."""

    most: str = MOST


class ClockDoor:
    """Answers requests to PREFIX and below. Raises AwsError."""

    prefix = PREFIX

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def answer(self, request: Request) -> Response:
        return Response(200, [("content-type", "application/json")], _json(await self._answer(request)))

    async def _answer(self, request: Request) -> Document:
        match request.path.removeprefix(PREFIX), request.method:
            case "", "GET" | "HEAD":
                return self._shown()
            case "/advance", "POST":
                clock = self._virtual()
                seconds = _asked_s(_read(request.body, Advance))
                return self._shown(await clock.travel(_reachable(clock, seconds)))
            case "/run-until-idle", "POST":
                clock = self._virtual()
                most_s = span_s(_read(request.body or b"{}", RunUntilIdle).most)
                return self._shown(await clock.run_until_idle(_reachable(clock, most_s)))
            case "" | "/advance" | "/run-until-idle", _:
                raise AwsError(f"{request.method} is not for {request.path}", code="MethodNotAllowed", status=405)
        raise ResourceNotFound(f"There is nothing at {request.path}: see {PREFIX}, /advance and /run-until-idle.")

    def _virtual(self) -> VirtualClock:
        if isinstance(self.clock, VirtualClock):
            return self.clock
        raise ResourceConflict(
            "This server runs on the real clock, which nobody can move. Start one with `lambent up --clock virtual`."
        )

    def _shown(self, fired: int = 0) -> dict[str, Any]:
        now = self.clock.epoch()
        shown: dict[str, Any] = {"kind": "real", "now": now, "iso": iso(now)}
        if isinstance(self.clock, VirtualClock):
            due = self.clock.next_due()
            shown |= {"kind": "virtual", "fired": fired, "pending": self.clock.pending(), "next": due}
        return shown


def span_s(text: str) -> float:
    """Seconds of 90s, 2m, 1h30m, 3d, 1w, 250ms; a number alone is seconds. Raises InvalidParameterValue."""
    if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text.strip(), re.ASCII):
        return float(text)
    found = _SPAN.fullmatch(text.strip())
    parts = {unit: number for unit, number in found.groupdict().items() if number} if found else {}
    if not parts:
        raise InvalidParameterValue(f"{text!r} is not a span of time: one looks like 90s, 2m, 1h30m or 3d.")
    return math.fsum(float(number) * UNITS_S[unit] for unit, number in parts.items())


def _read(body: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise InvalidRequestContent(f"The body cannot be used: {error}") from None


def _asked_s(asked: Advance) -> float:
    if (asked.seconds is None) == (asked.by is None):
        raise InvalidParameterValue('Say how far: {"seconds": 120} or {"by": "2m"}, and not both.')
    seconds = span_s(asked.by) if asked.by is not None else asked.seconds
    if seconds is None or not seconds >= 0:
        raise InvalidParameterValue("seconds must not be negative: time does not go back.")
    return seconds


def _reachable(clock: Clock, seconds: float) -> float:
    if clock.epoch() + seconds >= FAR_S:
        raise InvalidParameterValue(f"The clock goes no further than {iso(FAR_S)}.")
    return seconds
