"""How fast the HTTP edge is by itself: an echo handler in one process, a load generator in another.

    python benchmarks/edge.py [--seconds 3] [--loop uvloop|asyncio] [--lean] [--profile FILE]

Prints requests/s, p50, p99 and the server's processor time per request (which a busy machine distorts least) for 1, 16
and 64 connections. The load generator is this file again, or wrk where it is installed; on two cores each side has one.
Requests carry the headers of boto3, with --lean only the two that HTTP needs. With --profile the server writes
cProfile's figures of its work to FILE.
"""

import argparse
import asyncio
import cProfile
import importlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from lambent.edge.http import serve
from lambent.wire.http import Request, Response

CONNECTIONS = (1, 16, 64)
PATH = "/2015-03-31/functions/echo/invocations"
BODY = b'{"key": "' + b"x" * 89 + b'"}'  # 100 bytes
HEADERS = (  # what boto3 sends with Invoke, without credentials
    ("Host", "127.0.0.1"),
    ("Accept-Encoding", "identity"),
    ("User-Agent", "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.18 md/arch#x86_64 lang/python#3.11.7"),
    ("X-Amz-Date", "20260101T000000Z"),
    ("amz-sdk-invocation-id", "00000000-0000-4000-8000-000000000000"),
    ("amz-sdk-request", "attempt=1"),
    ("Content-Length", str(len(BODY))),
)


async def echo(request: Request) -> Response:
    return Response(200, [("Content-Type", "application/json"), ("x-amzn-RequestId", "0" * 36)], request.body)


async def serve_until_told() -> None:
    """Serve the echo handler; print the port; stop at SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await serve(echo, "127.0.0.1", 0)
    print(server.port, flush=True)
    await stop.wait()
    await server.close(1.0)


class Client(asyncio.Protocol):
    """One connection that sends the next request as soon as it has the answer to the last, and times each."""

    def __init__(self, request: bytes, taken: list[float]) -> None:
        self._request = request
        self._taken = taken
        self._left = 0  # bytes missing of the answer
        self._size = 0  # of one answer: all are alike, so that the generator need not parse

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._left = self._size
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._size:
            assert data.startswith(b"HTTP/1.1 200"), data
            assert data.endswith(BODY), data
            self._size = self._left = len(data)
        self._left -= len(data)
        if self._left <= 0:
            self._taken.append(time.perf_counter() - self._sent)
            self._send()


async def load(port: int, connections: int, seconds: float, lean: bool) -> dict[str, float]:
    """The figures of `connections` clients in parallel for `seconds`."""
    head = "".join(f"{name}: {value}\r\n" for name, value in (HEADERS[:1] + HEADERS[-1:] if lean else HEADERS))
    request = f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + BODY
    taken: list[float] = []
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(lambda: Client(request, taken), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.sleep(0.3)
    warm_up = len(taken)
    taken.clear()
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    lasted, times = time.perf_counter() - began, sorted(taken)
    for transport, _ in pairs:
        transport.abort()
    figures = {"n": len(times), "rate": len(times) / lasted, "all": warm_up + len(times)}
    return figures | {"p50": times[len(times) // 2] * 1e3, "p99": times[len(times) * 99 // 100] * 1e3}


def load_with_wrk(wrk: str, port: int, connections: int, seconds: float, lean: bool) -> dict[str, float]:
    """The same by wrk, which takes less of the machine for itself."""
    script = f"wrk.method='POST' wrk.body=[[{BODY.decode()}]] " + " ".join(
        f"wrk.headers['{name}']='{value}'"
        for name, value in HEADERS
        if not lean and name not in ("Host", "Content-Length")
    )
    script += (
        " function done(s, l, r) print(string.format('%d %f %f %f', s.requests, s.requests / s.duration * 1e6,"
        " l:percentile(50) / 1e3, l:percentile(99) / 1e3)) end"
    )
    command = [
        wrk,
        "-t1",
        f"-c{connections}",
        f"-d{seconds:.0f}s",
        "-s",
        "/dev/stdin",
        f"http://127.0.0.1:{port}{PATH}",
    ]
    last = subprocess.run(command, input=script, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    figures = dict(zip(("n", "rate", "p50", "p99"), map(float, last.split()), strict=True))
    return figures | {"all": figures["n"]}


def run(work: Coroutine[Any, Any, Any], loop: str) -> Any:
    if loop == "uvloop":
        return importlib.import_module("uvloop").run(work)
    return asyncio.run(work)


def run_profiled(work: Coroutine[Any, Any, Any], loop: str, file: str) -> None:
    profile = cProfile.Profile()
    profile.runcall(run, work, loop)
    profile.dump_stats(file)


def measure(options: argparse.Namespace) -> None:
    """Start the server, load it, print the table."""
    command = [sys.executable, __file__, "--loop", options.loop, "--role", "server"]
    command += ["--profile", options.profile] if options.profile else []
    wrk = shutil.which("wrk")
    print(
        f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}, {options.loop}, ",
        end="",
    )
    print(f"load by {wrk or 'asyncio'}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            for connections in CONNECTIONS:
                before = cpu_s(server.pid)
                got = _load_apart(wrk, port, connections, options)
                cpu_us = (cpu_s(server.pid) - before) / got["all"] * 1e6
                row = f"HTTP echo, {connections:>2} connections   n={got['n']:<8.0f} p50={got['p50']:>8.3f} ms"
                print(f"{row}  p99={got['p99']:>8.3f} ms  {got['rate']:,.0f}/s, cpu {cpu_us:.1f} us", flush=True)
        finally:
            server.terminate()


def cpu_s(pid: int) -> float:
    """The processor time that a process has used, of user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _load_apart(wrk: str | None, port: int, connections: int, options: argparse.Namespace) -> dict[str, float]:
    if wrk:
        return load_with_wrk(wrk, port, connections, options.seconds, options.lean)
    command = [sys.executable, __file__, "--role", "client", "--port", str(port), "--connections", str(connections)]
    command += ["--seconds", str(options.seconds), *(["--lean"] if options.lean else [])]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    figures: dict[str, float] = json.loads(output)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--lean", action="store_true", help="only the headers that HTTP needs")
    parser.add_argument("--profile", default="", metavar="FILE")
    parser.add_argument("--role", choices=("all", "server", "client"), default="all", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--connections", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "client":
        print(json.dumps(run(load(options.port, options.connections, options.seconds, options.lean), "uvloop")))
    elif options.role == "server" and options.profile:
        run_profiled(serve_until_told(), options.loop, options.profile)
    elif options.role == "server":
        run(serve_until_told(), options.loop)
    else:
        measure(options)


if __name__ == "__main__":
    main()
