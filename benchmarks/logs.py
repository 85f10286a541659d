"""The speed of CloudWatch Logs, and what a function's flood of lines costs another function.

    python benchmarks/logs.py [--only put,read,beside,flood] [--events 100000]

`put` are whole HTTP requests of a C client (`load.c`), answered after the fsync. `read` goes through all events that a
client has put, page by page, and through those of which one in a hundred fits a pattern. `beside` calls a function in
turns without and beside somebody who goes through these events by a pattern that none fits; `flood` does so without and
beside another function that prints as fast as it can, on the same server.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from _measure import NO_COMPILER, load, percentile, row, told
from invoke import Caller, Server, connect, request, running, timed

CONNECTIONS, BATCH = 16, 100  # events of one request
MOST = 9_000  # events of one request that fills a group; AWS takes 10,000, and 1 MB
TURNS, TURN_S = 6, 1.5
HEADERS = {
    "Content-Type": "application/x-amz-json-1.1", "User-Agent": "Boto3/1.44 md/Botocore#1.44 lang/python#3.11",
    "X-Amz-Date": "20260101T000000Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/logs/aws4_request, "
    f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
}  # fmt: skip
LINE = "2026-01-01T00:00:00Z INFO request 0815 of customer c-4711 took 12.5 ms"
FLOOD = """
import time
def handler(event, context):
    end, lines = time.time() + event["sleep"], 0
    while time.time() < end:
        print("a line of a function that says far too much about what it does, again and again", lines)
        lines += 1
    return lines
"""


def furnish(server: Server) -> None:
    asked(server, "CreateLogGroup", {"logGroupName": "bench"})
    asked(server, "CreateLogStream", {"logGroupName": "bench", "logStreamName": "all"})


def asked(server: Server, operation: str, document: dict[str, Any]) -> Any:
    """The answer's JSON, over a connection of its own. Raises AssertionError for a refusal."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    with contextlib.closing(connection):
        connection.request("POST", "/", json.dumps(document), HEADERS | {"X-Amz-Target": f"Logs_20140328.{operation}"})
        answer = connection.getresponse()
        content = answer.read()
    assert answer.status == 200, (answer.status, content)
    return json.loads(content or b"{}")


def put(server: Server, seconds: float) -> None:
    furnish(server)
    events = [{"timestamp": int(time.time() * 1000), "message": LINE}] * BATCH
    batch = raw("PutLogEvents", {"logGroupName": "bench", "logStreamName": "all", "logEvents": events})
    found = load(server, batch, CONNECTIONS, seconds)
    if found is None:
        print(f"put: {NO_COMPILER}")
    else:
        found.tell(f"PutLogEvents of {BATCH}, {CONNECTIONS} connections", "-")
        cost = f"{found.rate * BATCH:.0f} events/s, {found.cpu_us / BATCH:.1f} us CPU of the front end each"
        told("  the events of these", found.calls * BATCH, cost, "-")
    asked(server, "DeleteLogGroup", {"logGroupName": "bench"})


