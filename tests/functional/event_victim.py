"""A program to be killed: the engine of asynchronous invocation over functions that are plain Python.

    python event_victim.py DIRECTORY          reads lines "SEED" or "drain"; forks a child for each, whose pid it prints

A child takes events in and runs them until it is killed, or until nothing is left to do. It writes lines to stdout,
each in one write: `interrupted COUNT` when it has started, `accepted ID`, `ran ID`, `after ID ID` (the end of one event
made another, which ran), `ended`. The fork saves the time of the imports, not the work: each child opens the database,
and repairs what the one before left, as a server that starts does.
"""

import asyncio
import json
import os
import random
import sys
import types
import uuid
from collections import Counter
from pathlib import Path

from lambent.clock import RealClock
from lambent.errors import ServiceException, TooManyRequests
from lambent.events.delivery import Delivery
from lambent.events.engine import Engine
from lambent.invoke.recursion import Loops
from lambent.model import Event, Invocation, InvokeConfig, Outcome, Version
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.services.post import Post
from lambent.services.sqs import queue_attributes
from lambent.services.sqs.engine import Sqs
from lambent.services.sqs.ledger import MessageLedger
from lambent.services.sqs.taker import QueueTaker
from lambent.store.sqs import SqsStore
from lambent.triggers import LetterTarget

DEAD_LETTERS = "arn:aws:sqs:us-east-1:000000000000:dead"
DESTINATION = "arn:aws:sqs:us-east-1:000000000000:done"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:plain"
KINDS = ("plain", "destined", "chained", "dead", "kept")
PRODUCERS = 8
CAP = 5


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


class FakeInvoker:
    """Runs functions named for their ends, at most CAP at a time: beyond, they are throttled."""

    def __init__(self, seed: int) -> None:
        self.admission = types.SimpleNamespace(
            reserved=lambda *_: CAP, room=lambda version, *_: CAP - self.running[version.name]
        )  # fmt: skip
        self.running: Counter[str] = Counter()
        self._random = random.Random(seed)

    async def invoke(self, invocation: Invocation) -> Outcome:
        name = invocation.version.name
        if self.running[name] >= CAP:
            raise TooManyRequests(Reason="ReservedFunctionConcurrentInvocationLimitExceeded")
        self.running[name] += 1
        try:
            say(f"ran {invocation.request_id} {self.running[name]}")
            before = json.loads(invocation.payload).get("requestContext")
            if before:
                say(f"after {before['requestId']} {invocation.request_id}")
            await asyncio.sleep(self._random.random() * 0.01)
            if self._random.random() < 0.02:
                raise ServiceException("the agent died")
        finally:
            self.running[name] -= 1
        if name in ("plain", "destined", "chained"):
            return Outcome(payload=b'"done"')
        return Outcome(payload=b"{}", function_error="Unhandled", error_type="ValueError", status="error")


class FakeResolver:
    def resolve(self, account: str, region: str, name: str, qualifier: str | None) -> tuple[Version, str]:
        version = Version(
            account=account, region=region, name=name, version="$LATEST", revision="1", runtime="python3.13",
            handler="app.handler", code_digest="0", dead_letter=DEAD_LETTERS if name == "dead" else "",
        )  # fmt: skip
        return version, version.function_arn


class FakeConfigs:
    def get(self, account: str, region: str, name: str, qualifier: str) -> InvokeConfig:
        return InvokeConfig(max_retries=0, on_success={"destined": DESTINATION, "chained": FUNCTION}.get(name, ""))


async def work(directory: Path, seed: int | None) -> None:
    clock, here = RealClock(), directory / "data"
    here.mkdir(exist_ok=True)
    journal = Journal(here / "journal", 1 << 20)
    loops, metrics = Loops(lambda *_: False, lambda _: None), Metrics(clock)
    engine = Engine(
        here / "queue", FakeInvoker(seed or 0), FakeResolver(), FakeConfigs(), clock=clock,  # type: ignore[arg-type]
        loops=loops, journal=journal, metrics=metrics,
    )  # fmt: skip
    delivery = Delivery(
        engine, FakeResolver(), loops, clock=clock, journal=journal, metrics=metrics,  # type: ignore[arg-type]
        keep_days=14, keep_bytes=1 << 30,
    )  # fmt: skip
    ledger, post = MessageLedger(engine.database), Post()
    sqs = Sqs(SqsStore(engine.database), ledger, clock, b"a key for tests")
    post.takers["sqs"] = QueueTaker(sqs)
    delivery.targets.add({"sqs": LetterTarget(post, ledger)})
    await engine.start()
    sqs.start()
    await make_queues(sqs)
    delivery.start()
    say(f"interrupted {engine.counts()['interrupted']}")
    if seed is not None:
        await asyncio.gather(
            *(produce(engine, clock, random.Random(seed * 100 + number)) for number in range(PRODUCERS))
        )
    while any(engine.counts()[kind] for kind in ("waiting", "running")) or delivery.letters.count():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await engine.drain(30)
    await delivery.close()
    await sqs.close()
    await ledger.close()
    engine.close()
    journal.close()
    say("ended")


async def make_queues(sqs: Sqs) -> None:
    """Those that the last child has not made."""
    for arn in (DEAD_LETTERS, DESTINATION):
        if sqs.by_arn(arn) is None:
            await sqs.create(("000000000000", "us-east-1", arn.rpartition(":")[2]), queue_attributes.merged({}, {}), {})


async def produce(engine: Engine, clock: RealClock, chance: random.Random) -> None:
    while True:
        name, now = chance.choice(KINDS), clock.epoch()
        event = Event(
            id=0, request_id=f"{name}-{uuid.UUID(int=chance.getrandbits(128))}", account="000000000000",
            region="us-east-1", name=name, payload=b'{"n": 1}', received=now, due=now,
        )  # fmt: skip
        await engine.accept(event)
        say(f"accepted {event.request_id}")
        await asyncio.sleep(chance.random() * 0.03)


def main() -> None:
    directory = Path(sys.argv[1])
    for line in sys.stdin:
        seed = None if line.strip() == "drain" else int(line)
        pid = os.fork()
        if pid == 0:
            asyncio.run(work(directory, seed))
            os._exit(0)
        say(f"child {pid}")
        os.waitpid(pid, 0)
        say("gone")


if __name__ == "__main__":
    main()
