"""What follows the end of events: making a record, delivering letters, and a long list of failed events.

    python benchmarks/letters.py

Letters go into the outbox of a database in a temporary directory, each on disk when it is delivered: from one busy
target, and from 2,000 targets with ten letters each. Memory is that of this process at its most.
"""

import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lambent.clock import RealClock
from lambent.events.end import RETRIES_EXHAUSTED, End
from lambent.events.letters import kept_letter, letters_for, record
from lambent.events.postman import Postman
from lambent.events.targets import Outbox, Targets
from lambent.model import Event, InvokeConfig, Outcome
from lambent.store.database import Database
from lambent.store.kept import KeptEvents, Which, kept_columns
from lambent.store.letters import Letters, letter_columns
from lambent.store.outbox import OutboxStore
from lambent.store.queue import open_queue

LETTERS = 20_000
KEPT = 100_000
GROUP = 1_000
HERE = {"account": "000000000000", "region": "us-east-1"}


def end(number: int, target: str = "") -> End:
    """A trivial event that failed."""
    event = Event(
        id=number, request_id=f"r-{number}", name=f"f{number % 100}", payload=b'{"n": 1}', received=0.0, due=0.0,
        attempts=3, **HERE,
    )  # fmt: skip
    answer = Outcome(payload=b'{"errorMessage": "no"}', function_error="Unhandled", error_type="ValueError")
    config = InvokeConfig(on_failure=target)
    return End(event=event, condition=RETRIES_EXHAUSTED, now=1.0, config=config, outcome=answer)


def tell(what: str, samples: list[float], unit: float, name: str) -> None:
    cuts = statistics.quantiles(samples, n=100)
    print(f"{what}  n={len(samples)}  p50={cuts[49] * unit:8.1f} {name}  p99={cuts[98] * unit:8.1f} {name}")


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    samples = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        samples.append(time.perf_counter() - began)
    return samples


async def deliver(db: Database, targets: int) -> None:
    for first in range(0, LETTERS, GROUP):
        ends = [end(number, f"arn:aws:sqs:us-east-1:0:q{number % targets}") for number in range(first, first + GROUP)]
        rows = [letter_columns(letter) for each in ends for letter in letters_for(each)]
        await db.transaction(lambda tx, rows=rows: tx.write_many("letter_add", rows))
    letters, clock = Letters(db), RealClock()
    outbox = Outbox(OutboxStore(db), clock)
    postman = Postman(letters, Targets({"sqs": outbox}), clock, lambda *_, **__: None, lambda *_: None)
    began, cpu = time.perf_counter(), time.process_time()
    postman.start()
    while letters.count():  # noqa: ASYNC110  there is no event to wait for
        await asyncio.sleep(0.01)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    await postman.close()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    rates = f"{LETTERS / took:.0f}/s  {cpu / LETTERS * 1e6:.0f} µs of CPU each, memory {most} MB"
    print(f"letters of {targets} targets  n={LETTERS}  {rates}")


async def keep(db: Database) -> None:
    for first in range(0, KEPT, GROUP):
        rows = [kept_columns(kept_letter(end(number))) for number in range(first, first + GROUP)]
        await db.transaction(lambda tx, rows=rows: tx.write_many("kept_add", rows))
    kept = KeptEvents(db)
    tell("first page of the kept list", timed(lambda: kept.listed(Which(**HERE), 100), 200), 1e3, "ms")
    tell("one function's among 100,000", timed(lambda: kept.listed(Which(**HERE, name="f7"), 2_000), 20), 1e3, "ms")
    tell("one request's", timed(lambda: kept.of_request("r-70000"), 500), 1e3, "ms")


async def main() -> None:
    tell("a record", timed(lambda: record(end(1)), 5_000), 1e6, "µs")
    for targets in (1, 2_000):
        with tempfile.TemporaryDirectory() as directory:
            db = open_queue(Path(directory) / "queue")
            await deliver(db, targets)
            db.close()
    with tempfile.TemporaryDirectory() as directory:
        db = open_queue(Path(directory) / "queue")
        await keep(db)
        db.close()


if __name__ == "__main__":
    asyncio.run(main())
