"""The durable API over a real store: pages, filters, errors, and who may ask."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from durable_client import ACCOUNT, REGION, START, Client, Functions, RefusedError, StoreDriver
from msgspec.structs import replace

from lambent.arns import FunctionRef
from lambent.clock import FixedClock
from lambent.durable import tokens
from lambent.durable.api import DurableApi
from lambent.durable.nouns import Change, HistoryEvent
from lambent.errors import AwsError
from lambent.store.durable_executions import DurableExecutions
from lambent.store.queue import open_queue
from lambent.wire.parse import Call


class OwnersOnly:
    """Whoever asks must be of the function's account."""

    def demand(self, call: Call, ref: FunctionRef) -> None:
        if call.account != ref.account:
            raise AwsError(f"lambda:{call.operation} on {ref.arn}", code="AccessDeniedException", status=403)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def driver(tmp_path: Path, clock: FixedClock) -> Iterator[StoreDriver]:
    database = open_queue(tmp_path / "queue")
    yield StoreDriver(DurableExecutions(database), clock)
    database.close()


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def client(driver: StoreDriver, functions: Functions, clock: FixedClock) -> Client:
    return Client(DurableApi(driver.store, driver, functions, clock, OwnersOnly()))


def moment(epoch: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(epoch, datetime.UTC)


async def names(client: Client, function: str = "hello", **filters: Any) -> list[str]:
    answer = await client("ListDurableExecutionsByFunction", FunctionName=function, **filters)
    return [each["DurableExecutionName"] for each in answer["DurableExecutions"]]


async def test_an_execution_is_got_with_and_without_its_data(client: Client, driver: StoreDriver) -> None:
    execution = await driver.start()
    whole = await client("GetDurableExecution", DurableExecutionArn=execution.arn)
    assert (whole["InputPayload"], whole["Status"], whole["ExecutionDataIncluded"]) == ('{"a":1}', "RUNNING", True)
    bare = await client("GetDurableExecution", DurableExecutionArn=execution.arn, IncludeExecutionData=False)
    assert "InputPayload" not in bare
    assert whole["StartTimestamp"] == moment(START).astimezone(whole["StartTimestamp"].tzinfo)


@pytest.mark.parametrize(
    "operation",
    [
        "GetDurableExecution", "GetDurableExecutionHistory", "StopDurableExecution", "PauseDurableExecution",
        "ResumeDurableExecution", "DeleteDurableExecution",
    ],
)  # fmt: skip
async def test_what_is_not_there_is_not_found(client: Client, driver: StoreDriver, operation: str) -> None:
    execution = await driver.start()
    arn = execution.arn
    for other in (arn + "x", arn.replace("/n/", "/m/"), arn.replace("hello", "other"), arn.replace("$LATEST", "1")):
        with pytest.raises(RefusedError) as refused:
            await client(operation, DurableExecutionArn=other)
        assert (refused.value.status, refused.value.code) == (404, "ResourceNotFoundException")
        assert refused.value.message == "Durable Execution does not exist"
    with pytest.raises(RefusedError) as refused:
        await client(operation, DurableExecutionArn=arn, region="us-east-1")
    assert refused.value.status == 404
    with pytest.raises(RefusedError) as refused:
        await client(operation, DurableExecutionArn=arn, account="222222222222")
    assert (refused.value.status, refused.value.message) == (403, f"lambda:{operation} on {arn.partition('/')[0]}")
    with pytest.raises(RefusedError, match="Member must satisfy regular expression pattern"):
        await client(operation, DurableExecutionArn="arn:aws:lambda:eu-west-1:111111111111:function:hello")


async def test_executions_are_listed_by_page_from_either_end(client: Client, driver: StoreDriver) -> None:
    for number in range(120):
        await driver.start(name=f"n{number}")
        driver.clock.advance(1)
    found: list[str] = []
    more: dict[str, str] = {}
    while more is not None:
        page = await client("ListDurableExecutionsByFunction", FunctionName="hello", MaxItems=50, **more)
        found += [each["DurableExecutionName"] for each in page["DurableExecutions"]]
        more = {"Marker": page["NextMarker"]} if "NextMarker" in page else None
    assert found == [f"n{number}" for number in reversed(range(120))]
    assert len(await names(client)) == 100  # unless MaxItems says otherwise
    assert await names(client, ReverseOrder=True, MaxItems=2) == ["n0", "n1"]


async def test_lists_are_filtered(client: Client, driver: StoreDriver) -> None:
    for name, changes in (
        ("a", {"version": "1"}), ("b", {"status": "SUCCEEDED", "ended": START}), ("c", {"version": "2"}),
        ("d", {"status": "FAILED", "ended": START}),
    ):  # fmt: skip
        await driver.start(name=name, **changes)
        driver.clock.advance(10)
    assert await names(client, Statuses=["RUNNING"]) == ["c", "a"]
    assert await names(client, Statuses=["RUNNING", "FAILED"]) == ["d", "c", "a"]
    assert await names(client, Qualifier="2") == ["c"]
    assert await names(client, DurableExecutionName="b") == ["b"]
    assert await names(client, DurableExecutionName="b", Statuses=["RUNNING"]) == []
    assert await names(client, StartedAfter=moment(START + 10)) == ["d", "c"]
    assert await names(client, StartedBefore=moment(START + 10)) == ["a"]
    assert await names(client, "other") == []


async def test_a_function_has_no_executions_of_an_earlier_one_of_its_name(
    client: Client, driver: StoreDriver, functions: Functions
) -> None:
    await driver.start(name="old")
    functions.born["hello"] = 2.0
    await driver.start(name="new", born=2.0)
    assert await names(client) == ["new"]
    with pytest.raises(RefusedError) as refused:
        await names(client, "nobody")
    assert (refused.value.status, refused.value.code) == (404, "ResourceNotFoundException")


async def test_markers_are_good_for_their_own_list_and_a_day(client: Client, driver: StoreDriver) -> None:
    for _ in range(2):
        await driver.start()
    page = await client("ListDurableExecutionsByFunction", FunctionName="hello", MaxItems=1)
    marker = page["NextMarker"]
    with pytest.raises(RefusedError, match="Invalid pagination token"):
        await names(client, Marker=marker, ReverseOrder=True)
    with pytest.raises(RefusedError, match="Invalid pagination token"):
        await names(client, "other", Marker=marker)
    driver.clock.advance(86_401)
    with pytest.raises(RefusedError, match="has expired"):
        await names(client, Marker=marker)


async def test_a_history_is_paged_by_number_and_by_size(client: Client, driver: StoreDriver) -> None:
    execution = await driver.start()

    async def add(count: int, size: int) -> None:
        def decide(state: Any, now: float) -> Change:
            first = state.execution.events + 1
            payload = {"StepSucceededDetails": {"Result": {"Payload": "x" * size}, "RetryDetails": {}}}
            events = tuple(
                HistoryEvent(number=first + at, type="StepSucceeded", at=now, details=payload) for at in range(count)
            )
            return Change(execution=replace(state.execution, events=first + count - 1), events=events)

        await driver.change(execution.number, decide)

    async def page(**parameters: Any) -> tuple[list[int], str | None]:
        answer = await client("GetDurableExecutionHistory", DurableExecutionArn=execution.arn, **parameters)
        return [each["EventId"] for each in answer["Events"]], answer.get("NextMarker")

    await add(149, 10)
    ids, marker = await page()
    assert ids == list(range(1, 101))
    assert (await page(Marker=marker)) == (list(range(101, 151)), None)
    assert (await page(MaxItems=0))[0] == ids
    assert (await page(MaxItems=1000)) == (list(range(1, 151)), None)
    back, marker = await page(ReverseOrder=True, MaxItems=3)
    assert (back, (await page(ReverseOrder=True, MaxItems=3, Marker=marker))[0]) == ([150, 149, 148], [147, 146, 145])
    await add(8, 1_000_000)
    ids, marker = await page(MaxItems=1000)
    assert ids == list(range(1, 156))
    assert (await page(MaxItems=1000, Marker=marker)) == ([156, 157, 158], None)


async def test_stopping_answers_when_it_stopped(client: Client, driver: StoreDriver) -> None:
    execution = await driver.start()
    driver.clock.advance(5)
    error = {"ErrorType": "T", "ErrorMessage": "m", "StackTrace": ["a"]}
    first = await client("StopDurableExecution", DurableExecutionArn=execution.arn, Error=error)
    assert first["StopTimestamp"].timestamp() == START + 5
    driver.clock.advance(5)
    assert (await client("StopDurableExecution", DurableExecutionArn=execution.arn))["StopTimestamp"] == first[
        "StopTimestamp"
    ]
    found = await client("GetDurableExecution", DurableExecutionArn=execution.arn)
    assert (found["Status"], found["Error"]) == ("STOPPED", error)
    with pytest.raises(RefusedError, match="Error object size must be less than 1048576 bytes"):
        await client("StopDurableExecution", DurableExecutionArn=execution.arn, Error={"ErrorData": "x" * 1_048_576})


async def test_deleting_takes_only_what_is_over(client: Client, driver: StoreDriver) -> None:
    execution = await driver.start()
    with pytest.raises(RefusedError) as refused:
        await client("DeleteDurableExecution", DurableExecutionArn=execution.arn)
    assert (refused.value.status, refused.value.code) == (409, "ResourceConflictException")
    await client("StopDurableExecution", DurableExecutionArn=execution.arn)
    answer = await client("DeleteDurableExecution", DurableExecutionArn=execution.arn)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["DeletionRequestTimestamp"].timestamp() == START
    assert (await client("GetDurableExecution", DurableExecutionArn=execution.arn))["Status"] == "DELETING"


async def test_pausing_and_resuming_answer_202_with_nothing(client: Client, driver: StoreDriver) -> None:
    execution = await driver.start()
    asked = {"DurableExecutionArn": execution.arn}
    assert await client("PauseDurableExecution", **asked, Reason="r", ExecutionTimeoutPaused=False) == {
        "ResponseMetadata": {"HTTPStatusCode": 202}
    }
    found = await client("GetDurableExecution", **asked)
    assert (found["Status"], found["PauseDetails"]["ExecutionTimeoutPaused"]) == ("PAUSED", False)
    await client("ResumeDurableExecution", **asked)
    assert (await client("GetDurableExecution", **asked))["Status"] == "RUNNING"
    with pytest.raises(RefusedError) as refused:
        await client("ResumeDurableExecution", **asked)
    assert (refused.value.status, refused.value.code) == (409, "ResourceConflictException")


@pytest.mark.parametrize("how", ["Success", "Failure", "Heartbeat"])
async def test_callback_ids_are_checked(client: Client, driver: StoreDriver, how: str) -> None:
    execution = await driver.start()
    operation = f"SendDurableExecutionCallback{how}"
    for callback, status in (
        ("YQ==", 400), (tokens.callback_id("nobody", "c"), 404), (tokens.callback_id(execution.id, "c"), 404),
    ):  # fmt: skip
        with pytest.raises(RefusedError) as refused:
            await client(operation, CallbackId=callback)
        assert refused.value.status == status
    with pytest.raises(RefusedError) as refused:
        await client(operation, CallbackId=tokens.callback_id(execution.id, "c"), account="222222222222")
    assert refused.value.message == f"lambda:{operation} on arn:aws:lambda:{REGION}:{ACCOUNT}:function:hello:$LATEST"


async def test_the_result_of_a_callback_is_text(client: Client, driver: StoreDriver) -> None:
    execution = await driver.start()
    callback = tokens.callback_id(execution.id, "c")
    with pytest.raises(RefusedError, match="must be UTF-8"):
        await client("SendDurableExecutionCallbackSuccess", CallbackId=callback, Result=b"\xff\xfe")
