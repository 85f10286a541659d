"""The listener that turns each invocation into its one compact record."""

from collections.abc import Callable

from lambent.model import Invocation, Outcome, Record

LONGEST_ERROR_TYPE = 256  # characters; functions choose their errors' names, and a record must stay small


def record(invocation: Invocation, outcome: Outcome | None, wait_ms: float, why: str | None = None) -> Record:
    """What is kept of an invocation; without an outcome it was throttled."""
    version = invocation.version
    if outcome is None:
        return Record(
            invocation.received, invocation.request_id, version.arn, "", "throttled", None, False, wait_ms, None, 0.0,
            0, version.memory_mb, 0, None, len(invocation.payload), 0, why, invocation.attempt, "", invocation.tried,
        )  # fmt: skip
    return Record(
        invocation.received, invocation.request_id, version.arn, outcome.sandbox, outcome.status,
        outcome.error_type and outcome.error_type[:LONGEST_ERROR_TYPE], outcome.cold, wait_ms, outcome.init_ms,
        outcome.duration_ms, outcome.billed_ms, version.memory_mb, outcome.memory_peak_mb, outcome.cpu_ms,
        len(invocation.payload), outcome.streamed_bytes + len(outcome.payload),
        outcome.why_cold or "no idle sandbox" if outcome.cold else None, invocation.attempt, outcome.initialization,
        invocation.tried, outcome.extensions_ms,
    )  # fmt: skip


def listener(
    append: Callable[[Record], None], count: Callable[[Record, str], None] = lambda record, invoked_arn: None
) -> Callable[[Invocation, Outcome | None, float, str | None], None]:
    """For the records, and for the metrics, which also want to know what the caller named."""

    def listen(invocation: Invocation, outcome: Outcome | None, wait_ms: float, why: str | None) -> None:
        made = record(invocation, outcome, wait_ms, why)
        append(made)
        count(made, invocation.invoked_arn)

    return listen
