"""The Telemetry API inside real functions: what an extension is sent over HTTP and TCP, and a web server behind one."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from extension_samples import EXTENSION, said
from real_server import Function, Server, wait_until, zip_of

pytestmark = pytest.mark.root

SOURCE = """
    import json, os
    print("from init")
    def handler(event, context):
        if event.get("print"):
            print(event["print"])
        if event.get("raise"):
            raise ValueError("boom")
        if os.path.exists("/tmp/telemetry"):
            with open("/tmp/telemetry") as kept:
                return [json.loads(line) for line in kept.read().splitlines()]
        return []
"""


@pytest.fixture
def listening(server: Server) -> Iterator[Callable[..., Function]]:
    """Deploys a function with one extension that listens."""
    deployed: list[Function] = []

    def deploy(name: str, **options: Any) -> Function:
        content = zip_of({f"extensions/{name}": EXTENSION})
        layer = server.client.publish_layer_version(LayerName=name, Content={"ZipFile": content})
        deployed.append(server.deploy(SOURCE, Layers=[layer["LayerVersionArn"]], **options))
        return deployed[-1]

    yield deploy
    for function in deployed:
        server.client.delete_function(FunctionName=function.name)


def received(function: Function, kind: str) -> dict[str, list[dict[str, Any]]]:
    """All that the listener has by type of event, as soon as there is something of `kind`."""

    def collect() -> dict[str, list[dict[str, Any]]]:
        found = defaultdict(list)
        for event in function.call({}).value:
            found[event["type"]].append(event)
        return found if kind in found else {}

    found: dict[str, list[dict[str, Any]]] = wait_until(collect)
    return found


def test_events_arrive_over_http_with_their_bodies(listening: Callable[..., Function]) -> None:
    function = listening("http-listener")
    answer = function.call({"print": "hello"})
    found = received(function, "platform.report")
    assert wait_until(lambda: said(function, "subscribed")) == [200]
    assert set(found["platform.start"][0]) == {"time", "type", "record"}
    start, done, report = (found[f"platform.{kind}"][0]["record"] for kind in ("start", "runtimeDone", "report"))
    assert (start["requestId"], start["version"]) == (answer.request_id, "$LATEST")
    assert start["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert (done["requestId"], done["status"]) == (answer.request_id, "success")
    assert set(done["metrics"]) == {"durationMs", "producedBytes"}
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration", "runtimeOverhead"]
    assert {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"} == set(
        report["metrics"]
    )
    assert [span["name"] for span in report["spans"]] == ["extensionOverhead"]
    init = {kind: found[f"platform.init{kind}"][0]["record"] for kind in ("Start", "RuntimeDone", "Report")}
    assert init["Start"]["functionName"] == function.name
    assert {each["phase"] for each in init.values()} == {"init"}
    assert {each["initializationType"] for each in init.values()} == {"on-demand"}
    assert init["Report"]["status"] == "success"
    assert found["platform.extension"][0]["record"] == {
        "name": "http-listener", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"],
    }  # fmt: skip
    types = ["platform", "function", "extension"]
    assert found["platform.telemetrySubscription"][0]["record"] == {
        "name": "http-listener", "state": "Subscribed", "types": types,
    }  # fmt: skip


def test_output_of_the_function_and_of_extensions_are_told_apart(listening: Callable[..., Function]) -> None:
    function = listening("http-listener", LoggingConfig={"LogFormat": "JSON"})
    function.call({"print": '{"n": 1}'})
    found = received(function, "platform.report")
    records = [event["record"] for event in found["function"]]
    assert "from init" in records
    assert {"n": 1} in records
    assert {"http-listener"} == {event["record"]["extension"] for event in found["extension"]}


def test_lines_arrive_over_tcp_and_the_first_schema_knows_no_objects(listening: Callable[..., Function]) -> None:
    function = listening("tcp-listener", LoggingConfig={"LogFormat": "JSON"})
    function.call({"print": '{"n": 1}'})
    found = received(function, "platform.report")
    assert '{"n": 1}' in [event["record"] for event in found["function"]]
    assert found["platform.initStart"]


def test_an_error_of_the_function_shows_in_its_events(listening: Callable[..., Function]) -> None:
    function = listening("http-listener")
    request_id = function.call({"raise": True}).request_id

    def failed() -> list[str]:
        found = received(function, "platform.report")
        reports = {event["record"]["requestId"]: event["record"]["status"] for event in found["platform.report"]}
        return [reports[request_id]] if request_id in reports else []

    assert wait_until(failed) == ["error"]


ADAPTER = r"""#!/usr/bin/python3
# What web adapters do: an extension that is the runtime too, for a web server that knows nothing of Lambda.
import http.client, json, os, time, urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
body = json.dumps({"events": []}).encode()
headers = {"Lambda-Extension-Name": "web-adapter"}
request = urllib.request.Request(API + "/2020-01-01/extension/register", data=body, headers=headers)
me = urllib.request.urlopen(request).headers["Lambda-Extension-Identifier"]


def wait_for_the_server():
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", 8080)
            connection.connect()
            return connection
        except ConnectionError:
            time.sleep(0.01)


def rest():
    request = urllib.request.Request(API + "/2020-01-01/extension/event/next",
                                     headers={"Lambda-Extension-Identifier": me})
    urllib.request.urlopen(request).read()


import threading
threading.Thread(target=rest, daemon=True).start()
connection = wait_for_the_server()
while True:
    with urllib.request.urlopen(API + "/2018-06-01/runtime/invocation/next") as given:
        request_id = given.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.loads(given.read())
    connection.request("GET", event["path"])
    answer = connection.getresponse()
    result = {"statusCode": answer.status, "body": answer.read().decode()}
    path = "/2018-06-01/runtime/invocation/" + request_id + "/response"
    urllib.request.urlopen(urllib.request.Request(API + path, data=json.dumps(result).encode())).read()
"""
INSTEAD_OF_THE_RUNTIME = """#!/bin/sh
exec "$LAMBDA_TASK_ROOT/run.sh"
"""
RUN = """#!/bin/sh
exec /usr/bin/python3 -c '
import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (os.environ["AWS_LAMBDA_FUNCTION_NAME"] + " serves " + self.path).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", 8080), Page).serve_forever()'
"""


def test_a_web_server_runs_behind_an_adapter(server: Server) -> None:
    files: dict[str, str | bytes] = {"extensions/web-adapter": ADAPTER, "bootstrap": INSTEAD_OF_THE_RUNTIME}
    layer = server.client.publish_layer_version(LayerName="web-adapter", Content={"ZipFile": zip_of(files)})
    variables = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap"}}
    name = "web-server"
    server.client.create_function(
        FunctionName=name, Runtime=server.runtime, Role="arn:aws:iam::000000000000:role/any", Handler="run.sh",
        Code={"ZipFile": zip_of({"run.sh": RUN})}, Layers=[layer["LayerVersionArn"]], Environment=variables,
        Timeout=60, MemorySize=1769,
    )  # fmt: skip
    server.wait_until_active(name)
    function = Function(server, name)
    for path in ("/", "/a/b"):
        answer = function.call({"path": path})
        assert answer.value == {"statusCode": 200, "body": f"web-server serves {path}"}, json.dumps(answer.value)
    server.client.delete_function(FunctionName=name)
