"""Stop, delete, pause, resume and callbacks: what each makes of an execution, and when it is refused."""

from typing import Any

import pytest

from lambent.durable import machine, pausing, requests, tokens
from lambent.durable.ends import Output
from lambent.durable.nouns import Change, ErrorObject, Execution, State
from lambent.durable.updates import Chained
from lambent.errors import AwsError, ResourceConflict, ResourceNotFound

START, DAY_S = 1_768_000_000.0, 86_400.0


class Run:
    """One execution that goes through changes, at times that the test says."""

    def __init__(self, timeout_s: int = 600) -> None:
        execution = Execution(
            number=1, account="111111111111", region="eu-west-1", function="hello", version="1", name="n", id="x1",
            started=START, timeout_s=timeout_s, retention_days=1, deadline=START + timeout_s,
        )  # fmt: skip
        self.state, change = machine.start(execution, "{}")
        self.events = list(change.events)

    def take(self, change: Change | None) -> State:
        if change is not None:
            self.state = change.onto(self.state)
            self.events += change.events
        return self.state

    def begin(self, at: float = 0.0) -> None:
        self.take(machine.begin(self.state, f"i{at}", START + at))

    def checkpoint(self, *updates: dict[str, Any], at: float = 0.0) -> str:
        """The next token, "" if the function is to stop."""
        asked = machine.Asked(machine.token(self.state.execution), updates)
        answered = machine.checkpoint(self.state, asked, START + at, lambda operation: Chained())
        self.take(answered.change)
        return answered.token

    def finish(self, at: float, output: Output | None = None) -> None:
        ran = machine.Ran(self.state.execution.invocation, "r", START + at, output or Output("PENDING"))
        self.take(machine.finish(self.state, ran, START + at))

    @property
    def types(self) -> list[str]:
        return [each.type for each in self.events]

    @property
    def status(self) -> str:
        return self.state.execution.status


def waiting(**options: int) -> Run:
    """One that waits for a callback "c", and is not being invoked."""
    run = Run()
    run.begin()
    run.checkpoint({"Id": "c", "Type": "CALLBACK", "Action": "START", "CallbackOptions": options})
    run.finish(1)
    return run


def code_of(error: pytest.ExceptionInfo[AwsError]) -> str:
    return error.value.code


def test_a_stopped_execution_has_the_error_that_was_given_and_stays_as_it_is() -> None:
    run = waiting()
    run.take(requests.stop(run.state, START + 5, ErrorObject(error_type="Mine")))
    assert (run.status, run.state.execution.ended, run.types[-1]) == ("STOPPED", START + 5, "ExecutionStopped")
    assert run.state.execution.error == ErrorObject(error_type="Mine")
    assert run.state.due is None
    run.take(requests.stop(run.state, START + 9, ErrorObject(error_type="Other")))
    assert (run.state.execution.ended, run.state.execution.error) == (START + 5, ErrorObject(error_type="Mine"))
    plain = waiting()
    plain.take(requests.stop(plain.state, START, None))
    assert plain.state.execution.error is not None


def test_only_what_is_over_can_be_deleted() -> None:
    run = waiting()
    with pytest.raises(ResourceConflict, match="This one is RUNNING"):
        requests.delete(run.state, START + 2)
    run.take(requests.stop(run.state, START + 5, None))
    run.take(requests.delete(run.state, START + 6))
    assert run.status == "DELETING"
    run.take(requests.delete(run.state, START + 7))
    assert run.status == "DELETING"


def test_a_callback_is_answered_once_and_the_function_is_then_invoked() -> None:
    run = waiting()
    assert not machine.due(run.state.execution)
    run.take(requests.succeed(run.state, START + 5, "c", "yes"))
    operation = run.state.operations["c"]
    assert (operation.status, operation.payload, operation.ended) == ("SUCCEEDED", "yes", START + 5)
    assert run.state.execution.updated == ("c",)
    assert machine.due(run.state.execution)
    assert run.events[-1].details == {"CallbackSucceededDetails": {"Result": {"Payload": "yes"}}}
    for again in (requests.succeed, requests.fail):
        with pytest.raises(AwsError) as late:
            again(run.state, START + 6, "c", None)
        assert code_of(late) == "CallbackTimeoutException"


def test_a_failed_callback_without_an_error_has_one_that_says_nothing() -> None:
    run = waiting()
    run.take(requests.fail(run.state, START + 5, "c", None))
    assert run.state.operations["c"].error == ErrorObject()
    assert run.events[-1].details == {"CallbackFailedDetails": {"Error": {"Payload": {}}}}


def test_what_is_no_callback_is_not_found_and_one_of_an_execution_that_is_over_has_timed_out() -> None:
    run = waiting()
    for name in ("nobody", run.state.execution.id):
        with pytest.raises(ResourceNotFound):
            requests.succeed(run.state, START, name, None)
    run.take(requests.stop(run.state, START + 5, None))
    with pytest.raises(AwsError) as late:
        requests.heartbeat(run.state, START + 6, "c")
    assert code_of(late) == "CallbackTimeoutException"


def test_heartbeats_put_off_the_heartbeat_timeout_only() -> None:
    run = waiting(TimeoutSeconds=60, HeartbeatTimeoutSeconds=20)
    assert run.state.due == START + 20
    run.take(requests.heartbeat(run.state, START + 15, "c"))
    assert run.state.due == START + 35
    for at in (30, 45):
        run.take(requests.heartbeat(run.state, START + at, "c"))
    assert run.state.due == START + 60
    with pytest.raises(AwsError) as late:
        requests.heartbeat(run.state, START + 60, "c")
    assert code_of(late) == "CallbackTimeoutException"
    assert not run.state.execution.wanted


