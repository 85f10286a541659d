"""One attempt: what is asked before it, whom it asks, and what its answer means."""

import types
from typing import Any

import msgspec
import pytest
from event_samples import NOW, answered, event, failed

from lambent.clock import FixedClock
from lambent.errors import ResourceConflict, ResourceNotFound, SandboxError, StoreError, TooManyRequests
from lambent.events.attempt import Attempts
from lambent.invoke.durable import Finished, Start
from lambent.invoke.recursion import Loops
from lambent.model import Durability, Invocation, InvokeConfig, Outcome, Version

VERSION = Version(
    account="111111111111", region="eu-west-1", name="hello", version="3", revision="r", runtime="python3.13",
    handler="app.handler", code_digest="0", dead_letter="arn:aws:sqs:eu-west-1:111111111111:dead",
)  # fmt: skip


class Stage:
    """Stand-ins for what an attempt asks; each can be told what to say."""

    def __init__(self) -> None:
        self.answer: Outcome | Exception = answered()
        self.found: tuple[Version, str] | Exception = (VERSION, VERSION.function_arn + ":live")
        self.reserved: int | None = None
        self.room = 7
        self.ran: list[Invocation] = []
        self.config = InvokeConfig()
        self.admission = types.SimpleNamespace(reserved=lambda *_: self.reserved, room=lambda *_: self.room)
        self.attempts = Attempts(
            self, self, self, FixedClock(NOW), Loops(lambda *_: False, lambda _: None)  # type: ignore[arg-type]
        )  # fmt: skip

    async def invoke(self, invocation: Invocation) -> Outcome:
        self.ran.append(invocation)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def resolve(self, *_: Any) -> tuple[Version, str]:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def get(self, *_: Any) -> InvokeConfig:
        return self.config


async def test_the_function_sees_the_event_under_its_own_id_and_the_name_it_was_sent_to():
    stage = Stage()
    await stage.attempts.make(event(qualifier="live", attempts=1, trace="Root=1-a-b"))
    (ran,) = stage.ran
    assert (ran.request_id, ran.payload, ran.attempt) == (event().request_id, event().payload, 2)
    assert ran.invoked_arn == "arn:aws:lambda:eu-west-1:111111111111:function:hello:live"
    assert (ran.kind, ran.received) == ("Event", NOW)
    assert ran.trace.startswith("Root=1-a-b;Lineage=")


async def test_an_answer_ends_it_with_what_the_record_needs():
    stage = Stage()
    result = await stage.attempts.make(event())
    assert result.end is not None
    assert (result.end.condition, result.end.executed_version, result.end.status) == ("Success", "3", 200)
    assert (result.end.event.attempts, result.end.dead_letter) == (1, VERSION.dead_letter)
    assert (result.again, result.trouble) == (None, "")


async def test_a_function_error_is_tried_again_and_named():
    stage = Stage()
    stage.answer = failed()
    result = await stage.attempts.make(event())
    assert result.again is not None
    assert (result.again.due, result.again.attempts, result.trouble) == (NOW + 60, 1, "ValueError")


@pytest.mark.parametrize("error", [SandboxError("no room"), TooManyRequests(), ResourceConflict("Pending")])
async def test_what_is_refused_for_now_uses_up_no_retry(error):
    stage = Stage()
    if isinstance(error, ResourceConflict):
        stage.found = error
    else:
        stage.answer = error
    result = await stage.attempts.make(event())
    assert result.again is not None
    assert (result.again.attempts, result.again.throttles, result.again.due) == (0, 1, NOW + 1)
    assert (result.throttle is error) == isinstance(error, TooManyRequests)


async def test_an_event_too_old_after_throttles_ends_with_what_the_last_one_said():
    stage = Stage()
    stage.answer, stage.config = TooManyRequests(), InvokeConfig(max_age_s=60)
    result = await stage.attempts.make(event(throttles=8))
    assert result.end is not None
    assert (result.end.condition, result.end.status, result.end.error) == ("EventAgeExceeded", 429, "Rate Exceeded.")


async def test_a_function_that_is_gone_ends_it():
    stage = Stage()
    stage.found = ResourceNotFound("Function not found")
    result = await stage.attempts.make(event())
    assert result.end is not None
    assert (result.end.condition, result.end.status, stage.ran) == ("FunctionNotFound", 404, [])


@pytest.mark.parametrize(
    ("changes", "reserved", "condition"),
    [
        ({}, 0, "ZeroReservedConcurrency"),
        ({"received": NOW - 21_601}, None, "EventAgeExceeded"),
        ({"trace": "Root=1-a-b;Lineage=1:{own}:16"}, None, "RecursionDetected"),
    ],
)
async def test_what_is_not_to_be_tried_does_not_run(changes, reserved, condition):
    from lambent.invoke.lineage import hash_of

    if "trace" in changes:
        changes = {"trace": changes["trace"].format(own=hash_of(event().function_arn))}
    stage = Stage()
    stage.reserved = reserved
    result = await stage.attempts.make(event(**changes))
    assert result.end is not None
    assert (result.end.condition, result.end.event.attempts, stage.ran) == (condition, 0, [])


def test_reserved_concurrency_is_room_that_nobody_else_may_take():
    stage = Stage()
    assert stage.attempts.room(event()) == (7, False)
    stage.reserved = 9
    assert stage.attempts.room(event()) == (7, True)


async def test_an_event_runs_for_its_tenant_and_ends_where_there_are_none():
    stage = Stage()
    stage.found = (msgspec.structs.replace(VERSION, per_tenant=True), VERSION.function_arn)
    await stage.attempts.make(event(tenant="blue"))
    assert [ran.version.tenant for ran in stage.ran] == ["blue"]
    result = await stage.attempts.make(event())
    assert result.again is None
    assert result.end is not None
    assert (result.end.condition, result.end.status) == ("TenantMismatch", 400)
    assert "Add a valid tenant ID" in result.end.error
    assert len(stage.ran) == 1


class Executions:
    """Takes executions, or refuses them."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.taken: list[Start] = []

    async def run(self, start: Start) -> Finished:
        raise NotImplementedError

    async def accept(self, start: Start) -> str:
        if self.error is not None:
            raise self.error
        self.taken.append(start)
        return "arn"


async def test_an_event_for_a_durable_function_starts_one_execution_under_its_own_id():
    stage, executions = Stage(), Executions()
    stage.found = msgspec.structs.replace(VERSION, durable=Durability(60, 1)), VERSION.function_arn
    stage.attempts.executions = executions
    stage.config = InvokeConfig(on_success="arn:aws:sqs:eu-west-1:111111111111:done")
    result = await stage.attempts.make(event())
    assert stage.ran == []
    (start,) = executions.taken
    assert (start.name, start.request_id, start.qualifier) == (event().request_id, event().request_id, "$LATEST")
    assert result.end is not None
    assert (result.end.condition, result.end.config.on_success) == ("Success", "")


async def test_an_event_whose_execution_cannot_be_stored_now_is_tried_again():
    stage = Stage()
    stage.found = msgspec.structs.replace(VERSION, durable=Durability(60, 1)), VERSION.arn
    stage.attempts.executions = Executions(StoreError("nothing was written"))
    result = await stage.attempts.make(event(qualifier="live"))
    assert result.again is not None
