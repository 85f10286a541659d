"""Extensions beside real functions: registered, told of calls and of the end; what becomes of calls when one fails."""

import json
import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from extension_samples import EXTENSION, WRAPPER, said, wait_for_events, wait_for_line
from real_server import Function, Server, wait_until, zip_of

pytestmark = pytest.mark.root

Make = Callable[..., Function]
PYTHON = """
    import os, signal, sys, time
    signal.signal(signal.SIGTERM, lambda *_: (print("the runtime got SIGTERM", flush=True), os._exit(0)))
    def handler(event, context):
        for name in event.get("touch", []):
            open("/tmp/" + name, "w").close()
        if event.get("exit"):
            os._exit(5)
        time.sleep(event.get("sleep", 0))
        return [sorted(os.listdir("/tmp")), os.environ.get("WRAPPED")]
"""
NODE = "exports.handler = async () => process.env.WRAPPED ?? null"
SHELL = """\
#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
    curl -sS -o /dev/null -D /tmp/headers "$api/next"
    id=$(sed -n 's/^lambda-runtime-aws-request-id: *//Ip' /tmp/headers | tr -d '\\r')
    curl -sS -o /dev/null -d '"shell"' "$api/$id/response"
done
"""
RUNTIMES = {"node": "nodejs20.x", "provided": "provided.al2023"}
ANSWERS = {"node": None, "provided": "shell"}


@pytest.fixture(scope="module")
def layer(server: Server) -> Callable[..., str]:
    """Publishes layers, each once: `layer("watcher")` has that one extension."""
    made: dict[tuple[str, ...], str] = {}

    def publish(*names: str) -> str:
        if names not in made:
            files: dict[str, str | bytes] = {f"extensions/{name}": EXTENSION for name in names}
            content = zip_of(files | {"wrapper": WRAPPER})
            answer = server.client.publish_layer_version(LayerName="-".join(names), Content={"ZipFile": content})
            made[names] = answer["LayerVersionArn"]
        return made[names]

    return publish


@pytest.fixture
def make(server: Server, deploy: Callable[..., Function]) -> Make:
    """Deploys functions with layers."""

    def make(layers: list[str], *, runtime: str = "", code: dict[str, str] | None = None, **options: Any) -> Function:
        return deploy(code or PYTHON, Runtime=runtime or server.runtime, Layers=layers, **options)

    return make


def retire(function: Function) -> None:
    """Have its idle environments ended: its configuration changes."""
    function.server.client.update_function_configuration(FunctionName=function.name, Description=str(time.time()))


