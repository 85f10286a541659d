"""Real servers for the functional tests: one that most tests share, and private ones with settings of their own."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from real_server import Function, Server, clean_environment, close_connections

PROBE = """
    def handler(event, context):
        names = {"given": event["given"], "context": context}
        exec(event["code"], names)
        return names["answer"]
"""
Serve = Callable[..., Server]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What needs root is skipped on a laptop and fails in CI, where nobody would notice a skip."""
    if item.get_closest_marker("root") is None or (sys.platform == "linux" and os.geteuid() == 0):
        return
    reason = "full isolation needs Linux and root"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; CI must give it")
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _connections_closed() -> Iterator[None]:
    yield
    close_connections()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that most tests share. Functions have names of their own, so tests do not meet in it."""
    environ = clean_environment() | {"SECRET_OF_THE_HOST": "canary-of-the-host"}
    server = Server(tmp_path_factory.mktemp("shared") / "data", environ=environ)
    yield server
    server.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts private servers: `serve("--concurrency", "2")`, or `serve(data=...)` on a directory that has been used."""
    started: list[Server] = []

    def start(*flags: str, data: Path | None = None, **options: Any) -> Server:
        started.append(Server(data or tmp_path / "data", *flags, **options))
        return started[-1]

    yield start
    for each in reversed(started):
        each.stop()


@pytest.fixture
def deploy(server: Server) -> Iterator[Callable[..., Function]]:
    """Deploys functions to the shared server, and deletes them afterwards."""
    deployed: list[Function] = []

    def deploy(source: str | Mapping[str, str | bytes] | bytes, **configuration: Any) -> Function:
        deployed.append(server.deploy(source, **configuration))
        return deployed[-1]

    yield deploy
    for function in deployed:
        server.client.delete_function(FunctionName=function.name)


@pytest.fixture
def aws(server: Server) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """The AWS CLI as it comes: `aws("lambda", "list-functions")`."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        credentials = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
        quiet = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_PAGER": ""}
        return subprocess.run(
            [Path(sys.executable).with_name("aws"), "--endpoint-url", server.endpoint, *words],
            env=clean_environment() | credentials | quiet, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def inside(deploy: Callable[..., Function]) -> Callable[..., Any]:
    """Runs code inside a sandbox of its own: `inside("answer = 1 + given['n']", n=1)` is 2."""
    function: list[Function] = []

    def run(code: str, **given: Any) -> Any:
        function[:] = function or [deploy(PROBE)]
        answer = function[0].call({"code": textwrap.dedent(code), "given": given})
        assert answer.error is None, answer.value
        return answer.value

    return run
