"""A real server on the virtual clock: what waits for minutes and days is seen in a moment, and nothing else changes."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from real_server import PATIENCE_S, ROOT, Server, clean_environment, descendants, end_all, wait_until

from lambent.cli.main import main

COUNTER = """
    import datetime, time
    calls = 0
    def handler(event, context):
        global calls
        calls += 1
        time.sleep((event or {}).get("sleep", 0))
        return {"calls": calls, "now": time.time(), "left_ms": context.get_remaining_time_in_millis()}
"""
FRAGILE = """
    def handler(event, context):
        print("an attempt")
        raise ValueError("not today")
"""
IDLE_S, AGE_S = 600, 1500


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("virtual") / "data"
    flags = ("--clock", "virtual", "--idle-expiry-s", str(IDLE_S), "--max-age-s", str(AGE_S))
    server = Server(data, *flags, environ=clean_environment())
    yield server
    server.stop()


def ask(server: Server, how: str = "", **body: Any) -> dict[str, Any]:
    """The clock's document, after it was moved if that is asked."""
    path = f"{server.endpoint}/_lambent/clock{how}"
    request = urllib.request.Request(path, json.dumps(body).encode() if how else None)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def advance(server: Server, by: str) -> dict[str, Any]:
    return ask(server, "/advance", by=by)


def test_the_time_stands_still_and_everybody_is_told_so(virtual: Server) -> None:
    assert re.search(r"CLOCK +VIRTUAL: time stands still at 20", virtual.said())
    first = ask(virtual)
    assert first["kind"] == "virtual"
    assert ask(virtual)["now"] == first["now"]
    assert virtual.status()["clock"] == {"kind": "virtual", "now": first["now"], "iso": first["iso"]}


def test_an_idle_sandbox_is_gone_when_the_answer_is_there_and_not_before_its_time(virtual: Server) -> None:
    function = virtual.deploy(COUNTER)
    assert [function.call().value["calls"] for _ in range(2)] == [1, 2]
    advance(virtual, f"{IDLE_S - 1}s")
    assert function.call().value["calls"] == 3
    advance(virtual, f"{IDLE_S}s")
    assert virtual.status()["sandboxes"]["idle"] == 0
    cold = function.call()
    assert cold.value["calls"] == 1
    assert "Init Duration" in cold.log


def test_a_sandbox_that_is_used_all_the_time_goes_at_its_age(virtual: Server) -> None:
    function = virtual.deploy(COUNTER)
    assert function.call().value["calls"] == 1
    for calls in (2, 3, 4):
        advance(virtual, "490s")
        assert function.call().value["calls"] == calls
    advance(virtual, "30s")
    assert function.call().value["calls"] == 1


def test_a_running_call_does_not_notice_however_far_the_time_goes(virtual: Server) -> None:
    function = virtual.deploy(COUNTER, Timeout=50)
    function.call()
    before = len(function.logs())
    with subprocess.Popen(
        [sys.executable, "-m", "lambent", "invoke", function.name, "--payload", '{"sleep": 2}', "--quiet"],
        stdout=subprocess.PIPE, env=clean_environment() | {"LAMBENT_ENDPOINT": virtual.endpoint}, cwd=ROOT,
    ) as running:  # fmt: skip
        wait_until(lambda: len(function.logs()) > before)
        now = advance(virtual, "3d")["now"]
        out, _ = running.communicate(timeout=PATIENCE_S)
    answer = json.loads(out)
    assert answer["calls"] == 2
    assert 0 < answer["left_ms"] < 49_000, "its own time has passed as ever"
    assert answer["now"] < now - 2 * 86_400, "and so has the time that it sees"
    assert function.call().value["calls"] == 1, "but the environment was too old for another call"


def test_dates_that_the_api_shows_and_the_age_of_its_links_are_virtual(virtual: Server) -> None:
    function = virtual.deploy(COUNTER)
    link = virtual.client.get_function(FunctionName=function.name)["Code"]["Location"]
    shown = advance(virtual, "11m")
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        urllib.request.urlopen(link, timeout=PATIENCE_S)
    caught.value.close()
    virtual.client.update_function_configuration(FunctionName=function.name, Description="later")
    virtual.wait_until_active(function.name)
    found = virtual.client.get_function_configuration(FunctionName=function.name)
    assert found["LastModified"][:16] == shown["iso"][:16]


