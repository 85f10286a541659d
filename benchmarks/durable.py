"""Durable functions: what an execution costs beside a plain call, a checkpoint, and reading long histories and lists.

    python benchmarks/durable.py [--calls 500]

The handlers speak the protocol by hand, so that the server is measured and not the SDK. Checkpoints come from this
process, with the token of an invocation that sleeps meanwhile.
"""

import argparse
import http.client
import io
import json
import threading
import time
import urllib.parse
import urllib.request
import zipfile
from typing import Any

from _measure import row
from invoke import ROLE, Server

HANDLER = """
import json, time
def handler(event, context):
    given = json.loads(event["InitialExecutionState"]["Operations"][0]["ExecutionDetails"]["InputPayload"])
    if given.get("sleep"):
        print("TOKEN " + json.dumps([event["DurableExecutionArn"], event["CheckpointToken"]]))
        time.sleep(given["sleep"])
    return {"Status": "SUCCEEDED", "Result": "1"}
"""
PLAIN = "def handler(event, context): return 1\n"
VERSION = "/2025-12-01/durable-executions/"


class Client:
    """One connection, and how long its calls took."""

    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        self.times_ms: list[float] = []

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        began = time.perf_counter()
        self.connection.request(method, path, data, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        self.times_ms.append((time.perf_counter() - began) * 1000)
        if answer.status >= 300:
            raise RuntimeError(f"{answer.status}: {content!r}")
        return json.loads(content or b"null")


def deploy(server: Server, name: str, source: str, **more: Any) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", source)
    server.client.create_function(
        FunctionName=name, Runtime=server.runtime(), Role=ROLE, Handler="app.handler", MemorySize=1769, Timeout=60,
        Code={"ZipFile": package.getvalue()}, **more,
    )  # fmt: skip
    server.client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})


def calls_of(server: Server, name: str, count: int, connections: int = 1) -> tuple[list[float], float, float]:
    """Times of all calls in ms, calls a second, and CPU time of the front end for each in µs."""
    path = f"/2015-03-31/functions/{name}/invocations?Qualifier=%24LATEST"
    clients = [Client(server) for _ in range(connections)]

    def work(client: Client) -> None:
        for _ in range(count // connections):
            client("POST", path, {})

    for client in clients:
        client("POST", path, {})
        client.times_ms.clear()
    before, began = server.cpu_s(), time.perf_counter()
    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, cpu_s = time.perf_counter() - began, server.cpu_s() - before
    times = [each for client in clients for each in client.times_ms]
    return times, len(times) / took, cpu_s / len(times) * 1e6


def executions(server: Server, count: int) -> None:
    for what, name in (("a plain call", "plain"), ("an execution without operations", "durable")):
        for connections in (1, 16):
            times, rate, cpu_us = calls_of(server, name, count, connections)
            row(f"{what}, {connections} at a time", times, f"- ; front end {cpu_us:.0f} us each", rate)


def checkpoints(server: Server, count: int) -> str:
    """Steps that start and end, in one checkpoint each; the ARN of their execution."""
    path = "/2015-03-31/functions/durable/invocations?Qualifier=%24LATEST"
    client = Client(server)
    client("POST", path, {"sleep": 50}, **{"X-Amz-Invocation-Type": "Event"})
    arn, token = _token(server)
    own = Client(server)
    before = server.cpu_s()
    for number in range(count):
        one = {"Id": f"s{number}", "Type": "STEP"}
        updates = [one | {"Action": "START"}, one | {"Action": "SUCCEED", "Payload": "x" * 100}]
        asked = {"CheckpointToken": token, "Updates": updates}
        token = own("POST", f"{VERSION}{urllib.parse.quote(arn, safe='')}/checkpoint", asked)["CheckpointToken"]
    cpu_us = (server.cpu_s() - before) / count * 1e6
    row("a checkpoint: a step starts and succeeds", own.times_ms, f"- ; on disk; front end {cpu_us:.0f} us")
    return arn


def _token(server: Server) -> tuple[str, str]:
    while True:
        with urllib.request.urlopen(f"{server.endpoint}/_lambent/logs/durable?limit=100000") as answer:
            for line in answer.read().splitlines():
                message = json.loads(line)["message"]
                if message.startswith("TOKEN "):
                    arn, token = json.loads(message[6:])
                    return arn, token
        time.sleep(0.05)


def reading(server: Server, arn: str) -> None:
    quoted = urllib.parse.quote(arn, safe="")
    for what, path in (
        ("GetDurableExecution", f"{VERSION}{quoted}"),
        ("the first 100 events of a long history", f"{VERSION}{quoted}/history"),
        ("the last 100", f"{VERSION}{quoted}/history?ReverseOrder=true"),
        ("100 executions of many", "/2025-12-01/functions/durable/durable-executions"),
        ("1 of them by status", "/2025-12-01/functions/durable/durable-executions?Statuses=RUNNING"),
    ):
        client = Client(server)
        before = server.cpu_s()
        for _ in range(100):
            client("GET", path)
        row(what, client.times_ms, f"- ; front end {(server.cpu_s() - before) / 100 * 1e6:.0f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    calls = parser.parse_args().calls
    server = Server()
    try:
        deploy(server, "plain", PLAIN)
        deploy(server, "durable", HANDLER, DurableConfig={"ExecutionTimeout": 600, "RetentionPeriodInDays": 1})
        executions(server, calls)
        reading(server, checkpoints(server, calls))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
