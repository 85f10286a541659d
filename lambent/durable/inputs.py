"""Operations as functions and the API are told of them, and what an invocation is given. No I/O.

Functions get times in milliseconds since 1970, which is how the official SDK reads its input; the API has seconds.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from lambent.durable import machine
from lambent.durable.drafts import Details, error_document
from lambent.durable.nouns import (
    CALLBACK,
    CHAINED_INVOKE,
    CONTEXT,
    EXECUTION,
    STEP,
    WAIT,
    Operation,
    State,
)
from lambent.wire import markers

PAGE_BYTES = 5 * 1024 * 1024  # of operations in one answer, and in the input of an invocation; at least one is
PAGE_ITEMS = 1_000

Stamp = Callable[[float], Any]


def millis(at: float) -> int:
    return round(at * 1000)


def seconds(at: float) -> float:
    return at


def document(operation: Operation, stamp: Stamp) -> Details:
    """AWS's Operation; what is absent is left out."""
    shown: Details = {
        "Id": operation.id,
        "Type": operation.type,
        "StartTimestamp": stamp(operation.started),
        "Status": operation.status,
    }
    plain = {"ParentId": operation.parent, "Name": operation.name, "SubType": operation.sub_type}
    shown |= {name: value for name, value in plain.items() if value is not None}
    if operation.ended is not None:
        shown["EndTimestamp"] = stamp(operation.ended)
    name, details = _DETAILS[operation.type]
    return shown | {name: details(operation, stamp)}


def _ended(operation: Operation, stamp: Stamp) -> Details:
    found: Details = {} if operation.payload is None else {"Result": operation.payload}
    return found if operation.error is None else found | {"Error": error_document(operation.error)}


def _execution(operation: Operation, stamp: Stamp) -> Details:
    return {} if operation.payload is None else {"InputPayload": operation.payload}


def _context(operation: Operation, stamp: Stamp) -> Details:
    replay = {"ReplayChildren": True} if operation.replay_children else {}
    return replay | _ended(operation, stamp)


def _step(operation: Operation, stamp: Stamp) -> Details:
    following = operation.next_attempt
    again = {} if following is None else {"NextAttemptTimestamp": stamp(following)}
    return {"Attempt": operation.attempt} | again | _ended(operation, stamp)


def _wait(operation: Operation, stamp: Stamp) -> Details:
    return {} if operation.scheduled_end is None else {"ScheduledEndTimestamp": stamp(operation.scheduled_end)}


def _callback(operation: Operation, stamp: Stamp) -> Details:
    return {"CallbackId": operation.callback_id} | _ended(operation, stamp)


_DETAILS: dict[str, tuple[str, Callable[[Operation, Stamp], Details]]] = {
    EXECUTION: ("ExecutionDetails", _execution),
    CONTEXT: ("ContextDetails", _context),
    STEP: ("StepDetails", _step),
    WAIT: ("WaitDetails", _wait),
    CALLBACK: ("CallbackDetails", _callback),
    CHAINED_INVOKE: ("ChainedInvokeDetails", _ended),
}


def replayed(state: State) -> list[Operation]:
    """Those that a function needs to go on, in order of their starts: of a context that is over, only its result,
    unless it has asked for its children. Source: the service model on GetDurableExecutionState."""
    hidden: set[str] = set()
    found = []
    for operation in state.operations.values():
        if operation.parent in hidden:
            hidden.add(operation.id)
            continue
        if operation.type == CONTEXT and operation.closed and not operation.replay_children:
            hidden.add(operation.id)
        found.append(operation)
    return found


def page(operations: list[Operation], after: int, most: int = PAGE_ITEMS) -> tuple[list[Operation], int | None]:
    """Those after a position, at most so many and PAGE_BYTES; and the position to go on after, if there are more."""
    chosen: list[Operation] = []
    room = PAGE_BYTES
    for operation in operations:
        if operation.position <= after:
            continue
        room -= size(operation)
        if chosen and (room < 0 or len(chosen) >= most):
            return chosen, chosen[-1].position
        chosen.append(operation)
    return chosen, None


def size(operation: Operation) -> int:
    """Bytes that it takes in an answer, about."""
    text = len((operation.payload or "").encode("utf-8", "surrogatepass"))
    return 300 + text + (len(msgspec.json.encode(operation.error)) if operation.error is not None else 0)


def invocation(state: State) -> bytes:
    """What the function is given."""
    execution = state.execution
    operations, following = page(replayed(state), -1)
    return msgspec.json.encode(
        {
            "DurableExecutionArn": execution.arn,
            "CheckpointToken": machine.token(execution),
            "InitialExecutionState": {
                "Operations": [document(each, millis) for each in operations],
                "NextMarker": "" if following is None else marker(state, following),
            },
            "UpdatedOperationIds": list(execution.updated),
        }
    )


def marker(state: State, position: int) -> str:
    return markers.seal(_scope(state), [str(position)])


def position(state: State, text: str) -> int:
    """Where a marker says to go on. Raises InvalidParameterValue."""
    return int(markers.unseal(_scope(state), text)[0])


def _scope(state: State) -> str:
    return f"lambda:GetDurableExecutionState:{state.execution.id}"
