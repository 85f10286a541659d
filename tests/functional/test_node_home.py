"""Node asks the machine whose home the function's is; AWS's SDKs for JavaScript do so before anything else."""

from collections.abc import Callable

import pytest
from real_server import Function, Server

HOME = "/home/sbx_user1051"
SOURCE = """
    import os, { homedir } from 'node:os'
    export const handler = async () => {
      const { userInfo } = await import('os')
      return [os.homedir(), homedir(), userInfo().homedir, userInfo().username, userInfo().uid === process.getuid()]
    }
"""


@pytest.mark.root
def test_a_function_has_the_home_that_it_has_on_aws(server: Server, deploy: Callable[..., Function]) -> None:
    runtimes = [each["name"] for each in server.status()["runtimes"] if each["kind"] == "node"]
    if not runtimes:
        pytest.skip("node is not installed")
    answer = deploy({"app.mjs": SOURCE}, Runtime=runtimes[0]).call()
    assert answer.error is None, answer.value
    assert answer.value == [HOME, HOME, HOME, "sbx_user1051", True]
