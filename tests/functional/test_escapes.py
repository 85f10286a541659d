"""Some two hundred ways out of a sandbox, tried from inside real functions in every isolation that the machine has.

The attempts are in escapes/; each is a test of its own, but one call of one function runs all of a level's.
"""

import ctypes
import os
import shutil
import socket
import tempfile
import uuid
import zipfile
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from escapes import files, harness, kernel, network, processes
from real_server import ROLE, Function, Server, clean_environment, descendants
from test_levels import NOBODY, as_nobody, nobodys_environment

from lambent.privileges import FRONT_END_UID

pytestmark = pytest.mark.root
MODULES = (files, processes, kernel, network)  # they fill the table, in this order
LEVELS = ("full", "full, restored by SnapStart", "userns", "userns of an ordinary user", "process")
SECRET = "canary-of-the-host"
APP = "from escapes import files, processes, kernel, network\nfrom escapes.harness import handler\n"
HARMLESS = {
    f"{level}: {sentence}": (level, sentence)
    for level in LEVELS
    for sentence, attempt in harness.TABLE.items()
    if level not in attempt.beyond
}
Report = dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def reports(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """What came of every attempt, by level; filled when a level is first asked for."""
    return Reports(server, tmp_path_factory)


class Reports(dict[str, Report]):
    def __init__(self, server: Server, paths: pytest.TempPathFactory) -> None:
        self.server = server
        self.paths = paths

    def __missing__(self, level: str) -> Report:
        if level.startswith("full"):
            self[level] = report(self.server, level)
        elif level.endswith("user"):
            self[level] = self.of_an_ordinary_user()
        else:
            self[level] = self.of_a_server(self.paths.mktemp(level) / "data", level)
        return self[level]

    def of_a_server(self, data: Path, level: str, **options: Any) -> Report:
        environ = {"environ": clean_environment() | {"SECRET_OF_THE_HOST": SECRET}} | options
        server = Server(data, "--isolation", level, **environ)
        try:
            return report(server, level)
        finally:
            server.stop()

    def of_an_ordinary_user(self) -> Report:
        home = Path(tempfile.mkdtemp(prefix="lambent-user-", dir="/tmp"))
        os.chown(home, NOBODY, NOBODY)
        try:
            environ = nobodys_environment(home) | {"SECRET_OF_THE_HOST": SECRET}
            return self.of_a_server(home / "data", "userns", command=as_nobody(), environ=environ)
        finally:
            shutil.rmtree(home)


def report(server: Server, level: str) -> Report:
    """Deploy the attempts and run them once; afterwards the server must be as well as before."""
    other = server.deploy("def handler(event, context): return event")
    restored = level.endswith("SnapStart")
    function = Function(server, deploy_attempts(server, "PublishedVersions" if restored else "None"))
    place = Path(tempfile.mkdtemp(prefix="lambent-canary-", dir="/tmp"))
    place.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as abstract, socket.socket() as listener:
        try:
            host = facts(server, level, place, abstract, listener)
            # What an isolation is known not to stop is not even tried: it would only harm this machine.
            host["skip"] = [sentence for sentence, each in harness.TABLE.items() if level in each.beyond]
            answer = function.call(host, Qualifier=published(function) if restored else "$LATEST")
        finally:
            shutil.rmtree(place)
            ctypes.CDLL(None).shmctl(ctypes.c_int(host.pop("segment")), 0, None)
    assert answer.error is None, (answer.value, answer.log)
    assert other.call("well").value == "well"
    assert server.process.poll() is None
    found: Report = answer.value
    return found


def facts(server: Server, level: str, place: Path, abstract: socket.socket, listener: socket.socket) -> dict[str, Any]:
    """What an escape would have to know of the host; nothing is kept from it."""
    (place / "canary").write_text("secret")
    (place / "canary").chmod(0o644)
    name = f"lambent-test-{uuid.uuid4()}"
    abstract.bind(f"\0{name}")
    abstract.listen()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    segment = ctypes.CDLL(None).shmget(0x4C4D4254 + os.getpid(), 4096, 0o1666)
    codes = sorted((server.data / "code").iterdir(), key=lambda path: path.stat().st_mtime)
    inside = level != "process"
    return {
        "level": level,
        "canary": str(place / "canary"),
        "data": str(server.data),
        "other_code": str(codes[0] / "tree" / "app.py"),
        "keys": [str(path) for path in server.data.rglob("*.key")],
        "secret": SECRET,
        "task": "/var/task" if inside else str(codes[-1] / "tree"),
        "pids": [os.getpid(), *(each.pid for each in descendants(server.process.pid))],
        "front_end_uid": FRONT_END_UID,
        "agent": str(server.data / "run" / "agent.sock"),
        "abstract": name,
        "port": listener.getsockname()[1],
        "addresses": host_addresses(),
        "shared_memory": 0x4C4D4254 + os.getpid(),
        "segment": segment,
        "name": socket.gethostname(),
    }


def host_addresses() -> list[str]:
    """The machine's IPv4 addresses beyond loopback."""
    lines = Path("/proc/net/fib_trie").read_text().splitlines()
    found = {before.split()[-1] for before, line in pairwise(lines) if "/32 host LOCAL" in line}
    return sorted(address for address in found if not address.startswith("127."))


def published(function: Function) -> str:
    """A version that SnapStart has initialised."""
    client = function.server.client
    version: str = client.publish_version(FunctionName=function.name)["Version"]
    client.get_waiter("published_version_active").wait(
        FunctionName=function.name, Qualifier=version, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    return version


def deploy_attempts(server: Server, snap_start: str) -> str:
    """The attempts as a zip with, among them, a file that would be setuid root."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry("app.py", 0o644), APP)
        archive.writestr(entry("setuid", 0o6755), Path("/usr/bin/id").read_bytes())
        for path in Path(harness.__file__).parent.glob("*.py"):
            archive.writestr(entry(f"escapes/{path.name}", 0o644), path.read_bytes())
    name = f"escapes-{uuid.uuid4().hex[:8]}"
    server.client.create_function(
        FunctionName=name, Role=ROLE, Runtime=server.runtime, Handler="app.handler", Timeout=120, MemorySize=1769,
        Code={"ZipFile": buffer.getvalue()}, Environment={"Variables": {"OWN": "variable"}},
        SnapStart={"ApplyOn": snap_start},
    )  # fmt: skip
    server.wait_until_active(name)
    return name


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (0o100000 | mode) << 16
    return info


@pytest.mark.parametrize(("level", "sentence"), HARMLESS.values(), ids=HARMLESS)
def test_no_function_can(reports: dict[str, Report], level: str, sentence: str) -> None:
    outcome, detail = reports[level][sentence]
    assert outcome in harness.TABLE[sentence].refusals, f"{outcome}: {detail}"


def test_what_plain_processes_cannot_stop_is_told_to_operators() -> None:
    told = (Path(__file__).parents[2] / "docs" / "explanation" / "isolation.md").read_text()
    beyond = {sentence for sentence, attempt in harness.TABLE.items() if "process" in attempt.beyond}
    assert {sentence for sentence in beyond if f"\n- {sentence}\n" not in told} == set()
    assert told.count("\n- ") == len(beyond), "and nothing that it does stop"
