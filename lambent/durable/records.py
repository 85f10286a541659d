"""Executions, operations and events, to what is stored of them and back."""

import msgspec

from lambent.durable.nouns import DELETING, Change, Execution, HistoryEvent, Operation, State
from lambent.store.durable_executions import DurableExecutions, ExecutionRow, Write
from lambent.store.queue import Rows

DAY_S = 86_400.0

_encode = msgspec.json.Encoder().encode
_execution = msgspec.json.Decoder(Execution).decode
_operation = msgspec.json.Decoder(Operation).decode
_event = msgspec.json.Decoder(HistoryEvent).decode


def execution_from(document: bytes) -> Execution:
    return _execution(document)


def event_from(document: bytes) -> HistoryEvent:
    return _event(document)


def load(store: DurableExecutions, number: int) -> State | None:
    """All that is known of an execution; None if there is none of that number."""
    document = store.get(number)
    return with_operations(store, _execution(document)) if document is not None else None


def with_operations(store: DurableExecutions, execution: Execution) -> State:
    """The same of an execution that has been read."""
    operations = [_operation(each) for each in store.operations(execution.number)]
    return State(execution, {each.id: each for each in operations})


def input_of(store: DurableExecutions, number: int) -> str | None:
    """What an execution was started with."""
    document = store.first_operation(number)
    return _operation(document).payload if document else None


def write(change: Change, state: State, rows: Rows = ()) -> Write:
    """What is to be stored of a change; `state` is the one after it."""
    return Write(
        row(state),
        [(each.position, _encode(each)) for each in change.operations],
        [(each.number, _encode(each)) for each in change.events],
        rows,
    )


def row(state: State) -> ExecutionRow:
    execution = state.execution
    return ExecutionRow(
        number=execution.number, id=execution.id, account=execution.account, region=execution.region,
        function=execution.function, version=execution.version, name=execution.name, status=execution.status,
        started=execution.started, wakes=state.wakes, times_out=state.times_out, busy=state.busy,
        expires=expires(execution), document=_encode(execution),
    )  # fmt: skip


def expires(execution: Execution) -> float | None:
    """When it is forgotten."""
    if execution.ended is None:
        return None
    return execution.ended if execution.status == DELETING else execution.ended + execution.retention_days * DAY_S