def test_a_heartbeat_is_no_news_to_a_function_that_runs() -> None:
    run = waiting(HeartbeatTimeoutSeconds=20)
    run.begin(2)
    run.take(requests.heartbeat(run.state, START + 3, "c"))
    run.finish(4)
    assert not run.state.execution.wanted


def test_a_pause_between_invocations_is_at_once_and_what_comes_waits_for_the_resumption() -> None:
    run = waiting()
    run.take(pausing.pause(run.state, START + 10, {"Reason": "why not"}))
    assert (run.status, run.types[-1]) == ("PAUSED", "ExecutionPaused")
    assert run.events[-1].details["ExecutionPausedDetails"] == {
        "PauseRequestTimestamp": START + 10, "ExecutionTimeoutPaused": True, "Reason": {"Payload": "why not"},
    }  # fmt: skip
    run.take(requests.succeed(run.state, START + 20, "c", None))
    assert not machine.due(run.state.execution)
    run.take(pausing.resume(run.state, START + 110, {}))
    assert (run.status, run.types[-1]) == ("RUNNING", "ExecutionResumed")
    assert machine.due(run.state.execution)
    assert run.state.execution.deadline == START + 700


def test_nothing_is_invoked_after_a_resumption_if_nothing_has_happened() -> None:
    run = waiting()
    run.take(pausing.pause(run.state, START + 10, {"ExecutionTimeoutPaused": False}))
    assert run.state.execution.deadline == START + 600
    run.take(pausing.resume(run.state, START + 110, {}))
    assert not machine.due(run.state.execution)
    assert run.state.execution.deadline == START + 600


def test_a_pause_interrupts_an_invocation_at_its_next_checkpoint_and_resumption_invokes_again() -> None:
    run = waiting()
    run.begin(2)
    run.take(pausing.pause(run.state, START + 10, {}))
    assert (run.status, run.types[-1]) == ("PAUSING", "InvocationCompleted")
    step = {"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": "1"}
    assert run.checkpoint(step, at=15) == ""
    assert (run.status, run.types[-1], run.events[-1].at) == ("PAUSED", "ExecutionPaused", START + 15)
    run.finish(16)
    assert run.status == "PAUSED"
    run.take(pausing.resume(run.state, START + 65, {}))
    assert machine.due(run.state.execution)
    assert run.state.execution.deadline == START + 600 + 50


def test_an_interrupted_invocation_that_outlives_the_pause_is_followed_by_another() -> None:
    run = waiting()
    run.begin(2)
    run.take(pausing.pause(run.state, START + 10, {}))
    run.checkpoint({"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": "1"}, at=15)
    run.take(pausing.resume(run.state, START + 20, {}))
    run.finish(25)
    assert machine.due(run.state.execution)


def test_an_invocation_that_ends_before_its_next_checkpoint_rests_then() -> None:
    run = waiting()
    run.begin(2)
    run.take(pausing.pause(run.state, START + 10, {}))
    run.finish(12)
    assert (run.status, run.types[-1]) == ("PAUSED", "ExecutionPaused")


def test_a_pause_that_is_resumed_before_it_came_leaves_no_trace() -> None:
    run = waiting()
    run.begin(2)
    run.take(pausing.pause(run.state, START + 10, {}))
    run.take(pausing.resume(run.state, START + 11, {}))
    assert run.status == "RUNNING"
    assert run.checkpoint(at=12) != ""
    assert not {"ExecutionPaused", "ExecutionResumed"} & set(run.types)
    assert run.state.execution.deadline == START + 600


def test_no_pause_outlasts_a_year() -> None:
    run = waiting()
    run.take(pausing.pause(run.state, START + 10, {}))
    assert run.state.due == START + 366 * DAY_S
    run.take(pausing.resume(run.state, START + 365.999 * DAY_S, {}))
    assert run.state.execution.deadline == START + 366 * DAY_S


def test_a_request_with_the_same_token_counts_once_within_a_quarter_of_an_hour() -> None:
    run = waiting()
    asked = {"ClientToken": "t", "Reason": "a"}
    run.take(pausing.pause(run.state, START + 10, asked))
    run.take(pausing.pause(run.state, START + 20, asked))
    assert run.types.count("ExecutionPaused") == 1
    with pytest.raises(ResourceConflict, match="This one is PAUSED"):
        pausing.pause(run.state, START + 20, asked | {"Reason": "b"})
    with pytest.raises(ResourceConflict, match="This one is PAUSED"):
        pausing.pause(run.state, START + 10 + 900, asked)
    run.take(pausing.resume(run.state, START + 30, {"ClientToken": "t"}))
    run.take(pausing.resume(run.state, START + 40, {"ClientToken": "t"}))
    assert run.types.count("ExecutionResumed") == 1
    with pytest.raises(ResourceConflict, match="This one is RUNNING"):
        pausing.resume(run.state, START + 40, {})


def test_a_paused_execution_can_be_stopped() -> None:
    run = waiting()
    run.take(pausing.pause(run.state, START + 10, {}))
    run.take(requests.stop(run.state, START + 20, None))
    assert (run.status, run.state.execution.pause) == ("STOPPED", None)
    with pytest.raises(ResourceConflict, match="This one is STOPPED"):
        pausing.resume(run.state, START + 30, {})


@pytest.mark.parametrize("nonsense", ["", "YQ==", "eDE=", "Og==", "8J8=", "no base64"])
def test_a_callback_id_that_is_none_of_ours_means_nothing(nonsense: str) -> None:
    assert tokens.callback(nonsense) is None
