"""Executions from their start to their end, on a store that is real: what is invoked when, and what a crash leaves."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from durable_world import DAY_S, START, Context, World, failing, pending

from lambent.durable import requests
from lambent.durable.nouns import Execution
from lambent.errors import AwsError, ResourceNotFound, SandboxError, TooManyRequests
from lambent.model import Durability, Outcome
from lambent.store.durable_executions import DurableExecutions


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "queue")
    await made.executions.start()
    yield made
    made.dead.clear()
    await made.close()


def flow(world: World, name: str = "flow") -> Any:
    """Makes a workflow of a function."""

    def take(work: Any) -> Any:
        world.workflows[name] = work
        return work

    return take


async def test_a_workflow_goes_on_where_it_waited_and_its_caller_gets_the_result(world: World) -> None:
    calls: list[str] = []

    @flow(world)
    async def work(context: Context) -> Any:
        first = await context.step("first", lambda attempt: calls.append("first") or 1)
        await context.wait("pause", 3_600 // 8)
        second = await context.step("second", lambda attempt: calls.append("second") or 2)
        return [context.given, first, second]

    ended = await world.run({"a": 1})
    assert msgspec.json.decode(ended.payload) == [{"a": 1}, 1, 2]
    assert ended.function_error is None
    assert ended.arn.startswith("arn:aws:lambda:eu-west-1:111111111111:function:flow:1/durable-execution/")
    assert calls == ["first", "second"]
    assert [each.request_id == "request-1" for each in world.ran] == [True, False]
    assert world.types(1) == [
        "ExecutionStarted", "StepStarted", "StepSucceeded", "WaitStarted", "InvocationCompleted", "WaitSucceeded",
        "StepStarted", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded",
    ]  # fmt: skip
    assert world.clock.epoch() >= START + 450


async def test_whoever_waits_for_what_is_over_is_told_and_no_operation_of_it_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    @flow(world)
    async def work(context: Context) -> Any:
        return await context.step("first", lambda attempt: 1)

    over = (await world.over(await world.accept())).execution
    monkeypatch.delattr(DurableExecutions, "operations")
    assert await world.executions.driver.wait(over.number) == over


async def test_a_step_is_tried_again_when_its_time_has_come(world: World) -> None:
    @flow(world)
    async def work(context: Context) -> Any:
        def attempt(before: int) -> int:
            if before < 2:
                raise ValueError(f"attempt {before}")
            return before

        return await context.step("flaky", attempt)

    assert (await world.run()).payload == b"2"
    retries = [each["details"] for each in world.history(1) if each["type"] == "StepFailed"]
    assert [each["StepFailedDetails"]["RetryDetails"]["CurrentAttempt"] for each in retries] == [1, 2]
    assert world.clock.epoch() >= START + 2


async def test_a_function_that_fails_is_invoked_five_times_and_then_its_execution_has_failed(world: World) -> None:
    flow(world)(None)
    world.answers = [failing(), SandboxError("gone"), failing(), failing(), failing("the last")]
    ended = await world.run()
    assert ended.function_error == "Unhandled"
    assert msgspec.json.decode(ended.payload) == {"errorMessage": "the last", "errorType": "Oops"}
    assert world.clock.epoch() >= START + 20
    assert world.types(1).count("InvocationCompleted") == 5


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"[]", "Invalid invocation output: Expected `object`, got `array`"),
        (b"{}", "Response status is required"),
        (b'{"Status":"DONE"}', "Unexpected invocation status: DONE"),
        (b'{"Status":"FAILED","Result":"1"}', "Cannot provide a Result for FAILED status."),
        (b'{"Status":"SUCCEEDED","Error":{}}', "Cannot provide an Error for SUCCEEDED status."),
    ],
)
async def test_an_answer_that_makes_no_sense_fails_the_execution_at_once(
    world: World, answer: bytes, message: str
) -> None:
    flow(world)(None)
    world.answers = [Outcome(payload=answer)]
    ended = await world.run()
    assert msgspec.json.decode(ended.payload) == {
        "errorMessage": message, "errorType": "InvalidParameterValueException",
    }  # fmt: skip


async def test_waiting_for_nothing_is_tried_three_times(world: World) -> None:
    flow(world)(None)
    world.answers = [pending()] * 3
    ended = await world.run()
    assert b"Cannot return PENDING status with no pending operations." in ended.payload
    assert world.answers == []


async def test_an_execution_times_out_and_what_it_waited_for_changes_nothing_any_more(world: World) -> None:
    world.config = Durability(600, 2)

    @flow(world)
    async def work(context: Context) -> Any:
        return await context.wait("long", 10_000)

    number = await world.accept()
    await world.clock.run_until_idle(10.0)
    await world.clock.travel(601)
    state = world.state(number)
    assert (state.execution.status, state.execution.ended) == ("TIMED_OUT", START + 600)
    assert state.execution.error is not None
    assert state.execution.error.error_message == "Execution timed out after 600 seconds."
    await world.clock.travel(20_000)
    assert world.types(number)[-1] == "ExecutionTimedOut"


async def test_time_that_runs_until_nobody_waits_does_not_run_into_the_timeout_of_a_callback(world: World) -> None:
    @flow(world)
    async def work(context: Context) -> Any:
        return await context.callback("answer")

    number = await world.accept()
    for _ in range(3):
        await asyncio.sleep(0.05)
        await world.clock.run_until_idle(DAY_S)
    assert world.state(number).execution.status == "RUNNING"
    assert world.clock.epoch() < START + 600


async def test_a_callback_times_out_by_its_heartbeat(world: World) -> None:
    @flow(world)
    async def work(context: Context) -> Any:
        done = await context.callback("answer", TimeoutSeconds=300, HeartbeatTimeoutSeconds=30)
        return [done["Status"], done["CallbackDetails"]["Error"]["ErrorType"]]

    assert (await world.run()).payload == b'["TIMED_OUT","Callback.Heartbeat"]'
    assert START + 30 <= world.clock.epoch() < START + 300


async def test_one_execution_bears_a_name_and_the_same_call_finds_it(world: World) -> None:
    @flow(world)
    async def work(context: Context) -> Any:
        return await context.step("once", lambda attempt: len(world.ran))

    number = await world.accept({"a": 1}, name="mine")
    both = await asyncio.gather(*(world.executions.accept(world.asked({"a": 1}, "mine")) for _ in range(3)))
    assert set(both) == {world.state(number).execution.arn}
    await world.over(number)
    assert (await world.run({"a": 1}, "mine")).payload == b"1"
    assert len(world.ran) == 1
    with pytest.raises(AwsError) as other:
        await world.executions.accept(world.asked({"a": 2}, "mine"))
    assert (other.value.code, other.value.status) == ("DurableExecutionAlreadyStartedException", 409)
    world.born = 2.0  # another function of that name
    assert await world.accept({"a": 2}, name="mine") != number


async def test_nobody_waits_for_what_there_is_no_room_to_begin(world: World) -> None:
    flow(world)(None)
    world.answers = [TooManyRequests(Reason="ConcurrentInvocationLimitExceeded")]
    with pytest.raises(TooManyRequests):
        await world.run()
    assert world.executions.store.get(1) is None


async def test_what_nobody_waits_for_is_invoked_once_there_is_room(world: World) -> None:
    @flow(world)
    async def work(context: Context) -> Any:
        return 1

    world.room = 0
    number = await world.accept()
    await asyncio.sleep(0.15)
    assert world.ran == []
    assert world.executions.counts()["waiting"] == 1
    world.room, world.answers = 1, [TooManyRequests()]
    assert (await world.over(number)).execution.result == "1"
    assert world.types(number) == ["ExecutionStarted", "InvocationCompleted", "ExecutionSucceeded"]


async def test_what_there_is_no_room_for_times_out_all_the_same(world: World) -> None:
    flow(world)(None)
    world.room = 0
    number = await world.accept()
    await asyncio.sleep(0.1)
    await world.clock.travel(601)
    assert world.state(number).execution.status == "TIMED_OUT"
    world.room = 1
    await asyncio.sleep(0.1)
    assert world.ran == []


async def test_a_function_that_is_gone_fails_its_executions(world: World) -> None:
    @flow(world)
    async def work(context: Context) -> Any:
        return await context.wait("pause", 60)

    number = await world.accept()
    await asyncio.sleep(0.1)
    world.born = 2.0
    state = await world.over(number)
    assert state.execution.status == "FAILED"
    assert state.execution.error is not None
    assert state.execution.error.error_type == "ResourceNotFoundException"


async def test_chained_invokes_of_both_kinds_come_back_with_results_and_errors(world: World) -> None:
    world.plain["double"] = lambda given: given * 2

    @flow(world, "child")
    async def child(context: Context) -> Any:
        await context.wait("rest", 5)
        return context.given + 1

    @flow(world)
    async def work(context: Context) -> Any:
        return [
            await context.invoke("a", "double", 4),
            await context.invoke("b", "child:1", 5),
            await context.invoke("c", "nobody", 6),
            (await context.invoke("d", "child", 7))["ErrorMessage"],
        ]

    doubled, child_result, missing, unqualified = msgspec.json.decode((await world.run()).payload)
    assert (doubled, child_result) == (8, 6)
    assert missing == {"ErrorMessage": "Function not found: nobody", "ErrorType": "ResourceNotFoundException"}
    assert unqualified == "You cannot invoke a durable function using an unqualified ARN."
    assert world.types(1).count("ChainedInvokeSucceeded") == 2
    started = next(each for each in world.history(1) if each.get("id") == "b")
    assert started["details"]["ChainedInvokeStartedDetails"]["DurableExecutionArn"] == world.state(2).execution.arn
    assert not world.state(2).execution.owes


async def test_a_child_that_times_out_times_the_operation_out(world: World) -> None:
    world.config = Durability(30, 2)

    @flow(world, "child")
    async def child(context: Context) -> Any:
        return await context.wait("rest", 5_000)

    @flow(world)
    async def work(context: Context) -> Any:
        world.config = Durability(10, 2)
        return await context.invoke("b", "child:1", 5)

    number = await world.accept()
    await asyncio.sleep(0.1)
    await world.clock.travel(20)
    state = await world.over(number)
    assert state.execution.result is not None
    assert msgspec.json.decode(state.execution.result) == {
        "ErrorMessage": "CHAINED_INVOKE timed out after 10 seconds.", "ErrorType": "ChainedInvoke.Timeout",
    }  # fmt: skip


async def test_what_ended_is_forgotten_after_its_retention(world: World) -> None:
    @flow(world)
    async def work(context: Context) -> Any:
        return 1

    await world.run()
    await world.clock.travel(2 * DAY_S - 3_700)
    assert world.executions.store.get(1) is not None
    await world.clock.travel(2 * 3_700)
    await asyncio.sleep(0.05)
    assert world.executions.store.get(1) is None
    assert world.executions.store.operations(1) == []
    assert world.history(1) == []


async def test_state_comes_in_pages_and_leaves_out_what_is_within_contexts_that_are_over(world: World) -> None:
    seen: list[Any] = []

    @flow(world)
    async def work(context: Context) -> Any:
        await context.checkpoint({"Id": "ctx", "Type": "CONTEXT", "Action": "START"})
        for each in ("in-1", "in-2"):
            await context.checkpoint({"Id": each, "Type": "CONTEXT", "Action": "START", "ParentId": "ctx"})
        await context.checkpoint({"Id": "ctx", "Type": "CONTEXT", "Action": "SUCCEED", "Payload": "9"})
        await context.checkpoint({"Id": "after", "Type": "CONTEXT", "Action": "START"})
        page = await context.state("", 2)
        seen.append([each["Id"] for each in page["Operations"]][1:])
        rest = await context.state(page["NextMarker"], 2)
        seen.append([each["Id"] for each in rest["Operations"]])
        assert "NextMarker" not in rest
        return 1

    await world.run()
    assert seen == [["ctx"], ["after"]]


async def test_a_checkpoint_that_comes_again_is_answered_alike_and_an_old_token_is_refused(world: World) -> None:
    @flow(world)
    async def work(context: Context) -> Any:
        old = context.token
        update = {"Id": "s", "Type": "STEP", "Action": "START"}
        first = await context.checkpoint(update, client_token="mine")
        context.token = old
        assert await context.checkpoint(update, client_token="mine") == first
        context.token = old
        with pytest.raises(AwsError, match="Invalid checkpoint token"):
            await context.checkpoint(update)
        return 1

    assert (await world.run()).payload == b"1"
    assert world.types(1).count("StepStarted") == 1


async def test_a_server_that_dies_before_any_write_goes_on_from_there(tmp_path: Path) -> None:
    """Every operation is done once for its history, however often its work was begun."""
    at, done = random.choice((0, 1)), False  # half of the writes, which half is chance
    while not done:
        at += 2
        world = World(tmp_path / f"queue-{at}")
        await world.executions.start()
        runs: list[str] = []
        _long_workflow(world, runs)
        world.dies_at = at
        number = await world.accept({"x": 1})
        await world.settle(lambda: world.state(number).execution.over)  # noqa: B023 -- it is called here
        done = not world.dead.is_set()
        if not done:
            await world.crash()
        state = await world.over(number)
        _check_whole(world, number, state.execution, runs, crashes=0 if done else 1)
        await world.close()
    assert at > 20


def _long_workflow(world: World, runs: list[str]) -> None:
    world.plain["double"] = lambda given: runs.append("double") or given * 2

    @flow(world, "child")
    async def child(context: Context) -> Any:
        await context.wait("rest", 5)
        return await context.step("child-step", lambda attempt: runs.append("child-step") or context.given + 1)

    @flow(world)
    async def work(context: Context) -> Any:
        def flaky(attempt: int) -> int:
            runs.append(f"flaky-{attempt}")
            if attempt == 0:
                raise ValueError("not yet")
            return attempt

        first = await context.step("first", lambda attempt: runs.append("first") or 1)
        second = await context.step("flaky", flaky)
        await context.wait("pause", 60)
        return [first, second, await context.invoke("a", "double", 4), await context.invoke("b", "child:1", 5)]


def _check_whole(world: World, number: int, execution: Execution, runs: list[str], crashes: int) -> None:
    assert execution.result == "[1,1,8,6]"
    for each in ("first", "flaky-0", "flaky-1", "double", "child-step"):
        assert 1 <= runs.count(each) <= 1 + crashes
    events = world.history(number)
    assert [each["number"] for each in events] == list(range(1, len(events) + 1))
    kinds = [(each["type"], each.get("id")) for each in events if each["type"] != "InvocationCompleted"]
    assert sorted(kinds, key=str) == sorted(
        [
            ("ExecutionStarted", execution.id), ("StepStarted", "first"), ("StepSucceeded", "first"),
            ("StepStarted", "flaky"), ("StepFailed", "flaky"), ("StepStarted", "flaky"), ("StepSucceeded", "flaky"),
            ("WaitStarted", "pause"), ("WaitSucceeded", "pause"), ("ChainedInvokeStarted", "a"),
            ("ChainedInvokeSucceeded", "a"), ("ChainedInvokeStarted", "b"), ("ChainedInvokeSucceeded", "b"),
            ("ExecutionSucceeded", execution.id),
        ],
        key=str,
    )  # fmt: skip


async def test_an_execution_that_is_deleted_while_it_is_invoked_does_not_come_back(world: World) -> None:
    going, done = asyncio.Event(), asyncio.Event()

    @flow(world)
    async def work(context: Context) -> Any:
        going.set()
        await done.wait()
        return 1

    number = await world.accept()
    await going.wait()
    await world.executions.change(number, lambda state, now: requests.stop(state, now, None))
    await world.executions.change(number, requests.delete)
    for _ in range(100):
        if world.executions.store.get(number) is None:
            break
        await asyncio.sleep(0.02)
    done.set()
    await asyncio.sleep(0.1)
    assert world.executions.store.get(number) is None
    assert world.executions.counts() == {"running": 0, "invoking": 0, "waiting": 0, "interrupted": 0}


async def test_deleted_executions_cannot_be_changed(world: World) -> None:
    with pytest.raises(ResourceNotFound):
        await world.executions.change(77, lambda state, now: None)
