"""The nouns of durable functions, in AWS's words: Execution, Operation, HistoryEvent, and the State that they make up.

Frozen: machine.py and its neighbours make new ones, of which a Change says what is to be stored. Times are epoch
seconds on the product's clock.
"""

from typing import Any

import msgspec

RUNNING, PAUSING, PAUSED = "RUNNING", "PAUSING", "PAUSED"  # of an Execution that is not over
SUCCEEDED, FAILED, TIMED_OUT, STOPPED = "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"  # also of an Operation
DELETING = "DELETING"
STARTED, PENDING, READY, CANCELLED = "STARTED", "PENDING", "READY", "CANCELLED"  # of an Operation only
OVER = frozenset({SUCCEEDED, FAILED, TIMED_OUT, STOPPED, DELETING})  # executions that go on no more
CLOSED = frozenset({SUCCEEDED, FAILED, CANCELLED, TIMED_OUT, STOPPED})  # operations that change no more

EXECUTION, CONTEXT, STEP = "EXECUTION", "CONTEXT", "STEP"
WAIT, CALLBACK, CHAINED_INVOKE = "WAIT", "CALLBACK", "CHAINED_INVOKE"


class ErrorObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """AWS's ErrorObject; what it has not is None."""

    error_message: str | None = None
    error_type: str | None = None
    error_data: str | None = None
    stack_trace: tuple[str, ...] | None = None


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A request to pause, which holds until somebody resumes."""

    requested: float
    reason: str | None = None
    timeout_paused: bool = True  # the execution timeout waits too
    since: float = 0.0  # that it rests; 0: its invocation goes on to the next checkpoint
    deadline: float = 0.0  # the execution's, when it came to rest


class Checkpointed(msgspec.Struct, frozen=True, kw_only=True):
    """The last checkpoint, to be answered alike if it comes again."""

    client_token: str
    given: str  # the checkpoint token that it came with
    returned: str  # the one that it was answered with
    operations: tuple[str, ...] = ()  # ids of those that it was told of
    at: float = 0.0


class Execution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One durable execution, apart from its operations and its history. Stored as JSON: only ever add fields."""

    number: int  # in order of their starts; 0 until it is stored
    account: str
    region: str
    function: str  # name
    version: str  # that runs all of it: "$LATEST" or a number
    born: float = 0.0  # when the function was created: a later one of its name has executions of its own
    qualifier: str = ""  # as the caller gave it
    name: str
    id: str  # random
    status: str = RUNNING
    started: float
    ended: float | None = None
    timeout_s: int
    retention_days: int
    kms_key: str = ""
    digest: str = ""  # of the input: the same name with another one is another execution, and refused
    input_bytes: int = 0
    trace: str = ""  # X-Amzn-Trace-Id
    tenant: str = ""
    request_id: str = ""  # of the call that started it
    synchronous: bool = False  # somebody waits for its end
    parent: int = 0  # number of the execution that invoked it; 0: none
    parent_operation: str = ""
    deadline: float  # when it times out
    pause: Pause | None = None
    result: str | None = None  # JSON text
    error: ErrorObject | None = None
    # How it goes on.
    wanted: bool = True  # it is to be invoked as soon as nobody is at it
    not_before: float = 0.0  # but not before that: it has failed
    failures: int = 0  # invocations one after the other that came to nothing
    invocation: str = ""  # id of the one under way; "": none
    token: int = 0  # checkpoints taken
    sequence: int = 0  # changes of operations
    seen: int = 0  # of these, how many the function has been told of
    interrupted: bool = False  # its invocation was told to stop, by a pause
    begun: int = 0  # how many there were when its last invocation began
    updated: tuple[str, ...] = ()  # operations that others have changed since its last invocation began
    operations: int = 0  # including the EXECUTION itself
    events: int = 0  # of its history
    bytes: int = 0  # that its checkpoints have written
    owes: bool = False  # it is over, and the execution that invoked it has not been told
    last: Checkpointed | None = None
    pause_tokens: tuple[tuple[str, float], ...] = ()  # ClientTokens of requests to pause or resume, and when

    @property
    def function_arn(self) -> str:
        """With the version that runs."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.function}:{self.version}"

    @property
    def arn(self) -> str:
        return f"{self.function_arn}/durable-execution/{self.name}/{self.id}"

    @property
    def over(self) -> bool:
        return self.status in OVER


class Operation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One operation of an execution as it is now. Stored as JSON: only ever add fields."""

    id: str
    position: int  # order of starts; 0 is the EXECUTION
    type: str
    status: str
    started: float
    ended: float | None = None
    parent: str | None = None
    name: str | None = None
    sub_type: str | None = None
    touched: int = 0  # Execution.sequence at its last change
    payload: str | None = None  # the input of an EXECUTION; else the result
    error: ErrorObject | None = None
    replay_children: bool = False  # of a CONTEXT
    attempt: int = 0  # of a STEP: those that are over
    next_attempt: float | None = None  # of a STEP that is PENDING
    wait_s: int = 0
    scheduled_end: float | None = None  # of a WAIT
    callback_id: str = ""
    timeout_s: int = 0  # of a CALLBACK; 0: none
    times_out: float | None = None
    heartbeat_s: int = 0
    heartbeat_due: float | None = None
    invokes: str = ""  # of a CHAINED_INVOKE: the function as it was named
    tenant: str = ""
    trace: str = ""
    input: str | None = None  # of a CHAINED_INVOKE, until it is over
    child: int = 0  # number of the execution that it has started; 0: the function is not durable

    @property
    def closed(self) -> bool:
        return self.status in CLOSED

    @property
    def due(self) -> float | None:
        """When it changes by itself."""
        if self.type == STEP and self.status == PENDING:
            return self.next_attempt
        if self.status != STARTED:
            return None
        if self.type == WAIT:
            return self.scheduled_end
        if self.type == CALLBACK:
            return min((at for at in (self.times_out, self.heartbeat_due) if at is not None), default=None)
        return None

    @property
    def invoking(self) -> bool:
        """A function that is not durable is being invoked."""
        return self.type == CHAINED_INVOKE and self.status == STARTED and not self.child

    @property
    def awaited(self) -> bool:
        """Something is to come that makes the execution go on."""
        if self.type == STEP:
            return self.status == PENDING
        return self.status == STARTED and self.type in {WAIT, CALLBACK, CHAINED_INVOKE}


class HistoryEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of the history. `details` is the member that belongs to the type (StepSucceededDetails, …), in AWS's
    names, with times as epoch seconds; payloads are always in it."""

    number: int  # EventId, from 1
    type: str
    at: float
    id: str | None = None  # of the operation; None for those of the execution
    parent: str | None = None
    name: str | None = None
    sub_type: str | None = None
    details: dict[str, Any] = {}


class State(msgspec.Struct, frozen=True):
    """An execution with all its operations, in order of their starts."""

    execution: Execution
    operations: dict[str, Operation]
    known_open: dict[str, Operation] | None = None  # None: to be looked for

    @property
    def open(self) -> dict[str, Operation]:
        """Those that still change. Of thousands of operations that is a handful, and only they are looked through at
        each checkpoint."""
        if self.known_open is not None:
            return self.known_open
        return {name: each for name, each in self.operations.items() if not each.closed}

    @property
    def busy(self) -> bool:
        """Something is under way that has to be begun again if the server ends."""
        execution = self.execution
        plain = not execution.over and any(each.invoking for each in self.open.values())
        return plain or bool(execution.invocation)

    @property
    def due(self) -> float | None:
        """When something happens to it without anybody's doing; None if nothing does any more."""
        wakes = self.wakes
        if self.execution.over:
            return wakes
        return self.execution.deadline if wakes is None else min(wakes, self.execution.deadline)

    @property
    def times_out(self) -> float | None:
        return None if self.execution.over else self.execution.deadline

    @property
    def wakes(self) -> float | None:
        """The same, but for its time-out."""
        execution = self.execution
        if execution.over:
            return execution.ended if execution.owes else None
        dues = [each.due for each in self.open.values()]
        if execution.wanted and not execution.invocation and execution.pause is None:
            dues.append(execution.not_before)
        return min((at for at in dues if at is not None), default=None)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision comes to: the new state of the execution and of the operations that changed, and what is added to
    its history. Nothing of it is so until it is on disk."""

    execution: Execution
    operations: tuple[Operation, ...] = ()
    events: tuple[HistoryEvent, ...] = ()

    def onto(self, state: State) -> State:
        changed = {each.id: each for each in self.operations}
        still = {name: each for name, each in (state.open | changed).items() if not each.closed}
        return State(self.execution, {**state.operations, **changed}, still)