def test_a_failed_event_is_tried_again_when_its_minute_has_passed_and_a_second_time_after_two(virtual: Server) -> None:
    function = virtual.deploy(FRAGILE)
    virtual.client.invoke(FunctionName=function.name, InvocationType="Event")
    attempts = []
    for by in ("59s", "1s", "119s", "1s", "1d"):
        advance(virtual, by)
        attempts.append(function.logs().count("an attempt"))
    assert attempts == [1, 2, 2, 3, 3]


def test_running_until_idle_brings_events_to_their_end(virtual: Server) -> None:
    function = virtual.deploy(FRAGILE)
    virtual.client.invoke(FunctionName=function.name, InvocationType="Event")
    before = ask(virtual)["now"]
    shown = ask(virtual, "/run-until-idle")
    assert function.logs().count("an attempt") == 3
    assert before + 180 <= shown["now"] < before + 240
    assert shown["pending"] == 0


def test_the_command_shows_and_moves_it(
    virtual: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAMBENT_ENDPOINT", virtual.endpoint)
    before = ask(virtual)["now"]
    assert main(["clock", "advance", "1h30m", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["now"] == pytest.approx(before + 5400, abs=1e-3)
    assert main(["clock"]) == 0
    assert re.fullmatch(r"20\S+Z  VIRTUAL, no timers pending\n", capsys.readouterr().out)
    assert main(["clock", "run-until-idle", "--most", "1h"]) == 0
    assert main(["status"]) == 0
    assert "VIRTUAL: time stands still at 20" in capsys.readouterr().out
    for words, said in [
        (["advance"], "how far"),
        (["advance", "1x"], "1h30m"),
        (["show", "2m"], "takes no SPAN"),
        (["advance", "1s", "--most", "1s"], "--most is for"),
    ]:
        assert main(["clock", *words]) == 1
        assert said in capsys.readouterr().err


def test_a_real_clock_can_be_read_and_not_be_moved(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAMBENT_ENDPOINT", server.endpoint)
    assert main(["clock"]) == 0
    assert capsys.readouterr().out.endswith("Z  real\n")
    assert "VIRTUAL" not in server.said()
    for how in (["advance", "2m"], ["run-until-idle"]):
        assert main(["clock", *how]) == 1
        assert "ResourceConflictException: This server runs on the real clock" in capsys.readouterr().err


def test_functions_cannot_move_it(virtual: Server) -> None:
    function = virtual.deploy("""
        import os, urllib.error, urllib.request
        def handler(event, context):
            url = os.environ["AWS_ENDPOINT_URL"] + "/_lambent/clock/advance"
            try:
                return urllib.request.urlopen(url, b'{"by": "1d"}').status
            except urllib.error.HTTPError as error:
                return error.code
    """)
    before = ask(virtual)["now"]
    assert function.call().value == 403
    assert ask(virtual)["now"] == before


def test_the_time_goes_on_where_it_was_after_kill_9_and_is_warned_of_on_the_real_clock(serve: Any) -> None:
    server: Server = serve("--clock", "virtual", "--husks", "0")
    reached = advance(server, "2d")["now"]
    server.kill()
    again: Server = serve("--clock", "virtual", "--husks", "0", data=server.data)
    assert ask(again)["now"] == reached
    again.stop()
    real: Server = serve("--husks", "0", data=server.data)
    assert "dates there lie in the future" in real.said()
    assert ask(real)["kind"] == "real"


def test_the_example_of_the_guide_works_as_it_stands(virtual: Server, tmp_path: Path) -> None:
    guide = (ROOT / "docs/how-to/test-with-the-virtual-clock.md").read_text()
    source = re.findall(r"^```python\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)[0]
    assert 'RUNTIME = "python3.13"' in source
    (tmp_path / "test_example.py").write_text(source.replace("python3.13", virtual.runtime))
    environ = clean_environment() | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_example.py"],
        cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as run:  # fmt: skip
        try:
            out, _ = run.communicate(timeout=4 * PATIENCE_S)
        finally:
            end_all(descendants(run.pid))
    assert run.returncode == 0, out
    assert "2 passed" in out
