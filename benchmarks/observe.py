"""What it costs to leave a trace of an invocation, and how long `lambent explain` looks for one.

    python benchmarks/observe.py

`listener` is what the hot path pays for each call: its record without metrics, and with them. `added up` is what the
records' thread pays for the metrics of each call. `explain` looks for one id in full records and a full journal.
"""

import tempfile
import time
import uuid
from collections import deque
from collections.abc import Callable
from pathlib import Path

from lambent.clock import RealClock
from lambent.invoke import recording
from lambent.model import Invocation, Outcome, Record, Version
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.observe.records import Records
from lambent.observe.segments import SEGMENTS

ROUNDS, EACH = 200, 500
FULL = 64 << 20  # bytes
LOOKS = 20
BATCH = 20_000

VERSION = Version(
    account="000000000000", region="us-east-1", name="hello", version="1", revision="r", runtime="python3.13",
    handler="app.handler", code_digest="c0de",
)  # fmt: skip
OUTCOME = Outcome(payload=b'"hello"', duration_ms=1.5, billed_ms=2, memory_peak_mb=31, sandbox="00000001", cpu_ms=1.0)


def invocation() -> Invocation:
    return Invocation(
        request_id=str(uuid.uuid4()), version=VERSION, invoked_arn=VERSION.arn, payload=b"{}", received=time.time()
    )


def shown(what: str, values: list[float], unit: str, target: str = "") -> None:
    values.sort()
    p50, p99 = values[len(values) // 2], values[int(len(values) * 0.99)]
    print(f"{what:<44} n={len(values):<6} p50={p50:8.2f} {unit}  p99={p99:8.2f} {unit}  {target}".rstrip(), flush=True)


def listeners() -> None:
    """In turns, since the speed of a shared machine changes all the time."""
    metrics = Metrics(RealClock())
    kept: deque[Record] = deque(maxlen=EACH)
    bare, whole = recording.listener(kept.append), recording.listener(kept.append, metrics.hear)
    call = invocation()
    took: dict[str, list[float]] = {"bare": [], "whole": [], "digest": []}

    def timed(name: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        took[name].append((time.perf_counter() - began) / EACH * 1e6)

    def run(listener: Callable[[Invocation, Outcome | None, float, str | None], None]) -> None:
        for _ in range(EACH):
            listener(call, OUTCOME, 0.1, None)

    for _ in range(ROUNDS):
        timed("bare", lambda: run(bare))
        timed("whole", lambda: run(whole))
        timed("digest", metrics.digest)
    shown("listener, record only", took["bare"], "us")
    shown("listener, record and metrics", took["whole"], "us")
    more = sorted(with_ - without for with_, without in zip(took["whole"], took["bare"], strict=True))
    shown("what metrics add to a call", more, "us", "target <= 2 us")
    shown("added up in the background, a call", took["digest"], "us")


def told(root: Path) -> None:
    journal, took = Journal(root, FULL), []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(EACH // 10):
            journal.tell(1.0, "8476a536-e9f4-11e8-9739-2dfe598c3fcd", "waited", ms=12.5, why="all places were taken")
        took.append((time.perf_counter() - began) / (EACH // 10) * 1e6)
    journal.close()
    shown("an entry of the journal, told", took, "us")


def explain(root: Path) -> None:
    """Until both are as large as they get; then ids from anywhere in them."""
    records, journal = Records(root / "records", FULL), Journal(root / "journal", FULL)
    ids = [*_fill(records), *_fill(journal)]
    records.recent.clear()
    journal.recent.clear()
    took = []
    for number in range(LOOKS):
        wanted = ids[number * len(ids) // LOOKS]
        began = time.perf_counter()
        found = len(records.about(wanted)) + len(journal.about(wanted))
        took.append((time.perf_counter() - began) * 1e3)
        assert found == 1, found
    records.close()
    journal.close()
    shown("an id, in 64 MB of records and of journal", took, "ms", "target <= 1000 ms")


def _fill(book: Records | Journal) -> list[str]:
    """The ids of some entries that are still there."""
    ids: list[str] = []
    while len(book.paths()) < SEGMENTS:
        for _ in range(BATCH):
            call = invocation()
            if isinstance(book, Records):
                book.append(recording.record(call, OUTCOME, 0.1))
            else:
                book.tell(call.received, call.request_id, "retry-at", due=call.received, attempt=2)
        ids.append(call.request_id)
        while book._pending:
            time.sleep(0.05)
    return ids


def main() -> None:
    listeners()
    with tempfile.TemporaryDirectory() as directory:
        told(Path(directory) / "told")
        explain(Path(directory))


if __name__ == "__main__":
    main()
