"""The speed that users meet: the Invoke API over HTTP, from a real client process to a real sandbox and back.

    python benchmarks/invoke.py [--only warm,paused,throughput,cold,empty,burst,idle] [--profile SECONDS]

Rows and targets are those of SPECIFICATION.md. Cold starts are compared with `python3 -c pass` timed in the same run.
The function has 1,769 MB, AWS's one full core: with less, its CPU share, not Lambent, would be what is measured.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Awaitable, Callable, Iterator

import boto3
import uvloop
from _measure import load, row, tell_cpu, told
from botocore.config import Config

HANDLER = "import time\ndef handler(event, context):\n    time.sleep(event.get('sleep', 0))\n    return event\n"
ROLE = "arn:aws:iam::000000000000:role/bench"


class Server:
    """`lambent up` in a process of its own, on a free port and a directory of its own."""

    def __init__(self, *flags: str, data: str = "") -> None:
        self.data = data or tempfile.mkdtemp(prefix="lambent-bench-")
        command = [sys.executable, "-m", "lambent", "up", "--port", "0", "--data", self.data, *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.endpoint = self.process.stdout.readline().split(" at ")[1].split()[0]
        self.port = int(self.endpoint.rpartition(":")[2])
        self.client = boto3.client(
            "lambda", endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id="bench",
            aws_secret_access_key="bench", config=Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip

    def status(self) -> dict:
        with urllib.request.urlopen(self.endpoint + "/_lambent/status") as answer:
            return json.load(answer)

    def runtime(self) -> str:
        names = [info["name"] for info in self.status()["runtimes"] if info["kind"] == "python"]
        return max(names, key=lambda name: int(name.rpartition(".")[2]))

    def deploy(self, name: str) -> None:
        self.deploy_source(name, HANDLER)

    def deploy_source(self, name: str, source: str) -> None:
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("app.py", source)
        self.client.create_function(
            FunctionName=name, Runtime=self.runtime(), Role=ROLE, Handler="app.handler", MemorySize=1769, Timeout=30,
            Code={"ZipFile": package.getvalue()},
        )  # fmt: skip
        self.client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})

    def log_lines(self, name: str) -> list[str]:
        with urllib.request.urlopen(f"{self.endpoint}/_lambent/logs/{name}?limit=100000") as answer:
            return [json.loads(line)["message"] for line in answer.read().splitlines()]

    def husks_ready(self, wanted: int) -> None:
        deadline = time.monotonic() + 10
        while sum(self.status()["sandboxes"]["husks"].values()) < wanted and time.monotonic() < deadline:
            time.sleep(0.005)

    def cpu_s(self) -> float:
        """CPU seconds of the front end so far: unlike the clock's, they do not count what others use of the machine."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop_only(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def stop(self) -> None:
        self.stop_only()
        shutil.rmtree(self.data, ignore_errors=True)


