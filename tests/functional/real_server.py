"""A real Lambent in a process of its own, as a user starts it, and the functions deployed to it."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
ROLE = "arn:aws:iam::000000000000:role/any"
PATIENCE_S = 60  # for what takes a moment: the machine may be busy
_ENDPOINT = re.compile(r"at (http://(?:[\d.]+|\[[\da-f:]+\]):(\d+)) ")
_FRIENDLY = Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_S, max_pool_connections=200)


class Answer(NamedTuple):
    """What came back from one Invoke."""

    value: Any
    error: str | None  # "Unhandled" or None
    log: str
    version: str
    request_id: str

    @property
    def error_type(self) -> str:
        return str(self.value["errorType"])

    @property
    def error_message(self) -> str:
        return str(self.value["errorMessage"])


class Function:
    """One deployed function."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name

    def call(self, event: Any = None, **parameters: Any) -> Answer:
        """Invoke it and wait; AWS errors are raised by the client."""
        answer = self.server.client.invoke(
            FunctionName=self.name, Payload=json.dumps(event), LogType="Tail", **parameters
        )
        body = answer["Payload"].read()
        return Answer(
            json.loads(body) if body else None,
            answer.get("FunctionError"),
            base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace"),
            answer["ExecutedVersion"],
            answer["ResponseMetadata"]["RequestId"],
        )

    def logs(self) -> list[str]:
        """All that it has logged, line by line."""
        text = self.server.get(f"/_lambent/logs/{self.name}?limit=100000").decode()
        return [json.loads(line)["message"] for line in text.splitlines()]


class Server:
    """Started at once; `stop` ends it and everything that belongs to it."""

    def __init__(
        self, data: Path, *flags: str, command: list[str] | None = None, environ: dict[str, str] | None = None
    ):
        self.data = data
        self.output = data.parent / f"{data.name}.output"
        self.instance = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:12]
        self._flags = flags
        self._command = command or [sys.executable, "-m", "lambent"]
        self._environ = environ or clean_environment()
        self.process = self._start()
        try:
            self.endpoint, self.port = self._wait_for_banner()
        except BaseException:
            self.stop()
            raise
        self.client = client(self.endpoint)

    def _start(self) -> subprocess.Popen[bytes]:
        adopt_orphans()
        with open(self.output, "wb") as output:
            return subprocess.Popen(
                [*self._command, "up", "--port", "0", "--data", str(self.data), *self._flags],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env=self._environ,
            )  # fmt: skip

    def _wait_for_banner(self) -> tuple[str, int]:
        found = wait_until(lambda: _ENDPOINT.search(self.said()) or self.process.poll() is not None)
        assert not isinstance(found, bool), f"the server ended with {self.process.returncode}:\n{self.said()}"
        return found[1], int(found[2])

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    # -- functions

    @property
    def runtime(self) -> str:
        """The newest Python that it found here."""
        names = [each["name"] for each in self.status()["runtimes"] if each["kind"] == "python"]
        return max(names, key=lambda name: int(name.rpartition(".")[2]))

    def deploy(self, source: str | Mapping[str, str | bytes] | bytes, name: str = "", **configuration: Any) -> Function:
        """A function of this app.py, these files or this package, in Python unless a Runtime is given; ready to be
        invoked."""
        name = name or f"f-{uuid.uuid4().hex[:12]}"
        usual = {"Handler": "app.handler", "MemorySize": 1769, "Timeout": 60}
        configuration = usual | configuration
        if "Runtime" not in configuration:
            configuration["Runtime"] = self.runtime
        files = {"app.py": source} if isinstance(source, str) else source
        code = files if isinstance(files, bytes) else zip_of(files)
        self.client.create_function(FunctionName=name, Role=ROLE, Code={"ZipFile": code}, **configuration)
        self.wait_until_active(name)
        return Function(self, name)

    def wait_until_active(self, name: str) -> None:
        wait_until(lambda: self.client.get_function_configuration(FunctionName=name)["State"] != "Pending")
        found = self.client.get_function_configuration(FunctionName=name)
        assert found["State"] == "Active", found.get("StateReason")

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/_lambent/status"))
        return found

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.endpoint + path, timeout=PATIENCE_S) as answer:
            return bytes(answer.read())

    # -- its end, and what it may leave behind

    def family(self) -> dict[Process, str]:
        """All processes that descend from the server's, with their commands; it itself is not among them."""
        return {each: name for each, name in descendants(self.process.pid).items() if each.pid != self.process.pid}

    def stop(self) -> int:
        """End it as an operator would, and see to it that nothing is left. Returns its exit status."""
        family = self.family()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        status = self.process.wait()
        end_all(family)
        return status

    def kill(self) -> None:
        """kill -9, of the server's own process only."""
        self.process.kill()
        self.process.wait()

    def cgroups(self) -> list[Path]:
        """Its control groups that exist, with those of its sandboxes."""
        found: list[Path] = []
        for place in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*")):
            home = place / "lambent" / self.instance
            if home.is_dir():
                found += [home, *(entry for entry in home.iterdir() if entry.is_dir())]
        return found


