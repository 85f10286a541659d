"""Durable functions written with AWS's own SDK, in real sandboxes, and what the API says of them.

Each primitive by itself is in test_durable_conformance.py.
"""

import json
from collections.abc import Iterator

import durable_samples as samples
import pytest
from botocore.exceptions import ClientError
from durable_samples import Executions
from real_server import Server, wait_until


@pytest.fixture(scope="module")
def workflows(server: Server) -> Iterator[Executions]:
    function = samples.deploy(server)
    yield Executions(function)
    server.client.delete_function(FunctionName=function.name)


def test_what_a_step_gave_stays_over_a_wait(workflows: Executions) -> None:
    arn = workflows.start("steps")
    result = json.loads(workflows.ended(arn)["Result"])
    assert result["first"] == result["again"]
    assert workflows.types(arn) == [
        "ExecutionStarted", "StepStarted", "StepSucceeded", "WaitStarted", "WaitSucceeded", "StepStarted",
        "StepSucceeded", "ExecutionSucceeded",
    ]  # fmt: skip
    invocations = [each for each in workflows.history(arn) if each["EventType"] == "InvocationCompleted"]
    ids = [each["InvocationCompletedDetails"]["RequestId"] for each in invocations]
    assert len(set(ids)) == len(ids) >= 2  # before and after the wait
    assert ids[-1] == result["request"]


def test_a_synchronous_call_is_answered_with_the_end(workflows: Executions) -> None:
    answer = workflows.client.invoke(
        FunctionName=workflows.function.name, Qualifier="$LATEST", Payload=json.dumps({"do": "steps"})
    )
    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer
    result = json.loads(answer["Payload"].read())
    found = workflows.get(answer["DurableExecutionArn"])
    assert json.loads(found["Result"]) == result
    assert found["Status"] == "SUCCEEDED"


def test_a_failed_execution_tells_its_error(workflows: Executions) -> None:
    answer = workflows.client.invoke(
        FunctionName=workflows.function.name, Qualifier="$LATEST", Payload=json.dumps({"do": "fail"})
    )
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "LookupError"
    found = workflows.get(answer["DurableExecutionArn"])
    assert (found["Status"], found["Error"]["ErrorType"]) == ("FAILED", "LookupError")
    assert found["Error"]["ErrorMessage"] == "nothing to be found"
    assert "Result" not in found
    assert workflows.types(answer["DurableExecutionArn"])[-1] == "ExecutionFailed"


def test_a_callback_brings_an_answer_from_outside(workflows: Executions) -> None:
    arn = workflows.start("callback")
    callback = workflows.callback_id(arn)
    assert workflows.get(arn)["Status"] == "RUNNING"
    workflows.client.send_durable_execution_callback_success(CallbackId=callback, Result=b'"granted"')
    assert json.loads(workflows.ended(arn)["Result"]) == {"answer": '"granted"'}
    with pytest.raises(ClientError) as again:
        workflows.client.send_durable_execution_callback_success(CallbackId=callback, Result=b'"again"')
    assert again.value.response["Error"]["Code"] == "CallbackTimeoutException"


def test_an_execution_invokes_functions_durable_or_not(workflows: Executions, server: Server) -> None:
    plain = server.deploy("def handler(event, context):\n    return {'plain': event}\n")
    try:
        assert workflows.run("invoke", function=plain.name, payload={"n": 1}) == {"callee": {"plain": {"n": 1}}}
        own = f"{workflows.function.name}:$LATEST"
        arn = workflows.start("invoke", function=own, payload={"do": "child"})
        assert json.loads(workflows.ended(arn)["Result"]) == {"callee": "deep"}
        started = next(each for each in workflows.history(arn) if each["EventType"] == "ChainedInvokeStarted")
        assert started["ChainedInvokeStartedDetails"]["FunctionName"] == own
        callee = workflows.get(started["ChainedInvokeStartedDetails"]["DurableExecutionArn"])
        assert (callee["Status"], json.loads(callee["Result"])) == ("SUCCEEDED", "deep")
    finally:
        server.client.delete_function(FunctionName=plain.name)


def test_branches_wait_beside_each_other(workflows: Executions) -> None:
    arn = workflows.start("parallel")
    assert json.loads(workflows.ended(arn)["Result"]) == ["A", "B", "C"]
    types = workflows.types(arn)
    assert (types.count("WaitStarted"), types.count("WaitSucceeded")) == (3, 3)
    assert types.count("ContextSucceeded") == 4  # each branch, and the whole


def test_a_list_is_mapped(workflows: Executions) -> None:
    result = workflows.run("many", count=12)
    assert result == {"squares": [n * n for n in range(12)], "failed": 0}


def test_state_of_many_megabytes_comes_back_in_pages(workflows: Executions) -> None:
    assert workflows.run("large", bytes=250_000, count=24) == {"total": 6_000_000}


def test_a_name_is_used_once(workflows: Executions) -> None:
    arn = workflows.start("child", name="order-4711")
    assert workflows.start("child", name="order-4711") == arn
    with pytest.raises(ClientError) as taken:
        workflows.start("fail", name="order-4711")
    assert taken.value.response["Error"]["Code"] == "DurableExecutionAlreadyStartedException"
    assert taken.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert f"/durable-execution/order-4711/{arn.rpartition('/')[2]}" in arn


