"""Workflows written with AWS's own SDK for durable functions, and what their tests ask of a server."""

import datetime
import importlib.util
import json
import urllib.request
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from real_server import PATIENCE_S, Function, Server, wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "orders" / "app.py"
DURABLE = {"ExecutionTimeout": 600, "RetentionPeriodInDays": 2}
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED")

# One function does every workflow, so that the tests of a file deploy once: {"do": "<name>", ...}.
WORKFLOWS = '''
    import time
    import uuid

    from aws_durable_execution_sdk_python import durable_execution
    from aws_durable_execution_sdk_python.config import (
        CallbackConfig, Duration, JitterStrategy, MapConfig, StepConfig,
    )
    from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy


    def retries(attempts):
        return StepConfig(retry_strategy=create_retry_strategy(RetryStrategyConfig(
            max_attempts=attempts, initial_delay=Duration.from_seconds(1), jitter_strategy=JitterStrategy.NONE,
        )))


    def steps(event, context):
        """Random, and yet the same in every replay: what a step gave is recorded."""
        first = context.step(lambda step: str(uuid.uuid4()), name="first")
        context.wait(Duration.from_seconds(event.get("wait_s", 1)), name="pause")
        again = context.step(lambda step: first, name="second")
        return {"first": first, "again": again, "request": context.lambda_context.aws_request_id}


    def callback(event, context):
        config = CallbackConfig(
            timeout=Duration.from_seconds(event.get("timeout_s", 0)),
            heartbeat_timeout=Duration.from_seconds(event.get("heartbeat_s", 0)),
        )
        answer = context.create_callback(name="approval", config=config)
        context.step(lambda step: print("waiting for", answer.callback_id), name="tell")
        return {"answer": answer.result()}


    def invoke(event, context):
        return {"callee": context.invoke(event["function"], event["payload"], name="callee")}


    def parallel(event, context):
        def branch(name):
            def work(child):
                child.wait(Duration.from_seconds(1), name=f"{name} waits")
                return child.step(lambda step: name.upper(), name=f"{name} works")
            return work
        return context.parallel([branch("a"), branch("b"), branch("c")], name="both").get_results()


    def many(event, context):
        def one(child, item, index, items):
            return child.step(lambda step: item * item, name=f"square {item}")
        result = context.map(list(range(event["count"])), one, name="squares", config=MapConfig(max_concurrency=5))
        return {"squares": result.get_results(), "failed": result.failure_count}


    def child(event, context):
        def inner(nested):
            return nested.run_in_child_context(lambda deep: deep.step(lambda step: "deep", name="s"), name="deeper")
        return context.run_in_child_context(inner, name="outer")


    def fail(event, context):
        raise LookupError("nothing to be found")


    def slow(event, context):
        """A step that takes long the first time; `once` is a file outside, which tells whether it is."""
        def work(step):
            if step.attempt == 1 and not event.get("quick"):
                print("the slow step runs")
                time.sleep(event.get("sleep_s", 30))
            return {"attempt": step.attempt}
        before = context.step(lambda step: str(uuid.uuid4()), name="before")
        return {"before": before, "slow": context.step(work, name="slow", config=retries(3))}


    def large(event, context):
        """A result beyond what an answer may hold is checkpointed; here one of a step, in many pages of state."""
        blobs = [context.step(lambda step: "x" * event["bytes"], name=f"blob {n}") for n in range(event["count"])]
        context.wait(Duration.from_seconds(1), name="so that all of it is read again")
        return {"total": sum(map(len, blobs))}


    @durable_execution
    def handler(event, context):
        return globals()[event["do"]](event, context)
'''


def package(source: str | bytes = WORKFLOWS) -> Mapping[str, str | bytes]:
    """The files of a function with the SDK: the workflows above unless another app.py is given."""
    found = importlib.util.find_spec("aws_durable_execution_sdk_python")
    assert found is not None
    assert found.origin is not None
    root = Path(found.origin).parent
    files = {str(path.relative_to(root.parent)): path.read_bytes() for path in root.rglob("*.py")}
    return {"app.py": source} | files


def deploy(server: Server, source: str | bytes = WORKFLOWS, **configuration: Any) -> Function:
    """A durable function; `configuration` as CreateFunction takes it."""
    return server.deploy(package(source), **{"DurableConfig": DURABLE} | configuration)


class Executions:
    """The durable executions of one function."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.client = function.server.client

    def start(self, do: str, *, name: str = "", **event: Any) -> str:
        """Start one in the background; its ARN."""
        answer = self.client.invoke(
            FunctionName=self.function.name, Qualifier="$LATEST", InvocationType="Event",
            Payload=json.dumps({"do": do} | event), DurableExecutionName=name or uuid.uuid4().hex,
        )  # fmt: skip
        assert answer["StatusCode"] == 202
        return str(answer["DurableExecutionArn"])

    def run(self, do: str, **event: Any) -> Any:
        """Start one and wait for its end, which must be a success; its result."""
        arn = self.start(do, **event)
        found = self.ended(arn)
        assert found["Status"] == "SUCCEEDED", found
        return json.loads(found["Result"])

    def get(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get_durable_execution(DurableExecutionArn=arn, IncludeExecutionData=True)
        found.pop("ResponseMetadata")
        return found

    def ended(self, arn: str) -> dict[str, Any]:
        """What GetDurableExecution says once it has ended."""
        wait_until(lambda: self.get(arn)["Status"] in ENDED)
        return self.get(arn)

    def history(self, arn: str, **parameters: Any) -> list[dict[str, Any]]:
        """All events, over all pages."""
        pages = self.client.get_paginator("get_durable_execution_history").paginate(
            **{"DurableExecutionArn": arn, "IncludeExecutionData": True} | parameters
        )
        return [event for page in pages for event in page["Events"]]

    def types(self, arn: str) -> list[str]:
        """The types of its events, without the invocations, of which a busy machine may need more."""
        return [each["EventType"] for each in self.history(arn) if each["EventType"] != "InvocationCompleted"]

    def callback_id(self, arn: str) -> str:
        """That of its first callback, once it is waited for."""
        return str(wait_until(lambda: self._callback(arn)))

    def _callback(self, arn: str) -> str:
        started = [each for each in self.history(arn) if each["EventType"] == "CallbackStarted"]
        return str(started[0]["CallbackStartedDetails"]["CallbackId"]) if started else ""


def advance(server: Server, by: str) -> None:
    """Of a server on the virtual clock."""
    request = urllib.request.Request(f"{server.endpoint}/_lambent/clock/advance", json.dumps({"by": by}).encode())
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        assert answer.status == 200


def seconds_between(first: datetime.datetime, second: datetime.datetime) -> float:
    return (second - first).total_seconds()