class Caller(asyncio.Protocol):
    """One keep-alive connection; an answer ends by its Content-Length. As bare as can be: it shares the machine."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.buffer = b""
        self.waiting: asyncio.Future[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self.buffer.lower().find(b"content-length:")
        size = int(self.buffer[at + 15 : self.buffer.find(b"\r\n", at)])
        if len(self.buffer) >= end + 4 + size and self.waiting:
            answer, self.buffer = self.buffer, b""
            self.waiting.set_result(answer)

    async def call(self, request: bytes) -> bytes:
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        answer = await self.waiting
        if not answer.startswith(b"HTTP/1.1 200") or b"unction-error" in answer.lower():
            raise RuntimeError(answer[:400])
        return answer


def request(function: str, payload: bytes = b'{"key":"value"}') -> bytes:
    """What botocore sends, signature included in size."""
    return (
        f"POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "User-Agent: Boto3/1.44 md/Botocore#1.44 lang/python#3.11\r\nX-Amz-Date: 20260101T000000Z\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/lambda/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}\r\n"
        f"Content-Length: {len(payload)}\r\n\r\n"
    ).encode() + payload


async def connect(port: int) -> Caller:
    _, caller = await asyncio.get_running_loop().create_connection(Caller, "127.0.0.1", port)
    return caller


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1000


async def warm(server: Server, calls: int) -> None:
    caller, data = await connect(server.port), request("echo")
    for _ in range(200):
        await caller.call(data)
    row("warm, one client in sequence", [await timed(lambda: caller.call(data)) for _ in range(calls)], "p50 <= 0.5 ms")


async def paused(calls: int) -> None:
    """Each call comes after a pause in which the sandbox was frozen; then the same pauses without freezing."""
    for flag, name in ("20", "warm, after a pause, frozen meanwhile"), ("0", "the same pauses, never frozen"):
        with running("--freeze-after-ms", flag) as server:
            await asyncio.to_thread(server.deploy, "echo")
            caller, taken = await connect(server.port), []
            for _ in range(calls):
                await asyncio.sleep(0.04)
                taken.append(await timed(lambda c=caller: c.call(request("echo"))))
            row(name, taken[1:], "p50 within 0.2 ms of never frozen")


async def throughput(server: Server, seconds: float, connections: int) -> None:
    """As many calls as go through. The client is a C program where it can be compiled, else this process."""
    callers = [await connect(server.port) for _ in range(connections)]
    await asyncio.gather(*(caller.call(request("echo", b'{"sleep":0.2}')) for caller in callers))  # all warm
    found = await asyncio.to_thread(load, server, request("echo"), connections, seconds)
    if found is None:
        await throughput_from_here(server, callers, seconds)
        return
    found.tell(f"warm throughput, {connections} connections", ">= 6,000/s")


async def throughput_from_here(server: Server, callers: list[Caller], seconds: float) -> None:
    data, taken = request("echo"), []
    before, end = server.cpu_s(), time.perf_counter() + seconds

    async def loop(caller: Caller) -> None:
        while time.perf_counter() < end:
            taken.append(await timed(lambda: caller.call(data)))

    await asyncio.gather(*(loop(caller) for caller in callers))
    row(f"warm throughput, {len(callers)} connections", taken, ">= 6,000/s", len(taken) / seconds)
    tell_cpu((server.cpu_s() - before) * 1e6 / len(taken), len(taken))


async def cold(server: Server, calls: int, husks: int) -> None:
    """Each call is the first of a function of its own, so each is a cold start; a husk is ready each time."""
    caller, taken = await connect(server.port), []
    for number in range(calls):
        await asyncio.to_thread(server.deploy, f"cold-{number}")
    for number in range(calls):
        await asyncio.to_thread(server.husks_ready, husks)
        await asyncio.sleep(0.03)
        taken.append(await timed(lambda n=number: caller.call(request(f"cold-{n}"))))
    row("cold start, a husk ready", taken, "p50 <= 5 ms, p99 <= 20 ms, below python3 -c pass")


def python_pass(runs: int) -> None:
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(["python3", "-c", "pass"], check=True)
        taken.append((time.perf_counter() - began) * 1000)
    row("python3 -c pass, for comparison", taken, "-")
    real = os.path.realpath(sys.executable)
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run([real, "-c", "pass"], check=True)
        taken.append((time.perf_counter() - began) * 1000)
    row("the same without pyenv's shim", taken, "-")


async def empty(calls: int) -> None:
    """No husks kept: each is made on demand."""
    with running("--husks", "0") as server:
        caller, taken = await connect(server.port), []
        for number in range(calls):
            await asyncio.to_thread(server.deploy, f"empty-{number}")
            await asyncio.sleep(0.05)
            taken.append(await timed(lambda n=number: caller.call(request(f"empty-{n}"))))
        row("cold start, the pool empty", taken[1:], "p50 <= 40 ms")


async def burst(server: Server) -> None:
    await asyncio.to_thread(server.deploy, "burst")
    callers, data = [await connect(server.port) for _ in range(100)], request("burst", b'{"sleep":1}')
    began = time.perf_counter()
    taken = await asyncio.gather(*(timed(lambda c=caller: c.call(data)) for caller in callers))
    everything = (time.perf_counter() - began) * 1000
    row("100 concurrent first calls that sleep 1 s", list(taken), f"all within 2,500 ms: {everything:.0f} ms")


def idle() -> None:
    with running() as server:
        time.sleep(1.0)
        family = _family(server.process.pid)
        total = sum(_pss_kb(pid) for pid in family)
        told("idle server, all processes", len(family), f"PSS={total / 1024:.1f} MB", "<= 120 MB")


def _family(pid: int) -> list[int]:
    children = []
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:
        children = [int(child) for child in file.read().split()]
    return [pid, *(member for child in children for member in _family(child))]


def _pss_kb(pid: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as file:
        return next((int(line.split()[1]) for line in file if line.startswith("Pss:")), 0)
    return 0


@contextlib.contextmanager
def running(*flags: str) -> Iterator[Server]:
    server = Server(*flags)
    try:
        yield server
    finally:
        server.stop()


async def main(only: set[str], profile: float) -> None:
    husks = 8
    with running("--husks", str(husks)) as server:
        await asyncio.to_thread(server.deploy, "echo")
        if profile:
            print("profiling: py-spy record -p", server.process.pid, flush=True)
            await throughput(server, profile, 16)
            return
        if "warm" in only:
            await warm(server, 3000)
        if "throughput" in only:
            await throughput(server, 4, 16)
        if "cold" in only:
            await cold(server, 200, husks)
        if "burst" in only:
            await burst(server)
    if "paused" in only:
        await paused(400)
    if "cold" in only:
        python_pass(40)
    if "empty" in only:
        await empty(30)
    if "idle" in only:
        idle()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="warm,paused,throughput,cold,empty,burst,idle", help="which rows, by comma")
    parser.add_argument("--profile", type=float, default=0.0, help="only load the server for so many seconds")
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    print(f"Invoke API over HTTP; {machine}, load {os.getloadavg()[0]:.1f}")
    uvloop.run(main(set(arguments.only.split(",")), arguments.profile))
