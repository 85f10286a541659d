"""Cold starts of container images against zips with the same bootstrap, in turns; and what taking an image in costs.

    python benchmarks/images.py [--starts 100]

The image has 20,000 files in four layers besides the program, so that the size of its root would show if it mattered.
"""

import argparse
import asyncio
import gzip
import hashlib
import http.client
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks._measure import percentile, row
from benchmarks.invoke import ROLE, Server, connect, request, running, timed

SOURCE = Path(__file__).parent.parent / "tests" / "functional" / "images" / "bootstrap.c"
EVENT = b'"cwd"'
FILES = 20_000
LAYERS = 4


def compiled(into: str) -> bytes:
    program = os.path.join(into, "bootstrap")
    subprocess.run(["cc", "-O1", "-w", "-D_GNU_SOURCE", "-static", "-o", program, str(SOURCE)], check=True)
    return Path(program).read_bytes()


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = 0o755, len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def layers(program: bytes) -> list[bytes]:
    """Many small files below, the program above."""
    share = FILES // LAYERS
    below = [
        tar({f"usr/lib/{layer}/{number // 100}/{number}": b"x" * 2000 for number in range(share)})
        for layer in range(LAYERS)
    ]
    return [*below, tar({"bootstrap": program})]


class Endpoint:
    """The few requests that `lambent images add` makes."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port)

    def put(self, path: str, body: bytes) -> None:
        self._connection.request("PUT", f"/_lambent/images{path}", body)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(said.decode())

    def blob(self, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        self.put(f"/blobs/{digest}?offset=0", data)
        return {"digest": f"sha256:{digest}", "size": len(data)}


def add(server: Server, name: str, parts: list[bytes]) -> float:
    """Take an image in; milliseconds from the last blob's arrival to the name."""
    machine = {"aarch64": "arm64"}.get(platform.machine(), "amd64")
    diff_ids = [f"sha256:{hashlib.sha256(part).hexdigest()}" for part in parts]
    config = {
        "architecture": machine, "os": "linux", "config": {"Entrypoint": ["/bootstrap"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }  # fmt: skip
    endpoint = Endpoint(server)
    manifest = {
        "schemaVersion": 2,
        "config": endpoint.blob(json.dumps(config).encode()),
        "layers": [endpoint.blob(gzip.compress(part, 1)) for part in parts],
    }
    began = time.perf_counter()
    endpoint.put(f"?name={name}", json.dumps(manifest).encode())
    return (time.perf_counter() - began) * 1000


def package(program: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, program)
    return buffer.getvalue()


def deploy(server: Server, name: str, **code: Any) -> None:
    server.client.create_function(FunctionName=name, Role=ROLE, MemorySize=1769, Timeout=60, **code)
    server.client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})


async def starts(server: Server, count: int, program: bytes, husks: int) -> None:
    """Each call is the first of a function of its own; a husk is ready each time."""
    kinds: dict[str, dict[str, Any]] = {
        "zip": {"Runtime": "provided.al2023", "Handler": "any", "Code": {"ZipFile": package(program)}},
        "image": {"PackageType": "Image", "Code": {"ImageUri": "big:v1"}},
    }
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    caller = await connect(server.port)
    for number in range(count):
        for kind, code in kinds.items():
            await asyncio.to_thread(partial(deploy, server, f"{kind}-{number}", **code))
    for number in range(count):
        for kind in kinds:
            await asyncio.to_thread(server.husks_ready, husks)
            await asyncio.sleep(0.03)
            taken[kind].append(await timed(partial(caller.call, request(f"{kind}-{number}", EVENT))))
    ratio = percentile(taken["image"], 0.5) / percentile(taken["zip"], 0.5)
    row("cold start of a bootstrap in a zip", taken["zip"], "-")
    row("cold start of the same in a container image", taken["image"], f"<= 2x of the zip: {ratio:.2f}x")


async def main(count: int) -> None:
    husks = 8
    with tempfile.TemporaryDirectory() as place:
        program = compiled(place)
    with running("--husks", str(husks)) as server:
        parts = layers(program)
        took = [await asyncio.to_thread(add, server, "big:v1", parts)]
        shared = [await asyncio.to_thread(add, server, "big:v2", [*parts, tar({"more": b"x"})])]
        row(f"taking in an image of {FILES:,} files", took, "-")
        row("the same with its layers there already", shared, "-")
        await starts(server, count, program, husks)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=100, help="cold starts of each kind")
    arguments = parser.parse_args()
    print(f"container images; {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    uvloop.run(main(arguments.starts))
