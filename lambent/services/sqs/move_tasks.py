"""Message move tasks: dead letters go back to where they came from, or elsewhere, at a rate that the caller chooses.

A task goes on after a restart. Source: Amazon SQS API Reference, StartMessageMoveTask; recordings of AWS.
"""

import asyncio
import base64
import binascii
import logging
import uuid
from typing import Any

import msgspec

from lambent.clock import sleep
from lambent.errors import AwsError
from lambent.model import Document
from lambent.services.sqs import access, errors
from lambent.services.sqs.engine import Sqs
from lambent.services.sqs.nouns import Content
from lambent.services.sqs.queue import Queue, Received
from lambent.store.connection import Row
from lambent.wire.parse import Call

log = logging.getLogger("lambent")

FASTEST = 500  # messages a second
AT_ONCE = 100
ACTIVE = ("RUNNING", "CANCELLING")
AGAIN_S = 10.0  # after the end of a task could not be written


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it is stored."""

    id: str
    source: str  # ARN
    destination: str = ""  # ARN; "": where each message came from
    rate: int = 0  # messages a second; 0: as fast as it goes
    status: str = "RUNNING"  # | COMPLETED | CANCELLING | CANCELLED | FAILED
    moved: int = 0
    to_move: int = 0
    upto: int = 0  # the last message that was there when it began: what fails again meanwhile does not go round
    started: float = 0.0  # epoch seconds
    failure: str = ""

    @property
    def handle(self) -> str:
        return base64.b64encode(msgspec.json.encode({"taskId": self.id, "sourceArn": self.source})).decode()


def task_from(row: Row) -> Task:
    return Task(**{name: row[name] for name in Task.__struct_fields__})


def resume(sqs: Sqs) -> None:
    """At a start: what was under way goes on."""
    for row in sqs.store.unfinished_tasks():
        sqs.spawn(_run(sqs, task_from(row)))


async def start_message_move_task(sqs: Sqs, call: Call) -> Document:
    asked = call.parameters
    source = access.move_task_queue(sqs, asked["SourceArn"], "SourceArn")
    access.demand(call.caller, access.account_of(call), call.operation, source)
    if next(sqs.dead_letter_sources(source.stored.arn), None) is None:
        raise errors.invalid_parameter("Source queue must be configured as a Dead Letter Queue.")
    destination = asked.get("DestinationArn") or ""
    if destination:
        access.move_task_queue(sqs, destination, "DestinationArn")
    rate = asked.get("MaxNumberOfMessagesPerSecond")
    if rate is not None and not 1 <= rate <= FASTEST:
        raise errors.invalid_value(
            rate, "MaxNumberOfMessagesPerSecond", f"Value must be between 1 and {FASTEST}, if provided."
        )
    if any(row["status"] in ACTIVE for row in sqs.store.tasks_of(source.stored.arn, 10)):
        raise errors.invalid_parameter(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
        )
    task = Task(
        id=str(uuid.uuid4()), source=source.stored.arn, destination=destination, rate=rate or 0, to_move=source.total,
        upto=sqs.sending.next_number(), started=sqs.clock.epoch(),
    )  # fmt: skip
    await sqs.store.write([("sqs_task_put", msgspec.structs.asdict(task))])
    sqs.spawn(_run(sqs, task))
    return {"TaskHandle": task.handle}


async def cancel_message_move_task(sqs: Sqs, call: Call) -> Document:
    task_id, source = _read_handle(call.parameters["TaskHandle"])
    queue = access.move_task_queue(sqs, source, "SourceArn")
    access.demand(call.caller, access.account_of(call), call.operation, queue)
    row = sqs.store.task(task_id)
    if row is None or row["status"] != "RUNNING":
        raise errors.not_found("Task does not exist.")
    await _mark(sqs, task_from(row), "CANCELLING")
    return {"ApproximateNumberOfMessagesMoved": row["moved"]}


def _read_handle(handle: str) -> tuple[str, str]:
    try:
        known = msgspec.json.decode(base64.b64decode(handle, validate=True))
        return str(known["taskId"]), str(known["sourceArn"])
    except (binascii.Error, ValueError, TypeError, KeyError):
        raise errors.invalid_parameter("Value for parameter TaskHandle is invalid.") from None


async def list_message_move_tasks(sqs: Sqs, call: Call) -> Document:
    asked = call.parameters
    source = access.move_task_queue(sqs, asked["SourceArn"], "SourceArn")
    access.demand(call.caller, access.account_of(call), call.operation, source)
    most = asked.get("MaxResults")
    if most is not None and not 1 <= most <= 10:
        raise errors.invalid_value(most, "MaxResults", "Value must be between 1 and 10, if provided.")
    rows = sqs.store.tasks_of(source.stored.arn, most or 1)
    return {"Results": [_shown(task_from(row)) for row in rows]}


def _shown(task: Task) -> Document:
    """As recorded: the handle only while it runs, the rate and the destination only where they were given."""
    shown: dict[str, Any] = {
        "SourceArn": task.source,
        "Status": task.status,
        "StartedTimestamp": int(task.started * 1000),
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.to_move,
    }
    told = {
        "TaskHandle": task.handle if task.status == "RUNNING" else "",
        "DestinationArn": task.destination,
        "MaxNumberOfMessagesPerSecond": task.rate,
        "FailureReason": task.failure,
    }
    return shown | {name: value for name, value in told.items() if value}


# -- at work


async def _run(sqs: Sqs, task: Task) -> None:
    try:
        await _move(sqs, task)
    except AwsError as error:
        known = {"QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue"}
        await _fail(sqs, task, known.get(error.code, error.code))
    except Exception as error:  # the disk refuses: what was not moved is where it was
        log.exception("messages of %s cannot be moved on: %s", task.source, error)
        await _fail(sqs, task, "InternalError")


async def _move(sqs: Sqs, task: Task) -> None:
    """Until all is moved, or somebody cancels it."""
    while (row := sqs.store.task(task.id)) is not None and row["status"] == "RUNNING":
        moved = await _move_some(sqs, task)
        task = msgspec.structs.replace(task, moved=task.moved + moved)
        if not moved:
            await _end(sqs, task, "COMPLETED")
            return
        await sqs.store.write([("sqs_task_progress", {"id": task.id, "moved": task.moved})])
        if task.rate:
            await sleep(sqs.clock, moved / task.rate)
    if row is not None and row["status"] == "CANCELLING":
        await _end(sqs, task, "CANCELLED")


async def _move_some(sqs: Sqs, task: Task) -> int:
    """How many were moved. Raises QueueDoesNotExist if either queue is gone."""
    source = _queue(sqs, task.source)
    most = min(AT_ONCE, max(1, task.rate // 10)) if task.rate else AT_ONCE
    moved = []
    for received in source.receive(most, 30):
        if received.message.id > task.upto:
            source.hide(received.message, 0)
            break
        content = source.content(received.message)
        if content is None:
            source.backlog.drop(received.message)
            continue
        received.message.content = content
        received.message.receives = 0
        moved.append(sqs.sending.move(source, received.message, _target(sqs, task, source, received, content)))
    await asyncio.gather(*moved)
    return len(moved)


def _target(sqs: Sqs, task: Task, source: Queue, received: Received, content: Content) -> Queue:
    """Where a message goes; if that is not known or not there, it stays where it is, for others to receive."""
    try:
        if not (task.destination or content.source):
            raise AwsError("It did not come from another queue.", code="CouldNotDetermineMessageSource", status=400)
        return _queue(sqs, task.destination or content.source)
    except AwsError:
        source.hide(received.message, 0)
        raise


def _queue(sqs: Sqs, arn: str) -> Queue:
    found = sqs.by_arn(arn)
    if found is None:
        raise errors.no_queue()
    return found


async def _fail(sqs: Sqs, task: Task, reason: str) -> None:
    """A task that seems to run keeps others from starting, so its end is written as soon as the disk takes it."""
    while True:
        try:
            await _end(sqs, task, "FAILED", reason)
            return
        except Exception as error:
            log.error("the end of a message move task of %s cannot be written: %s", task.source, error)
            await sleep(sqs.clock, AGAIN_S)


async def _end(sqs: Sqs, task: Task, status: str, failure: str = "") -> None:
    """While nobody cancels it: a task that has ended would be CANCELLING for ever, and keep others from starting."""
    async with sqs.changing:
        await _mark(sqs, task, status, failure)


async def _mark(sqs: Sqs, task: Task, status: str, failure: str = "") -> None:
    await sqs.store.write([("sqs_task_end", {"id": task.id, "status": status, "failure": failure})])
