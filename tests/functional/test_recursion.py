"""Functions that invoke themselves with the unmodified boto3: stopped at the 17th run, unless they may."""

import json
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from real_server import ROLE, Function, Server, wait_until, zip_of

from lambent.invoke.lineage import hash_of

Deploy = Callable[..., Function]
ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"

# Invokes event["next"], in turn, with itself at the end of the list.
LOOP = """
    import boto3, json, os
    client = boto3.client("lambda")
    def handler(event, context):
        print("run", os.environ["_X_AMZN_TRACE_ID"])
        name, *others = event["next"]
        rest = {"next": [*others, name], "kind": event["kind"], "more": event["more"] - 1}
        if not event["more"]:
            return [os.environ["_X_AMZN_TRACE_ID"]]
        try:
            answer = client.invoke(FunctionName=name, InvocationType=event["kind"], Payload=json.dumps(rest))
        except client.exceptions.RecursiveInvocationException as refusal:
            return [refusal.response["ResponseMetadata"]["HTTPStatusCode"], refusal.response["Error"]["Message"]]
        return [os.environ["_X_AMZN_TRACE_ID"], *json.loads(answer["Payload"].read() or b"[]")]
"""
MESSAGE = (
    "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources and "
    "stopped your function's invocation."
)


def arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"


def lineage(*counts: tuple[str, int]) -> str:
    return f"{ROOT};Lineage=" + "|".join(f"{hash_of(arn(name))}:{count}" for name, count in counts)


def runs(function: Function) -> list[str]:
    """The lineage that each of its runs has written into its log."""
    return sorted(line.strip().split(";")[-1] for line in function.logs() if line.startswith("run "))


def dropped(server: Server, name: str) -> float:
    path = f"/_lambent/metrics?function={name}&metric=RecursiveInvocationsDropped"
    found = json.loads(server.get(path))["metrics"]
    return float(sum(minute["sum"] for series in found for minute in series["minutes"]))


def invoke(server: Server, name: str, trace: str, event: dict[str, Any]) -> tuple[Any, str]:
    """The answer and the trace header that came with it."""

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"]["X-Amzn-Trace-Id"] = trace

    events = server.client.meta.events
    events.register("before-call.lambda.Invoke", add)
    try:
        answer = server.client.invoke(FunctionName=name, Payload=json.dumps(event))
    finally:
        events.unregister("before-call.lambda.Invoke", add)
    return json.loads(answer["Payload"].read()), answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"]


def test_a_function_that_sends_events_to_itself_runs_16_times_and_the_17th_event_is_kept(
    server: Server, deploy: Deploy
) -> None:
    function = deploy(LOOP)
    event = {"next": [function.name], "kind": "Event", "more": 40}
    server.client.invoke(FunctionName=function.name, InvocationType="Event", Payload=json.dumps(event))

    def kept() -> list[dict[str, Any]]:
        return json.loads(server.get(f"/_lambent/events?function={function.name}"))["events"]  # type: ignore[no-any-return]

    (failed,) = wait_until(kept)
    assert failed["condition"] == "RecursionDetected"
    wait_until(lambda: len(runs(function)) >= 16)
    own = hash_of(arn(function.name))
    assert runs(function) == sorted(f"Lineage={run}:{own}:{run - 1}" for run in range(1, 17))
    assert dropped(server, function.name) == 1
    told = json.loads(server.get(f"/_lambent/explain/{failed['request_id']}"))
    assert f"stopped before it ran, as run 17 of a loop: {arn(function.name)}" in json.dumps(told)

    replay = f"{server.endpoint}/_lambent/events/{failed['request_id']}/replay"
    urllib.request.urlopen(urllib.request.Request(replay, method="POST"), timeout=60).close()
    wait_until(lambda: len(runs(function)) >= 32)
    wait_until(kept)
    assert dropped(server, function.name) == 2


def test_a_loop_over_two_functions_is_stopped_when_the_first_of_them_has_run_16_times(
    server: Server, deploy: Deploy
) -> None:
    one, two = deploy(LOOP).name, deploy(LOOP).name
    trace = lineage((one, 14), (two, 14))  # of a loop that has gone round 15 times
    answer, _ = invoke(server, one, trace, {"next": [two, one], "kind": "RequestResponse", "more": 10})
    assert answer == [lineage((two, 14), (one, 15)), 400, MESSAGE]
    assert (dropped(server, one), dropped(server, two)) == (1, 0)


def test_functions_that_are_each_others_destinations_are_stopped_too(server: Server, deploy: Deploy) -> None:
    source = """
        import os
        def handler(event, context):
            print("run", os.environ["_X_AMZN_TRACE_ID"])
    """
    one, two = deploy(source), deploy(source)
    for function, other in ((one, two), (two, one)):
        server.client.put_function_event_invoke_config(
            FunctionName=function.name, DestinationConfig={"OnSuccess": {"Destination": arn(other.name)}}
        )
    server.client.invoke(FunctionName=one.name, InvocationType="Event")
    wait_until(lambda: dropped(server, one.name))
    wait_until(lambda: len(runs(one)) >= 16 and len(runs(two)) >= 16)
    assert (len(runs(one)), len(runs(two))) == (16, 16)
    assert (dropped(server, one.name), dropped(server, two.name)) == (1, 0)


def test_a_function_that_may_recurse_goes_on(server: Server, deploy: Deploy) -> None:
    name = deploy(LOOP).name
    event = {"next": [name], "kind": "RequestResponse", "more": 1}
    with pytest.raises(server.client.exceptions.RecursiveInvocationException) as refusal:
        invoke(server, name, lineage((name, 30)), event)
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    server.client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    own = hash_of(arn(name))
    answer, trace = invoke(server, name, lineage((name, 30)), event)
    assert answer == [f"{ROOT};Lineage=32:{own}:31", f"{ROOT};Lineage=33:{own}:32"]
    assert trace == answer[0]


def test_functions_in_node_are_handed_the_lineage_too(server: Server) -> None:
    node = [each["name"] for each in server.status()["runtimes"] if each["kind"] == "node"]
    if not node:
        pytest.skip("there is no Node here")
    name = f"node-{uuid.uuid4().hex[:12]}"
    code = zip_of({"app.mjs": "export const handler = async () => process.env._X_AMZN_TRACE_ID"})
    server.client.create_function(
        FunctionName=name, Runtime=node[-1], Role=ROLE, Handler="app.handler", Timeout=60, Code={"ZipFile": code}
    )
    server.wait_until_active(name)
    own = hash_of(arn(name))
    assert invoke(server, name, ROOT, {})[0] == f"{ROOT};Lineage=1:{own}:0"
    assert invoke(server, name, lineage((name, 3)), {})[0] == f"{ROOT};Lineage=5:{own}:4"
    server.client.delete_function(FunctionName=name)
