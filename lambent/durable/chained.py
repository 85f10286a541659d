"""The ends of chained invokes, as those who invoked are told of them. Pure, like machine.py.

Source: AWS's own local runner (its child dispatcher): what fails how, and in which words.
"""

from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from lambent.durable.checks import MOST_PAYLOAD
from lambent.durable.drafts import Draft
from lambent.durable.nouns import (
    CHAINED_INVOKE,
    FAILED,
    STARTED,
    STOPPED,
    SUCCEEDED,
    TIMED_OUT,
    Change,
    ErrorObject,
    Execution,
    State,
)
from lambent.errors import AwsError, LambentError
from lambent.model import Outcome

TOO_LARGE = f"CHAINED_INVOKE output payload size must be less than or equal to {MOST_PAYLOAD} bytes."


class Ended(NamedTuple):
    """What became of what was invoked."""

    status: str  # SUCCEEDED, FAILED, TIMED_OUT or STOPPED
    result: str | None = None
    error: ErrorObject | None = None


class _Thrown(msgspec.Struct, rename="camel"):
    """A function error, as runtimes write it."""

    error_message: str | None = None
    error_type: str | None = None
    stack_trace: tuple[str, ...] | None = None


def end(state: State, operation_id: str, ended: Ended, now: float) -> Change | None:
    """None if nobody waits for that any more."""
    operation = state.operations.get(operation_id)
    waits = operation is not None and operation.type == CHAINED_INVOKE and operation.status == STARTED
    if state.execution.over or not waits or operation is None:
        return None
    draft = Draft(state, now)
    status, result, why = ended
    closed = replace(operation, status=status, ended=now, payload=result, error=why, input=None)
    draft.tell_end(draft.put(closed, by_function=False), result, why)
    return draft.change()


def told(state: State, now: float) -> Change:
    """The execution that invoked this one has heard of its end."""
    draft = Draft(state, now)
    draft.set(owes=False)
    return draft.change()


def of_execution(child: Execution) -> Ended:
    """What an execution that is over means to the one that invoked it."""
    if child.status == SUCCEEDED:
        return Ended(SUCCEEDED, child.result)
    if child.status == TIMED_OUT:
        message = f"CHAINED_INVOKE timed out after {child.timeout_s} seconds."
        return Ended(TIMED_OUT, error=ErrorObject(error_message=message, error_type="ChainedInvoke.Timeout"))
    if child.status == STOPPED:
        return Ended(STOPPED, error=child.error)
    return Ended(FAILED, error=child.error or ErrorObject(error_message="Chained invoke failed."))


def of_outcome(outcome: Outcome) -> Ended:
    """The same of one invocation of a function that is not durable."""
    if outcome.function_error:
        return Ended(FAILED, error=thrown(outcome))
    try:
        result = outcome.payload.decode()
    except UnicodeDecodeError:
        message = "CHAINED_INVOKE response could not be decoded as UTF-8."
        return Ended(FAILED, error=ErrorObject(error_message=message))
    if len(outcome.payload) > MOST_PAYLOAD:
        return Ended(FAILED, error=ErrorObject(error_message=TOO_LARGE))
    return Ended(SUCCEEDED, result or None)


def thrown(outcome: Outcome) -> ErrorObject:
    """The error with which a function has ended."""
    try:
        found = msgspec.json.decode(outcome.payload, type=_Thrown)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = outcome.payload.decode("utf-8", "replace")
        return ErrorObject(error_message=text, error_type=outcome.error_type)
    return ErrorObject(
        error_message=found.error_message,
        error_type=found.error_type or outcome.error_type,
        stack_trace=found.stack_trace,
    )


def refused(problem: LambentError) -> ErrorObject:
    """What could not be invoked at all."""
    return ErrorObject(
        error_message=problem.message, error_type=problem.code if isinstance(problem, AwsError) else None
    )