def test_an_execution_is_stopped_with_an_error_of_ones_own(workflows: Executions) -> None:
    arn = workflows.start("callback")
    callback = workflows.callback_id(arn)
    error = {"ErrorType": "Withdrawn", "ErrorMessage": "the customer has changed her mind"}
    stopped = workflows.client.stop_durable_execution(DurableExecutionArn=arn, Error=error)
    found = workflows.get(arn)
    assert (found["Status"], found["Error"], found["EndTimestamp"]) == ("STOPPED", error, stopped["StopTimestamp"])
    assert workflows.types(arn)[-1] == "ExecutionStopped"
    with pytest.raises(ClientError) as late:
        workflows.client.send_durable_execution_callback_success(CallbackId=callback)
    assert late.value.response["Error"]["Code"] == "CallbackTimeoutException"


def test_a_paused_execution_runs_nothing_until_it_is_resumed(workflows: Executions) -> None:
    arn = workflows.start("callback")
    callback = workflows.callback_id(arn)
    workflows.client.pause_durable_execution(DurableExecutionArn=arn, Reason="a look at it")
    wait_until(lambda: workflows.get(arn)["Status"] == "PAUSED")
    workflows.client.send_durable_execution_callback_success(CallbackId=callback, Result=b"yes")
    found = workflows.get(arn)
    assert (found["Status"], found["PauseDetails"]["Reason"]) == ("PAUSED", "a look at it")
    assert workflows.types(arn)[-1] == "CallbackSucceeded"
    workflows.client.resume_durable_execution(DurableExecutionArn=arn, Reason="go on")
    assert json.loads(workflows.ended(arn)["Result"]) == {"answer": "yes"}
    assert [each for each in workflows.types(arn) if each in ("ExecutionPaused", "ExecutionResumed")] == [
        "ExecutionPaused",
        "ExecutionResumed",
    ]


def test_executions_are_listed_latest_first_and_filtered(server: Server, workflows: Executions) -> None:
    names = [f"listed-{n}" for n in range(3)]
    arns = [workflows.start("child" if n < 2 else "fail", name=names[n]) for n in range(3)]
    for arn in arns:
        workflows.ended(arn)
    pages = server.client.get_paginator("list_durable_executions_by_function").paginate(
        FunctionName=workflows.function.name, PaginationConfig={"PageSize": 1}
    )
    mine = [each for page in pages for each in page["DurableExecutions"] if each["DurableExecutionName"] in names]
    assert [each["DurableExecutionArn"] for each in mine] == arns[::-1]

    def listed(**filters: object) -> list[str]:
        found = server.client.list_durable_executions_by_function(FunctionName=workflows.function.name, **filters)
        return [each["DurableExecutionArn"] for each in found["DurableExecutions"]]

    assert listed(DurableExecutionName="listed-1") == [arns[1]]
    assert arns[2] in listed(Statuses=["FAILED"])
    assert arns[0] not in listed(Statuses=["FAILED"])
    assert set(arns) <= set(listed(Qualifier="$LATEST"))
    assert arns[0] not in listed(StartedAfter=mine[1]["StartTimestamp"], ReverseOrder=True)


def test_a_deleted_execution_is_gone(workflows: Executions) -> None:
    arn = workflows.start("callback")
    workflows.callback_id(arn)
    with pytest.raises(ClientError) as running:
        workflows.client.delete_durable_execution(DurableExecutionArn=arn)
    assert running.value.response["Error"]["Code"] == "ResourceConflictException"
    workflows.client.stop_durable_execution(DurableExecutionArn=arn)
    assert workflows.client.delete_durable_execution(DurableExecutionArn=arn)["DeletionRequestTimestamp"]

    def gone() -> bool:
        try:
            return bool(workflows.get(arn)["Status"] != "DELETING")
        except ClientError as error:
            return error.response["Error"]["Code"] == "ResourceNotFoundException"

    wait_until(gone)


def test_the_history_is_read_from_both_ends_with_and_without_its_data(workflows: Executions) -> None:
    arn = workflows.start("many", count=4)
    workflows.ended(arn)
    whole = workflows.history(arn)
    assert [each["EventId"] for each in whole] == list(range(1, len(whole) + 1))
    assert workflows.history(arn, ReverseOrder=True, PaginationConfig={"PageSize": 3}) == whole[::-1]
    assert workflows.history(arn, PaginationConfig={"PageSize": 7}) == whole
    bare = workflows.history(arn, IncludeExecutionData=False)
    assert bare[0]["ExecutionStartedDetails"]["Input"] == {"Truncated": True}
    assert json.loads(whole[0]["ExecutionStartedDetails"]["Input"]["Payload"]) == {"do": "many", "count": 4}


def test_the_example_ships_an_order(server: Server) -> None:
    function = samples.deploy(server, samples.EXAMPLE.read_bytes())
    try:
        orders = Executions(function)
        client = server.client
        started = client.invoke(
            FunctionName=function.name, Qualifier="$LATEST", InvocationType="Event",
            Payload=json.dumps({"items": ["pen", "ink"], "amount": 2000, "failures": 1}),
        )  # fmt: skip
        arn = started["DurableExecutionArn"]
        client.send_durable_execution_callback_success(CallbackId=orders.callback_id(arn), Result=b"yes")
        result = json.loads(orders.ended(arn)["Result"])
        assert (result["status"], result["charged"], result["attempts"]) == ("shipped", 2000, 2)
        assert [each.split("-")[0] for each in result["reserved"]] == ["pen", "ink"]
    finally:
        client.delete_function(FunctionName=function.name)
