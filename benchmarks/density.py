"""How many environments a machine takes, how fast they come, and what small or other ones cost.

    python benchmarks/density.py [--only ramp,memory,node] [--environments 1000]

Rows and targets are those of SPECIFICATION.md. Comparisons (memory sizes, `node -e 0`) are made in turns within a run.
"""

import argparse
import asyncio
import contextlib
import glob
import hashlib
import io
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import uvloop

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks._measure import percentile, row, told
from benchmarks.invoke import ROLE, Caller, Server, connect, request, running, timed

SLEEPER = (
    "import time\ndef handler(event, context):\n    began = time.time()\n    time.sleep(event)\n    return began\n"
)
NODE_PROGRAM = shutil.which("node")
NODE = "exports.handler = async (event) => event\n"
PYTHON = "def handler(event, context):\n    return event\n"


def deploy(server: Server, name: str, runtime: str, code: str, memory: int) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.js" if runtime.startswith("nodejs") else "app.py", code)
    server.client.create_function(
        FunctionName=name, Runtime=runtime, Role=ROLE, Handler="app.handler", MemorySize=memory, Timeout=60,
        Code={"ZipFile": package.getvalue()},
    )  # fmt: skip
    server.client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})


async def answer(caller: Caller, data: bytes) -> float:
    """The time at which the handler began, as the handler says it."""
    return float(json.loads((await caller.call(data)).rpartition(b"\r\n\r\n")[2]))


async def ramp(count: int) -> None:
    """As many environments as calls: each sleeps until long after the last has begun."""
    with running("--sandboxes", str(count + 8), "--concurrency", str(count + 8), "--husks", "8") as server:
        await asyncio.to_thread(deploy, server, "ramp", server.runtime(), SLEEPER, 128)
        callers = [await connect(server.port) for _ in range(count)]
        began = time.time()
        starts = sorted(await asyncio.gather(*(answer(caller, request("ramp", b"10")) for caller in callers)))
        spread, rate = starts[-1] - starts[0], count / (starts[-1] - began)
        concurrent = sum(start < starts[0] + 10 for start in starts)
        text = f"{concurrent} at once, last {spread:.2f} s after first, {rate:.0f}/s"
        told("environments of one function, all new", count, text, f"{count} at once, <= 6 s")
        idle_memory(server, count)


def idle_memory(server: Server, count: int) -> None:
    """PSS of the environments' processes; the front end and the agent are not counted, nor is the zygote."""
    instance = hashlib.sha256(os.path.realpath(server.data).encode()).hexdigest()[:12]  # others may run beside this one
    # Not by Path.glob, which stops at a group that vanishes while it is listed.
    groups = glob.glob(f"/sys/fs/cgroup/memory/lambent/{instance}/*/cgroup.procs")
    pids = [pid for procs in groups for pid in members(procs)]
    total = sum(map(pss_kb, pids))
    told("an idle environment", count, f"PSS={total / 1024 / count:.2f} MB", "<= 3 MB")


def members(procs: str) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(line) for line in Path(procs).read_text().split()]
    return []


def pss_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return 0


async def first_call(server: Server, name: str) -> float:
    await asyncio.to_thread(server.husks_ready, 4)
    await asyncio.sleep(0.05)
    caller = await connect(server.port)
    return await timed(lambda: caller.call(request(name)))


async def memory(calls: int) -> None:
    """Cold starts with little and with much memory, in turns: init has a full core whatever the size."""
    with running("--husks", "4") as server:
        sizes: dict[int, list[float]] = {128: [], 1769: []}
        for number in range(calls):
            for size, taken in sizes.items():
                await asyncio.to_thread(deploy, server, f"m{size}-{number}", server.runtime(), PYTHON, size)
                taken.append(await first_call(server, f"m{size}-{number}"))
        ratio = percentile(sizes[128], 0.5) / percentile(sizes[1769], 0.5)
        row("cold start with 1,769 MB", sizes[1769], "-")
        row("cold start with 128 MB", sizes[128], f"<= 1.3 times 1,769 MB: {ratio:.2f}")


def bare_node(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([program, "-e", "0"], check=True)
    return (time.perf_counter() - began) * 1000


async def node(calls: int, program: str) -> None:
    """In turns with the bare program."""
    version = subprocess.check_output([program, "-p", "process.versions.node"], text=True)  # noqa: ASYNC221 - alone here
    runtime, cold, bare = f"nodejs{version.partition('.')[0]}.x", [], []
    with running("--husks", "4") as server:
        for number in range(calls):
            await asyncio.to_thread(deploy, server, f"n{number}", runtime, NODE, 1769)
            cold.append(await first_call(server, f"n{number}"))
            bare.append(await asyncio.to_thread(bare_node, program))
    row("cold start of Node, a husk ready", cold, "p50 <= 10 ms, below node -e 0")
    row("node -e 0, for comparison", bare, "-")


async def main(only: set[str], environments: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if "ramp" in only:
        await ramp(environments)
    if "memory" in only:
        await memory(40)
    if "node" in only and NODE_PROGRAM:
        await node(40, NODE_PROGRAM)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="ramp,memory,node", help="which rows, by comma")
    parser.add_argument("--environments", type=int, default=1000)
    arguments = parser.parse_args()
    print(f"Density; {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    uvloop.run(main(set(arguments.only.split(",")), arguments.environments))
