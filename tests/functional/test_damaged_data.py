"""A server that is started over damaged data says which file it is, and changes nothing."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from real_server import ROOT, Server, clean_environment, wait_until

Serve = Callable[..., Server]


@pytest.mark.root
@pytest.mark.parametrize("database", ["lambent.db", "queue/lambent.db"])
def test_a_torn_page_is_named_at_the_start(serve: Serve, database: str) -> None:
    server = serve()
    server.stop()
    path = server.data / database
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * 512 + whole[4608:])
    torn = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "lambent", "up", "--port", "0", "--data", str(server.data)],
        cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"the database {path} is damaged" in done.stderr
    assert path.read_bytes() == torn


@pytest.mark.root
def test_a_package_that_is_cut_short_is_named_and_the_others_run(serve: Serve) -> None:
    server = serve()
    server.deploy("def handler(event, context): return 1", name="cut")
    server.deploy("def handler(event, context): return 2", name="whole")
    server.kill()
    path = max((server.data / "code").glob("*/package.zip"), key=lambda each: each.stat().st_mtime_ns)
    with open(path, "r+b") as file:
        file.truncate(20)
    again = serve(data=server.data)
    wait_until(lambda: f"the code package {path.parent.name}" in again.said())
    assert again.client.get_function_configuration(FunctionName="whole")["State"] == "Active"
