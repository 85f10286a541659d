"""Invoke with an Idempotency-Key, over a real database: run once, answered as often as it is asked."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invoke_doubles import Engine
from invoke_samples import ACCOUNT, REGION, outcome

from lambent.errors import (
    AwsError,
    IdempotentParameterMismatch,
    InvalidParameterValue,
    ResourceNotFound,
    SandboxError,
    StoreError,
    TooManyRequests,
)
from lambent.invoke.idempotency import SWEEP_EVERY_S, Idempotency
from lambent.invoke.keys import TAG, Asked, Replay
from lambent.model import Outcome
from lambent.store.answers import OVERHEAD, Answers, Scope, StoredAnswer
from lambent.store.database import Database
from lambent.store.functions import StoredFunction
from lambent.store.queue import open_queue
from lambent.wire.http import Request
from lambent.wire.parse import Call

BORN = 5.0
SCOPE = Scope(ACCOUNT, REGION, "hello", "", "k", BORN)


class FakeFunctions:
    """One function, with the tags that a test gives it."""

    def __init__(self) -> None:
        self.given = {TAG: "60s"}
        self.born = BORN

    def tags(self, account: str, region: str, name: str) -> dict[str, str]:
        return self.given

    def get(self, account: str, region: str, name: str) -> StoredFunction:
        if not self.born:
            raise ResourceNotFound()
        return StoredFunction(account=account, region=region, name=name, created_at=self.born, tags=self.given)


class Stage(Engine):
    """The engine with keys, on a database that outlives it."""

    def __init__(self, db: Database, most_bytes: int = 1 << 20) -> None:
        super().__init__()
        self.functions = FakeFunctions()
        self.told: list[tuple[str, str, str]] = []
        self.answers = Answers(db)
        self.keys = Idempotency(self.answers, self.functions, self.clock, most_bytes, self.tell)  # type: ignore[arg-type]
        self.data.idempotency = self.keys
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        run = self.placement.run

        async def gated(invocation: Any) -> Outcome:
            self.begun.set()
            await self.gate.wait()
            return await run(invocation)

        self.placement.run = gated  # type: ignore[method-assign]

    def tell(self, kind: str, asked: Asked, answer: StoredAnswer) -> None:
        self.told.append((kind, asked.request_id, answer.request_id))

    @property
    def runs(self) -> int:
        return len(self.placement.ran)

    async def ask(self, request_id: str = "r1", key: str = "k", **parameters: Any) -> dict[str, Any]:
        headers = {"idempotency-key": key}
        request = Request("POST", "/2015-03-31/functions/hello/invocations", "", headers, b"")
        given = {"FunctionName": "hello"} | parameters
        call = Call("lambda", "Invoke", given, request, request_id, "", ACCOUNT, REGION, None)  # type: ignore[arg-type]
        result, _ = await self.data.invoke(call)
        return result


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_queue(tmp_path / "queue")
    yield database
    database.close()


@pytest.fixture
def stage(db: Database) -> Stage:
    return Stage(db)


async def test_a_second_call_gets_the_first_ones_answer_under_its_request_id(stage):
    stage.placement.outcome = outcome(payload=b"42", log_tail=b"START")
    first = await stage.ask("r1")
    stage.placement.outcome = outcome(payload=b"43")
    again = await stage.ask("r2", LogType="Tail")
    assert first == {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": b"42"}
    assert again == first | {"LogResult": "U1RBUlQ="}
    assert not isinstance(first, Replay)
    assert isinstance(again, Replay)
    assert again.request_id == "r1"
    assert stage.runs == 1
    assert stage.told == [("answered-from-key", "r2", "r1")]


async def test_a_function_error_is_an_answer_too(stage):
    stage.placement.outcome = outcome(payload=b"{}", function_error="Unhandled")
    assert (await stage.ask())["FunctionError"] == (await stage.ask())["FunctionError"] == "Unhandled"
    assert stage.runs == 1


async def test_another_key_and_another_qualifier_run_again(stage):
    await stage.ask()
    await stage.ask(key="other")
    await stage.ask(Qualifier="7")
    assert stage.runs == 3


async def test_without_the_tag_the_header_is_ignored(stage):
    stage.functions.given = {}
    await stage.ask()
    await stage.ask(key="not\x01visible")
    assert (stage.runs, stage.answers.totals().keys) == (2, 0)


async def test_a_dry_run_takes_no_key(stage):
    assert await stage.ask(InvocationType="DryRun") == {"StatusCode": 204}
    assert stage.answers.totals().keys == 0


async def test_another_payload_under_the_key_is_refused_while_it_runs_and_afterwards(stage):
    stage.gate.clear()
    first = asyncio.create_task(stage.ask(Payload=b"1"))
    await stage.begun.wait()
    with pytest.raises(IdempotentParameterMismatch):
        await stage.ask(Payload=b"2")
    stage.gate.set()
    await first
    with pytest.raises(IdempotentParameterMismatch):
        await stage.ask(Payload=b"2")
    with pytest.raises(IdempotentParameterMismatch):
        await stage.ask(Payload=b"1", InvocationType="Event")
    assert stage.runs == 1


async def test_who_asks_meanwhile_waits_for_the_one_run(stage):
    stage.gate.clear()
    calls = [asyncio.create_task(stage.ask(f"r{number}")) for number in range(20)]
    await stage.begun.wait()
    stage.gate.set()
    results = await asyncio.gather(*calls)
    assert stage.runs == 1
    assert all(result["Payload"] == b'"hello"' for result in results)
    assert [isinstance(result, Replay) for result in results] == [False] + [True] * 19


async def test_the_run_goes_on_when_its_caller_has_gone(stage):
    stage.gate.clear()
    first = asyncio.create_task(stage.ask("r1"))
    await stage.begun.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.create_task(stage.ask("r2"))
    await asyncio.sleep(0)
    stage.gate.set()
    assert (await second)["Payload"] == b'"hello"'
    assert stage.runs == 1


async def test_the_answer_is_on_disk_before_it_is_given(stage, db):
    await stage.ask()
    found = Answers(db).get(SCOPE)
    assert found is not None
    assert (found.running, found.payload, found.expires) == (False, b'"hello"', stage.clock.epoch() + 60)


async def test_that_it_runs_is_on_disk_before_it_runs(stage, db):
    stage.gate.clear()
    first = asyncio.create_task(stage.ask())
    await stage.begun.wait()
    found = Answers(db).get(SCOPE)
    assert found is not None
    assert found.running
    stage.gate.set()
    await first


@pytest.mark.parametrize("trouble", [TooManyRequests(), SandboxError("no room")])
async def test_a_throttle_or_an_error_of_ours_frees_the_key(stage, db, trouble):
    stage.placement.no_sandbox = trouble
    with pytest.raises(type(trouble)):
        await stage.ask()
    assert Answers(db).get(SCOPE) is None
    stage.placement.no_sandbox = None
    await stage.ask(Payload=b'"another"')
    assert stage.runs == 1


async def test_what_the_first_caller_is_refused_with_reaches_all_who_wait(stage):
    stage.gate.clear()
    stage.placement.outcome = TooManyRequests()
    calls = [asyncio.create_task(stage.ask()) for _ in range(3)]
    await stage.begun.wait()
    stage.gate.set()
    refusals = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in refusals] == [TooManyRequests] * 3


async def test_a_run_that_a_crash_cut_off_is_taken_up_by_the_next_call_and_counted(stage, db):
    cut_off = Stage(db)
    cut_off.gate.clear()
    first = asyncio.create_task(cut_off.ask("r1"))
    await cut_off.begun.wait()
    with pytest.raises(IdempotentParameterMismatch):
        await stage.ask("r2", Payload=b"2")
    result = await stage.ask("r3")
    assert not isinstance(result, Replay)
    assert (stage.runs, stage.keys.counts()["repeated"]) == (1, 1)
    assert stage.told == [("interrupted", "r3", "r1")]
    found = Answers(db).get(SCOPE)
    assert found is not None
    assert (found.runs, found.request_id) == (2, "r3")
    first.cancel()
    await cut_off.keys.close(0.0)


async def test_at_an_orderly_stop_what_runs_for_nobody_comes_to_its_answer(stage, db):
    stage.gate.clear()
    first = asyncio.create_task(stage.ask())
    await stage.begun.wait()
    first.cancel()
    closing = asyncio.create_task(stage.keys.close(30.0))
    await asyncio.sleep(0)
    stage.gate.set()
    await closing
    found = Answers(db).get(SCOPE)
    assert found is not None
    assert not found.running


async def test_a_key_expires(stage):
    await stage.ask()
    stage.clock.advance(59)
    await stage.ask()
    assert stage.runs == 1
    stage.clock.advance(1.1)
    await stage.ask(Payload=b'"another"')
    assert stage.runs == 2


async def test_expired_keys_are_swept_from_disk(stage):
    await stage.ask()
    stage.keys.start()
    stage.clock.advance(SWEEP_EVERY_S - 5)
    assert not stage.keys._tasks
    stage.clock.advance(SWEEP_EVERY_S)
    await asyncio.gather(*stage.keys._tasks)
    assert (stage.answers.totals().keys, stage.answers.bytes) == (0, 0)
    await stage.keys.close(0.0)


async def test_a_function_that_was_made_anew_has_keys_of_its_own(stage):
    await stage.ask()
    stage.functions.born = 99.0
    await stage.ask(Payload=b'"another"')
    assert stage.runs == 2
    await stage.keys.forget(ACCOUNT, REGION, "hello")
    assert stage.answers.totals().keys == 0


async def test_when_the_disk_space_for_answers_is_used_no_new_key_is_taken_until_some_expire(db):
    stage = Stage(db, most_bytes=OVERHEAD)
    await stage.ask()
    with pytest.raises(AwsError, match="Nothing was run") as caught:
        await stage.ask(key="another")
    assert (caught.value.code, caught.value.status) == ("ServiceQuotaExceededException", 402)
    assert isinstance(await stage.ask(), Replay)
    stage.clock.advance(61)
    await stage.ask(key="another")
    assert stage.runs == 2


async def test_a_run_whose_beginning_cannot_be_written_is_not_begun(stage, db):
    db.close()
    with pytest.raises(StoreError):
        await stage.ask()
    assert stage.runs == 0


@pytest.mark.parametrize("key", ["", "x" * 257, "a b"])
async def test_a_key_that_is_none_is_refused(stage, key):
    with pytest.raises(InvalidParameterValue, match="Idempotency-Key must be 1 to 256 visible ASCII"):
        await stage.ask(key=key)


async def test_a_tag_that_is_no_span_is_told_when_a_key_comes(stage):
    stage.functions.given = {TAG: "yes"}
    with pytest.raises(InvalidParameterValue, match="found 'yes'"):
        await stage.ask()


async def test_an_event_is_accepted_once_and_answered_under_its_first_request_id(stage):
    first = await stage.ask("r1", InvocationType="Event")
    assert first == {"StatusCode": 202}
    ((event, rows),) = stage.intake.taken
    assert event.request_id == "r1"
    ((query, columns),) = rows
    assert query == "answer_put"
    await stage.answers._db.write(query, **columns)  # as the intake does, together with the event
    again = await stage.ask("r2", InvocationType="Event")
    assert isinstance(again, Replay)
    assert (again, again.request_id) == ({"StatusCode": 202}, "r1")
    assert len(stage.intake.taken) == 1


async def test_a_stream_with_a_key_is_refused_if_its_function_takes_keys(stage):
    request = Request("POST", "/", "", {"idempotency-key": "k"}, b"")
    call = Call(
        "lambda", "InvokeWithResponseStream", {"FunctionName": "hello"}, request, "r", "", ACCOUNT, REGION, None
    )  # type: ignore[arg-type]
    with pytest.raises(InvalidParameterValue, match="not supported for InvokeWithResponseStream"):
        await stage.data.stream(call)