def raw(operation: str, document: dict[str, Any]) -> bytes:
    """A request as it goes over the wire."""
    body = json.dumps(document).encode()
    headers = HEADERS | {"X-Amz-Target": f"Logs_20140328.{operation}", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(["POST / HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode() + body


def read(server: Server, events: int) -> None:
    furnish(server)
    fill(server, events)
    for what, more, wanted in (("all", {}, events), ("1 %", {"filterPattern": "ERROR"}, -(-events // 100))):
        before, taken = server.cpu_s(), list(pages(server, wanted, **more))
        cpu_ms = (server.cpu_s() - before) * 1000 / len(taken)
        row(f"FilterLogEvents: {what} of {events:,}, a page", taken, f"-; CPU of the front end {cpu_ms:.0f} ms each")
    asked(server, "DeleteLogGroup", {"logGroupName": "bench"})


def fill(server: Server, events: int) -> None:
    """Each event a millisecond after the one before; one in a hundred is an error."""
    first = int(time.time() * 1000) - events
    for start in range(0, events, MOST):
        batch = [
            {"timestamp": first + number, "message": LINE if number % 100 else LINE.replace("INFO", "ERROR")}
            for number in range(start, min(start + MOST, events))
        ]
        asked(server, "PutLogEvents", {"logGroupName": "bench", "logStreamName": "all", "logEvents": batch})


def pages(server: Server, wanted: int, **more: str) -> Iterator[float]:
    """The milliseconds of each page, until the last; so many events have to be on them."""
    found = 0
    while True:
        began = time.perf_counter()
        answer = asked(server, "FilterLogEvents", {"logGroupName": "bench", **more})
        yield (time.perf_counter() - began) * 1000
        found += len(answer["events"])
        if "nextToken" not in answer:
            break
        more["nextToken"] = answer["nextToken"]
    assert found == wanted, (found, wanted)


async def beside_filter(server: Server, events: int) -> None:
    """Warm calls in turns without and beside somebody who filters all events in a loop by a pattern that none fits."""
    await asyncio.to_thread(server.deploy, "beside")
    furnish(server)
    fill(server, events)
    caller = await connect(server.port)
    alone: list[float] = []
    beside: list[float] = []
    await calls_for(0.2, caller, "beside")
    for _ in range(TURNS):
        alone += await calls_for(TURN_S, caller, "beside")
        ended = threading.Event()
        filtering = asyncio.create_task(asyncio.to_thread(filtered, server, ended))
        await asyncio.sleep(0.2)
        beside += await calls_for(TURN_S, caller, "beside")
        ended.set()
        await filtering
    asked(server, "DeleteLogGroup", {"logGroupName": "bench"})
    row("warm calls of a function", alone, "-")
    row("the same while somebody filters in a loop", beside, f"-; {times(alone, beside)}")


def filtered(server: Server, ended: threading.Event) -> None:
    while not ended.is_set():
        for _ in pages(server, 0, filterPattern="NOWHERE"):
            if ended.is_set():
                return


def times(alone: list[float], beside: list[float]) -> str:
    ratios = [percentile(beside, share) / percentile(alone, share) for share in (0.5, 0.99)]
    return f"p50 {ratios[0]:.1f}x, p99 {ratios[1]:.1f}x"


async def flood(server: Server) -> None:
    await asyncio.to_thread(server.deploy, "quiet")
    await asyncio.to_thread(server.deploy_source, "flood", FLOOD)
    caller, flooder = await connect(server.port), await connect(server.port)
    alone: list[float] = []
    beside: list[float] = []
    lines = [await flooded(flooder, 0.1)]
    await calls_for(0.2, caller)
    for _ in range(TURNS):
        alone += await calls_for(TURN_S, caller)
        flooding = asyncio.create_task(flooded(flooder, TURN_S + 0.5))  # so that it outlasts the calls beside it
        await asyncio.sleep(0.2)
        beside += await calls_for(TURN_S, caller)
        lines.append(await flooding)
    tell_flood(alone, beside, sum(lines[1:]) / TURNS / (TURN_S + 0.5))


def tell_flood(alone: list[float], beside: list[float], lines: float) -> None:
    row("warm calls of a quiet function", alone, "-")
    seen = f"-; {times(alone, beside)}; flood of {lines:.0f} lines a second"
    row("the same beside a flood of lines", beside, seen)


async def flooded(caller: Caller, seconds: float) -> int:
    """How many lines it printed."""
    answer = await caller.call(request("flood", json.dumps({"sleep": seconds}).encode()))
    return int(answer.rpartition(b"\r\n\r\n")[2])


async def calls_for(seconds: float, caller: Caller, function: str = "quiet") -> list[float]:
    """The milliseconds of as many calls as there is time for."""
    data, end, taken = request(function), time.perf_counter() + seconds, []
    while time.perf_counter() < end:
        taken.append(await timed(lambda: caller.call(data)))
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="put,read,beside,flood")
    parser.add_argument("--events", type=int, default=100_000)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server ends with us
    rows = {
        "put": lambda server: put(server, 4), "read": lambda server: read(server, given.events),
        "beside": lambda server: asyncio.run(beside_filter(server, given.events)),
        "flood": lambda server: asyncio.run(flood(server)),
    }  # fmt: skip
    with running() as server:
        for name in given.only.split(","):
            rows[name](server)


if __name__ == "__main__":
    main()
