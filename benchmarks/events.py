"""Asynchronous invocation: accepting, starting and draining events, and what synchronous calls feel of it.

    python benchmarks/events.py [--only accept,idle,drain,beside] [--events N]

Rows and targets are those of SPECIFICATION.md. `accept` fills the queue of a function that is busy, over HTTP; `drain`
starts a server over a queue that holds N events already, so that nothing but draining is measured.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from _measure import NO_COMPILER, load, logged, percentile, row, told
from invoke import Caller, Server, connect, request

from lambent.model import Event
from lambent.store.queue import Queue, open_queue

ACCOUNT, REGION = "000000000000", "us-east-1"
ACCEPTED = b"HTTP/1.1 202"


def asynchronous(function: str, payload: bytes) -> bytes:
    """`request`, as an event."""
    head, _, _ = request(function, payload).partition(b"\r\n\r\n")
    return head + b"\r\nX-Amz-Invocation-Type: Event\r\n\r\n" + payload


class Producer(Caller):
    """A caller whose answers are 202."""

    async def accept(self, data: bytes) -> None:
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(data)
        answer = await self.waiting
        if not answer.startswith(ACCEPTED):
            raise RuntimeError(answer[:400])


async def producer(port: int) -> Producer:
    _, found = await asyncio.get_running_loop().create_connection(Producer, "127.0.0.1", port)
    return found


def accept(seconds: float, connections: int) -> None:
    """The function may run once at a time and sleeps: all but one event are only stored."""
    server = Server()
    try:
        server.deploy("echo")
        server.client.put_function_concurrency(FunctionName="echo", ReservedConcurrentExecutions=1)
        found = load(server, asynchronous("echo", b'{"sleep":25}'), connections, seconds)
        if found is None:
            print(f"accept: {NO_COMPILER}")
            return
        found.tell(f"durable accepts, {connections} connections", ">= 4,000/s, p50 <= 15 ms")
    finally:
        server.stop()


async def idle(events: int) -> None:
    """From the moment before the request is sent to the first line of the handler, by the machine's one clock."""
    server = Server()
    try:
        await asyncio.to_thread(server.deploy_source, "stamper", STAMPER)
        caller = await producer(server.port)
        taken = []
        for number in range(events):
            marker = f"m{number}"
            sent = time.time()
            await caller.accept(asynchronous("stamper", json.dumps({"marker": marker}).encode()))
            accepted = time.time()
            ran = await asyncio.to_thread(when_ran, server, marker)
            if number > 5:
                taken.append((max(0.0, ran - accepted) * 1000, (ran - sent) * 1000))
        row("from 202 to the handler, idle", [each for each, _ in taken], "p50 <= 5 ms")
        row("  from sending the request to the handler", [each for _, each in taken], "-")
    finally:
        server.stop()


STAMPER = "import time\ndef handler(event, context):\n    print(event['marker'], repr(time.time()), flush=True)\n"


def when_ran(server: Server, marker: str) -> float:
    return float(logged(server, "stamper", f"{marker} ", 1)[0].split()[1])


def fill(data: str, events: int, function: str = "echo") -> None:
    """Put events into the queue of a server that is stopped, as its intake would."""

    async def add() -> None:
        database = open_queue(Path(data) / "queue")
        queue, now = Queue(database), time.time()
        for start in range(0, events, 1000):
            batch = []
            for _ in range(start, min(events, start + 1000)):
                event = Event(
                    id=0, request_id=str(uuid.uuid4()), account=ACCOUNT, region=REGION, name=function, payload=b"{}",
                    received=now, due=now, trace="Root=1-00000000-000000000000000000000000",
                )  # fmt: skip
                batch.append((queue.numbered(event), False))
            await queue.add(batch)
        database.close()

    asyncio.run(add())


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


class Refilled:
    """A server over a queue that held `events` before it started; the function is deployed by one before it."""

    def __init__(self, events: int) -> None:
        self.data = tempfile.mkdtemp(prefix="lambent-bench-")
        first = Server(data=self.data)
        first.deploy("echo")
        first.stop_only()
        fill(self.data, events)
        self.server = Server(data=self.data)


def drain(events: int) -> None:
    refilled = Refilled(events)
    server = refilled.server
    try:
        began, before, memory = time.perf_counter(), server.cpu_s(), []
        while waiting := server.status()["events"]["waiting"] + server.status()["events"]["running"]:
            memory.append(rss_mb(server.process.pid))
            print(f"  {waiting} to go, {memory[-1]:.0f} MB", file=sys.stderr, flush=True)
            time.sleep(1)
        took = time.perf_counter() - began
        cpu_us = (server.cpu_s() - before) * 1e6 / events
        seen = f"{events / took:.0f}/s sustained, {cpu_us:.0f} us of the front end each, memory {memory[0]:.0f} MB"
        told("draining trivial events", events, f"{seen}, at most {max(memory):.0f} MB", ">= 2,500/s, memory flat")
    finally:
        server.stop()


async def beside(events: int) -> None:
    """One synchronous client in sequence, first alone, then while the backlog drains."""
    refilled = await asyncio.to_thread(Refilled, 0)
    refilled.server.stop_only()
    quiet_server = Server(data=refilled.data)
    quiet = await one_client(quiet_server, 3000, threading.Event())
    quiet_server.stop_only()
    await asyncio.to_thread(fill, refilled.data, events)
    server = Server(data=refilled.data)
    try:
        drained = threading.Event()
        watcher = asyncio.create_task(asyncio.to_thread(until_drained, server, drained))
        busy = await one_client(server, 1_000_000, drained)
        await watcher
        row("warm, one client, nothing else", quiet, "-")
        ratio = percentile(busy, 0.99) / percentile(quiet, 0.99)
        row(f"the same while {events} events drain", busy, f"p99 <= 5x quiet; seen {ratio:.1f}x")
    finally:
        server.stop()


def until_drained(server: Server, drained: threading.Event) -> None:
    while server.status()["events"]["waiting"]:
        time.sleep(0.2)
    drained.set()


async def one_client(server: Server, most: int, until: threading.Event) -> list[float]:
    caller, data, taken = await connect(server.port), request("echo"), []
    for _ in range(50):
        await caller.call(data)
    while len(taken) < most and not until.is_set():
        began = time.perf_counter()
        await caller.call(data)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="accept,idle,drain,beside")
    parser.add_argument("--events", type=int, default=100_000)
    options = parser.parse_args()
    wanted = options.only.split(",")
    if "accept" in wanted:
        accept(10.0, 64)
    if "idle" in wanted:
        asyncio.run(idle(100))
    if "drain" in wanted:
        drain(options.events)
    if "beside" in wanted:
        asyncio.run(beside(options.events))
    return 0


if __name__ == "__main__":
    sys.exit(main())