_MADE: list[Any] = []


def client(
    endpoint: str, account: str = "000000000000", region: str = "us-east-1", *, service: str = "lambda",
    secret: str = "any", token: str | None = None, **options: Any,
) -> Any:  # fmt: skip
    """boto3, as it comes, but without retries: a test must see the first answer."""
    config = _FRIENDLY.merge(Config(**options))
    made = boto3.client(
        service, endpoint_url=endpoint, region_name=region, aws_access_key_id=account,
        aws_secret_access_key=secret, aws_session_token=token, config=config,
    )  # fmt: skip
    _MADE.append(made)
    return made


def close_connections() -> None:
    """Of all clients: a socket that the collector closes would be held against whichever test runs then."""
    for each in _MADE:
        each.close()  # a client that is used again connects again


def clean_environment() -> dict[str, str]:
    """This process's environment without settings and credentials that would reach the server or the AWS CLI."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("LAMBENT_", "AWS_"))}


def zip_of(files: Mapping[str, str | bytes]) -> bytes:
    """A zip of these files; sources may be indented as they stand in a test. The same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, textwrap.dedent(text) if isinstance(text, str) else text)
    return buffer.getvalue()


def wait_until(condition: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """The first true value of `condition`, which is asked again and again."""
    deadline = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.01)


# -- processes


class Process(NamedTuple):
    """A process for good: numbers are given again, but not with the same start."""

    pid: int
    started: str


def adopt_orphans() -> None:
    """What a killed server leaves behind becomes a child of this process, so that it can be seen and ended."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def living() -> dict[Process, tuple[int, str]]:
    """Parent and command of every process that runs; zombies do not."""
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            name, _, rest = stat.partition("(")[2].rpartition(")")
            fields = rest.split()
            if fields[0] not in "ZX":
                table[Process(int(entry), fields[19])] = (int(fields[1]), name)
    return table


def descendants(pid: int) -> dict[Process, str]:
    """`pid` and all below it that live, with their commands."""
    table = living()
    family: dict[Process, str] = {}
    wanted = {pid}
    while True:
        fresh = {each for each, (parent, _) in table.items() if each not in family and ({each.pid, parent} & wanted)}
        if not fresh:
            return family
        family |= {each: table[each][1] for each in fresh}
        wanted = {each.pid for each in fresh}


def alive(family: Iterable[Process]) -> dict[Process, str]:
    """Those of `family` that still run. Orphans of it that died are buried, since they came to this process."""
    table = living()
    for each in family:
        if each not in table:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(each.pid, os.WNOHANG)
    return {each: table[each][1] for each in family if each in table}


def end_all(family: Iterable[Process]) -> None:
    for each in alive(family):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGKILL)
