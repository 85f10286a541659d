"""What the guest runtimes add to a call: an echo over a socket pair, without isolation, server or HTTP.

    python benchmarks/guest.py [--calls N] [--python PATH …] [--node]

A bare echo process (read, write) is timed in the same run; the guest's own share is the difference.
"""

import argparse
import json
import os
import platform
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEADER = struct.Struct(">B3xII16s")
GUEST = Path(__file__).resolve().parents[1] / "guest"
BARE = """
import os, sys
fd = int(sys.argv[1])
while True:
    data = os.read(fd, 65536)
    if not data:
        break
    os.write(fd, data)
"""
HANDLER = {
    "app.py": "def handler(event, context): return event\n",
    "index.mjs": "export const handler = async (e) => e\n",
}
META = {
    "id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
    "deadline": 4_000_000_000_000,
    "trace": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
    "context": None,
    "identity": None,
    "tenant": None,
}


def frame(kind: int, meta: dict[str, object], body: bytes = b"") -> bytes:
    text = json.dumps(meta).encode()
    return HEADER.pack(kind, len(text), len(body), bytes(16)) + text + body


def start(command: list[str]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    environ = os.environ | {"PYTHONPATH": str(GUEST / "python")}
    process = subprocess.Popen([*command, str(theirs.fileno())], pass_fds=[theirs.fileno()], env=environ)
    theirs.close()
    return ours, process


def measure(host: socket.socket, request: bytes, calls: int) -> list[float]:
    """Microseconds of each round trip, in order of size."""
    taken = []
    for number in range(calls + 200):
        began = time.perf_counter_ns()
        host.sendall(request)
        host.recv(65536)
        if number >= 200:  # the first ones warm up
            taken.append((time.perf_counter_ns() - began) / 1000)
    return sorted(taken)


def report(name: str, taken: list[float], bare: float = 0.0) -> float:
    p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    share = f"  guest's own p50 {p50 - bare:6.1f} us" if bare else ""
    print(f"{name:28} n={len(taken):6}  p50 {p50:7.1f} us  p99 {p99:7.1f} us{share}", flush=True)
    return p50


def guest(name: str, command: list[str], handler: str, calls: int, bare: float) -> None:
    with tempfile.TemporaryDirectory() as root:
        for file, text in HANDLER.items():
            (Path(root) / file).write_text(text)
        host, process = start(command)
        spec = {"environ": {"PATH": "/usr/bin:/bin"}, "handler": handler, "task_root": root, "opt": root + "/opt"}
        host.sendall(frame(1, spec))
        host.recv(65536)
        report(name, measure(host, frame(2, META, b'{"key": "value"}'), calls), bare)
        host.close()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--python", action="append", default=[])
    parser.add_argument("--node", action="store_true")
    options = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    print(f"{machine}, host Python {platform.python_version()}")
    host, process = start([sys.executable, "-c", BARE])
    bare = report("bare echo", measure(host, frame(2, META, b'{"key": "value"}'), options.calls))
    host.close()
    process.wait()
    for python in options.python or [sys.executable]:
        guest(f"guest/python {python[-24:]}", [python, "-m", "lambent_runtime"], "app.handler", options.calls, bare)
    if options.node:
        guest("guest/node", ["node", str(GUEST / "node" / "main.mjs")], "index.handler", options.calls, bare)


if __name__ == "__main__":
    main()
