"""What clients ask of an execution besides checkpoints: to stop it, to delete it, to answer its callbacks. Pure.

Sources: the service model's documentation of each operation; AWS's own local runner for a callback without an error.
"""

from msgspec.structs import replace

from lambent.durable import ends
from lambent.durable.drafts import Draft
from lambent.durable.nouns import (
    CALLBACK,
    DELETING,
    FAILED,
    STARTED,
    STOPPED,
    SUCCEEDED,
    Change,
    ErrorObject,
    Operation,
    State,
)
from lambent.errors import AwsError, ResourceConflict, ResourceNotFound


def stop(state: State, now: float, why: ErrorObject | None) -> Change:
    """The execution is over with that error; one that is over already stays as it is."""
    draft = Draft(state, now)
    if not state.execution.over:
        ends.end(draft, STOPPED, why=why or ends.STOP_ERROR)
    return draft.change()


def delete(state: State, now: float) -> Change:
    """It is to be forgotten. Raises ResourceConflict for one that is not over."""
    draft = Draft(state, now)
    status = state.execution.status
    if not state.execution.over:
        raise ResourceConflict(f"A durable execution must have ended before it can be deleted. This one is {status}.")
    draft.set(status=DELETING)
    return draft.change()


def succeed(state: State, now: float, operation: str, result: str | None) -> Change:
    """A callback has its answer. Raises ResourceNotFound, CallbackTimeoutException."""
    draft = Draft(state, now)
    open_one = _open(state, now, operation)
    closed = replace(open_one, status=SUCCEEDED, ended=now, payload=result)
    draft.tell_end(draft.put(closed, by_function=False), result, None)
    return draft.change()


def fail(state: State, now: float, operation: str, why: ErrorObject | None) -> Change:
    """A callback has failed; without an error, with one that says nothing. Raises as `succeed` does."""
    draft = Draft(state, now)
    open_one = _open(state, now, operation)
    why = why or ErrorObject()
    closed = replace(open_one, status=FAILED, ended=now, error=why)
    draft.tell_end(draft.put(closed, by_function=False), None, why)
    return draft.change()


def heartbeat(state: State, now: float, operation: str) -> Change:
    """A callback is still worked at: its heartbeat time-out begins anew. Raises as `succeed` does."""
    draft = Draft(state, now)
    open_one = _open(state, now, operation)
    if open_one.heartbeat_s:
        draft.put_quietly(replace(open_one, heartbeat_due=now + open_one.heartbeat_s))
    return draft.change()


def _open(state: State, now: float, name: str) -> Operation:
    """The callback, which waits for its answer."""
    found = state.operations.get(name)
    if found is None or found.type != CALLBACK:
        raise ResourceNotFound("The callback does not exist.")
    late = found.due is not None and found.due <= now
    if state.execution.over or found.status != STARTED or late:
        raise AwsError(
            "The callback ID token has either expired or the callback associated with the token has already been "
            "closed.",
            code="CallbackTimeoutException",
            status=400,
        )
    return found
