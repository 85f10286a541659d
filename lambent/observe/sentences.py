"""What is said of each kind of entry and record. Pure functions to text."""

from collections.abc import Callable

from lambent.model import Record
from lambent.observe.journal import Entry, Fact
from lambent.observe.report import iso

Facts = dict[str, Fact]
Fits = Callable[[Entry], bool]

WAIT_WORTH_TELLING_MS = 1.0
_ENDINGS = {"success": "succeeded", "timeout": "timed out"}


def of(entry: Entry) -> str:
    """An entry in a sentence; one of a kind that is not known here in its own words."""
    say = _KINDS.get(entry.kind)
    if say is not None:
        return say(entry.facts)
    facts = ", ".join(f"{name}: {value}" for name, value in entry.facts.items())
    return f"{entry.kind}: {facts}" if facts else entry.kind


def accepted() -> str:
    return "accepted as an event, and on disk"


def received(record: Record) -> str:
    return f"received: a synchronous call with {record.request_bytes} bytes"


def queued(seconds: float) -> str:
    return f"waited {seconds:.1f} s in the queue: others were before it, or its function had no execution to spare"


def throttled(reason: Fact, why: Fact = None) -> str:
    return f"throttled ({reason})" + (f": {why}" if why else "")


def cold(record: Record) -> str:
    if record.initialization == "snap-start":
        took = "; restored from its snapshot"
    else:
        took = f"; its init took {record.init_ms:.2f} ms" if record.init_ms is not None else ""
    return f"cold, because: {record.reason or 'no idle sandbox'}{took}"


def ran(record: Record) -> str:
    """What one attempt did and cost."""
    who = f"attempt {record.attempt}" if record.attempt else "it"
    version = record.arn.rpartition(":")[2]
    who += f" (version {version})" if version != "$LATEST" else ""
    if not record.sandbox:
        return f"{who} found no sandbox: {record.error_type}"
    ending = _ENDINGS.get(record.outcome, "failed")
    named = f" with {record.error_type}" if record.error_type and record.outcome != "success" else ""
    after = f", begun after {record.wait_ms:.1f} ms" if record.wait_ms >= WAIT_WORTH_TELLING_MS else ""
    return (
        f"{who} ran for {record.duration_ms:.2f} ms and {ending}{named}: billed {record.billed_ms} ms, "
        f"{record.memory_peak_mb} of {record.memory_mb} MB used, in sandbox {record.sandbox}{after}"
    )


def _waited(facts: Facts) -> str:
    return f"waited {_ms(facts.get('ms'))} for a sandbox, because {facts.get('why')}"


def _failed(facts: Facts) -> str:
    return f"failed, with no answer from the function: {facts.get('message') or facts.get('error')}"


def _attempt_failed(facts: Facts) -> str:
    return f"attempt {facts.get('attempt')} failed: {facts.get('trouble')}"


def _retry_at(facts: Facts) -> str:
    due = facts.get("due")
    when = iso(float(due)) if isinstance(due, int | float) else "a later time"
    if "target" in facts:
        return f"could not be delivered to {facts['target']} ({facts.get('trouble')}); next try at {when}"
    return f"next try (attempt {facts.get('attempt')}) at {when}"


def _interrupted(facts: Facts) -> str:
    repeated = facts.get("repeated_as")
    after = f"the next call with its Idempotency-Key ran it again, as {repeated}" if repeated else "it is tried again"
    return f"the server ended while it may have been running; {after}"


def _recursion(facts: Facts) -> str:
    return f"stopped before it ran, as run {facts.get('run')} of a loop: {facts.get('chain')}"


def _kept(facts: Facts) -> str:
    """An event that had nowhere to go tells its trouble; of one that could not be delivered, that stands before."""
    nowhere = "it had nowhere to go: no on-failure destination, no dead-letter queue"
    count = facts.get("attempts")
    tries = "1 attempt" if count == 1 else f"{count} attempts"
    led = ", the last with " if count else ": "  # without an attempt there is no last one
    trouble = f"{led}{facts['trouble']}" if facts.get("trouble") else ""
    reason = nowhere if "trouble" in facts else "it could not be delivered"
    if facts.get("condition") == "Success":
        return f"succeeded ({tries}) and kept here all the same, since {reason}"
    return f"failed for good ({facts.get('condition')}, {tries}{trouble}) and kept here, since {reason}"


def _delivered(facts: Facts) -> str:
    return f"its {_record(facts)} was delivered to {facts.get('target')}"


def _undeliverable(facts: Facts) -> str:
    return f"its {_record(facts)} could not be delivered to {facts.get('target')}: {facts.get('trouble')}"


def _scaled(facts: Facts) -> str:
    return f"scaling of {facts.get('what')}: {facts.get('message')} ({facts.get('cause')})"


def _record(facts: Facts) -> str:
    return "dead letter" if facts.get("as") == "dead-letter" else "record"


def _replayed(facts: Facts) -> str:
    return "replayed: in the queue again, as a new event with the same request id"


def _answered(facts: Facts) -> str:
    return f"answered with what {facts.get('ran_as')} got, which had the same Idempotency-Key; it did not run"


def _malformed(facts: Facts) -> str:
    return f"its answer is no HTTP response: {facts.get('why')}; the client of its function URL got a 502"


def _ms(value: Fact) -> str:
    return f"{value:.1f} ms" if isinstance(value, int | float) else f"{value} ms"


_KINDS: dict[str, Callable[[Facts], str]] = {
    "accepted": lambda _: accepted(),
    "throttled": lambda facts: throttled(facts.get("reason"), facts.get("why")),
    "waited": _waited,
    "failed": _failed,
    "attempt-failed": _attempt_failed,
    "retry-at": _retry_at,
    "interrupted": _interrupted,
    "recursion": _recursion,
    "kept": _kept,
    "delivered": _delivered,
    "undeliverable": _undeliverable,
    "replayed": _replayed,
    "answered-from-key": _answered,
    "scaled": _scaled,
    "malformed-answer": _malformed,
}
