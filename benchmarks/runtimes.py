"""Cold starts of Ruby and Java, each beside its bare interpreter; and what importing boto3 costs a Python function.

    python benchmarks/runtimes.py [--calls 20]

A husk is ready for each call. All handlers return the event.
"""

import argparse
import asyncio
import io
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import uvloop

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks._measure import row
from benchmarks.density import first_call
from benchmarks.invoke import ROLE, Server, running

RUBY = "def handler(event:, context:) = event\n"
JAVA = "public class App { public Object handler(Object event) { return event; } }\n"
PYTHON = "def handler(event, context):\n    return event\n"
BOTO3 = "import boto3\n" + PYTHON


def deploy(server: Server, name: str, runtime: str, handler: str, files: dict[str, bytes]) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    server.client.create_function(
        FunctionName=name, Runtime=runtime, Role=ROLE, Handler=handler, MemorySize=1769, Timeout=60,
        Code={"ZipFile": package.getvalue()},
    )  # fmt: skip
    server.client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})


def bare(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return (time.perf_counter() - began) * 1000


def compiled() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "App.java"
        source.write_text(JAVA)
        subprocess.run(["javac", "--release", "11", str(source)], check=True)
        return {"App.class": (Path(folder) / "App.class").read_bytes()}


async def compare(runtime: str, handler: str, files: dict[str, bytes], command: tuple[str, ...], calls: int) -> None:
    """Cold starts and bare starts of the interpreter, in turns."""
    cold, alone = [], []
    with running("--husks", "4", "--runtime-fallback") as server:
        for number in range(calls):
            await asyncio.to_thread(deploy, server, f"f{number}", runtime, handler, files)
            cold.append(await first_call(server, f"f{number}"))
            alone.append(await asyncio.to_thread(bare, *command))
    row(f"cold start of {command[0]}, a husk ready", cold, "-")
    row(f"`{' '.join([os.path.basename(command[0]), *command[1:]])}`, for comparison", alone, "-")


async def boto3(calls: int) -> None:
    """With and without the import, in turns; the first of each round lets the bytecode be written."""
    taken: dict[str, list[float]] = {PYTHON: [], BOTO3: []}
    with running("--husks", "4") as server:
        for number in range(calls + 1):
            for code, times in taken.items():
                name = f"b{number}-{len(code)}"
                await asyncio.to_thread(
                    deploy, server, name, server.runtime(), "app.handler", {"app.py": code.encode()}
                )
                times.append(await first_call(server, name))
            if not number:
                await asyncio.sleep(5)
    row("cold start of Python without boto3", taken[PYTHON][1:], "-")
    row("cold start of Python that imports boto3", taken[BOTO3][1:], "-")


async def main(calls: int) -> None:
    if shutil.which("ruby"):
        await compare("ruby3.4", "app.handler", {"app.rb": RUBY.encode()}, ("ruby", "-e", "0"), calls)
    if shutil.which("javac"):
        await compare("java17", "App::handler", compiled(), ("java", "-version"), calls)
    await boto3(calls)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20)
    arguments = parser.parse_args()
    print(f"Runtimes; {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    uvloop.run(main(arguments.calls))
