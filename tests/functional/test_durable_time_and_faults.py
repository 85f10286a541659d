"""Durable executions over days, on the virtual clock; and over the death of everything that runs them."""

import json
from collections.abc import Iterator

import durable_samples as samples
import pytest
from botocore.exceptions import ClientError
from conftest import Serve
from durable_samples import Executions
from real_server import Function, Server, clean_environment, wait_until

DAY_S = 86_400


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("durable") / "data"
    server = Server(data, "--clock", "virtual", environ=clean_environment())
    yield server
    server.stop()


@pytest.fixture(scope="module")
def workflows(virtual: Server) -> Executions:
    config = {"ExecutionTimeout": 40 * DAY_S, "RetentionPeriodInDays": 2}
    return Executions(samples.deploy(virtual, DurableConfig=config))


def settled(workflows: Executions, arn: str, invocations: int) -> None:
    """So many invocations have ended, so that nothing runs any more."""
    wait_until(
        lambda: (
            len([each for each in workflows.history(arn) if each["EventType"] == "InvocationCompleted"]) >= invocations
        )
    )


def test_a_wait_of_thirty_days_takes_a_moment(virtual: Server, workflows: Executions) -> None:
    arn = workflows.start("steps", wait_s=30 * DAY_S)
    settled(workflows, arn, 1)
    samples.advance(virtual, f"{30 * DAY_S - 1}s")
    assert workflows.types(arn)[-1] == "WaitStarted"
    samples.advance(virtual, "1s")
    found = workflows.ended(arn)
    assert found["Status"] == "SUCCEEDED"
    assert samples.seconds_between(found["StartTimestamp"], found["EndTimestamp"]) >= 30 * DAY_S


def test_a_callback_that_nobody_answers_times_out_on_its_day(virtual: Server, workflows: Executions) -> None:
    arn = workflows.start("callback", timeout_s=7 * DAY_S)
    workflows.callback_id(arn)
    settled(workflows, arn, 1)
    samples.advance(virtual, "6d")
    assert workflows.get(arn)["Status"] == "RUNNING"
    samples.advance(virtual, "1d")
    assert workflows.ended(arn)["Status"] == "FAILED"
    assert "CallbackTimedOut" in workflows.types(arn)


def test_an_execution_times_out_and_is_forgotten_after_its_retention(virtual: Server, workflows: Executions) -> None:
    arn = workflows.start("callback")
    workflows.callback_id(arn)
    settled(workflows, arn, 1)
    samples.advance(virtual, "40d")
    assert workflows.ended(arn)["Status"] == "TIMED_OUT"
    assert workflows.types(arn)[-1] == "ExecutionTimedOut"
    samples.advance(virtual, "1d")
    assert workflows.get(arn)["Status"] == "TIMED_OUT"
    samples.advance(virtual, "2d")

    def forgotten() -> bool:
        try:
            workflows.get(arn)
        except ClientError as error:
            return error.response["Error"]["Code"] == "ResourceNotFoundException"
        return False

    wait_until(forgotten)


def test_a_pause_extends_the_execution_timeout(virtual: Server, workflows: Executions) -> None:
    arn = workflows.start("callback")
    callback = workflows.callback_id(arn)
    settled(workflows, arn, 1)
    before = workflows.get(arn)["ExpectedExecutionTimeoutTimestamp"]
    virtual.client.pause_durable_execution(DurableExecutionArn=arn)
    wait_until(lambda: workflows.get(arn)["Status"] == "PAUSED")
    samples.advance(virtual, "60d")
    virtual.client.resume_durable_execution(DurableExecutionArn=arn)
    after = workflows.get(arn)["ExpectedExecutionTimeoutTimestamp"]
    assert samples.seconds_between(before, after) == 60 * DAY_S
    virtual.client.send_durable_execution_callback_success(CallbackId=callback, Result=b"late, but not too late")
    assert workflows.ended(arn)["Status"] == "SUCCEEDED"


def test_an_execution_goes_on_after_the_server_was_killed(serve: Serve) -> None:
    """Killed twice: while a step runs, which runs again, and while it waits, which costs nothing."""
    server = serve()
    executions = Executions(samples.deploy(server))
    slow = executions.start("slow", sleep_s=300)
    waiting = executions.start("callback")
    callback = executions.callback_id(waiting)
    wait_until(lambda: "the slow step runs" in "\n".join(executions.function.logs()))
    before = next(each for each in executions.history(slow) if each.get("Name") == "before")
    server.kill()
    server = serve(data=server.data)
    executions = Executions(Function(server, executions.function.name))
    assert executions.history(slow)[1] == before
    server.client.send_durable_execution_callback_success(CallbackId=callback, Result=b"still here")
    assert json.loads(executions.ended(waiting)["Result"]) == {"answer": "still here"}
    server.client.stop_durable_execution(DurableExecutionArn=slow)
    server.kill()  # nothing is to wait for the step, which sleeps on