def invoke(function: Function, event: dict[str, Any]) -> Any:
    """Without the tail of the log, for which the answer would wait until the extensions are done."""
    answer = function.server.client.invoke(FunctionName=function.name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def test_an_extension_is_told_of_every_call_and_of_the_end(server: Server, make: Make, layer: Any) -> None:
    function = make([layer("watcher")])
    first, second = function.call({}), function.call({})
    about = {
        "functionName": function.name, "functionVersion": "$LATEST", "handler": "app.handler",
        "accountId": "000000000000",
    }  # fmt: skip
    told = wait_for_events(function, "INVOKE", 2)
    assert said(function, "registered") == [[200, about]]
    assert [event["requestId"] for event in told] == [first.request_id, second.request_id]
    assert {"eventType", "deadlineMs", "requestId", "invokedFunctionArn", "tracing"} == set(told[0])
    assert told[0]["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert told[0]["invokedFunctionArn"].endswith(f":function:{function.name}")
    retire(function)
    (end,) = wait_for_events(function, "SHUTDOWN")
    assert set(end) == {"eventType", "shutdownReason", "deadlineMs"}
    assert end["shutdownReason"] == "spindown"
    assert wait_for_line(function, "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]")
    assert wait_for_line(function, "the runtime got SIGTERM")


def test_an_extension_gets_the_functions_variables_but_not_the_runtimes(make: Make, layer: Any) -> None:
    function = make([layer("watcher")], Environment={"Variables": {"MINE": "1"}})
    assert function.call({}).error is None
    (names,) = wait_until(lambda: said(function, "environ"))
    assert {"MINE", "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_ACCESS_KEY_ID", "PATH"} <= set(names)
    assert not {"_HANDLER", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "AWS_LAMBDA_LOG_STREAM_NAME"} & set(names)


@pytest.mark.parametrize(("kind", "file", "code"), [("node", "app.js", NODE), ("provided", "bootstrap", SHELL)])
def test_other_runtimes_have_extensions_too(make: Make, layer: Any, kind: str, file: str, code: str) -> None:
    function = make([layer("watcher")], runtime=RUNTIMES[kind], code={file: code})
    assert function.call({}).value == ANSWERS[kind]
    assert len(wait_for_events(function, "INVOKE")) == 1
    retire(function)
    assert wait_for_events(function, "SHUTDOWN")[0]["shutdownReason"] == "spindown"


def test_an_answer_does_not_wait_for_extensions_but_their_time_is_the_calls(make: Make, layer: Any) -> None:
    function = make([layer("watcher")], Timeout=3, Environment={"Variables": {"HOLDS": "1"}})
    assert invoke(function, {"touch": ["mine"]}) == ([["mine"], None], None)
    # Busy until the extension is done: another call has another environment.
    assert invoke(function, {}) == ([[], None], None)
    for report in wait_for_line(function, "REPORT", 2):
        assert "\tDuration: 3000.00 ms\t" in report
        assert report.endswith("Status: timeout")


def test_an_extension_that_exits_fails_the_call_that_runs(make: Make, layer: Any) -> None:
    function = make([layer("watcher")], Environment={"Variables": {"CRASHES": "1"}})
    for _ in range(2):
        answer = function.call({"sleep": 30})
        assert (answer.error, answer.error_type) == ("Unhandled", "Extension.Crash")
        assert answer.error_message == f"RequestId: {answer.request_id} Error: exit status 7"
        assert "Status: error\tError Type: Extension.Crash" in answer.log


@pytest.mark.parametrize(("name", "kind"), [("crashes-early", "Extension.Crash"), ("fails", "Extension.InitError")])
def test_an_extension_that_ends_during_init_fails_it(make: Make, layer: Any, name: str, kind: str) -> None:
    function = make([layer(name)])
    answer = function.call({})
    assert (answer.error, answer.error_type) == ("Unhandled", kind)
    reports = wait_for_line(function, "INIT_REPORT", 2)
    assert [f"Error Type: {kind}" in report for report in reports] == [True, True]
    assert "Phase: init" in reports[0]
    assert "Phase: invoke" in reports[1]


def test_a_file_that_cannot_be_executed_is_a_launch_error(server: Server, make: Make) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("extensions/readme.md")
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, "no program")
    layer = server.client.publish_layer_version(LayerName="plain-file", Content={"ZipFile": buffer.getvalue()})
    function = make([layer["LayerVersionArn"]])
    answer = function.call({})
    assert answer.error_type == "Extension.LaunchError"
    assert "permission denied" in answer.error_message
    line = "EXTENSION\tName: readme.md\tState: LaunchError\tEvents: []\tError Type: PermissionDenied"
    assert wait_for_line(function, line)


def test_the_reason_of_the_end_is_told(make: Make, layer: Any) -> None:
    function = make([layer("watcher")], Timeout=2)
    assert function.call({"sleep": 30}).error_type == "Sandbox.Timedout"
    assert function.call({"exit": True}).error_type == "Runtime.ExitError"
    reasons = [event["shutdownReason"] for event in wait_for_events(function, "SHUTDOWN", 2)]
    assert sorted(reasons) == ["failure", "timeout"]


def test_without_an_extension_the_runtime_is_never_asked_to_end(make: Make) -> None:
    function = make([])
    assert function.call({}).error is None
    idle = function.server.status()["sandboxes"]["idle"]  # those of other tests are among them
    retire(function)
    wait_until(lambda: function.server.status()["sandboxes"]["idle"] < idle)
    assert "the runtime got SIGTERM" not in function.logs()


def test_a_wrapper_executes_the_runtime_and_its_changes_count(server: Server, make: Make, layer: Any) -> None:
    variables = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}}
    function = make([layer("watcher")], Environment=variables)
    assert function.call({}).value == [[], "yes"]
    assert function.call({}).value == [[], "yes"]
    if any(each["name"] == "nodejs20.x" for each in server.status()["runtimes"]):
        node = make([layer("watcher")], runtime="nodejs20.x", code={"app.js": NODE}, Environment=variables)
        assert node.call({}).value == "yes"


def test_a_wrapper_that_is_not_there_ends_the_runtime_as_a_shell_would(make: Make, layer: Any) -> None:
    function = make([layer("watcher")], Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/nothing"}})
    answer = function.call({})
    assert answer.error_type == "Runtime.ExitError"
    assert "exit status 127" in answer.error_message
    assert wait_for_line(function, "/opt/nothing: No such file or directory")


def test_a_server_that_stops_lets_extensions_say_goodbye(serve: Callable[..., Server]) -> None:
    server = serve()
    layer = server.client.publish_layer_version(
        LayerName="watcher", Content={"ZipFile": zip_of({"extensions/watcher": EXTENSION})}
    )
    function = server.deploy(PYTHON, Layers=[layer["LayerVersionArn"]])
    assert function.call({}).error is None
    assert server.stop() == 0
    log = b"".join(path.read_bytes() for path in (server.data / "logs").rglob("*.log"))
    assert b"SHUTDOWN" in log
    assert b"spindown" in log
    assert b"the runtime got SIGTERM" in log


INTERNAL = """
    import json, os, threading, urllib.error, urllib.request
    API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension"
    def call(method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(API + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, {}, error.read()
    refused = call("POST", "/register", b'{"events":["SHUTDOWN"]}', Lambda_Extension_Name="inside")
    me = call("POST", "/register", b'{"events":["INVOKE"]}', Lambda_Extension_Name="inside")[1]
    seen = []
    def work():
        while True:
            body = call("GET", "/event/next", Lambda_Extension_Identifier=me["Lambda-Extension-Identifier"])[2]
            seen.append(json.loads(body)["requestId"])
    threading.Thread(target=work, daemon=True).start()
    def handler(event, context):
        late = call("POST", "/register", b'{"events":[]}', Lambda_Extension_Name="late")
        return [refused[0], json.loads(refused[2])["errorType"], late[0], json.loads(late[2])["errorType"], seen]
"""


def test_an_extension_inside_the_runtime_may_not_ask_for_shutdown_nor_come_late(make: Make) -> None:
    function = make([], code={"app.py": INTERNAL})
    first = function.call({})
    assert first.value[:4] == [403, "Extension.InvalidEventType", 403, "Extension.RegistrationClosed"]
    second = function.call({})
    assert first.request_id in second.value[4]
    assert wait_for_line(function, "EXTENSION\tName: inside\tState: Ready\tEvents: [INVOKE]")
