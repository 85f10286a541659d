"""PauseDurableExecution and ResumeDurableExecution: pure decisions over a State.

While an execution is paused nobody invokes its function; waits, retries and callbacks come to their ends all the same.
Source: the service model's documentation of both operations.
"""

import hashlib
from typing import Any

from msgspec.structs import replace

from lambent.durable.drafts import Draft, payload
from lambent.durable.nouns import PAUSED, PAUSING, RUNNING, Change, Pause, State
from lambent.errors import ResourceConflict

REPEAT_S = 15 * 60.0  # that a ClientToken stands for the same request
LONGEST_S = 366 * 86_400.0  # from its start to the end of an execution whose timeout is paused
_MOST_TOKENS = 100


def pause(state: State, now: float, asked: dict[str, Any]) -> Change:
    """As PauseDurableExecution asks. An invocation that is under way goes on to its next checkpoint first.

    Raises ResourceConflict for one that is not RUNNING.
    """
    draft = Draft(state, now)
    if _is_repeated(draft, "pause", asked):
        return draft.change()
    execution = draft.execution
    if execution.status != RUNNING:
        raise ResourceConflict(f"Only a RUNNING durable execution can be paused. This one is {execution.status}.")
    timeout_paused = asked.get("ExecutionTimeoutPaused")
    draft.set(
        status=PAUSING,
        pause=Pause(requested=now, reason=asked.get("Reason"), timeout_paused=timeout_paused is not False),
    )
    if not execution.invocation:
        rest(draft)
    return draft.change()


def rest(draft: Draft, *, interrupted: bool = False) -> None:
    """From PAUSING to PAUSED: its invocation has ended, or (`interrupted`) may not go on after this checkpoint."""
    execution = draft.execution
    wanted = execution.pause
    if execution.status != PAUSING or wanted is None:
        return
    resting = replace(wanted, since=draft.now, deadline=execution.deadline)
    deadline = execution.started + LONGEST_S if wanted.timeout_paused else execution.deadline
    draft.set(status=PAUSED, pause=resting, deadline=deadline, wanted=execution.wanted or interrupted)
    details = {"PauseRequestTimestamp": wanted.requested, "ExecutionTimeoutPaused": wanted.timeout_paused}
    draft.tell_execution("ExecutionPaused", details | _reason(wanted.reason))


def resume(state: State, now: float, asked: dict[str, Any]) -> Change:
    """As ResumeDurableExecution asks: the timeout is later by the time for which it was paused.

    Raises ResourceConflict for one that is neither PAUSING nor PAUSED.
    """
    draft = Draft(state, now)
    if _is_repeated(draft, "resume", asked):
        return draft.change()
    execution = draft.execution
    was = execution.pause
    if execution.status not in {PAUSING, PAUSED} or was is None:
        raise ResourceConflict(f"Only a PAUSED durable execution can be resumed. This one is {execution.status}.")
    draft.set(status=RUNNING, pause=None)
    if execution.status == PAUSED:
        if was.timeout_paused:
            draft.set(deadline=min(was.deadline + (now - was.since), execution.started + LONGEST_S))
        draft.tell_execution(
            "ExecutionResumed", {"ResumeRequestTimestamp": now} | _reason(asked.get("Reason"))
        )  # fmt: skip
    return draft.change()


def _is_repeated(draft: Draft, action: str, asked: dict[str, Any]) -> bool:
    """Whether this request came before, with the same ClientToken and the same parameters; it is remembered."""
    token = asked.get("ClientToken")
    if token is None:
        return False
    words = repr((action, token, asked.get("Reason"), asked.get("ExecutionTimeoutPaused")))
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    known = [each for each in draft.execution.pause_tokens if draft.now - each[1] < REPEAT_S]
    if any(each == digest for each, _ in known):
        return True
    draft.set(pause_tokens=(*known[-_MOST_TOKENS:], (digest, draft.now)))
    return False


def _reason(text: str | None) -> dict[str, Any]:
    return {"Reason": payload(text)} if text is not None else {}
