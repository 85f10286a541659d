"""The operations on schedules. Source: EventBridge Scheduler API Reference; recordings of AWS (errors.tsv)."""

from collections.abc import Callable
from typing import Any

from lambent.errors import AwsError, NotImplementedYet, ValidationException
from lambent.model import Document
from lambent.services.scheduler.engine import Scheduler
from lambent.services.scheduler.firing import TARGETS
from lambent.services.scheduler.nouns import DEFAULT, Key, Schedule, dated, next_time
from lambent.services.schedules import zone_of
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 100
_KEPT = ("ScheduleExpression", "Description", "ScheduleExpressionTimezone", "State", "Target", "FlexibleTimeWindow",
         "ActionAfterCompletion")  # fmt: skip


def not_found(what: str, name: str) -> AwsError:
    return AwsError(f"{what} {name} does not exist.", code="ResourceNotFoundException", status=404)


def conflict(what: str, name: str) -> AwsError:
    return AwsError(f"{what} {name} already exists.", code="ConflictException", status=409)


def _key(call: Call) -> Key:
    asked = call.parameters
    return call.account, call.region, asked.get("GroupName") or DEFAULT, asked["Name"]


async def create_schedule(scheduler: Scheduler, call: Call) -> Document:
    """The same request again (by its ClientToken) finds the schedule made."""
    key, token = _key(call), call.parameters.get("ClientToken") or ""
    _require_group(scheduler, key)
    existing = scheduler.schedule(key)
    if existing is not None:
        if token and existing.settings.get("ClientToken") == token:
            return {"ScheduleArn": existing.arn}
        raise conflict("Schedule", key[3])
    now = scheduler.clock.epoch()
    schedule = _asked_for(call, key, created=now, now=now)
    await scheduler.put(schedule)
    return {"ScheduleArn": schedule.arn}


async def update_schedule(scheduler: Scheduler, call: Call) -> Document:
    """Everything is replaced: what the request does not say is as if it had never been said."""
    key = _key(call)
    existing = _found(scheduler, key)
    schedule = _asked_for(call, key, created=existing.created, now=scheduler.clock.epoch())
    await scheduler.put(schedule)
    return {"ScheduleArn": schedule.arn}


async def get_schedule(scheduler: Scheduler, call: Call) -> Document:
    schedule = _found(scheduler, _key(call))
    settings = {name: value for name, value in schedule.settings.items() if name in _KEPT}
    dates = {name: dated(schedule.settings[name]) for name in ("StartDate", "EndDate") if name in schedule.settings}
    return settings | dates | {
        "Arn": schedule.arn, "GroupName": schedule.group_name, "Name": schedule.name,
        "CreationDate": dated(schedule.created), "LastModificationDate": dated(schedule.modified),
    }  # fmt: skip


async def delete_schedule(scheduler: Scheduler, call: Call) -> Document:
    key = _key(call)
    _found(scheduler, key)
    await scheduler.delete(key)
    return {}


async def list_schedules(scheduler: Scheduler, call: Call) -> Document:
    asked = call.parameters
    prefix, group, state = asked.get("NamePrefix") or "", asked.get("GroupName"), asked.get("State")
    found = [
        each for each in scheduler.schedules(call.account, call.region)
        if each.name.startswith(prefix) and group in (None, each.group_name)
        and state in (None, each.settings.get("State", "ENABLED"))
    ]  # fmt: skip
    page, more = page_of(call, "scheduler:ListSchedules", found, lambda each: f"{each.group_name}/{each.name}")
    return {"Schedules": [_summary(each) for each in page]} | more


def _summary(schedule: Schedule) -> Document:
    return {
        "Arn": schedule.arn, "Name": schedule.name, "GroupName": schedule.group_name,
        "State": schedule.settings.get("State", "ENABLED"), "CreationDate": dated(schedule.created),
        "LastModificationDate": dated(schedule.modified), "Target": {"Arn": schedule.settings["Target"]["Arn"]},
    }  # fmt: skip


