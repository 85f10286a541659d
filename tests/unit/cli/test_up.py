import sys
from types import ModuleType
from typing import Any

import pytest

from lambent.cli.main import main
from lambent.settings import TABLE, Settings


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What the server was started with; the server itself is not."""
    started: list[Settings] = []
    app: Any = ModuleType("lambent.serving")

    def run(settings: Settings) -> int:
        started.append(settings)
        return 0

    app.run = run
    monkeypatch.setitem(sys.modules, "lambent.serving", app)
    for row in TABLE:
        monkeypatch.delenv(f"LAMBENT_{row.name.upper()}", raising=False)
    monkeypatch.delenv("LAMBENT_CONFIG", raising=False)
    return started


def test_up_without_options_serves_the_defaults(served: list[Settings]) -> None:
    assert main(["up"]) == 0
    assert served == [Settings()]


def test_every_setting_is_a_flag(served: list[Settings], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["up", "--help"])
    shown = capsys.readouterr().out
    assert [row.name for row in TABLE if f"--{row.name.replace('_', '-')}" not in shown] == []


def test_flags_of_every_kind_are_understood(served: list[Settings]) -> None:
    assert main(["up", "--port", "0", "--data", "/tmp/x", "--quiet", "--no-runtime-fallback"]) == 0
    assert served == [Settings(port=0, data="/tmp/x", quiet=True)]


def test_the_environment_counts_where_no_flag_is_given(served: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBENT_PORT", "5000")
    monkeypatch.setenv("LAMBENT_HUSKS", "9")
    main(["up", "--port", "6000"])
    assert served == [Settings(port=6000, husks=9)]


def test_a_settings_file_is_read(served: list[Settings], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "l.toml").write_text("port = 7000")
    main(["up", "--config", str(tmp_path / "l.toml")])
    monkeypatch.setenv("LAMBENT_CONFIG", str(tmp_path / "l.toml"))
    main(["up"])
    assert served == [Settings(port=7000)] * 2


def test_a_bad_setting_stops_before_anything_starts(served: list[Settings], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--port", "many"]) == 2
    assert "lambent up: port must be a whole number; --port says 'many'" in capsys.readouterr().err
    assert served == []


def test_the_agents_options_go_to_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[list[str]] = []
    agent: Any = ModuleType("lambent.sandbox.agent")

    def agent_main(argv: list[str]) -> int:
        heard.append(argv)
        return 3

    agent.main = agent_main
    monkeypatch.setitem(sys.modules, "lambent.sandbox.agent", agent)
    assert main(["agent", "--channel", "5", "more"]) == 3
    assert heard == [["--channel", "5", "more"]]
