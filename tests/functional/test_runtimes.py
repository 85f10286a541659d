"""Every runtime that this machine has runs a function end to end, on the real server in a real sandbox."""

import datetime
import os
import shutil
from collections.abc import Callable

import pytest
from real_server import ROLE, Function, Server, zip_of

from lambent.errors import InvalidParameterValue
from lambent.runtimes.table import check_create

Serve = Callable[..., Server]
Make = Callable[..., Function]

PYTHON = """
    import os, sys
    print("a line")
    def handler(event, context):
        sys.stderr.write("another\\n")
        version = "python%d.%d" % sys.version_info[:2]
        return [event, version, os.environ["AWS_EXECUTION_ENV"], context.memory_limit_in_mb]
"""
COMMON_JS = "exports.handler = async (event, context) => [event, process.version, context.memoryLimitInMB]"
MODULE = "export const handler = async (event) => { console.log('a line'); return [event, import.meta.url] }"
RUBY = """
    def handler(event:, context:)
      puts 'a line'
      [event, ENV['AWS_EXECUTION_ENV'], Dir.pwd, context.memory_limit_in_mb]
    end
"""
SHELL = """\
#!/bin/sh
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
    event=$(curl -sS -D /tmp/headers "$api/next")
    id=$(sed -n 's/^lambda-runtime-aws-request-id: *//Ip' /tmp/headers | tr -d '\\r')
    echo "shell has $event" >&2
    curl -sS -o /dev/null -d "{\\"handler\\": \\"$_HANDLER\\", \\"event\\": $event}" "$api/$id/response"
done
"""


@pytest.fixture
def make(deploy: Callable[..., Function]) -> Make:
    def make(runtime: str, handler: str, files: dict[str, str]) -> Function:
        return deploy(files, Runtime=runtime, Handler=handler)

    return make


def creatable(server: Server, kind: str) -> list[str]:
    """The runtimes of this kind that are here and that AWS still makes functions for."""
    return [each["name"] for each in server.status()["runtimes"] if each["kind"] == kind and is_open(each["name"])]


def is_open(runtime: str) -> bool:
    try:
        check_create(runtime, datetime.datetime.now(datetime.UTC).date())
    except InvalidParameterValue:
        return False
    return True


def test_every_python_that_was_found_runs_its_functions(server: Server, make: Make) -> None:
    runtimes = creatable(server, "python")
    assert runtimes
    for runtime in runtimes:
        function = make(runtime, "app.handler", {"app.py": PYTHON})
        answer = function.call({"n": 1})
        assert answer.value == [{"n": 1}, runtime, f"AWS_Lambda_{runtime}", "1769"]
        assert "another\n" in answer.log
        assert function.call(2).value[0] == 2


def test_every_node_that_was_found_runs_both_kinds_of_modules(server: Server, make: Make) -> None:
    runtimes = creatable(server, "node")
    if not runtimes:
        pytest.skip("no Node.js here")
    for runtime in runtimes:
        common = make(runtime, "index.handler", {"index.js": COMMON_JS})
        major = runtime.removeprefix("nodejs").removesuffix(".x")
        value, version, memory = common.call({"n": 1}).value
        assert (value, version.split(".")[0], memory) == ({"n": 1}, f"v{major}", "1769")
        module = make(runtime, "index.handler", {"index.mjs": MODULE})
        answer = module.call("é")
        assert answer.value == ["é", "file:///var/task/index.mjs"]
        assert "\tINFO\ta line" in answer.log
        assert module.call(2).value[0] == 2


def test_a_shell_script_with_curl_is_a_runtime(make: Make) -> None:
    if not shutil.which("curl"):
        pytest.skip("no curl here")
    function = make("provided.al2023", "my.handler", {"bootstrap": SHELL})
    for event in ({"n": 1}, "two", 3):
        answer = function.call(event)
        assert answer.value == {"handler": "my.handler", "event": event}
        assert "shell has" in answer.log


def test_a_package_without_bootstrap_is_an_error_of_the_function(make: Make) -> None:
    answer = make("provided.al2023", "any", {"readme": "nothing to run"}).call()
    assert (answer.error, answer.error_type) == ("Unhandled", "Runtime.InvalidEntrypoint")


def test_a_missing_runtime_runs_on_the_nearest_one_only_when_that_was_asked_for(serve: Serve) -> None:
    server = serve("--runtime-fallback")
    stand_ins = [each for each in server.status()["runtimes"] if each["stands_in_for"]]
    pythons = [each for each in stand_ins if each["stands_in_for"].startswith("python3.1")]
    if not pythons:
        pytest.skip("every Python is here")
    wanted = pythons[0]["stands_in_for"]
    function = server.deploy(PYTHON, Runtime=wanted)
    assert function.call(1).value[1] == pythons[0]["name"] != wanted
    assert f"WARNING    {wanted}" in server.said()


def test_ruby_functions_run_in_a_sandbox_like_the_others(serve: Serve) -> None:
    if not shutil.which("ruby") and os.environ.get("CI") != "true":
        pytest.skip("ruby is not installed")
    server = serve("--runtime-fallback")  # a distribution's Ruby is often one that Lambda has no name for
    code = zip_of({"app.rb": RUBY})
    server.client.create_function(
        FunctionName="ruby", Runtime="ruby3.4", Role=ROLE, Handler="app.handler", Timeout=60, Code={"ZipFile": code}
    )
    server.wait_until_active("ruby")
    answer = Function(server, "ruby").call({"n": 1})
    assert answer.value == [{"n": 1}, "AWS_Lambda_ruby3.4", "/var/task", "128"]
    assert "a line\n" in answer.log
    assert Function(server, "ruby").call(2).value[0] == 2
