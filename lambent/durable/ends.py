"""How an execution comes to its end, and what its function's answers mean. Pure.

Source of the words: AWS's own local runner; the limits: lambda-semantics.md §1.
"""

from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from lambent.durable.checks import MOST_PAYLOAD, too_large
from lambent.durable.drafts import Draft
from lambent.durable.nouns import EXECUTION, FAILED, PENDING, SUCCEEDED, TIMED_OUT, ErrorObject

MOST_OPERATIONS = 3_000
MOST_BYTES = 100 * 1024 * 1024  # that all checkpoints of an execution write
STOP_ERROR = ErrorObject(error_message="Execution stopped by user request")


class Output(NamedTuple):
    """What the function has answered; `invalid` says what is wrong with it."""

    status: str = ""
    result: str | None = None
    error: ErrorObject | None = None
    invalid: str = ""


class _Answer(msgspec.Struct, rename="pascal"):
    """As functions write it."""

    status: str | None = None
    result: str | None = None
    error: ErrorObject | None = None


def read(answer: bytes) -> Output:
    """The output of an invocation."""
    try:
        found = msgspec.json.decode(answer, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        return Output(invalid=f"Invalid invocation output: {problem}")
    if found.status is None:
        return Output(invalid="Response status is required")
    if found.status not in {SUCCEEDED, FAILED, PENDING}:
        return Output(invalid=f"Unexpected invocation status: {found.status}")
    if found.status == FAILED and found.result is not None:
        return Output(invalid="Cannot provide a Result for FAILED status.")
    if found.status == SUCCEEDED and found.error is not None:
        return Output(invalid="Cannot provide an Error for SUCCEEDED status.")
    return Output(found.status, found.result, found.error)


def end(draft: Draft, status: str, result: str | None = None, why: ErrorObject | None = None) -> None:
    """The execution is over; whatever of it is still under way changes nothing any more."""
    execution = draft.execution
    draft.set(
        status=status, ended=draft.now, result=result, error=why, wanted=False, pause=None, not_before=0.0,
        owes=bool(execution.parent),
    )  # fmt: skip
    itself = draft.put(replace(draft.itself, status=status, ended=draft.now))
    draft.tell_end(itself, result, why)


def succeed(draft: Draft, result: str | None) -> None:
    """Unless the result is larger than whoever waits for it may be given."""
    if not draft.execution.synchronous and result is not None and len(result.encode()) > MOST_PAYLOAD:
        end(draft, FAILED, why=ErrorObject(error_message=too_large(EXECUTION, MOST_PAYLOAD)))
    else:
        end(draft, SUCCEEDED, result)


def time_out(draft: Draft) -> None:
    seconds = draft.execution.timeout_s
    end(draft, TIMED_OUT, why=ErrorObject(error_message=f"Execution timed out after {seconds} seconds."))


def exceeded(draft: Draft) -> ErrorObject | None:
    """What is wrong with an execution that has grown too large."""
    if draft.execution.operations > MOST_OPERATIONS:
        what = f"{MOST_OPERATIONS} operations"
    elif draft.execution.bytes > MOST_BYTES:
        what = f"{MOST_BYTES // 1024 // 1024} MB of checkpoints"
    else:
        return None
    return ErrorObject(
        error_message=f"Execution exceeded the limit of {what}.", error_type="ServiceQuotaExceededException"
    )
