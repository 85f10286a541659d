"""Invoke of a durable function: what starts an execution, what is refused, and what is answered."""

from typing import Any

import msgspec
import pytest
from invoke_doubles import Engine
from invoke_samples import ACCOUNT, FUNCTION_ARN, REGION, REQUEST_ID, version

from lambent.errors import InvalidParameterValue
from lambent.invoke import durable
from lambent.invoke.durable import Finished, Start
from lambent.invoke.operations import DataPlane
from lambent.invoke.resolve import Resolver
from lambent.model import Durability, Version
from lambent.wire.http import Request
from lambent.wire.parse import Call

ARN = f"{FUNCTION_ARN}:1/durable-execution/n/x"
UNQUALIFIED = "You cannot invoke a durable function using an unqualified ARN."
TOO_LONG = "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes."


class Executions:
    """Starts nothing, and remembers what it was to start."""

    def __init__(self) -> None:
        self.started: list[Start] = []
        self.finished = Finished(ARN, b'"done"', None, b"log")

    async def run(self, start: Start) -> Finished:
        self.started.append(start)
        return self.finished

    async def accept(self, start: Start) -> str:
        self.started.append(start)
        return ARN


class Stage:
    """A data plane with one function, which is durable."""

    def __init__(self) -> None:
        self.durability: Durability | None = Durability(900, 1)
        self.executions, engine = Executions(), Engine()
        self.data = DataPlane(
            Resolver(self._load), engine.data.invoker, engine.data.intake, clock=engine.data.clock,
            executions=self.executions,
        )  # fmt: skip

    def _load(self, account: str, region: str, name: str, qualifier: str | None) -> Version:
        return msgspec.structs.replace(version(), version=qualifier or "$LATEST", durable=self.durability)

    async def invoke(self, headers: dict[str, str] | None = None, **parameters: Any) -> dict[str, Any]:
        return (await self.data.invoke(_call("Invoke", headers, **parameters)))[0]


def _call(operation: str, headers: dict[str, str] | None = None, **parameters: Any) -> Call:
    request = Request("POST", "/", "", headers or {}, b"")
    given = {"FunctionName": "hello"} | parameters
    return Call("lambda", operation, given, request, REQUEST_ID, "", ACCOUNT, REGION, None)  # type: ignore[arg-type]


async def test_a_synchronous_call_is_answered_with_the_end_and_the_arn_of_its_execution():
    stage = Stage()
    result = await stage.invoke(Qualifier="1", Payload=b"{}", DurableExecutionName="n", LogType="Tail")
    assert result == {
        "StatusCode": 200, "ExecutedVersion": "1", "Payload": b'"done"', "DurableExecutionArn": ARN,
        "LogResult": "bG9n",
    }  # fmt: skip
    (start,) = stage.executions.started
    assert (start.name, start.qualifier, start.request_id, start.want_log_tail) == ("n", "1", REQUEST_ID, True)


async def test_an_execution_that_failed_is_a_function_error():
    stage = Stage()
    stage.executions.finished = Finished(ARN, b'{"errorMessage":"no"}', "Unhandled")
    result = await stage.invoke(FunctionName="hello:1")
    assert (result["FunctionError"], result["Payload"]) == ("Unhandled", b'{"errorMessage":"no"}')


async def test_an_event_is_answered_with_the_arn_whatever_the_execution_may_take():
    stage = Stage()
    stage.durability = Durability(31_622_400, 1)
    assert await stage.invoke(Qualifier="1", InvocationType="Event") == {"StatusCode": 202, "DurableExecutionArn": ARN}


@pytest.mark.parametrize(
    ("headers", "parameters", "timeout_s", "message"),
    [
        ({}, {}, 900, UNQUALIFIED),
        ({}, {"InvocationType": "Event"}, 900, UNQUALIFIED),
        ({}, {"Qualifier": "1"}, 901, TOO_LONG),
        ({"idempotency-key": "k"}, {"Qualifier": "1"}, 900, "Idempotency-Key is not supported for durable functions"),
        ({}, {"Qualifier": "1", "ClientContext": "e30="}, 900, "ClientContext is not supported for durable functions"),
    ],
)
async def test_what_no_execution_can_be_started_with_is_refused(headers, parameters, timeout_s, message):
    stage = Stage()
    stage.durability = Durability(timeout_s, 1)
    with pytest.raises(InvalidParameterValue) as refused:
        await stage.invoke(headers, **parameters)
    assert refused.value.message.startswith(message)
    assert stage.executions.started == []


async def test_a_dry_run_starts_nothing_and_streams_are_refused():
    stage = Stage()
    assert await stage.invoke(Qualifier="1", InvocationType="DryRun") == {"StatusCode": 204}
    with pytest.raises(InvalidParameterValue, match="InvokeWithResponseStream is not supported for durable functions"):
        await stage.data.stream(_call("InvokeWithResponseStream", Qualifier="1"))
    assert stage.executions.started == []


async def test_whoever_polls_gets_the_end_of_an_execution_as_the_outcome_of_an_invocation():
    executions = Executions()
    executions.finished = Finished(ARN, b"{}", "Unhandled")
    start = Start(version(), "$LATEST", b"{}", REQUEST_ID, "")
    outcome = await durable.outcome(executions, start)
    assert (outcome.payload, outcome.function_error, outcome.status) == (b"{}", "Unhandled", "error")
