"""A run of the fuzzer: so many requests, to houses that are built anew now and then, and what came of it."""

import asyncio
import atexit
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fuzz_house import Finding, House, fetch
from fuzz_requests import Asked, Requests
from fuzz_values import ZIPS

A_HOUSE_LASTS = 3000  # requests; then its tables are large, and comparing them is slow
IN_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # else where temporary files go
FURNISHED_EVERY = 150  # requests: others have deleted what was there


class Report:
    """What was asked and answered, and every finding once."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.operations: Counter[tuple[str, int]] = Counter()  # service:operation, hundreds of the status
        self.findings: dict[str, str] = {}
        self.slowest = (0.0, "")
        self.began = time.monotonic()

    def add(self, asked: Asked, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        self.operations[f"{asked.service}:{asked.operation}", status // 100] += 1
        self.slowest = max(self.slowest, (seconds, asked.operation))

    def found(self, asked: Asked, finding: Finding) -> None:
        first = str(finding).partition("\n")[2][:80]
        self.findings.setdefault(f"{asked.operation}: {first}", str(finding))

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    def lines(self) -> list[str]:
        """For people."""
        passed = time.monotonic() - self.began
        operations = {name for name, _ in self.operations}
        never = sorted(name for name in operations if not self.operations[name, 2])
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return [
            f"{self.requests} requests of {len(operations)} operations in {passed:.0f} s",
            f"answers: {statuses}",
            f"slowest: {self.slowest[0] * 1000:.0f} ms ({self.slowest[1]})",
            f"never successful: {', '.join(never) or 'none'}",
            f"findings: {len(self.findings)}",
            *self.findings.values(),
        ]


@asynccontextmanager
async def house(root: Path | None = None) -> Any:
    """A furnished house in a directory of its own, in memory where the machine has such a place."""
    directory = _directory(root)
    shutil.copytree(await _furnished(), directory, dirs_exist_ok=True, ignore=lambda *_: ["run"])
    built = House(directory / "data", code_buckets=str(directory / "buckets"))
    try:
        await built.start()
        yield built
    finally:
        await built.stop()
        shutil.rmtree(directory, ignore_errors=True)


_FURNISHED: list[Path] = []  # what all houses are copies of; furnishing one takes three times as long as starting it


async def _furnished() -> Path:
    if not _FURNISHED:
        directory = _directory(None)
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        place = directory / "buckets" / "bucket-name" / "some"
        place.mkdir(parents=True)
        (place / "key").write_bytes(ZIPS[1])
        built = House(directory / "data")
        await built.start()
        await built.furnish()
        await built.stop()
        _FURNISHED.append(directory)
    return _FURNISHED[0]


def _directory(root: Path | None) -> Path:
    return Path(tempfile.mkdtemp(dir=root or IN_MEMORY, prefix="lambent-fuzz-"))


async def run(count: int, seed: int, services: tuple[str, ...], *, socket: bool, tell: Callable[[str], None]) -> Report:
    """Send `count` requests; without `services`, of all that there are. `socket`: through the HTTP edge, by
    connections, instead of to the front door."""
    report = Report()
    while report.requests < count:
        async with house() as built:
            asked = services or ("lambda", *sorted(built.frontdoor.services))
            requests = Requests(random.Random(seed + report.requests), built.harvest, asked)
            most = min(count, report.requests + A_HOUSE_LASTS)
            send = fetch(built.endpoint) if socket else built.frontdoor.answer
            while report.requests < most:
                if report.requests % FURNISHED_EVERY == FURNISHED_EVERY - 1:
                    await built.furnish()
                await one(built, requests.next(), report, send, tell)
    return report


async def one(
    built: House, asked: Asked, report: Report, send: Callable[[Any], Awaitable[Any]], tell: Callable[[str], None]
) -> None:
    began = time.perf_counter()
    try:
        response = await built.ask(asked, send)
        report.add(asked, response.status, time.perf_counter() - began)
    except Finding as finding:
        report.add(asked, 0, time.perf_counter() - began)
        known = len(report.findings)
        report.found(asked, finding)
        if len(report.findings) > known:
            tell(f"{finding}\n")
    if report.requests % 10_000 == 0:
        tell(f"{report.requests} requests, {len(report.findings)} findings")
    await asyncio.sleep(0)
