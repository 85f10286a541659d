"""Streamed responses: how soon the first byte of one is there, and how fast those go that AWS does not slow down.

    python benchmarks/stream.py [--calls 60]

Through InvokeWithResponseStream over HTTP, from a client process of its own. 5 MB are below the 6 MB that are uncapped.
"""

import argparse
import http.client
import io
import time
import zipfile

from _measure import row
from invoke import ROLE, Server, request

MB = 1024 * 1024
PYTHON = """
def handler(event, context):
    return (b"x" * event["piece"] for _ in range(event["count"]))
"""
NODE = """
const { pipeline } = require('node:stream/promises')
const { Readable } = require('node:stream')
function* pieces({ piece, count }) { for (let n = 0; n < count; n++) yield Buffer.alloc(piece, 'x') }
exports.handler = awslambda.streamifyResponse(async (event, stream) => pipeline(Readable.from(pieces(event)), stream))
"""


def deploy(server: Server, name: str, runtime: str, file: str, source: str) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(file, source)
    server.client.create_function(
        FunctionName=name, Runtime=runtime, Role=ROLE, Handler="app.handler", MemorySize=1769, Timeout=30,
        Code={"ZipFile": package.getvalue()}, Environment={"Variables": {"LAMBENT_PYTHON_STREAMING": "1"}},
    )  # fmt: skip
    server.client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})


def node_of(server: Server) -> str | None:
    names = [info["name"] for info in server.status()["runtimes"] if info["kind"] == "node"]
    return max(names, default=None)


def call(connection: http.client.HTTPConnection, name: str, piece: int, count: int) -> tuple[float, float]:
    """Milliseconds until the first byte of the body, and until its end."""
    head, _, body = request(name, b'{"piece":%d,"count":%d}' % (piece, count)).partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    began = time.perf_counter()
    connection.request("POST", f"/2021-11-15/functions/{name}/response-streaming-invocations", body, headers)
    answer = connection.getresponse()
    size = len(answer.read1(1))
    first = time.perf_counter()
    while data := answer.read1(1 << 20):
        size += len(data)
    if size < piece * count:
        raise RuntimeError(f"{size} bytes came of {piece * count}")
    return (first - began) * 1000, (time.perf_counter() - began) * 1000


def measure(server: Server, name: str, calls: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    for piece, count in ((100, 1), (65536, 5 * 16)):  # warm, and both ends have grown their buffers
        call(connection, name, piece, count)
    firsts = [call(connection, name, 65536, 5 * 16)[0] for _ in range(calls)]
    row(f"{name}: first byte of 5 MB", firsts, "p50 <= 2 ms")
    small = [call(connection, name, 100, 1)[1] for _ in range(calls)]
    row(f"{name}: a stream of 100 bytes, whole", small, "p50 <= 2 ms")
    whole = [call(connection, name, 65536, 5 * 16)[1] for _ in range(calls)]
    row(f"{name}: 5 MB, whole", whole, f">= 100 MB/s; seen {5 * MB / 1e3 / sorted(whole)[len(whole) // 2]:.0f} MB/s")
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=60)
    calls = parser.parse_args().calls
    server = Server()
    try:
        deploy(server, "python", server.runtime(), "app.py", PYTHON)
        measure(server, "python", calls)
        node = node_of(server)
        if node is not None:
            deploy(server, "node", node, "app.js", NODE)
            measure(server, "node", calls)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
