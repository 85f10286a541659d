"""/_lambent/clock: what it tells, how it is moved, and everything that it refuses."""

import json
from typing import Any

import pytest

from lambent.clock import Clock, FixedClock, RealClock, VirtualClock
from lambent.edge.clock import ClockDoor, span_s
from lambent.edge.extras import Extras
from lambent.errors import InvalidParameterValue
from lambent.settings import Settings
from lambent.wire.http import Request

START = 1_700_000_000.5


class Stage:
    """The door where requests come in, with a clock of each kind."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.extras = Extras(
            Settings(), None, None, key=b"", clock=clock, status=dict, exists=lambda *_: False,  # type: ignore[arg-type]
            doors=(ClockDoor(clock),),
        )  # fmt: skip

    async def ask(self, path: str = "", body: bytes = b"", method: str = "POST") -> tuple[int, Any]:
        request = Request(method, f"/_lambent/clock{path}", "", {}, body)
        response = await self.extras.answer(request)
        assert isinstance(response.body, bytes)
        return response.status, json.loads(response.body)


@pytest.fixture
def virtual() -> Stage:
    return Stage(VirtualClock(START))


async def test_a_virtual_clock_tells_its_time_and_what_is_waited_for(virtual: Stage) -> None:
    virtual.clock.call_later(60, lambda: None)
    virtual.clock.call_later(30, lambda: None)
    virtual.clock.call_later(10, lambda: None, background=True)
    assert await virtual.ask(method="GET") == (
        200,
        {
            "kind": "virtual", "now": START, "iso": "2023-11-14T22:13:20.500Z", "fired": 0, "pending": 2,
            "next": START + 30,
        },
    )  # fmt: skip


async def test_a_real_clock_can_only_be_read() -> None:
    stage = Stage(RealClock())
    status, shown = await stage.ask(method="GET")
    assert (status, shown["kind"], sorted(shown)) == (200, "real", ["iso", "kind", "now"])
    for path, body in (("/advance", b'{"by": "1m"}'), ("/run-until-idle", b"")):
        status, error = await stage.ask(path, body)
        assert (status, error["__type"]) == (409, "ResourceConflictException")
        assert "--clock virtual" in error["message"]


@pytest.mark.parametrize(("body", "seconds"), [(b'{"seconds": 120}', 120), (b'{"by": "2m"}', 120), (b'{"by":"0"}', 0)])
async def test_advancing_moves_the_time_and_counts_what_was_due(virtual: Stage, body: bytes, seconds: int) -> None:
    virtual.clock.call_later(120, lambda: None)
    status, shown = await virtual.ask("/advance", body)
    assert (status, shown["now"], shown["fired"]) == (200, START + seconds, seconds // 120)


async def test_running_until_idle_goes_to_the_last_that_is_waited_for(virtual: Stage) -> None:
    for at in (60, 180):
        virtual.clock.call_later(at, lambda: None)
    virtual.clock.call_later(1000, lambda: None, background=True)
    _, shown = await virtual.ask("/run-until-idle")
    assert (shown["now"], shown["fired"], shown["pending"], shown["next"]) == (START + 180, 2, 0, None)


async def test_running_until_idle_goes_no_further_than_a_week_unless_it_is_told(virtual: Stage) -> None:
    virtual.clock.call_later(8 * 86400, lambda: None)
    _, shown = await virtual.ask("/run-until-idle", b"{}")
    assert (shown["now"], shown["pending"]) == (START, 1)
    _, shown = await virtual.ask("/run-until-idle", b'{"most": "9d"}')
    assert (shown["now"], shown["pending"]) == (START + 8 * 86400, 0)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/advance", b"", "InvalidRequestContentException"),
        ("/advance", b"2m", "InvalidRequestContentException"),
        ("/advance", b'{"minutes": 2}', "InvalidRequestContentException"),
        ("/advance", b'{"seconds": "2m"}', "InvalidRequestContentException"),
        ("/advance", b'{"seconds": true}', "InvalidRequestContentException"),
        ("/advance", b"\xff", "InvalidRequestContentException"),
        ("/advance", b"{}", "InvalidParameterValueException"),
        ("/advance", b'{"seconds": 1, "by": "1s"}', "InvalidParameterValueException"),
        ("/advance", b'{"seconds": -1}', "InvalidParameterValueException"),
        ("/advance", b'{"seconds": 1e300}', "InvalidParameterValueException"),
        ("/advance", b'{"by": "300000d"}', "InvalidParameterValueException"),
        ("/advance", b'{"by": "soon"}', "InvalidParameterValueException"),
        ("/run-until-idle", b'{"most": "-1s"}', "InvalidParameterValueException"),
        ("/run-until-idle", b'{"by": "1s"}', "InvalidRequestContentException"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_moves_nothing(
    virtual: Stage, path: str, body: bytes, code: str
) -> None:
    status, error = await virtual.ask(path, body)
    assert (status, error["__type"], virtual.clock.epoch()) == (400, code, START)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "", 405), ("GET", "/advance", 405), ("DELETE", "/run-until-idle", 405), ("GET", "/back", 404)],
)
async def test_other_requests_are_refused(virtual: Stage, method: str, path: str, status: int) -> None:
    assert (await virtual.ask(path, method=method))[0] == status


async def test_a_path_that_only_begins_like_a_door_s_is_not_its_own(virtual: Stage) -> None:
    assert (await virtual.ask("s", method="GET"))[0] == 404


def test_the_clock_of_unit_tests_is_none_that_a_request_may_move() -> None:
    assert ClockDoor(FixedClock())._shown()["kind"] == "real"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("2m", 120), ("1h30m", 5400), ("3d", 259200), ("1w", 604800), ("250ms", 0.25), ("1.5h", 5400),
        ("90", 90), ("0.5", 0.5), (" 2m ", 120), ("1d 2h 3m 4s", 93784), ("0s", 0),
    ],
)  # fmt: skip
def test_spans_are_written_as_people_write_them(text: str, seconds: float) -> None:
    assert span_s(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "m", "2x", "-2m", "2m1h", "1h1h", "1,5h", "inf", "nan", "1e3", "٣s"])
def test_what_is_no_span_is_said_so(text: str) -> None:
    with pytest.raises(InvalidParameterValue, match="1h30m"):
        span_s(text)
