"""Who may invoke is asked before anything runs, and before anything is told."""

from typing import Any

import pytest
from invoke_doubles import Engine
from invoke_samples import ACCOUNT, REGION, REQUEST_ID

from lambent.errors import AwsError, ResourceNotFound
from lambent.wire.http import Request
from lambent.wire.parse import Call

OTHER = "222222222222"
THEIRS = f"arn:aws:lambda:{REGION}:{OTHER}:function:hello"
NOBODYS = f"arn:aws:lambda:{REGION}:{OTHER}:function:doesnotexist"
DENIED = AwsError("no", code="AccessDeniedException", status=403)


class Gate:
    """Lets nobody to what is another account's; remembers who was asked about."""

    def __init__(self) -> None:
        self.denying: set[tuple[str, str, str]] = set()
        self.asked: list[Call] = []

    def check(self, call: Call) -> None:
        self.asked.append(call)
        if OTHER in call.parameters["FunctionName"]:
            raise DENIED


def call(name: str, operation: str = "Invoke", **parameters: Any) -> Call:
    request = Request("POST", "/", "", {}, b"")
    given = {"FunctionName": name} | parameters
    return Call("lambda", operation, given, request, REQUEST_ID, "", ACCOUNT, REGION, None)  # type: ignore[arg-type]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def engine(gate) -> Engine:
    engine = Engine()
    engine.data.gate = gate
    return engine


async def run(engine: Engine, what: Call) -> Any:
    runs = {"Invoke": engine.data.invoke, "InvokeAsync": engine.data.invoke_async}
    return await runs.get(what.operation, engine.data.stream)(what)


@pytest.mark.parametrize("operation", ["Invoke", "InvokeAsync", "InvokeWithResponseStream"])
@pytest.mark.parametrize("name", [THEIRS, NOBODYS])
async def test_a_function_of_another_account_is_not_run_and_not_told_of(engine, operation, name):
    with pytest.raises(AwsError) as caught:
        await run(engine, call(name, operation))
    assert caught.value is DENIED
    assert engine.placement.ran == []
    assert engine.intake.taken == []


@pytest.mark.parametrize("kind", ["Event", "DryRun"])
async def test_events_and_dry_runs_are_judged_too(engine, kind):
    with pytest.raises(AwsError) as caught:
        await run(engine, call(THEIRS, InvocationType=kind))
    assert caught.value is DENIED
    assert engine.intake.taken == []


async def test_nobody_is_asked_about_a_warm_call_of_ones_own_function(engine, gate):
    for _ in range(2):
        await run(engine, call("hello"))
    assert gate.asked == []


async def test_ones_own_calls_are_judged_while_a_policy_denies_something(engine, gate):
    gate.denying.add((ACCOUNT, REGION, "other"))
    await run(engine, call("hello"))
    assert len(gate.asked) == 1


async def test_what_is_ones_own_and_not_there_is_not_found(engine):
    with pytest.raises(ResourceNotFound):
        await run(engine, call("doesnotexist"))
