import io

import pytest

from lambent.cli import output
from lambent.cli.clock import describe as describe_clock
from lambent.cli.logs import age_s, shown
from lambent.cli.runtimes import describe as describe_runtimes
from lambent.cli.status import describe as describe_status
from lambent.errors import LambentError

STATUS = {
    "version": "0.1.0",
    "pid": 42,
    "uptime_s": 3700.4,
    "isolation": {
        "kind": "full",
        "namespaces": ["mnt", "pid", "net"],
        "cgroups": "v1",
        "seccomp": True,
        "own_uid": True,
        "warnings": ["no favordynmods"],
    },
    "runtimes": [{"name": "python3.13"}, {"name": "nodejs20.x"}],
    "sandboxes": {"idle": 1, "busy": 2, "husks": {"python3.13": 3, "nodejs20.x": 1}},
    "functions": 3,
    "endpoint": "http://127.0.0.1:4566",
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_taste_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_a_pipe_gets_no_colours() -> None:
    assert output.paint("x", "red", io.StringIO()) == "x"


def test_a_terminal_gets_colours() -> None:
    assert output.paint("x", "red", Terminal()) == "\x1b[31mx\x1b[0m"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_no_colours_gets_none(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert output.paint("x", "red", Terminal()) == "x"


def test_an_empty_no_color_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert output.coloured(Terminal())


def test_columns_line_up_without_trailing_blanks() -> None:
    assert output.table([("a", "long"), ("bbb", "c")], ("H", "I")) == "H    I\na    long\nbbb  c"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (4000, "1 h 6 min"), (180000, "2 d 2 h")],
)
def test_a_span_is_said_as_a_person_says_it(seconds: float, text: str) -> None:
    assert output.span(seconds) == text


def test_the_status_tells_isolation_runtimes_and_warnings() -> None:
    shown_text = describe_status(STATUS)
    assert "full (mnt pid net namespaces, cgroups v1, seccomp, own uid)" in shown_text
    assert "python3.13 nodejs20.x" in shown_text
    assert "2 busy, 1 idle, 4 husks" in shown_text
    assert "up for 1 h 1 min" in shown_text
    assert "warning: no favordynmods" in shown_text


def test_the_status_counts_durable_executions_that_go_on() -> None:
    assert "durable" not in describe_status(STATUS | {"durable": {"running": 0, "invoking": 0, "waiting": 0}})
    busy = {"durable": {"running": 12, "invoking": 2, "waiting": 1, "interrupted": 0}}
    assert "12 executions go on, 2 of them being invoked, 1 waiting for room" in describe_status(STATUS | busy)


def test_the_status_tells_who_has_claimed_concurrency_and_how_far_it_is() -> None:
    how = {"allocated": 2, "available": 0, "status": "FAILED", "reason": "FUNCTION_ERROR_INIT_FAILURE"}
    rows = [
        {"name": "hello", "running": 3, "reserved": 20, "provisioned": {"live": how}},
        {"name": "other", "running": 1, "reserved": None, "provisioned": {}},
    ]
    lines = describe_status(STATUS | {"concurrency": rows}).splitlines()[-3:-1]
    assert lines[0].split(maxsplit=1) == [
        "concurrency", "hello 3 running of 20 reserved, live: 0 provisioned, FAILED (FUNCTION_ERROR_INIT_FAILURE)",
    ]  # fmt: skip
    assert lines[1].strip() == "other 1 running"
    assert "concurrency" not in describe_status(STATUS | {"concurrency": []})


def test_events_are_told_of_where_there_are_any() -> None:
    events = {"running": 1, "waiting": 5, "kept": 2, "outbox": 0, "interrupted": 0, "kept_dropped": 3}
    lines = describe_status(STATUS | {"events": events}).splitlines()
    (told,) = [line for line in lines if line.startswith("events")]
    said = "1 running, 5 waiting, 2 failed and kept (`lambent events`), 3 kept ones dropped for lack of room"
    assert told.split(maxsplit=1)[1] == said
    assert "events" not in describe_status(STATUS | {"events": dict.fromkeys(events, 0)})


def test_idempotency_keys_are_told_of_where_they_are_used() -> None:
    keys = {"running": 1, "bytes": 2_500_000, "repeated": 3}
    shown_text = describe_status(STATUS | {"idempotency": keys})
    assert "1 running, 2.5 MB of answers, 3 begun again after a crash" in shown_text
    assert "keys" not in describe_status(STATUS | {"idempotency": dict.fromkeys(keys, 0)})


def test_a_virtual_clock_is_part_of_the_status_and_a_real_one_goes_without_saying() -> None:
    virtual = {"clock": {"kind": "virtual", "now": 5.0, "iso": "1970-01-01T00:00:05.000Z"}}
    assert "VIRTUAL: time stands still at 1970-01-01T00:00:05.000Z" in describe_status(STATUS | virtual)
    assert "clock" not in describe_status(STATUS | {"clock": {"kind": "real", "now": 5.0, "iso": "now"}})


def test_the_clock_is_shown_in_a_line() -> None:
    shown_now = {"kind": "virtual", "iso": "1970-01-01T00:00:05.000Z", "fired": 2, "pending": 1}
    assert describe_clock(shown_now) == "1970-01-01T00:00:05.000Z  VIRTUAL, 1 timer pending, 2 done on the way"
    assert describe_clock(shown_now | {"fired": 0, "pending": 0}).endswith("VIRTUAL, no timers pending")
    assert describe_clock({"kind": "real", "iso": "1970-01-01T00:00:05.000Z"}) == "1970-01-01T00:00:05.000Z  real"


def test_an_almost_empty_status_is_shown_all_the_same() -> None:
    assert "no namespaces, cgroups none, no seccomp" in describe_status({"isolation": {"kind": "process"}})


def test_a_runtime_that_stands_in_for_another_is_said_so() -> None:
    found = [{"name": "python3.12", "executable": "/usr/bin/python3", "version": "3.11.2", "stands_in_for": "3.12"}]
    assert "stands in for 3.12 (--runtime-fallback)" in describe_runtimes(found)


def test_a_custom_runtime_brings_its_own_program() -> None:
    assert "own bootstrap" in describe_runtimes([{"name": "provided.al2023", "executable": "", "version": ""}])


def test_no_runtime_at_all_comes_with_advice() -> None:
    assert "apt-get install" in describe_runtimes([])


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_an_age_has_a_unit(text: str, seconds: int) -> None:
    assert age_s(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "1.5h", "1w"])
def test_what_is_no_age_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(LambentError, match="10m"):
        age_s(text)


def test_a_log_line_has_its_time_to_the_millisecond() -> None:
    line = shown({"at": 1_700_000_000.25, "message": "hello\n"})
    assert line.endswith(".250  hello")
