"""What others than the function do to an execution: answer callbacks, end chained invokes, stop, pause and resume it.
Pure, like machine.py: each takes a state and the time and returns a Change, or None if nothing changes."""

from msgspec.structs import replace

from lambent.durable.drafts import Details, Draft, error, payload
from lambent.durable.ends import STOP_ERROR, end
from lambent.durable.nouns import (
    CALLBACK,
    CHAINED_INVOKE,
    FAILED,
    PAUSED,
    PAUSING,
    RUNNING,
    STARTED,
    STOPPED,
    SUCCEEDED,
    TIMED_OUT,
    Change,
    ErrorObject,
    Execution,
    Operation,
    Pause,
    State,
)
from lambent.errors import AwsError, ResourceConflict, ResourceNotFound

LONGEST_S = 366 * 86_400.0  # whatever was paused, no execution lasts longer
REPEAT_S = 900.0  # a ClientToken is remembered for that long

_WORDS = {SUCCEEDED: "Succeeded", FAILED: "Failed", TIMED_OUT: "TimedOut", STOPPED: "Stopped"}


def complete_callback(
    state: State, operation_id: str, now: float, *, result: str | None = None, failure: ErrorObject | None = None
) -> Change:
    """Raises ResourceNotFound, or CallbackTimeoutException for one that waits no more."""
    draft = Draft(state, now)
    operation = _open_callback(state, operation_id)
    status = SUCCEEDED if failure is None else FAILED
    _close(draft, operation, status, result, failure)
    return draft.change()


def heartbeat(state: State, operation_id: str, now: float) -> Change:
    """Whoever is to call back is alive. Raises like `complete_callback`."""
    draft = Draft(state, now)
    operation = _open_callback(state, operation_id)
    if operation.heartbeat_s:
        # Nothing of this is news to the function, so the operation does not count as touched.
        touched, sequence = operation.touched, draft.execution.sequence
        draft.put(replace(operation, heartbeat_due=now + operation.heartbeat_s))
        draft.operations[operation.id] = replace(draft.operations[operation.id], touched=touched)
        draft.set(sequence=sequence)
    return draft.change()


def complete_chained(
    state: State, operation_id: str, now: float, *, status: str = SUCCEEDED, result: str | None = None,
    failure: ErrorObject | None = None,
) -> Change | None:  # fmt: skip
    """The function that it invoked has come to its end. None if nobody waits for that any more."""
    operation = state.operations.get(operation_id)
    waits = operation is not None and operation.type == CHAINED_INVOKE and operation.status == STARTED
    if state.execution.over or not waits or operation is None:
        return None
    draft = Draft(state, now)
    _close(draft, operation, status, result, failure)
    return draft.change()


def told(state: State, now: float) -> Change:
    """The execution that invoked it has heard of its end."""
    draft = Draft(state, now)
    draft.set(owes=False)
    return draft.change()


def stop(state: State, now: float, why: ErrorObject | None = None) -> Change | None:
    """None if it is over already."""
    if state.execution.over:
        return None
    draft = Draft(state, now)
    end(draft, STOPPED, why=why or STOP_ERROR)
    return draft.change()


def pause(
    state: State, now: float, *, reason: str | None = None, timeout_paused: bool = True, client_token: str = ""
) -> Change | None:
    """None for a request that was made before. Raises ResourceConflict if it is not running."""
    execution = state.execution
    if _is_repeated(execution, "pause:" + client_token, now):
        return None
    if execution.status != RUNNING:
        raise ResourceConflict(f"The durable execution cannot be paused: its status is {execution.status}.")
    draft = Draft(state, now)
    asked = Pause(requested=now, reason=reason, timeout_paused=timeout_paused)
    draft.set(
        status=PAUSING if execution.invocation else PAUSED, pause=asked,
        deadline=execution.started + LONGEST_S if timeout_paused else execution.deadline,
        pause_tokens=_remember(execution, "pause:" + client_token, now),
    )  # fmt: skip
    details: Details = {"PauseRequestTimestamp": now, "ExecutionTimeoutPaused": timeout_paused}
    draft.tell_execution("ExecutionPaused", details | ({"Reason": payload(reason)} if reason is not None else {}))
    return draft.change()


def resume(state: State, now: float, *, reason: str | None = None, client_token: str = "") -> Change | None:
    """None for a request that was made before. Raises ResourceConflict if it is not paused."""
    execution = state.execution
    if _is_repeated(execution, "resume:" + client_token, now):
        return None
    if execution.pause is None:
        raise ResourceConflict(f"The durable execution cannot be resumed: its status is {execution.status}.")
    draft = Draft(state, now)
    paused_s = execution.paused_s + (now - execution.pause.requested if execution.pause.timeout_paused else 0.0)
    draft.set(
        status=RUNNING, pause=None, paused_s=paused_s,
        deadline=execution.started + min(execution.timeout_s + paused_s, LONGEST_S),
        wanted=execution.wanted or (execution.interrupted and not execution.invocation),
        pause_tokens=_remember(execution, "resume:" + client_token, now),
    )  # fmt: skip
    details: Details = {"ResumeRequestTimestamp": now}
    draft.tell_execution("ExecutionResumed", details | ({"Reason": payload(reason)} if reason is not None else {}))
    return draft.change()


# -- details


def _open_callback(state: State, operation_id: str) -> Operation:
    operation = state.operations.get(operation_id)
    if operation is None or operation.type != CALLBACK:
        raise ResourceNotFound("Callback does not exist.")
    if state.execution.over or operation.status != STARTED:
        raise AwsError(
            "The callback has already been completed or has timed out.", code="CallbackTimeoutException", status=400
        )
    return operation


def _close(draft: Draft, operation: Operation, status: str, result: str | None, failure: ErrorObject | None) -> None:
    closed = replace(operation, status=status, ended=draft.now, payload=result, error=failure, input=None)
    details = {"Result": payload(result)} if status == SUCCEEDED else {"Error": error(failure)}
    draft.tell(draft.put(closed, by_function=False), _WORDS[status], details)


def _is_repeated(execution: Execution, token: str, now: float) -> bool:
    return any(known == token and now - at <= REPEAT_S for known, at in execution.pause_tokens)


def _remember(execution: Execution, token: str, now: float) -> tuple[tuple[str, float], ...]:
    recent = tuple(each for each in execution.pause_tokens if now - each[1] <= REPEAT_S)
    return recent if token.endswith(":") else (*recent, (token, now))
