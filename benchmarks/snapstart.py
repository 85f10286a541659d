"""SnapStart against the same function's own cold start: a call that needs a new environment, as the client sees it.

    python benchmarks/snapstart.py [--package pandas] [--calls 40]

The package is installed into a temporary folder, by pip from its usual index, and goes into the zip with the handler,
which uses it a little (a sum) or more. Before each measured call the environment is ended from within, so that each
call needs another.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import uvloop
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks._measure import percentile, row
from benchmarks.invoke import ROLE, Caller, Server, connect, request, timed

HANDLER = """
import os
import {package} as library
HELD = {held}
def handler(event, context):
    if event.get("end"):
        os._exit(0)
    return int({small} if event.get("small", True) else {large})
"""
FRAME = 'library.DataFrame({"word": ["a", "b", "a"], "number": [1, 2, 3]})'
USES = {
    "pandas": (FRAME, 'HELD["number"].sum()', 'HELD.groupby("word").sum().loc["a", "number"]'),
    "numpy": ("library.arange(10000).reshape(100, 100)", "HELD.sum()", "(HELD @ HELD).trace() % 1000"),
}
LEAVE_OUT = ("/tests/", "/include/", ".dist-info/", "__pycache__")


def install(package: str, minor: str, into: Path) -> None:
    """With this machine's pip, for the interpreter of the function; wheels only, since nothing is to be built."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--target",
        str(into),
        "--python-version",
        minor,
        "--no-warn-conflicts",
    ]
    subprocess.run([*command, "--only-binary=:all:", "--no-compile", package], check=True)


def package_of(package: str, runtime: str) -> bytes:
    buffer = io.BytesIO()
    held, small, large = USES[package]
    with tempfile.TemporaryDirectory() as directory:
        install(package, runtime.removeprefix("python"), Path(directory))
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(directory).rglob("*")):
                name = str(path.relative_to(directory))
                if path.is_file() and not any(part in f"/{name}" for part in LEAVE_OUT):
                    archive.write(path, name)
            archive.writestr("app.py", HANDLER.format(package=package, held=held, small=small, large=large))
    return buffer.getvalue()


def deploy(server: Server, package: str, runtime: str) -> None:
    server.client.create_function(
        FunctionName="snapped", Runtime=runtime, Role=ROLE, Handler="app.handler", MemorySize=1769, Timeout=60,
        Code={"ZipFile": package_of(package, runtime)}, SnapStart={"ApplyOn": "PublishedVersions"},
    )  # fmt: skip
    server.client.get_waiter("function_active_v2").wait(FunctionName="snapped", WaiterConfig={"Delay": 0.1})
    server.client.publish_version(FunctionName="snapped")
    waiter = server.client.get_waiter("published_version_active")
    waiter.wait(FunctionName="snapped", Qualifier="1", WaiterConfig={"Delay": 0.1})


async def fresh(server: Server, caller: Caller, qualifier: str, calls: int, payload: bytes = b"{}") -> list[float]:
    """Milliseconds of calls that each meet a version without an environment."""
    taken = []
    name = f"snapped:{qualifier}"
    await caller.call(request(name, b"{}"))
    end = {"FunctionName": "snapped", "Qualifier": qualifier, "Payload": json.dumps({"end": True})}
    for _ in range(calls):
        with contextlib.suppress(ClientError):
            await asyncio.to_thread(lambda: server.client.invoke(**end))
        await asyncio.sleep(0.3)  # until the next husk, or clone, is parked
        taken.append(await timed(lambda: caller.call(request(name, payload))))
    return taken


async def main(package: str, calls: int) -> None:
    server = Server()
    try:
        runtime = server.runtime()
        deploy(server, package, runtime)
        caller = await connect(server.port)
        clones = await fresh(server, caller, "1", calls)
        more = await fresh(server, caller, "1", calls, b'{"small": false}')
        cold = await fresh(server, caller, "$LATEST", max(10, calls // 4))
        times = percentile(cold, 0.5) / percentile(clones, 0.5)
        row(f"SnapStart clone of a {package} function, sums", clones, "p50 <= 10 ms")
        row(f"the same, with {'a groupby' if package == 'pandas' else 'a product of matrices'}", more, "none")
        row("the same function's own cold start, sums", cold, f"none: {times:.0f} times as long")
    finally:
        server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", choices=sorted(USES), default="pandas")
    parser.add_argument("--calls", type=int, default=40)
    options = parser.parse_args()
    uvloop.run(main(options.package, options.calls))
