"""What the updates of a checkpoint must be like. Pure; raises InvalidParameterValue.

Source of rules and words: AWS's own local runner (aws-durable-execution-sdk-python-testing 1.4.0, its validators) and
the service model (sizes).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from lambent.arns import parse_function
from lambent.durable.nouns import (
    CALLBACK,
    CHAINED_INVOKE,
    CONTEXT,
    EXECUTION,
    READY,
    STARTED,
    STEP,
    WAIT,
    Execution,
    Operation,
)
from lambent.errors import AwsError, InvalidParameterValue

MOST_PAYLOAD = 1_048_576  # bytes of UTF-8, of every operation but the result of a synchronous execution
MOST_RESULT = 6_291_456  # bytes, of that

Update = Mapping[str, Any]  # OperationUpdate, in the service model's names
Operations = Mapping[str, Operation]


class _Rule(NamedTuple):
    """Of a type: its actions, and of each the statuses that an operation may have before it (None: it is not there)."""

    actions: dict[str, tuple[str | None, ...]]
    words: dict[str, str]  # what is said of another status
    otherwise: str = ""  # and of an action that is not in the table


_CLOSE = {"SUCCEED": (None, STARTED, READY), "FAIL": (None, STARTED, READY)}
_RULES = {
    STEP: _Rule(
        {"START": (None, READY), "RETRY": (None, STARTED, READY), **_CLOSE},
        {
            "START": "Invalid current STEP state to start.",
            "RETRY": "Invalid current STEP state to re-attempt.",
            "SUCCEED": "Invalid current STEP state to close.",
            "FAIL": "Invalid current STEP state to close.",
        },
    ),
    CONTEXT: _Rule(
        {"START": (None,), "SUCCEED": (None, STARTED), "FAIL": (None, STARTED)},
        {
            "START": "Cannot start a CONTEXT that already exist.",
            "SUCCEED": "Invalid current CONTEXT state to close.",
            "FAIL": "Invalid current CONTEXT state to close.",
        },
    ),
    WAIT: _Rule(
        {"START": (None,), "CANCEL": (STARTED,)},
        {
            "START": "Cannot start a WAIT that already exist.",
            "CANCEL": "Cannot cancel a WAIT that does not exist or has already completed.",
        },
    ),
    CALLBACK: _Rule({"START": (None,)}, {"START": "Cannot start a CALLBACK that already exist."}),
    CHAINED_INVOKE: _Rule(
        {"START": (None,)}, {"START": "Cannot start a CHAINED_INVOKE operation that already exists."}
    ),
    EXECUTION: _Rule({"SUCCEED": (STARTED, None), "FAIL": (STARTED, None)}, {"SUCCEED": "", "FAIL": ""}),
}


def check(execution: Execution, operations: Operations, updates: Sequence[Update]) -> None:
    """All of them, before any is applied."""
    _check_end(updates)
    _check_ids(operations, updates)
    for update in updates:
        current = operations.get(update["Id"])
        _check_same(update, current)
        _check_sizes(execution, update)
        _check_transition(update, current)
        if update["Type"] == CHAINED_INVOKE:
            _check_target(execution, update)


def _check_end(updates: Sequence[Update]) -> None:
    ends = [at for at, update in enumerate(updates) if update["Type"] == EXECUTION]
    if len(ends) > 1:
        raise InvalidParameterValue("Cannot checkpoint multiple EXECUTION updates.")
    if ends and ends[0] != len(updates) - 1:
        raise InvalidParameterValue("EXECUTION checkpoint must be the last update.")


def _check_ids(operations: Operations, updates: Sequence[Update]) -> None:
    """An id may come twice only for a step or a context that starts and then ends."""
    started: dict[str, str] = {}  # type by id
    last: dict[str, Update] = {}
    for update in updates:
        before = last.get(update["Id"])
        if before is not None and not _follows(before, update):
            raise InvalidParameterValue("Cannot checkpoint multiple operations with the same ID.")
        parent = update.get("ParentId")
        if parent is not None and (started.get(parent) or _type(operations.get(parent))) != CONTEXT:
            raise InvalidParameterValue("Invalid parent operation id.")
        if update["Action"] == "START":
            started[update["Id"]] = update["Type"]
        last[update["Id"]] = update


def _follows(before: Update, update: Update) -> bool:
    pair = before["Type"] in {STEP, CONTEXT} and before["Type"] == update["Type"]
    return pair and before["Action"] == "START" and update["Action"] != "START"


def _type(operation: Operation | None) -> str:
    return operation.type if operation is not None else ""


def _check_same(update: Update, current: Operation | None) -> None:
    """What was said of an operation when it started stays."""
    if current is None or current.type == EXECUTION == update["Type"]:
        return
    if update["Type"] != current.type:
        raise InvalidParameterValue("Inconsistent operation type.")
    if update.get("SubType") not in {None, current.sub_type}:
        raise InvalidParameterValue("Inconsistent operation subtype.")
    if update.get("Name") not in {None, current.name}:
        raise InvalidParameterValue("Inconsistent operation name.")
    if update.get("ParentId") not in {None, current.parent}:
        raise InvalidParameterValue("Inconsistent parent operation id.")


def _check_sizes(execution: Execution, update: Update) -> None:
    if "Error" in update and len(msgspec.json.encode(update["Error"])) > MOST_PAYLOAD:
        raise InvalidParameterValue(f"Error object size must be less than {MOST_PAYLOAD} bytes.")
    text, kind = update.get("Payload"), update["Type"]
    if text is None:
        return
    most = MOST_RESULT if kind == EXECUTION and execution.synchronous else MOST_PAYLOAD
    if len(text) * 4 > most and len(text.encode("utf-8", "surrogatepass")) > most:
        raise InvalidParameterValue(too_large(kind, most))


def too_large(kind: str, most: int) -> str:
    """AWS's sentence about a payload."""
    what = {EXECUTION: "Execution output", CHAINED_INVOKE: "CHAINED_INVOKE input"}.get(kind, kind)
    return f"{what} payload size must be less than or equal to {most} bytes."


