"""The Runtime API with the bootstrap that AWS's own tutorial writes: a shell and curl."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from lambent.sandbox.api_router import ApiServer
from lambent.sandbox.link import InitDone, InitSpec, Reply
from lambent.sandbox.runtime_api import HttpLink

BOOTSTRAP = """
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while true; do
  headers=$(mktemp)
  curl -sS -LD "$headers" "$api/invocation/next" -o event
  id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  case "$(cat event)" in
    '"big"') head -c 2000000 /dev/zero | tr '\\0' x > answer ;;
    *) printf 'Echoing: %s' "$(cat event)" > answer ;;
  esac
  if [ "$(cat event)" = '"fail"' ]; then
    curl -sS -H "Lambda-Runtime-Function-Error-Type: Function.Failed" -d '{"errorMessage":"no"}' \\
      "$api/invocation/$id/error"
  else
    curl -sS -X POST "$api/invocation/$id/response" --data-binary @answer
  fi
done
"""
META: dict[str, Any] = {"arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "deadline": 1, "trace": "Root=1"}


class Shell(NamedTuple):
    link: HttpLink

    async def invoke(self, number: int, payload: bytes) -> Reply:
        return await asyncio.wait_for(self.link.invoke(bytes(16), META | {"id": f"id-{number}"}, payload), 20)


@pytest.fixture
async def shell(tmp_path: Any) -> AsyncIterator[Shell]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    listener = socket.create_server(("127.0.0.1", 0))
    link = HttpLink(ApiServer(listener))
    environ = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{listener.getsockname()[1]}"}
    process = await asyncio.create_subprocess_exec("sh", "-c", BOOTSTRAP, cwd=tmp_path, env=environ, stdout=-3)
    assert await asyncio.wait_for(link.init(InitSpec(environ={}, handler="")), 20) == InitDone()
    yield Shell(link)
    link.close()
    process.kill()
    await process.wait()


async def test_a_shell_bootstrap_answers_calls_errors_and_large_bodies(shell: Shell) -> None:
    assert await shell.invoke(1, b'"hello"') == Reply(b'Echoing: "hello"')
    assert await shell.invoke(2, b'"fail"') == Reply(b'{"errorMessage":"no"}', "Function.Failed")
    assert (await shell.invoke(3, b'"big"')).payload == b"x" * 2_000_000
    assert await shell.invoke(4, b"{}") == Reply(b"Echoing: {}")
