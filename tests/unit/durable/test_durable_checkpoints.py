"""What a checkpoint may hold, in AWS's words, and what grows too large.

Source of the sentences: AWS's own local runner, aws-durable-execution-sdk-python-testing 1.4.0.
"""

from typing import Any

import pytest

from lambent.durable import checks, ends, inputs, machine
from lambent.durable.nouns import Execution, State
from lambent.durable.updates import Chained
from lambent.errors import InvalidParameterValue

START = 1_768_000_000.0
STEP = {"Id": "s", "Type": "STEP", "Action": "START"}
CONTEXT = {"Id": "c", "Type": "CONTEXT", "Action": "START", "Name": "n", "SubType": "Map"}
WAIT = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 5}}
CALLBACK = {"Id": "k", "Type": "CALLBACK", "Action": "START"}
INVOKE = {
    "Id": "i", "Type": "CHAINED_INVOKE", "Action": "START", "ChainedInvokeOptions": {"FunctionName": "other"},
}  # fmt: skip
SUCCEED: dict[str, Any] = {"Id": "e", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": "1"}
ELSEWHERE = "arn:aws:lambda:us-west-2:111111111111:function:other"
THEIRS = "arn:aws:lambda:eu-west-1:222222222222:function:other"
AT_ONCE = {"NextAttemptDelaySeconds": 1}
LARGE = "x" * (checks.MOST_PAYLOAD + 1)


def begun(**changes: Any) -> State:
    """An execution that is being invoked."""
    execution = Execution(
        **{"number": 1, "account": "111111111111", "region": "eu-west-1", "function": "hello", "version": "1"}
        | {"name": "n", "id": "x1", "started": START, "timeout_s": 60, "retention_days": 1, "deadline": START + 60}
        | changes
    )
    state, _ = machine.start(execution, "{}")
    return machine.begin(state, "i1", START).onto(state)


def checkpoint(state: State, *updates: dict[str, Any], at: float = 0.0) -> tuple[State, machine.Answered]:
    asked = machine.Asked(machine.token(state.execution), updates)
    answered = machine.checkpoint(state, asked, START + at, lambda operation: Chained("1"))
    assert answered.change is not None
    return answered.change.onto(state), answered


@pytest.mark.parametrize(
    ("before", "updates", "message"),
    [
        ((), (SUCCEED, SUCCEED | {"Id": "f"}), "Cannot checkpoint multiple EXECUTION updates."),
        ((), (SUCCEED, STEP), "EXECUTION checkpoint must be the last update."),
        ((), (STEP, STEP), "Cannot checkpoint multiple operations with the same ID."),
        ((), (WAIT, WAIT | {"Action": "CANCEL"}), "Cannot checkpoint multiple operations with the same ID."),
        ((), (STEP | {"ParentId": "nobody"},), "Invalid parent operation id."),
        ((), (STEP, WAIT | {"ParentId": "s"}), "Invalid parent operation id."),
        ((STEP,), (STEP | {"Type": "CONTEXT"},), "Inconsistent operation type."),
        ((CONTEXT,), (CONTEXT | {"Action": "FAIL", "SubType": "Other"},), "Inconsistent operation subtype."),
        ((CONTEXT,), (CONTEXT | {"Action": "FAIL", "Name": "other"},), "Inconsistent operation name."),
        ((CONTEXT, STEP), (STEP | {"Action": "FAIL", "ParentId": "c"},), "Inconsistent parent operation id."),
        ((), (STEP | {"Action": "CANCEL"},), "Invalid action for the given operation type."),
        ((), (CALLBACK | {"Action": "SUCCEED"},), "Invalid action for the given operation type."),
        ((STEP,), (STEP,), "Invalid current STEP state to start."),
        ((STEP, STEP | {"Action": "SUCCEED"}), (STEP | {"Action": "FAIL"},), "Invalid current STEP state to close."),
        ((CONTEXT,), (CONTEXT,), "Cannot start a CONTEXT that already exist."),
        ((WAIT,), (WAIT,), "Cannot start a WAIT that already exist."),
        ((), (WAIT | {"Action": "CANCEL"},), "Cannot cancel a WAIT that does not exist or has already completed."),
        ((CALLBACK,), (CALLBACK,), "Cannot start a CALLBACK that already exist."),
        ((INVOKE,), (INVOKE,), "Cannot start a CHAINED_INVOKE operation that already exists."),
        ((), (STEP | {"Action": "FAIL", "Payload": "1"},), "Cannot provide a Payload for FAIL action."),
        ((), (STEP | {"Action": "SUCCEED", "Error": {}},), "Cannot provide an Error for SUCCEED action."),
        ((), (STEP | {"Action": "RETRY"},), "Invalid StepOptions for the given action."),
        (
            (), (STEP | {"Action": "RETRY", "StepOptions": AT_ONCE, "Error": {}, "Payload": ""},),
            "Cannot provide both error and payload to RETRY a STEP.",
        ),
        ((), (WAIT | {"WaitOptions": {}},), "Invalid WaitOptions for the given action."),
        (
            (), ({"Id": "i", "Type": "CHAINED_INVOKE", "Action": "START"},),
            "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.",
        ),
        (
            (), (INVOKE | {"ChainedInvokeOptions": {"FunctionName": ELSEWHERE}},),
            "Cannot start a CHAINED_INVOKE on a function in another region.",
        ),
        (
            (), (INVOKE | {"ChainedInvokeOptions": {"FunctionName": THEIRS}},),
            "Cannot start a CHAINED_INVOKE on a function in another account.",
        ),
        (
            (), (INVOKE | {"ChainedInvokeOptions": {"FunctionName": "arn:aws:lambda:other"}},),
            "Invalid function ARN 'arn:aws:lambda:other'",
        ),
        (
            (), (INVOKE | {"Payload": LARGE},),
            "CHAINED_INVOKE input payload size must be less than or equal to 1048576 bytes.",
        ),
        (
            (), (SUCCEED | {"Payload": LARGE},),
            "Execution output payload size must be less than or equal to 1048576 bytes.",
        ),
        (
            (), (STEP | {"Action": "SUCCEED", "Payload": LARGE},),
            "STEP payload size must be less than or equal to 1048576 bytes.",
        ),
        (
            (), (STEP | {"Action": "FAIL", "Error": {"ErrorMessage": LARGE}},),
            "Error object size must be less than 1048576 bytes.",
        ),
    ],
)  # fmt: skip
def test_what_aws_refuses_is_refused_in_its_words_and_changes_nothing(
    before: tuple[dict[str, Any], ...], updates: tuple[dict[str, Any], ...], message: str
) -> None:
    state = begun()
    for update in before:
        state, _ = checkpoint(state, update)
    with pytest.raises(InvalidParameterValue) as refused:
        checkpoint(state, *updates)
    assert refused.value.message == message


def test_the_result_of_a_synchronous_execution_may_have_six_megabytes() -> None:
    state, answered = checkpoint(begun(synchronous=True), SUCCEED | {"Payload": LARGE})
    assert (state.execution.status, state.execution.result, answered.token) == ("SUCCEEDED", LARGE, "")


def test_a_step_may_start_and_end_in_one_checkpoint_and_the_function_hears_of_it_once() -> None:
    state, answered = checkpoint(begun(), STEP, STEP | {"Action": "SUCCEED", "Payload": "1"})
    assert [(each.id, each.status, each.attempt) for each in answered.operations] == [("s", "SUCCEEDED", 1)]
    _, following = checkpoint(state)
    assert following.operations == ()


def test_a_checkpoint_tells_of_what_time_has_brought_meanwhile() -> None:
    state, _ = checkpoint(begun(), WAIT)
    state, answered = checkpoint(state, at=5)
    assert [(each.id, each.status) for each in answered.operations] == [("w", "SUCCEEDED")]
    assert not state.execution.wanted


def test_an_execution_that_grows_too_large_fails_and_its_function_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ends, "MOST_OPERATIONS", 2)
    state, answered = checkpoint(begun(), STEP)
    assert answered.token
    state, answered = checkpoint(state, WAIT)
    assert (answered.token, state.execution.status) == ("", "FAILED")
    assert state.execution.error is not None
    assert state.execution.error.error_message == "Execution exceeded the limit of 2 operations."
    monkeypatch.setattr(ends, "MOST_BYTES", 10)
    state, _ = checkpoint(begun(), STEP | {"Action": "SUCCEED", "Payload": "x" * 11})
    assert state.execution.status == "FAILED"


def test_tokens_of_others_and_of_invocations_that_are_over_are_refused() -> None:
    state = begun()
    for token in ("", "e30=", "bm90aGluZw==", machine.token(begun(id="x2").execution)):
        with pytest.raises(InvalidParameterValue, match="Invalid checkpoint token"):
            machine.check_token(state.execution, token)
    token = machine.token(state.execution)
    ran = machine.Ran("i1", "r", START, ends.Output("SUCCEEDED", "1"))
    with pytest.raises(InvalidParameterValue, match="Invalid checkpoint token"):
        machine.check_token(machine.finish(state, ran, START + 1).execution, token)


def test_functions_get_times_in_milliseconds_and_the_api_in_seconds() -> None:
    state, _ = checkpoint(begun(), WAIT)
    told = inputs.document(state.operations["w"], inputs.millis)
    assert told["WaitDetails"] == {"ScheduledEndTimestamp": 1_768_000_005_000}
    assert inputs.document(state.operations["w"], inputs.seconds)["StartTimestamp"] == START
