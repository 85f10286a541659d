"""Calls a function and reads what AWS would show and charge for it from the REPORT line."""

import base64
import json
import platform
import re
import struct
import time
import zlib
from pathlib import Path
from typing import Any, NamedTuple

PRICES = json.loads((Path(__file__).parent / "prices-us-east-1-2026-09.json").read_text())
ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


class Shown(NamedTuple):
    """One call as the client saw it."""

    function: str
    what: str  # the photograph
    how: str  # in sequence or in parallel
    client_ms: float
    answer: dict[str, Any]
    error: str  # X-Amz-Function-Error, or ""
    log: str

    def measure(self, name: str) -> float | None:
        """A figure of the REPORT line, for example 'Billed Duration'; None where it has none."""
        found = re.search(rf"(?:^|\t){re.escape(name)}: ([\d.]+)", self.log, re.MULTILINE)
        return float(found[1]) if found else None

    @property
    def cold(self) -> bool:
        return self.measure("Init Duration") is not None

    @property
    def charge(self) -> float:
        """Dollars: the request, and memory times billed time."""
        gb_s = (self.measure("Memory Size") or 0) / 1024 * (self.measure("Billed Duration") or 0) / 1000
        return float(PRICES["request"] + gb_s * PRICES["gb_second"][ARCHITECTURE])


def call(api: Any, function: str, event: dict[str, Any], what: str, how: str) -> Shown:
    """Invoke once and wait for the answer."""
    payload = json.dumps(event)
    began = time.perf_counter()
    response = api.invoke(FunctionName=function, Payload=payload, LogType="Tail")
    answer = json.load(response["Payload"])
    took = (time.perf_counter() - began) * 1000
    log = base64.b64decode(response.get("LogResult", "")).decode()
    return Shown(function, what, how, took, answer or {}, response.get("FunctionError", ""), log)


def table(calls: list[Shown]) -> str:
    """Every call in a line, with the bill below."""
    rows = [("function", "photo", "how", "", "init ms", "duration ms", "billed ms", "memory MB", "client ms", "AWS $")]
    for each in calls:
        kind = "cold" if each.cold else "warm"
        figures = [each.measure(name) for name in ("Init Duration", "Duration", "Billed Duration", "Max Memory Used")]
        init, duration, billed, memory = ("" if figure is None else f"{figure:g}" for figure in figures)
        cells = (init, duration, billed, memory, f"{each.client_ms:.1f}", f"{each.charge:.9f}")
        rows.append((each.function, each.what, each.how, kind, *cells))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(_cell(text, width, at) for at, (text, width) in enumerate(zip(row, widths))) for row in rows]  # noqa: B905
    total = sum(each.charge for each in calls)
    lines.append(
        f"{len(calls)} calls, ${total:.8f} on AWS ({PRICES['region']}, {ARCHITECTURE}, prices of {PRICES['as_of']}), "
        "nothing here"
    )
    return "\n".join(lines)


def _cell(text: str, width: int, column: int) -> str:
    return text.rjust(width) if column > 3 else text.ljust(width)


def huge_picture(side: int = 12_000) -> bytes:
    """A small PNG file of side x side white pixels: 70 KB on the wire, over half a gigabyte once decoded."""
    row = b"\0" + b"\xff" * (side * 3)
    squeeze = zlib.compressobj(9)
    pixels = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
