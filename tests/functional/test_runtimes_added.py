"""`lambent runtimes add` from the real registry, into a server that runs: found at once, and run."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from real_server import ROLE, ROOT, Function, Server, clean_environment, zip_of

from lambent.privileges import FRONT_END_UID

ASYNC = "exports.handler = async (event) => [event, process.version, process.execPath]"
CALLBACK = "exports.handler = (event, context, callback) => { setTimeout(() => callback(null, { late: event }), 5) }"
MODULE = """
    import { helper } from './helper.mjs'
    const top = await Promise.resolve('awaited')
    export const handler = async (event) => helper(top, event)
"""
THROWS = "exports.handler = async () => { throw new TypeError('no') }"
Make = Callable[..., Function]


def lambent(server: Server, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command as a user types it, who has named the server and nothing else."""
    return subprocess.run(
        [sys.executable, "-m", "lambent", "runtimes", *words],
        env=clean_environment() | {"LAMBENT_ENDPOINT": server.endpoint}, cwd=ROOT, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def node(server: Server) -> str:
    """The name of an added Node; without a registry skipped on a laptop, and failed in CI."""
    ran = lambent(server, "add", "nodejs22.x")
    if ran.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"no Node could be fetched: {ran.stderr}")
    assert ran.returncode == 0, ran.stderr
    assert "nodejs22.x: added as nodejs22.x: 22." in ran.stdout or "already there" in ran.stdout
    return "nodejs22.x"


@pytest.fixture
def make(deploy: Callable[..., Function], node: str) -> Make:
    return partial(deploy, Runtime=node, Handler="index.handler")


def test_a_running_server_uses_an_added_node_at_once(server: Server, make: Make, node: str) -> None:
    event, version, program = make({"index.js": ASYNC}).call({"n": 1}).value
    assert (event, version.split(".")[0], program) == ({"n": 1}, "v22", "/var/lang/bin/node")
    (listed,) = [each for each in server.status()["runtimes"] if each["name"] == node]
    assert listed["executable"] == str(server.data / "runtimes" / node / "bin" / "node")
    assert listed["executable"] in lambent(server, "list").stdout


def test_an_added_node_runs_callbacks_modules_and_errors(make: Make) -> None:
    assert make({"index.js": CALLBACK}).call(7).value == {"late": 7}
    module = {"index.mjs": MODULE, "helper.mjs": "export const helper = (...all) => all"}
    assert make(module).call("é").value == ["awaited", "é"]
    packaged = {"package.json": '{"type": "module"}', "index.js": MODULE, "helper.mjs": module["helper.mjs"]}
    assert make(packaged).call(1).value == ["awaited", 1]
    failed = make({"index.js": THROWS}).call()
    assert (failed.error_type, failed.error_message) == ("TypeError", "no")
    assert failed.value["trace"][1].startswith("    at exports.handler (/var/task/index.js:1:")


def test_adding_again_fetches_nothing(server: Server, node: str) -> None:
    ran = lambent(server, "add", node)
    assert ran.returncode == 0
    assert "already there" in ran.stdout
    assert "fetching" not in ran.stdout


def test_a_missing_runtime_is_refused_with_the_command_that_adds_it(server: Server) -> None:
    here = {each["name"] for each in server.status()["runtimes"]}
    missing = next(name for name in ("java21", "python3.14", "nodejs24.x", "java11") if name not in here)
    with pytest.raises(ClientError, match=f"`lambent runtimes add {missing}`"):
        server.client.create_function(
            FunctionName="never", Runtime=missing, Role=ROLE, Handler="a.b", Code={"ZipFile": zip_of({"a": "b"})}
        )


def test_what_cannot_be_added_fails_with_a_reason(server: Server) -> None:
    ran = lambent(server, "add", "provided.al2023", "nonsense", "ruby3.4")
    assert ran.returncode == 1
    assert "needs nothing" in ran.stderr
    assert "there is no runtime 'nonsense'" in ran.stderr
    assert "rbenv install 3.4" in ran.stderr
    assert lambent(server, "add").returncode == 1
    assert lambent(server, "remove", "nodejs18.x").returncode == 1


@pytest.mark.root
def test_what_the_agent_executes_stays_roots_when_the_front_end_takes_the_directory_over(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    for place in ("runtimes/nodejs24.x/bin", "code"):
        (data / place).mkdir(parents=True)
    serve(data=data)
    owners = {name: (data / name).stat().st_uid for name in ("runtimes", "runtimes/nodejs24.x", "code")}
    assert owners == {"runtimes": 0, "runtimes/nodejs24.x": 0, "code": FRONT_END_UID}