def _check_transition(update: Update, current: Operation | None) -> None:
    rule, action = _RULES[update["Type"]], update["Action"]
    allowed = rule.actions.get(action)
    if allowed is None:
        raise InvalidParameterValue("Invalid action for the given operation type.")
    if (current.status if current is not None else None) not in allowed:
        raise InvalidParameterValue(rule.words[action])
    _check_members(update, action)


def _check_members(update: Update, action: str) -> None:
    """What goes with an action."""
    if action == "FAIL" and "Payload" in update:
        raise InvalidParameterValue("Cannot provide a Payload for FAIL action.")
    if action == "SUCCEED" and "Error" in update:
        raise InvalidParameterValue("Cannot provide an Error for SUCCEED action.")
    if action == "RETRY":
        if "NextAttemptDelaySeconds" not in update.get("StepOptions", {}):
            raise InvalidParameterValue("Invalid StepOptions for the given action.")
        if "Error" in update and "Payload" in update:
            raise InvalidParameterValue("Cannot provide both error and payload to RETRY a STEP.")
    if update["Type"] == WAIT and action == "START" and "WaitSeconds" not in update.get("WaitOptions", {}):
        raise InvalidParameterValue("Invalid WaitOptions for the given action.")
    if update["Type"] == CHAINED_INVOKE and "ChainedInvokeOptions" not in update:
        raise InvalidParameterValue("Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.")


def _check_target(execution: Execution, update: Update) -> None:
    """It must be of the same account and region."""
    named = update["ChainedInvokeOptions"]["FunctionName"]
    parts = named.split(":") if named.startswith("arn:") else []
    if parts and (len(parts) < 7 or not parts[3] or not parts[4]):
        raise InvalidParameterValue(f"Invalid function ARN '{named}'")
    try:
        ref = parse_function(named, None, account=execution.account, region=execution.region)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            raise InvalidParameterValue("Cannot start a CHAINED_INVOKE on a function in another region.") from None
        raise InvalidParameterValue(f"Invalid function ARN '{named}'") from None
    if ref.account != execution.account:
        raise InvalidParameterValue("Cannot start a CHAINED_INVOKE on a function in another account.")
