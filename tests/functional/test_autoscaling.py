"""Application Auto Scaling for provisioned concurrency, with boto3 and the AWS CLI, on the virtual clock."""

import json
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from real_server import PATIENCE_S, Function, Server, client, wait_until

WAITER = """
    import time
    def handler(event, context):
        print("began", flush=True)
        time.sleep(event)
"""
FLAGS = ("--clock", "virtual")


def autoscaling(server: Server) -> Any:
    return client(server.endpoint, service="application-autoscaling")


def advance(server: Server, by: str) -> float:
    body = json.dumps({"by": by}).encode()
    request = urllib.request.Request(f"{server.endpoint}/_lambent/clock/advance", body)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return float(json.loads(answer.read())["now"])


def target(function: Function, qualifier: str = "live") -> dict[str, Any]:
    return {
        "ServiceNamespace": "lambda",
        "ResourceId": f"function:{function.name}:{qualifier}",
        "ScalableDimension": "lambda:function:ProvisionedConcurrency",
    }


def track(function: Function, **configuration: Any) -> dict[str, Any]:
    predefined = {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"}
    return {
        **target(function), "PolicyName": "track", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 0.5, "PredefinedMetricSpecification": predefined, **configuration
        },
    }  # fmt: skip


def provisioned(function: Function) -> int | None:
    """What is provisioned for it, once all of it is there."""

    def found() -> Any:
        client = function.server.client
        try:
            answer = client.get_provisioned_concurrency_config(FunctionName=function.name, Qualifier="live")
        except client.exceptions.ProvisionedConcurrencyConfigNotFoundException:
            return (None,)
        count = answer["RequestedProvisionedConcurrentExecutions"]
        return (count,) if answer["Status"] == "READY" else None

    return wait_until(found)[0]  # type: ignore[no-any-return]


@contextmanager
def busy(function: Function, calls: int, seconds: float) -> Iterator[None]:
    began = function.logs().count("began")
    with ThreadPoolExecutor(calls) as threads:
        futures = [threads.submit(function.call, seconds, Qualifier="live") for _ in range(calls)]
        wait_until(lambda: function.logs().count("began") == began + calls)
        yield
        for each in futures:
            each.result()


def live(server: Server) -> Function:
    function = server.deploy(WAITER, MemorySize=128)
    number = server.client.publish_version(FunctionName=function.name)["Version"]
    server.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=number)
    wait_until(
        lambda: (
            server.client.get_function_configuration(FunctionName=function.name, Qualifier="live")["State"] == "Active"
        )
    )
    return function


def told(server: Server, function: Function) -> list[tuple[str, str]]:
    found = autoscaling(server).describe_scaling_activities(ServiceNamespace="lambda")["ScalingActivities"]
    mine = [each for each in found if each["ResourceId"] == target(function)["ResourceId"]]
    return [(each["Description"], each["StatusCode"]) for each in mine]


def test_load_scales_out_and_rest_does_not_scale_in_and_a_schedule_does(serve: Callable[..., Server]) -> None:
    server = serve(*FLAGS)
    function, client = live(server), autoscaling(server)
    client.register_scalable_target(**target(function), MinCapacity=1, MaxCapacity=4)
    assert provisioned(function) == 1, "it was brought into range"
    answer = client.put_scaling_policy(**track(function))
    assert [alarm["AlarmName"].split("-")[-6] for alarm in answer["Alarms"]] == ["AlarmHigh", "AlarmLow"]

    for _ in range(20):  # a slow machine may need longer for five minutes than the call takes
        with busy(function, 1, 5):
            advance(server, "5m")
        if provisioned(function) == 2:
            break
    assert provisioned(function) == 2, "1 x 1.0 / 0.5; with both, no more than the target is used"
    advance(server, "30m")
    assert provisioned(function) == 2, "without calls there is no metric, and nothing scales in"

    at = {"Schedule": "at(2999-01-01T00:00:00)", "ScalableTargetAction": {"MinCapacity": 0, "MaxCapacity": 0}}
    client.put_scheduled_action(**target(function), ScheduledActionName="off", **at)
    client.put_scheduled_action(**target(function), ScheduledActionName="off", Schedule="rate(10 minutes)")
    (action,) = client.describe_scheduled_actions(ServiceNamespace="lambda")["ScheduledActions"]
    assert (action["Schedule"], action["ScalableTargetAction"]) == ("rate(10 minutes)", at["ScalableTargetAction"])

    server.stop()
    server = function.server = serve(*FLAGS, data=server.data)
    client = autoscaling(server)
    assert provisioned(function) == 2
    assert len(client.describe_scaling_policies(ServiceNamespace="lambda")["ScalingPolicies"]) == 1
    advance(server, "10m")
    assert provisioned(function) is None
    (found,) = client.describe_scalable_targets(ServiceNamespace="lambda")["ScalableTargets"]
    assert (found["MinCapacity"], found["MaxCapacity"]) == (0, 0)
    assert told(server, function) == [
        ("Setting desired concurrency to 0.", "Successful"),
        ("Setting min capacity to 0 and max capacity to 0", "Successful"),
        ("Setting desired concurrency to 2.", "Successful"),
        ("Setting desired concurrency to 1.", "Successful"),
    ]

    client.deregister_scalable_target(**target(function))
    assert client.describe_scaling_policies(ServiceNamespace="lambda")["ScalingPolicies"] == []
    assert client.describe_scheduled_actions(ServiceNamespace="lambda")["ScheduledActions"] == []
    with pytest.raises(client.exceptions.ObjectNotFoundException):
        client.deregister_scalable_target(**target(function))


def test_the_aws_cli_works_as_it_comes_and_refusals_are_the_services_own(
    server: Server, aws: Callable[..., Any]
) -> None:
    function, client = live(server), autoscaling(server)

    def run(operation: str, *words: str) -> "subprocess.CompletedProcess[str]":
        words = ("--service-namespace", "lambda", *words)
        found: subprocess.CompletedProcess[str] = aws("application-autoscaling", operation, *words)
        return found

    common = [
        "--resource-id", f"function:{function.name}:live",
        "--scalable-dimension", "lambda:function:ProvisionedConcurrency",
    ]  # fmt: skip
    registered = run("register-scalable-target", *common, "--min-capacity", "0", "--max-capacity", "3")
    assert registered.returncode == 0, registered.stderr
    arn = json.loads(registered.stdout)["ScalableTargetARN"]
    assert arn.startswith("arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/")
    wrong = run("register-scalable-target", *common, "--min-capacity", "4")
    assert "(ValidationException)" in wrong.stderr
    assert "Maximum capacity cannot be less than minimum capacity" in wrong.stderr
    listed = json.loads(run("describe-scalable-targets").stdout)["ScalableTargets"]
    assert [each["MaxCapacity"] for each in listed if each["ScalableTargetARN"] == arn] == [3]

    server.client.delete_function(FunctionName=function.name)
    with pytest.raises(client.exceptions.ObjectNotFoundException, match="No scalable target found for service"):
        client.deregister_scalable_target(**target(function))
