"""A Change in the making: the machine's functions put into it what they decide, and nothing else sees it."""

from typing import Any

from msgspec.structs import replace

from lambent.durable.nouns import (
    CHAINED_INVOKE,
    EXECUTION,
    FAILED,
    STOPPED,
    SUCCEEDED,
    TIMED_OUT,
    Change,
    ErrorObject,
    Execution,
    HistoryEvent,
    Operation,
    State,
)

Details = dict[str, Any]

# The history's word for a type of operation. Source: the service model's EventType.
_WORDS = {"EXECUTION": "Execution", "CONTEXT": "Context", "STEP": "Step", "WAIT": "Wait", "CALLBACK": "Callback"}
_WORDS[CHAINED_INVOKE] = "ChainedInvoke"
_ENDS = {SUCCEEDED: "Succeeded", FAILED: "Failed", TIMED_OUT: "TimedOut", STOPPED: "Stopped"}


class Draft:
    """What a decision makes of a state at a moment. Its attributes are the state as it would be."""

    def __init__(self, state: State, now: float) -> None:
        self.now = now
        self.execution: Execution = state.execution
        self.operations = dict(state.operations)
        self._open = dict(state.open)
        self._changed: dict[str, None] = {}  # ids, in order
        self._events: list[HistoryEvent] = []

    def set(self, **members: Any) -> None:
        """Change members of the execution."""
        self.execution = replace(self.execution, **members)

    def put(self, operation: Operation, *, by_function: bool = True) -> Operation:
        """An operation as it is from now on. What others than the function change makes it go on."""
        sequence = self.execution.sequence + 1
        operation = replace(operation, touched=sequence)
        self.put_quietly(operation)
        if by_function:
            self.set(sequence=sequence)
        else:
            updated = self.execution.updated
            if operation.id not in updated:
                updated = (*updated, operation.id)
            self.set(sequence=sequence, updated=updated, wanted=True)
        return operation

    def put_quietly(self, operation: Operation) -> None:
        """The same of what is no news to the function."""
        self.operations[operation.id] = operation
        self._changed[operation.id] = None
        if operation.closed:
            self._open.pop(operation.id, None)
        else:
            self._open[operation.id] = operation

    @property
    def open(self) -> list[Operation]:
        """Those that still change."""
        return list(self._open.values())

    def tell(self, operation: Operation, what: str, details: Details | None = None) -> None:
        """Add to the history what happened to an operation: `what` is Started, Succeeded, ..."""
        kind = _WORDS[operation.type] + what
        own = operation.type != EXECUTION
        self._add(
            HistoryEvent(
                number=self.execution.events + 1, type=kind, at=self.now, id=operation.id, name=operation.name,
                parent=operation.parent if own else None, sub_type=operation.sub_type,
                details={f"{kind}Details": details or {}},
            )
        )  # fmt: skip

    def tell_end(self, operation: Operation, result: str | None, why: ErrorObject | None) -> None:
        """The same of how an operation has ended, as its status says."""
        details = {"Result": payload(result)} if operation.status == SUCCEEDED else {"Error": error(why)}
        self.tell(operation, _ENDS[operation.status], details)

    def tell_execution(self, kind: str, details: Details) -> None:
        """Add to the history what belongs to no operation."""
        self._add(
            HistoryEvent(number=self.execution.events + 1, type=kind, at=self.now, details={f"{kind}Details": details})
        )

    @property
    def itself(self) -> Operation:
        """The operation that stands for the execution."""
        return self.operations[self.execution.id]

    def news(self) -> tuple[Operation, ...]:
        """What the function was not told of, in order of starts: changed here, or by others since it was invoked."""
        candidates = (self.operations[each] for each in {*self._changed, *self.execution.updated})
        untold = [each for each in candidates if each.touched > self.execution.seen]
        return tuple(sorted(untold, key=lambda each: each.position))

    def change(self) -> Change:
        operations = tuple(self.operations[each] for each in self._changed)
        return Change(execution=self.execution, operations=operations, events=tuple(self._events))

    def _add(self, event: HistoryEvent) -> None:
        self._events.append(event)
        self.set(events=event.number)


def payload(text: str | None) -> Details:
    """As the history wraps data."""
    return {} if text is None else {"Payload": text}


def error(found: ErrorObject | None) -> Details:
    """The same of an error, in AWS's names."""
    return {} if found is None else {"Payload": error_document(found)}


def error_document(found: ErrorObject) -> Details:
    names = {"ErrorMessage": found.error_message, "ErrorType": found.error_type, "ErrorData": found.error_data}
    shown: Details = {name: value for name, value in names.items() if value is not None}
    return shown if found.stack_trace is None else shown | {"StackTrace": list(found.stack_trace)}
