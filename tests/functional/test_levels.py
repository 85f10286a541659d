"""Weaker isolation, for root and for an ordinary user: it works, and it says what it is."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_server import ROOT, Server, alive, clean_environment

Serve = Callable[..., Server]
NOBODY = 65534
ECHO = """
    import os
    def handler(event, context):
        with open("/tmp/lambent-test-" + context.aws_request_id, "w") as file:
            os.unlink(file.name)
        return event, os.getcwd(), sorted(os.listdir(os.getcwd()))
"""


def check(server: Server, level: str) -> None:
    """A function runs, twice in one environment; what is weaker than full isolation is said at start and on asking."""
    isolation = server.status()["isolation"]
    assert isolation["kind"] == level
    assert f"isolation  {level}:" in server.said()
    for warning in isolation["warnings"]:
        assert f"WARNING    {warning}" in server.said()
    assert isolation["warnings"]

    function = server.deploy(ECHO)
    for number in range(2):
        event, _, files = function.call(number).value
        assert (event, files) == (number, ["app.py"])
    assert function.call("x" * 1_000_000).value[0] == "x" * 1_000_000
    stubborn = server.deploy("def handler(event, context):\n    while event: pass", Timeout=1)
    assert stubborn.call(True).error_type == "Sandbox.Timedout"
    assert stubborn.call(False).error is None


@pytest.mark.root
@pytest.mark.parametrize("level", ["userns", "process"])
def test_root_may_choose_weaker_isolation(serve: Serve, level: str) -> None:
    server = serve("--isolation", level)
    check(server, level)
    family = server.family()
    assert server.stop() == 0
    assert alive(family) == {}


@pytest.mark.root
def test_a_data_directory_may_be_used_with_one_isolation_after_another(serve: Serve) -> None:
    for level in ("full", "userns", "process", "full"):
        server = serve("--isolation", level)
        assert server.deploy(ECHO).call(level).value[0] == level
        assert server.stop() == 0


@pytest.mark.root
@pytest.mark.parametrize("level", ["userns", "process"])
def test_an_ordinary_user_gets_what_the_machine_allows(serve: Serve, home: Path, level: str) -> None:
    server = serve("--isolation", level, data=home / "data", command=as_nobody(), environ=nobodys_environment(home))
    check(server, level)
    family = server.family()
    assert server.stop() == 0
    assert alive(family) == {}


@pytest.mark.root
def test_user_namespaces_keep_files_processes_network_and_privileges_apart(serve: Serve, home: Path) -> None:
    server = serve("--isolation", "userns", data=home / "data", command=as_nobody(), environ=nobodys_environment(home))
    function = server.deploy("""
        import os, socket
        def handler(event, context):
            status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
            with socket.socket() as sock:
                reached = sock.connect_ex(("127.0.0.1", event["port"])) == 0
            return {
                "files": [path for path in event["paths"] if os.path.lexists(path)],
                "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
                "reached": reached,
                "caps": {status[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16},
                "sealed": (status["NoNewPrivs"], status["Seccomp"]),
                "tmp": os.listdir("/tmp"),
            }
    """)
    found = function.call({"port": server.port, "paths": [str(home), str(server.data), "/root", "/srv"]}).value
    assert found.pop("processes")[0] == 1
    assert found == {"files": [], "reached": False, "caps": True, "sealed": ["1", "2"], "tmp": []}


@pytest.mark.root
def test_an_ordinary_user_who_asks_for_full_isolation_is_told_that_it_needs_root(home: Path) -> None:
    done = subprocess.run(
        [*as_nobody(), "up", "--port", "0", "--isolation", "full", "--data", str(home / "data")],
        capture_output=True, text=True, env=nobodys_environment(home), timeout=60, check=False, cwd="/",
    )  # fmt: skip
    assert done.returncode == 1
    assert "full isolation needs root" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory of an ordinary user, which pytest's own are not."""
    home = Path("/tmp") / f"lambent-user-{os.getpid()}"
    home.mkdir(mode=0o700)
    os.chown(home, NOBODY, NOBODY)
    yield home
    shutil.rmtree(home)


def as_nobody() -> list[str]:
    """Lambent as started by a user without privileges; skips where no interpreter is open to such a user."""
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        probe = [*command, python, "-c", "import lambent.app, subprocess as s, sys; s.run([sys.executable, '-c', ''])"]
        done = subprocess.run(probe, capture_output=True, env=nobodys_environment(Path("/tmp")), check=False, cwd="/")
        if done.returncode == 0:
            return [*command, python, "-m", "lambent"]
    reason = f"no Python here that an ordinary user may run has the dependencies: {done.stderr.decode()[-200:]}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def nobodys_environment(home: Path) -> dict[str, str]:
    packages = [path for path in sys.path if path.endswith("site-packages")]
    return clean_environment() | {
        "HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join([str(ROOT), *packages]),
    }  # fmt: skip
