"""PutScheduledAction, DescribeScheduledActions, DeleteScheduledAction, and DescribeScalingActivities."""

import datetime
import uuid
from typing import Any

from msgspec.structs import replace

from lambent.errors import NotImplementedYet, ResourceNotFound, ValidationException
from lambent.model import Document
from lambent.services import schedules
from lambent.services.application_autoscaling import resources
from lambent.services.application_autoscaling.decisions import Capacity
from lambent.services.application_autoscaling.scaler import Scaler, next_due
from lambent.store.scaling import Key, ScalingActivity, ScheduledAction
from lambent.wire.parse import Call

MOST = 200  # scheduled actions of a target


async def put_scheduled_action(scaler: Scaler, call: Call) -> Document:
    """Or change one, in what is given; a new one must have a schedule and a capacity."""
    key, asked, now = resources.key_of(call), call.parameters, scaler.clock.epoch()
    if scaler.store.target(key) is None:
        raise resources.not_registered(key)
    others = [each for each in scaler.store.actions(call.account, call.region) if each.key == key]
    former = next((each for each in others if each.action == asked["ScheduledActionName"]), None)
    if former is None and len(others) >= MOST:
        raise resources.limit_exceeded(f"A scalable target can have {MOST} scheduled actions at most")
    action = _changed(former or _new(key, asked, now), asked)
    _check(action)
    try:
        await scaler.store.put_action(replace(action, next_at=next_due(action, now)))
    except ResourceNotFound:
        raise resources.not_registered(key) from None
    return {}


def _new(key: Key, asked: dict[str, Any], now: float) -> ScheduledAction:
    if "Schedule" not in asked:
        raise ValidationException("Schedule must be provided when a scheduled action is created")
    account, region, name, qualifier = key
    return ScheduledAction(
        account=account, region=region, name=name, qualifier=qualifier, action=asked["ScheduledActionName"],
        id=str(uuid.uuid4()), schedule="", created_at=now,
    )  # fmt: skip


def _changed(action: ScheduledAction, asked: dict[str, Any]) -> ScheduledAction:
    given = {field: asked[member] for member, field in _TEXTS.items() if member in asked}
    given |= {field: _epoch(asked[member]) for member, field in _TIMES.items() if member in asked}
    bounds = asked.get("ScalableTargetAction")
    if bounds is not None:
        given |= {"minimum": bounds.get("MinCapacity"), "maximum": bounds.get("MaxCapacity")}
    return replace(action, **given)


_TEXTS = {"Schedule": "schedule", "Timezone": "timezone"}
_TIMES = {"StartTime": "start_at", "EndTime": "end_at"}


def _epoch(value: Any) -> float:
    return float(value.timestamp() if isinstance(value, datetime.datetime) else value)


def _check(action: ScheduledAction) -> None:
    if action.minimum is None and action.maximum is None:
        raise ValidationException("At least one of minimum capacity and maximum capacity should be provided")
    if min(action.minimum or 0, action.maximum or 0) < 0:
        raise ValidationException("Minimum capacity cannot be less than 0")
    if action.minimum is not None and action.maximum is not None and action.maximum < action.minimum:
        raise ValidationException("Maximum capacity cannot be less than minimum capacity")
    try:
        schedules.due_after(action.schedule, action.timezone)
    except ValueError as error:
        raise ValidationException(f"Invalid schedule expression: {action.schedule}: {error}") from None
    if action.start_at is not None and action.end_at is not None and action.end_at <= action.start_at:
        raise ValidationException("End time must be later than start time")


async def describe_scheduled_actions(scaler: Scaler, call: Call) -> Document:
    names = call.parameters.get("ScheduledActionNames")
    found = [
        _shown(each)
        for each in scaler.store.actions(call.account, call.region)
        if resources.wanted(call, each.key) and (not names or {each.action, resources.action_arn(each)} & set(names))
    ]
    return resources.page(call, "ScheduledActions", found)


def _shown(action: ScheduledAction) -> Document:
    bounds = {"MinCapacity": action.minimum, "MaxCapacity": action.maximum}
    optional = {"Timezone": action.timezone or None, "StartTime": action.start_at, "EndTime": action.end_at}
    return (
        resources.named(action.key)
        | {
            "ScheduledActionName": action.action,
            "ScheduledActionARN": resources.action_arn(action),
            "Schedule": action.schedule,
            "ScalableTargetAction": {member: value for member, value in bounds.items() if value is not None},
            "CreationTime": action.created_at,
        }
        | {member: value for member, value in optional.items() if value is not None}
    )


async def delete_scheduled_action(scaler: Scaler, call: Call) -> Document:
    key, name = resources.key_of(call), call.parameters["ScheduledActionName"]
    if not await scaler.store.remove_action(key, name):
        raise resources.object_not_found("scheduled action found", key, f", scheduled action name: {name}")
    return {}


async def describe_scaling_activities(scaler: Scaler, call: Call) -> Document:
    """The newest first."""
    if call.parameters.get("IncludeNotScaledActivities"):
        raise NotImplementedYet("IncludeNotScaledActivities is not built yet: only what was scaled is recorded.")
    found, newest = [], set[Key]()
    for activity in scaler.store.activities(call.account, call.region):
        now = scaler.fleet.capacity(activity.key) if activity.key not in newest else None
        sets = activity.status == "Successful" and activity.description.startswith("Setting desired")
        newest |= {activity.key} if sets else set()
        if resources.wanted(call, activity.key):
            found.append(_told(_as_it_is(activity, now) if sets else activity))
    return resources.page(call, "ScalingActivities", found)


def _as_it_is(activity: ScalingActivity, now: Capacity | None) -> ScalingActivity:
    """What was set last may still be being made, or have failed since."""
    if now is None or now.ready or not now.count:
        return activity
    what = activity.message.partition(". ")[0]
    if now.trouble:
        failed = what.replace("Successfully", "Failed to", 1)
        return replace(activity, status="Failed", message=f"{failed}. Reason: {now.trouble}")
    return replace(activity, status="InProgress", message=f"{what}. Waiting for change to be fulfilled by lambda.")


def _told(activity: ScalingActivity) -> Document:
    shown = resources.named(activity.key) | {
        "ActivityId": activity.id,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.began_at,
        "StatusCode": activity.status,
        "StatusMessage": activity.message,
    }
    return shown if activity.status == "InProgress" else shown | {"EndTime": activity.began_at}
