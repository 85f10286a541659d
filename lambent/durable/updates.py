"""One update of a checkpoint, applied: what becomes of its operation, and what the history says of it. Pure.

Whoever calls has checked it (checks.py). Source of the transitions: AWS's own local runner, its processors.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from lambent.durable import tokens
from lambent.durable.checks import Update
from lambent.durable.drafts import Draft, error, payload
from lambent.durable.nouns import (
    CALLBACK,
    CANCELLED,
    CHAINED_INVOKE,
    CONTEXT,
    FAILED,
    PENDING,
    STARTED,
    STEP,
    SUCCEEDED,
    WAIT,
    ErrorObject,
    Operation,
)


class Chained(NamedTuple):
    """What a chained invoke comes to: its function's version, and the execution that it starts, if that is durable; or
    the error that it fails with at once."""

    version: str = ""
    number: int = 0  # of the execution
    arn: str = ""
    error: ErrorObject | None = None


Chain = Callable[[Operation], Chained]  # asked of each CHAINED_INVOKE that starts


def error_of(update: Update) -> ErrorObject | None:
    return msgspec.convert(update["Error"], ErrorObject) if "Error" in update else None


def apply(draft: Draft, update: Update, chain: Chain) -> None:
    """An update of anything but the EXECUTION."""
    operation = draft.operations.get(update["Id"]) or _new(draft, update)
    _ACTIONS[update["Action"]](draft, operation, update, chain)


def _new(draft: Draft, update: Update) -> Operation:
    position = draft.execution.operations
    draft.set(operations=position + 1)
    return Operation(
        id=update["Id"], position=position, type=update["Type"], status=STARTED, started=draft.now,
        parent=update.get("ParentId"), name=update.get("Name"), sub_type=update.get("SubType"),
    )  # fmt: skip


def _start(draft: Draft, operation: Operation, update: Update, chain: Chain) -> None:
    if operation.type == CHAINED_INVOKE:
        _start_chained(draft, operation, update, chain)
        return
    started, details = _STARTS[operation.type](draft, operation, update)
    draft.tell(draft.put(replace(started, status=STARTED)), "Started", details)


def _start_plain(draft: Draft, operation: Operation, update: Update) -> tuple[Operation, dict[str, Any]]:
    """A context, or a step: also again, with the state of its last attempt."""
    return replace(operation, next_attempt=None), {}


def _start_wait(draft: Draft, operation: Operation, update: Update) -> tuple[Operation, dict[str, Any]]:
    seconds = update["WaitOptions"]["WaitSeconds"]
    end = draft.now + seconds
    details = {"Duration": seconds, "ScheduledEndTimestamp": end}
    return replace(operation, wait_s=seconds, scheduled_end=end), details


def _start_callback(draft: Draft, operation: Operation, update: Update) -> tuple[Operation, dict[str, Any]]:
    """Its time-outs begin now; 0 is none."""
    options = update.get("CallbackOptions", {})
    timeout, heartbeat = options.get("TimeoutSeconds", 0), options.get("HeartbeatTimeoutSeconds", 0)
    callback = tokens.callback_id(draft.execution.id, operation.id)
    started = replace(
        operation, callback_id=callback, timeout_s=timeout, heartbeat_s=heartbeat,
        times_out=draft.now + timeout if timeout else None,
        heartbeat_due=draft.now + heartbeat if heartbeat else None,
    )  # fmt: skip
    details: dict[str, Any] = {"CallbackId": callback}
    if heartbeat:
        details["HeartbeatTimeout"] = heartbeat
    return started, details | ({"Timeout": timeout} if timeout else {})


def _start_chained(draft: Draft, operation: Operation, update: Update, chain: Chain) -> None:
    """It is resolved before anything starts: what cannot be invoked has failed when the function is answered."""
    options, given = update["ChainedInvokeOptions"], update.get("Payload")
    operation = replace(
        operation, invokes=options["FunctionName"], tenant=options.get("TenantId", ""),
        trace=options.get("XAmznTraceId", ""), input=given if given is not None else "{}",
    )  # fmt: skip
    chained = chain(operation)
    details: dict[str, Any] = {"FunctionName": operation.invokes}
    if operation.tenant:
        details["TenantId"] = operation.tenant
    if chained.error is not None:
        failed = replace(operation, status=FAILED, ended=draft.now, error=chained.error, input=None)
        draft.tell(failed, "Started", details)
        draft.tell(draft.put(failed), "Failed", {"Error": error(chained.error)})
        return
    details |= {"Input": payload(operation.input), "ExecutedVersion": chained.version}
    if chained.number:
        details["DurableExecutionArn"] = chained.arn
        operation = replace(operation, child=chained.number, input=None)
    draft.tell(draft.put(operation), "Started", details)


def _succeed(draft: Draft, operation: Operation, update: Update, chain: Chain) -> None:
    result = update.get("Payload")
    details = {"Result": payload(result)} | _retries(operation)
    draft.tell(_close(draft, operation, update, SUCCEEDED, result), "Succeeded", details)


def _fail(draft: Draft, operation: Operation, update: Update, chain: Chain) -> None:
    details = {"Error": error(error_of(update))} | _retries(operation)
    draft.tell(_close(draft, operation, update, FAILED, None), "Failed", details)


def _close(draft: Draft, operation: Operation, update: Update, status: str, result: str | None) -> Operation:
    return draft.put(
        replace(
            operation, status=status, ended=draft.now, payload=result, error=error_of(update), next_attempt=None,
            attempt=operation.attempt + (operation.type == STEP),
            replay_children=bool(update.get("ContextOptions", {}).get("ReplayChildren", False)),
        )
    )  # fmt: skip


def _retry(draft: Draft, operation: Operation, update: Update, chain: Chain) -> None:
    """An attempt that failed, or (without an error) one of a condition that does not hold yet."""
    delay, failed = update["StepOptions"]["NextAttemptDelaySeconds"], error_of(update)
    details = {"RetryDetails": {"CurrentAttempt": operation.attempt + 1, "NextAttemptDelaySeconds": delay}}
    pending = draft.put(
        replace(
            operation, status=PENDING, attempt=operation.attempt + 1, next_attempt=draft.now + delay,
            payload=update.get("Payload"), error=failed,
        )
    )  # fmt: skip
    if failed is not None:
        draft.tell(pending, "Failed", {"Error": error(failed)} | details)
    else:
        draft.tell(pending, "Succeeded", {"Result": payload(pending.payload)} | details)


def _cancel(draft: Draft, operation: Operation, update: Update, chain: Chain) -> None:
    why = error_of(update)
    cancelled = draft.put(replace(operation, status=CANCELLED, ended=draft.now))
    draft.tell(cancelled, "Cancelled", {"Error": error(why)} if why is not None else {})


def _retries(operation: Operation) -> dict[str, Any]:
    return {"RetryDetails": {"CurrentAttempt": operation.attempt + 1}} if operation.type == STEP else {}


_ACTIONS = {"START": _start, "SUCCEED": _succeed, "FAIL": _fail, "RETRY": _retry, "CANCEL": _cancel}
_STARTS = {CONTEXT: _start_plain, STEP: _start_plain, WAIT: _start_wait, CALLBACK: _start_callback}
