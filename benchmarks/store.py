"""How fast the store is: durable writes, reads by key, and taking in a package. Run: python -m benchmarks.store"""

import asyncio
import io
import os
import platform
import random
import tempfile
import time
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from lambent.store.code import CodeStore
from lambent.store.database import Database
from lambent.store.functions import LATEST, Functions, StoredFunction, StoredVersion

ME = {"account": "000000000000", "region": "us-east-1", "name": "thumbnails"}
CONFIG = {"Runtime": "python3.13", "Handler": "app.handler", "Timeout": 3, "Environment": {"Variables": {"A": "b"}}}


def row(what: str, seconds: list[float], unit: str = "µs", rate: str = "") -> None:
    """Print one line: what, n, p50, p99."""
    scale = {"µs": 1e6, "ms": 1e3}[unit]
    ordered = sorted(seconds)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] * scale for part in (0.5, 0.99))
    print(f"{what:<52} n={len(ordered):<7} p50={p50:>8.1f} {unit}  p99={p99:>8.1f} {unit}  {rate}")


async def timed(call: Callable[[int], Awaitable[object]], callers: int, each: int) -> tuple[list[float], float]:
    """The seconds of every call, made by so many callers at once, and the seconds of the whole."""
    seconds: list[float] = []

    async def caller(number: int) -> None:
        for turn in range(each):
            started = time.perf_counter()
            await call(number * each + turn)
            seconds.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(caller(number) for number in range(callers)))
    return seconds, time.perf_counter() - started


async def writes(db: Database) -> None:
    async def put(number: int) -> None:
        await db.write("tag_put", **ME, tag_key=f"k{number % 1000}", tag_value=f"v{number}")

    async def put_in_transaction(number: int) -> None:
        await db.transaction(lambda tx: tx.write("tag_put", **ME, tag_key=f"k{number % 1000}", tag_value="v"))

    for what, call in (("one statement", put), ("a transaction", put_in_transaction)):
        for callers, each in ((1, 1000), (16, 500), (64, 200)):
            seconds, whole = await timed(call, callers, each)
            row(f"durable write, {what}, {callers} callers", seconds, "ms", f"{len(seconds) / whole:,.0f}/s")


def reads(db: Database, functions: Functions) -> None:
    key = (ME["account"], ME["region"], ME["name"])
    for what, call in (
        ("read one row by key", lambda: db.read("version_get", **ME, number=0)),
        ("read one version by key, decoded", lambda: functions.get_version(*key)),
        ("read one function with its tags", lambda: functions.get(*key)),
    ):
        seconds = []
        for _ in range(5000):
            started = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - started)
        row(what, seconds)


def package(size: int, files: int, seed: int) -> bytes:
    """A zip of about `size` bytes that do not compress, in so many files."""
    source = random.Random(seed)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(files):
            archive.writestr(f"package{number % 20}/module{number}.py", source.randbytes(size // files))
    return target.getvalue()


async def packages(code: CodeStore) -> None:
    for size, files, rounds in ((1 << 20, 1, 40), (1 << 20, 100, 40), (1 << 20, 500, 20), (50_000_000, 500, 3)):
        zips = [package(size, files, seed) for seed in range(rounds)]
        seconds, _ = await timed(lambda number, zips=zips: code.add(zips[number]), 1, rounds)  # type: ignore[misc]
        row(f"add a package of {size / 1e6:.0f} MB, {files} files", seconds, "ms")
        again, _ = await timed(lambda number, zips=zips: code.add(zips[number]), 1, rounds)  # type: ignore[misc]
        row("  the same again, already there", again, "ms")


async def run() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(dir=".") as directory:
        db = Database(Path(directory))
        functions = Functions(db)
        function = StoredFunction(**ME, created_at=0.0, tags={"team": "images"})
        latest = StoredVersion(
            **ME, version=LATEST, revision="r", config=CONFIG, code_digest="d", code_size=1, last_modified=""
        )
        await functions.create(function, latest)
        reads(db, functions)
        await writes(db)
        await packages(CodeStore(Path(directory) / "code"))
        db.close()


def main() -> None:
    asyncio.run(run())


if __name__ == "__main__":
    main()
