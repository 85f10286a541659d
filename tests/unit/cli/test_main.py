import subprocess
import sys

import pytest

from lambent import __version__
from lambent.cli.main import COMMANDS, main

HEAVY = ("botocore", "asyncio", "uvloop", "httptools", "msgspec", "http.client", "ssl", "sqlite3", "argparse")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_general_help_names_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert [name for name in COMMANDS if f"  {name} " not in shown] == []


def test_the_general_help_loads_nothing_heavy() -> None:
    code = f"""
import sys
from lambent.cli.main import main
main(["--help"])
print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []
    assert "lambent COMMAND" in done.stdout


@pytest.mark.parametrize("name", ["status", "invoke", "logs", "runtimes", "up", "version"])
def test_the_help_of_a_command_does_not_load_the_platform(name: str) -> None:
    code = f"""
import sys
from lambent.cli.main import main
try:
    main([{name!r}, "--help"])
finally:
    print(*[name for name in ("botocore", "asyncio", "uvloop", "sqlite3") if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "agent"])
def test_the_help_of_a_command_has_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert f"lambent {name}" in capsys.readouterr().out.partition("examples:")[2]


def test_an_unknown_command_is_answered_with_the_ones_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy"]) == 2
    assert "'deploy'; there are: up, status" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["version"], ["--version"], ["-V"]])
def test_the_version_is_the_one_of_the_package(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(f"lambent {__version__} (Python ")


def test_python_dash_m_lambent_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "lambent", "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("lambent ")
