"""The machine of durable executions: what each thing that happens makes of a State. No I/O, no clock.

Every function takes a state and the time, and returns a Change, which somebody stores before it is so (driver.py). At
most one invocation of an execution is under way; `Execution.wanted` says that another is to follow. The function is
told of each change once (`seen`), in the input of an invocation or in the answer to a checkpoint.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from lambent.durable import checks, ends, pausing, tokens, updates
from lambent.durable.checks import Update
from lambent.durable.drafts import Draft, error, payload
from lambent.durable.ends import Output
from lambent.durable.nouns import (
    CALLBACK,
    EXECUTION,
    FAILED,
    PENDING,
    READY,
    RUNNING,
    STEP,
    SUCCEEDED,
    TIMED_OUT,
    WAIT,
    Change,
    Checkpointed,
    ErrorObject,
    Execution,
    Operation,
    State,
)
from lambent.durable.updates import Chain
from lambent.errors import InvalidParameterValue

MOST_FAILURES = 5  # invocations one after the other that fail; then the execution does
MOST_EMPTY = 3  # the same of those that wait for nothing
RETRY_S = 5.0  # between them
REPLAY_S = 900.0  # a checkpoint that comes again within this time is answered as it was
CALLBACK_TIMEOUT = ErrorObject(error_message="Callback timed out", error_type="Callback.Timeout")
HEARTBEAT_TIMEOUT = ErrorObject(error_message="Callback timed out on heartbeat", error_type="Callback.Heartbeat")


class Asked(NamedTuple):
    """A checkpoint as it was asked for."""

    token: str
    updates: Sequence[Update] = ()
    client_token: str = ""


class Answered(NamedTuple):
    """What it comes to: a change (None: it was answered before), the next token ("": there is none), and the operations
    that the function is told of."""

    change: Change | None
    token: str
    operations: tuple[Operation, ...]


class Ran(NamedTuple):
    """An invocation that is over: what the function answered, or the error with which it failed."""

    invocation: str
    request_id: str
    began: float
    output: Output | None = None
    error: ErrorObject | None = None


def start(execution: Execution, given: str) -> tuple[State, Change]:
    """A new execution with its input."""
    itself = Operation(
        id=execution.id, position=0, type=EXECUTION, status="STARTED", started=execution.started, name=execution.name,
        payload=given,
    )  # fmt: skip
    draft = Draft(State(replace(execution, operations=1), {}), execution.started)
    itself = draft.put(itself)
    draft.tell(itself, "Started", {"Input": payload(given), "ExecutionTimeout": execution.timeout_s})
    change = draft.change()
    return change.onto(State(execution, {})), change


def begin(state: State, invocation: str, now: float) -> Change:
    """It is invoked: all that is known of it goes to the function."""
    draft = Draft(state, now)
    _complete_due(draft, now)
    sequence = draft.execution.sequence
    draft.set(invocation=invocation, wanted=False, seen=sequence, begun=sequence, not_before=0.0, interrupted=False)
    return draft.change()


def withdraw(state: State, now: float, again: float) -> Change:
    """It could not be invoked now, through no fault of its own."""
    draft = Draft(state, now)
    draft.set(invocation="", wanted=not state.execution.over, not_before=again)
    return draft.change()


def tick(state: State, now: float, until: float) -> Change | None:
    """What time alone brings about; None if that is nothing. `until`: what is due by then is due now."""
    draft = Draft(state, now)
    if state.execution.over:
        return None
    if state.execution.deadline <= until:
        ends.time_out(draft)
    else:
        _complete_due(draft, until)
    change = draft.change()
    return change if change.operations else None


def checkpoint(state: State, asked: Asked, now: float, chain: Chain) -> Answered:
    """Raises InvalidParameterValue; then nothing has changed."""
    last = state.execution.last
    if last is not None and _is_repeated(asked, last, now):
        return Answered(None, last.returned, tuple(state.operations[each] for each in last.operations))
    check_token(state.execution, asked.token)
    checks.check(state.execution, state.operations, asked.updates)
    draft = Draft(state, now)
    for update in asked.updates:
        _apply(draft, update, chain)
    if not draft.execution.over and (why := ends.exceeded(draft)) is not None:
        ends.end(draft, FAILED, why=why)
    if not draft.execution.over:
        _complete_due(draft, now)
    return _answer(draft, asked)


def check_token(execution: Execution, token: str) -> None:
    """Raises InvalidParameterValue unless it is the one that the invocation under way was given last."""
    said = tokens.checkpoint_token(token)
    mine = execution.invocation and (execution.id, execution.invocation, execution.token)
    if execution.over or said is None or tuple(said) != mine:
        raise InvalidParameterValue("Invalid checkpoint token")


def token(execution: Execution) -> str:
    return str(tokens.CheckpointToken(execution.id, execution.invocation, execution.token))


def finish(state: State, ran: Ran, now: float) -> Change:
    """An invocation has come to its end. Cases: 1 the execution is over, 2 the function failed, 3 it has answered
    something that makes no sense, 4 it waits, 5 it is done."""
    draft = Draft(state, now)
    details = {"StartTimestamp": ran.began, "EndTimestamp": now, "RequestId": ran.request_id}
    draft.tell_execution("InvocationCompleted", details | ({"Error": error(ran.error)} if ran.error else {}))
    if state.execution.invocation == ran.invocation:
        draft.set(invocation="")
    pausing.rest(draft)
    if not draft.execution.over:
        if ran.error is not None or ran.output is None:
            _failed(draft, ran.error or ErrorObject(), MOST_FAILURES)
        else:
            _take(draft, ran.output)
    return draft.change()


def give_up(state: State, why: ErrorObject, now: float) -> Change:
    """It cannot be invoked any more."""
    draft = Draft(state, now)
    draft.set(invocation="")
    if not state.execution.over:
        ends.end(draft, FAILED, why=why)
    return draft.change()


def recover(state: State, now: float) -> Change:
    """The server has ended while it was being invoked."""
    draft = Draft(state, now)
    draft.set(invocation="", wanted=not state.execution.over)
    pausing.rest(draft)
    return draft.change()


def due(execution: Execution) -> bool:
    """Is it to be invoked, when its time has come?"""
    return execution.wanted and not execution.invocation and execution.status == RUNNING


# -- details


def _is_repeated(asked: Asked, last: Checkpointed, now: float) -> bool:
    same = asked.client_token == last.client_token and asked.token == last.given
    return bool(asked.client_token) and same and now - last.at <= REPLAY_S


def _apply(draft: Draft, update: Update, chain: Chain) -> None:
    size = len(update.get("Payload", "").encode("utf-8", "surrogatepass"))
    size += len(msgspec.json.encode(update["Error"])) if "Error" in update else 0
    draft.set(bytes=draft.execution.bytes + size)
    if update["Type"] != EXECUTION:
        updates.apply(draft, update, chain)
    elif update["Action"] == "SUCCEED":
        ends.succeed(draft, update.get("Payload"))
    else:
        ends.end(draft, FAILED, why=updates.error_of(update))


def _answer(draft: Draft, asked: Asked) -> Answered:
    """Without a next token if the function is to stop: its execution is over, or paused (then it goes on later)."""
    execution = draft.execution
    if execution.over or execution.pause is not None:
        draft.set(token=execution.token + 1)
        if not execution.over:
            pausing.rest(draft, interrupted=True)
        return Answered(draft.change(), "", ())
    told = draft.news()
    draft.set(token=execution.token + 1, seen=execution.sequence, wanted=False)
    following = token(draft.execution)
    ids = tuple(each.id for each in told)
    draft.set(
        last=Checkpointed(
            client_token=asked.client_token, given=asked.token, returned=following, operations=ids, at=draft.now
        )
        if asked.client_token
        else None
    )
    return Answered(draft.change(), following, told)


def _complete_due(draft: Draft, until: float) -> None:
    """What was to happen by now: waits end, steps may be tried again, callbacks time out."""
    late = [each for each in draft.open if each.due is not None and each.due <= until]
    for operation in sorted(late, key=lambda each: (each.due, each.position)):
        if operation.type == WAIT:
            ended = replace(operation, status=SUCCEEDED, ended=draft.now)
            draft.tell(draft.put(ended, by_function=False), "Succeeded", {"Duration": operation.wait_s})
        elif operation.type == STEP:
            draft.put(replace(operation, status=READY, next_attempt=None), by_function=False)
        elif operation.type == CALLBACK:
            whole = operation.times_out is not None and operation.times_out <= until
            why = CALLBACK_TIMEOUT if whole else HEARTBEAT_TIMEOUT
            closed = replace(operation, status=TIMED_OUT, ended=draft.now, error=why)
            draft.tell_end(draft.put(closed, by_function=False), None, why)


def _take(draft: Draft, output: Output) -> None:
    if output.invalid:
        ends.end(draft, FAILED, why=_invalid(output.invalid))
    elif output.status == SUCCEEDED:
        ends.succeed(draft, output.result)
    elif output.status == PENDING:
        _wait(draft)
    else:
        ends.end(draft, FAILED, why=output.error or ErrorObject())


def _wait(draft: Draft) -> None:
    """The function waits, unless something has happened of which it was not told."""
    execution = draft.execution
    news = execution.sequence > execution.seen or execution.interrupted
    if not news and not any(each.awaited for each in draft.open):
        why = _invalid("Cannot return PENDING status with no pending operations.")
        _failed(draft, why, MOST_EMPTY)
        return
    untold = tuple(each for each in execution.updated if draft.operations[each].touched > execution.begun)
    draft.set(failures=0, not_before=0.0, wanted=news or execution.wanted, updated=untold)


def _failed(draft: Draft, why: ErrorObject, most: int) -> None:
    """Once more, a little later, or never again."""
    failures = draft.execution.failures + 1
    if failures >= most:
        ends.end(draft, FAILED, why=why)
    else:
        draft.set(failures=failures, wanted=True, not_before=draft.now + RETRY_S)


def _invalid(message: str) -> ErrorObject:
    return ErrorObject(error_message=message, error_type="InvalidParameterValueException")