def page_of(call: Call, scope: str, found: list[Any], name: Callable[[Any], str]) -> tuple[list[Any], Document]:
    token, most = call.parameters.get("NextToken"), call.parameters.get("MaxResults") or PAGE
    if token:
        after = markers.unseal(scope, token, refuse=ValidationException("Invalid NextToken."))[0]
        found = [each for each in found if name(each) > after]
    page = found[:most]
    return page, {"NextToken": markers.seal(scope, [name(page[-1])])} if len(found) > most else {}


def _require_group(scheduler: Scheduler, key: Key) -> None:
    if scheduler.group(*key[:3]) is None:
        raise not_found("Schedule group", key[2])


def _found(scheduler: Scheduler, key: Key) -> Schedule:
    _require_group(scheduler, key)
    found = scheduler.schedule(key)
    if found is None:
        raise not_found("Schedule", key[3])
    return found


def _asked_for(call: Call, key: Key, *, created: float, now: float) -> Schedule:
    asked = call.parameters
    _check(asked)
    dates = {name: asked[name].timestamp() for name in ("StartDate", "EndDate") if asked.get(name) is not None}
    settings = {name: asked[name] for name in _KEPT if asked.get(name) is not None} | dates
    defaults = {"State": "ENABLED", "ScheduleExpressionTimezone": "UTC", "ActionAfterCompletion": "NONE"}
    if asked.get("ClientToken"):
        settings["ClientToken"] = asked["ClientToken"]
    policy = settings["Target"].get("RetryPolicy") or {}
    retries = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185} | policy
    settings = defaults | settings | {"Target": settings["Target"] | {"RetryPolicy": retries}}
    account, region, group_name, name = key
    schedule = Schedule(
        account=account, region=region, group_name=group_name, name=name, settings=settings, created=created,
        modified=now,
    )  # fmt: skip
    _check_times(schedule, now)
    return schedule


def _check(asked: Document) -> None:
    if asked.get("KmsKeyArn"):
        raise NotImplementedYet("Lambent does not encrypt schedules with KMS keys yet: leave KmsKeyArn out.")
    window = asked["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != (window.get("MaximumWindowInMinutes") is not None):
        raise ValidationException("MaximumWindowInMinutes must be set for, and only for, the mode FLEXIBLE.")
    parts = asked["Target"]["Arn"].split(":")
    if parts[2:3] == ["scheduler"]:
        raise NotImplementedYet(
            "Lambent does not have universal targets (aws-sdk) yet: name a function, a queue, a topic or a bus."
        )
    if len(parts) < 6 or parts[0] != "arn" or parts[2] not in TARGETS:
        raise ValidationException(
            f"Provided Arn is not in correct format: {asked['Target']['Arn']}. Schedules here have functions, queues, "
            "topics and buses as targets."
        )
    if parts[2] == "events" and not asked["Target"].get("EventBridgeParameters"):
        raise ValidationException("EventBridgeParameters are required for a target that is an event bus.")


def _check_times(schedule: Schedule, now: float) -> None:
    settings = schedule.settings
    try:
        zone_of(settings["ScheduleExpressionTimezone"])
    except ValueError:
        zone = settings["ScheduleExpressionTimezone"]
        raise ValidationException(f"Invalid ScheduleExpressionTimezone {zone}.") from None
    start, end = settings.get("StartDate"), settings.get("EndDate")
    if start is not None and end is not None and start >= end:
        raise ValidationException("The EndDate you specify must come after the StartDate.")
    if end is not None and end <= now:
        raise ValidationException("The EndDate you specify cannot be in the past.")
    try:
        next_time(schedule, now)
    except ValueError:
        expression = settings["ScheduleExpression"]
        raise ValidationException(f"Invalid Schedule Expression {expression}.") from None
