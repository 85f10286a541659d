"""What making, keeping and first using a husk costs, in CPU time, which others on the machine do not blur. Needs root.

    python benchmarks/husks.py [--runtime python3.13] [--husks 200] [--rounds 3] [--tree DIRECTORY ...]

`--tree` measures the agents of other checkouts too, in turns with this one's, so that a change is compared within
the same minutes. Kernel threads (ends of network namespaces) are counted for nobody.
"""

import argparse
import contextlib
import glob
import os
import platform
import resource
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lambent.sandbox import protocol
from lambent.sandbox.network import NetworkPlan

HERE = sys.path[0]
INSTANCE = f"{os.getpid():012x}"
CPUACCT = Path("/sys/fs/cgroup/cpuacct")  # with version 1 of control groups
MEMORY = Path("/sys/fs/cgroup/memory/lambent") / INSTANCE
HEADER = struct.Struct(">B3xII16s")  # of frames: type, size of meta, size of body, token
INIT, INVOKE = 1, 2
HANDLER = "def handler(event, context):\n    return event\n"
ENVIRON = {f"AWS_LAMBDA_VARIABLE_{number}": "x" * 30 for number in range(20)}
CALLS = 40
BEFORE = 4  # husks that are there when it begins


class Meter:
    """CPU seconds of the agent, its zygotes and all its husks, by a control group of the agent's own."""

    def __init__(self) -> None:
        root = CPUACCT if CPUACCT.is_dir() else Path("/sys/fs/cgroup")
        self.group = root / f"lambent-bench-{INSTANCE}"
        self.husks = root / "lambent" / INSTANCE
        self.group.mkdir(exist_ok=True)

    def join(self) -> None:
        (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def spent(self) -> float:
        return sum(self._read(group) for group in (self.group, self.husks))

    def _read(self, group: Path) -> float:
        with contextlib.suppress(OSError):
            if CPUACCT.is_dir():
                return int((group / "cpuacct.usage").read_text()) / 1e9
            return int((group / "cpu.stat").read_text().split()[1]) / 1e6
        return 0.0

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.group.rmdir()


class Agent:
    """A node agent without a server, and the connection to it."""

    def __init__(self, tree: str, data: Path, meter: Meter) -> None:
        path, plan = str(data / "agent.sock"), msgspec.json.encode(NetworkPlan(endpoint_port=9111)).decode()
        arguments = [path, INSTANCE, "full", "1", str(data / "agent"), "0", plan]
        environ = os.environ | {"LAMBENT_DATA": str(data), "PYTHONPATH": tree}
        command = [sys.executable, "-m", "lambent.sandbox.agent", *arguments]
        self.process = subprocess.Popen(command, cwd=tree, env=environ, preexec_fn=meter.join)  # noqa: PLW1509 - one thread
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for _ in range(1000):
            with contextlib.suppress(OSError):
                self.sock.connect(path)
                break
            time.sleep(0.01)
        self.hello: protocol.Hello = self.hear()

    def hear(self) -> Any:
        return protocol.answer(protocol.receive(self.sock)[0])

    def prepare(self, runtime: str, husks: int) -> None:
        protocol.send(self.sock, protocol.Prepare(1, runtime, husks))
        answer = self.hear()
        if answer.error:
            raise RuntimeError(answer.error)

    def assign(self, runtime: str, code: str) -> tuple[str, dict[str, int]]:
        """A sandbox: its name, and its descriptors by name."""
        protocol.send(self.sock, protocol.Assign(2, runtime, code, (), 1769, 512))
        data, fds = protocol.receive(self.sock)
        assigned = protocol.answer(data)
        return assigned.husk, dict(zip(assigned.given, fds, strict=True))

    def close(self) -> None:
        self.sock.close()
        self.process.wait(120)


@contextlib.contextmanager
def running(tree: str) -> Iterator[tuple[Agent, Meter]]:
    data, meter = Path(tempfile.mkdtemp(prefix="lambent-bench-")), Meter()
    try:
        agent = Agent(tree, data, meter)
        try:
            yield agent, meter
        finally:
            agent.close()
    finally:
        meter.close()
        shutil.rmtree(data, ignore_errors=True)


def members() -> list[int]:
    groups = [*glob.glob(f"{MEMORY}/*"), *glob.glob(f"/sys/fs/cgroup/lambent/{INSTANCE}/**", recursive=True)]
    files = [Path(group) / "cgroup.procs" for group in groups if os.path.isdir(group)]
    return [int(line) for file in files for line in file.read_text().split()]


def field(path: str, name: str) -> int:
    """Kilobytes."""
    with contextlib.suppress(OSError):
        lines = Path(path).read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
    return 0


def measure(tree: str, runtime: str, count: int) -> dict[str, float]:
    with running(tree) as (agent, meter):
        agent.prepare(runtime, BEFORE)
        time.sleep(0.5)
        spent, began = meter.spent(), time.perf_counter()
        agent.prepare(runtime, BEFORE + count)
        took = time.perf_counter() - began
        time.sleep(0.5)  # the last is parked, and tells so, before it has finished
        made, pids, all_of_them = meter.spent() - spent, members(), BEFORE + count
        pss = sum(field(f"/proc/{pid}/smaps_rollup", "Pss:") for pid in pids)
        tables = sum(field(f"/proc/{pid}/status", "VmPTE:") for pid in pids)
        found = {
            "CPU ms": made * 1000 / count, "wall ms": took * 1000 / count, "PSS MB": pss / 1024 / all_of_them,
            "page tables MB": tables / 1024 / all_of_them, "kernel MB": kernel_memory() / 1e6 / all_of_them,
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as code:
            os.chmod(code, 0o755)
            Path(code, "app.py").write_text(HANDLER)
            calls = first_calls(agent, runtime, code, CALLS)
        found["first call ms"] = statistics.median(ms for ms, _ in calls)
        return found | {"CPU ms of it inside": statistics.median(ms for _, ms in calls)}


def first_calls(agent: Agent, runtime: str, code: str, count: int) -> list[tuple[float, float]]:
    """From the order to the answer of the first call, without a front end: (ms, CPU ms inside)."""
    taken = []
    for _ in range(count):
        time.sleep(0.1)
        began = time.perf_counter()
        _, fds = agent.assign(runtime, code)
        before = os.pread(fds["cpu_time"], 32, 0)
        with socket.socket(fileno=fds.pop("channel")) as channel:
            spec = {"environ": ENVIRON, "handler": "app.handler", "task_root": "/var/task", "opt": "/opt"}
            say(channel, INIT, spec)
            hear(channel)
            say(channel, INVOKE, {"id": "bench", "arn": "", "deadline": 0}, b'{"key": "value"}')
            hear(channel)
            after, ended = os.pread(fds["cpu_time"], 32, 0), time.perf_counter()
            taken.append(((ended - began) * 1000, (int(after) - int(before)) / 1e6))
        for fd in fds.values():
            os.close(fd)
        protocol.receive(agent.sock)  # that it ended
    return taken


def say(channel: socket.socket, kind: int, meta: dict[str, Any], body: bytes = b"") -> None:
    text = msgspec.json.encode(meta)
    channel.sendall(HEADER.pack(kind, len(text), len(body), bytes(16)) + text + body)


def hear(channel: socket.socket) -> None:
    _, meta, body, _ = HEADER.unpack(channel.recv(HEADER.size, socket.MSG_WAITALL))
    channel.recv(meta + body, socket.MSG_WAITALL)


def kernel_memory() -> int:
    """Bytes, the page tables among them."""
    with contextlib.suppress(OSError):
        return int((MEMORY / "memory.kmem.usage_in_bytes").read_text())
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", default="python3.13")
    parser.add_argument("--husks", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tree", action="append", default=[], help="another checkout, with its lambent/sandbox/_bin")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    print(f"Husks of {arguments.runtime}; {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for _ in range(arguments.rounds):
        for tree in (*map(os.path.abspath, arguments.tree), HERE):
            found = measure(tree, arguments.runtime, arguments.husks)
            text = "  ".join(f"{what} {value:.2f}" for what, value in found.items())
            print(f"{f'making a husk ({os.path.basename(tree)})':<44} n={arguments.husks:<6} {text}", flush=True)


if __name__ == "__main__":
    main()
