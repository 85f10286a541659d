"""RegisterScalableTarget, DeregisterScalableTarget, DescribeScalableTargets, and tags of targets."""

import uuid
from typing import Any

from msgspec.structs import replace

from lambent.errors import AwsError, ResourceNotFound, ValidationException
from lambent.model import Document
from lambent.services.application_autoscaling import resources
from lambent.services.application_autoscaling.scaler import Scaler
from lambent.store.scaling import Key, ScalableTarget
from lambent.wire.parse import Call

MOST_TAGS = 50
_SUSPENDED = {
    "DynamicScalingInSuspended": "in_suspended",
    "DynamicScalingOutSuspended": "out_suspended",
    "ScheduledScalingSuspended": "schedule_suspended",
}


async def register_scalable_target(scaler: Scaler, call: Call) -> Document:
    """Or change one, in what is given. What is provisioned is brought into the new range at once."""
    key = resources.key_of(call)
    try:
        scaler.fleet.require(key)
    except ResourceNotFound:
        raise ValidationException(f"Lambda function doesn't exist: {resources.resource_id(key)}") from None
    target = _changed(scaler.store.target(key) or _new(scaler, call, key), call.parameters)
    _check(target)
    try:
        await scaler.store.put_target(target)
    except ResourceNotFound:
        raise ValidationException(f"Lambda function doesn't exist: {resources.resource_id(key)}") from None
    await scaler.bring_into_range(target, scaler.clock.epoch())
    return {"ScalableTargetARN": resources.target_arn(target)}


def _new(scaler: Scaler, call: Call, key: Key) -> ScalableTarget:
    account, region, name, qualifier = key
    if not {"MinCapacity", "MaxCapacity"} <= set(call.parameters):
        raise ValidationException(
            "Minimum and maximum capacity must both be provided when a scalable target is registered for the first time"
        )
    return ScalableTarget(
        account=account, region=region, name=name, qualifier=qualifier, minimum=0, maximum=0,
        role=resources.service_role(account), id=uuid.uuid4().hex, created_at=scaler.clock.epoch(),
    )  # fmt: skip


def _changed(target: ScalableTarget, asked: dict[str, Any]) -> ScalableTarget:
    members = {"MinCapacity": "minimum", "MaxCapacity": "maximum", "RoleARN": "role"}
    given = {field: asked[member] for member, field in members.items() if member in asked}
    suspended = asked.get("SuspendedState", {})
    given |= {field: suspended[member] for member, field in _SUSPENDED.items() if member in suspended}
    return replace(target, **given, tags=target.tags | asked.get("Tags", {}))


def _check(target: ScalableTarget) -> None:
    if target.minimum < 0:
        raise ValidationException("Minimum capacity cannot be less than 0")
    if target.maximum < target.minimum:
        raise ValidationException("Maximum capacity cannot be less than minimum capacity")
    _check_tags(target)


def _check_tags(target: ScalableTarget) -> None:
    if len(target.tags) > MOST_TAGS:
        message = f"The number of tags exceeds the limit of {MOST_TAGS}."
        raise AwsError(message, code="TooManyTagsException", status=400, ResourceName=resources.target_arn(target))


async def deregister_scalable_target(scaler: Scaler, call: Call) -> Document:
    """Its policies and scheduled actions go with it; what is provisioned stays as it is."""
    key = resources.key_of(call)
    if not await scaler.store.remove_target(key):
        raise resources.object_not_found("scalable target found", key)
    return {}


async def describe_scalable_targets(scaler: Scaler, call: Call) -> Document:
    found = scaler.store.targets(call.account, call.region)
    return resources.page(call, "ScalableTargets", [_shown(each) for each in found if resources.wanted(call, each.key)])


def _shown(target: ScalableTarget) -> Document:
    return resources.named(target.key) | {
        "MinCapacity": target.minimum,
        "MaxCapacity": target.maximum,
        "RoleARN": target.role,
        "CreationTime": target.created_at,
        "SuspendedState": {member: getattr(target, field) for member, field in _SUSPENDED.items()},
        "ScalableTargetARN": resources.target_arn(target),
    }


# -- tags


async def list_tags_for_resource(scaler: Scaler, call: Call) -> Document:
    return {"Tags": _tagged(scaler, call).tags}


async def tag_resource(scaler: Scaler, call: Call) -> Document:
    target = _tagged(scaler, call)
    target = replace(target, tags=target.tags | call.parameters["Tags"])
    _check_tags(target)
    await scaler.store.put_target(target)
    return {}


async def untag_resource(scaler: Scaler, call: Call) -> Document:
    target = _tagged(scaler, call)
    gone = set(call.parameters["TagKeys"])
    await scaler.store.put_target(
        replace(target, tags={name: value for name, value in target.tags.items() if name not in gone})
    )
    return {}


def _tagged(scaler: Scaler, call: Call) -> ScalableTarget:
    arn = call.parameters["ResourceARN"]
    for target in scaler.store.targets(call.account, call.region):
        if resources.target_arn(target) == arn:
            return target
    message = f"The specified resource doesn't exist: {arn}"
    raise AwsError(message, code="ResourceNotFoundException", status=400, ResourceName=arn)
