"""Function URLs: what a call through one takes beside Invoke with the same event.

    python benchmarks/urls.py [--calls 2000]

Both through HTTP from a client process of its own, in turns, so that both see the same machine; the server's CPU time
counts what the door adds whatever else runs. Of the streamed one: how soon its first byte is there.
"""

import argparse
import http.client
import io
import time
import zipfile
from typing import Any

from _measure import row
from invoke import ROLE, Server

HANDLER = """
def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "hello"}
"""
STREAM = """
def handler(event, context):
    return (b"x" * 65536 for _ in range(80))
"""


def deploy(server: Server, name: str, source: str, **url: str) -> str:
    """A function with a public URL; the URL's host."""
    package, client = io.BytesIO(), server.client
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", source)
    client.create_function(
        FunctionName=name, Runtime=server.runtime(), Role=ROLE, Handler="app.handler", MemorySize=1769, Timeout=30,
        Code={"ZipFile": package.getvalue()}, Environment={"Variables": {"LAMBENT_PYTHON_STREAMING": "1"}},
    )  # fmt: skip
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    conditions: dict[str, dict[str, Any]] = {
        "lambda:InvokeFunctionUrl": {"FunctionUrlAuthType": "NONE"},
        "lambda:InvokeFunction": {"InvokedViaFunctionUrl": True},
    }
    for number, (action, condition) in enumerate(conditions.items()):
        client.add_permission(FunctionName=name, StatementId=f"s{number}", Action=action, Principal="*", **condition)
    made = client.create_function_url_config(FunctionName=name, AuthType="NONE", **url)
    return str(made["FunctionUrl"]).removeprefix("http://").rstrip("/")


class Client:
    """One connection, and how long its calls took."""

    def __init__(self, server: Server, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        self.server, self.asked = server, (method, path, body or None, headers)
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port)
        self.times_ms: list[float] = []
        self.cpu_s = 0.0

    def call(self) -> bytes:
        began = time.perf_counter()
        self.connection.request(*self.asked)
        answer = self.connection.getresponse()
        body = answer.read()
        self.times_ms.append((time.perf_counter() - began) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {body!r}")
        return body

    def several(self, calls: int) -> None:
        before = self.server.cpu_s()
        for _ in range(calls):
            self.call()
        self.cpu_s += self.server.cpu_s() - before


def measure(server: Server, calls: int) -> None:
    host = deploy(server, "web", HANDLER)
    echo = deploy(server, "echo", "import json\ndef handler(event, context): return json.dumps(event)\n")
    event = Client(server, "GET", "/orders?id=7", {"Host": echo}).call()
    url = Client(server, "GET", "/orders?id=7", {"Host": host})
    invoke = Client(server, "POST", "/2015-03-31/functions/web/invocations", {}, event)
    for each in (url, invoke):
        each.call()
        each.times_ms.clear()
    for _ in range(10):
        url.several(calls // 10)
        invoke.several(calls // 10)
    more_us = (url.cpu_s - invoke.cpu_s) / calls * 1e6
    row("Invoke with a function URL's event", invoke.times_ms, "-")
    row("the same call through the URL", url.times_ms, f"<= 0.4 ms more CPU of the server; seen {more_us:.0f} us")


def first_bytes(server: Server, calls: int) -> None:
    host = deploy(server, "stream", STREAM, InvokeMode="RESPONSE_STREAM")
    connection, firsts = http.client.HTTPConnection("127.0.0.1", server.port), []
    for _ in range(calls):
        began = time.perf_counter()
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        answer.read1(1)
        firsts.append((time.perf_counter() - began) * 1000)
        answer.read()
    row("a URL that streams: first byte of 5 MB", firsts[1:], "p50 <= 3 ms")
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    calls = parser.parse_args().calls
    server = Server()
    try:
        measure(server, calls)
        first_bytes(server, min(calls, 60))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
