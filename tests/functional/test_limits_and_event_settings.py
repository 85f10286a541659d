"""Limits, event invoke configs, loops and dead letters, set by the unmodified boto3 and AWS CLI on a real server."""

import datetime
import json
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest
from real_server import Function, Server, wait_until

Aws = Callable[..., "CompletedProcess[str]"]
Deploy = Callable[..., Function]

ECHO = "def handler(event, context): return event"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:dead"


def unreserved(server: Server) -> int:
    return int(server.client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"])


def test_reserved_concurrency_with_boto3(server: Server, deploy: Deploy) -> None:
    function, client = deploy(ECHO), server.client
    before = unreserved(server)

    assert client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=3)[
        "ReservedConcurrentExecutions"
    ] == 3  # fmt: skip
    assert client.get_function(FunctionName=function.name)["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    assert unreserved(server) == before - 3
    assert function.call("under the cap").value == "under the cap"

    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        function.call("stopped")
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"

    client.delete_function_concurrency(FunctionName=function.name)
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=function.name)
    assert function.call("again").value == "again"
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="below its minimum value of"):
        client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=10_000)


def test_event_settings_with_boto3(server: Server, deploy: Deploy) -> None:
    function, client = deploy(ECHO, DeadLetterConfig={"TargetArn": QUEUE}, Publish=True), server.client
    name = function.name
    assert client.get_function_configuration(FunctionName=name)["DeadLetterConfig"] == {"TargetArn": QUEUE}

    put = client.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": QUEUE}}
    )
    age = datetime.datetime.now(datetime.UTC) - put["LastModified"]  # an epoch number on the wire
    assert abs(age) < datetime.timedelta(minutes=10)
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}}
    updated = client.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (0, 60)

    client.put_function_event_invoke_config(FunctionName=name, Qualifier="1", MaximumRetryAttempts=1)
    pages = client.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName=name, PaginationConfig={"PageSize": 1}
    )
    found = [config["FunctionArn"] for page in pages for config in page["FunctionEventInvokeConfigs"]]
    assert [arn.rpartition(":")[2] for arn in found] == ["$LATEST", "1"]

    client.delete_function_event_invoke_config(FunctionName=name)
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="doesn't have an EventInvokeConfig"):
        client.get_function_event_invoke_config(FunctionName=name)


def test_the_aws_cli_sets_them(server: Server, deploy: Deploy, aws: Aws) -> None:
    """Few commands, since each of them starts a Python."""
    function, client = deploy(ECHO, Publish=True), server.client

    def do(*words: str) -> Any:
        done = aws("lambda", *words, "--function-name", function.name, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    count = "--provisioned-concurrent-executions"
    provisioned = do("put-provisioned-concurrency-config", "--qualifier", "1", count, "1")
    assert provisioned["RequestedProvisionedConcurrentExecutions"] == 1
    destination = json.dumps({"OnSuccess": {"Destination": QUEUE}})
    config = do("put-function-event-invoke-config", "--destination-config", destination)
    assert config["DestinationConfig"]["OnSuccess"] == {"Destination": QUEUE}

    wait_until(lambda: _status(client, function) == "READY")
    (listed,) = do("list-provisioned-concurrency-configs")["ProvisionedConcurrencyConfigs"]
    assert (listed["Status"], listed["AvailableProvisionedConcurrentExecutions"]) == ("READY", 1)
    assert function.call("provisioned", Qualifier="1").value == "provisioned"

    client.delete_provisioned_concurrency_config(FunctionName=function.name, Qualifier="1")
    with pytest.raises(client.exceptions.ProvisionedConcurrencyConfigNotFoundException):
        _status(client, function)
    assert client.put_function_recursion_config(FunctionName=function.name, RecursiveLoop="Allow")["RecursiveLoop"]
    assert client.get_function_recursion_config(FunctionName=function.name)["RecursiveLoop"] == "Allow"


def _status(client: Any, function: Function) -> str:
    return str(client.get_provisioned_concurrency_config(FunctionName=function.name, Qualifier="1")["Status"])
