"""PutScalingPolicy, DescribeScalingPolicies, DeleteScalingPolicy: target tracking, all that Lambda can have."""

import math
import uuid
from typing import Any

from msgspec.structs import replace

from lambent.errors import NotImplementedYet, ResourceNotFound, ValidationException
from lambent.model import Document
from lambent.services.application_autoscaling import resources
from lambent.services.application_autoscaling.resources import DIMENSION
from lambent.services.application_autoscaling.scaler import Scaler
from lambent.services.application_autoscaling.tracking import KNOWN, PREDEFINED, metric_of
from lambent.store.scaling import Key, ScalingPolicy
from lambent.wire.parse import Call

MOST = 50  # policies of a target
TRACKING = "TargetTrackingScaling"
_CONFIGURATION = "TargetTrackingScalingPolicyConfiguration"
_OTHERS = ("StepScalingPolicyConfiguration", "PredictiveScalingPolicyConfiguration")


async def put_scaling_policy(scaler: Scaler, call: Call) -> Document:
    key, asked = resources.key_of(call), call.parameters
    others = [each for each in scaler.store.policies(call.account, call.region) if each.key == key]
    former = next((each for each in others if each.policy == asked["PolicyName"]), None)
    _check_kind(asked, new=former is None)
    _check_tracking(asked[_CONFIGURATION])
    if scaler.store.target(key) is None:
        raise resources.not_registered(key)
    policy = replace(former or _new(scaler, key, asked["PolicyName"]), tracking=asked[_CONFIGURATION])
    _check_others(policy, [each for each in others if each is not former])
    try:
        await scaler.store.put_policy(policy)
    except ResourceNotFound:
        raise resources.not_registered(key) from None
    return {"PolicyARN": resources.policy_arn(policy), "Alarms": resources.alarms(policy)}


def _new(scaler: Scaler, key: Key, name: str) -> ScalingPolicy:
    account, region, function, qualifier = key
    return ScalingPolicy(
        account=account, region=region, name=function, qualifier=qualifier, policy=name, id=str(uuid.uuid4()),
        tracking={}, created_at=scaler.clock.epoch(),
    )  # fmt: skip


def _check_kind(asked: dict[str, Any], *, new: bool) -> None:
    kind = asked.get("PolicyType") or (None if new else TRACKING)
    if kind is None:
        raise ValidationException("Policy type must be provided when a scaling policy is created")
    if kind != TRACKING:
        raise ValidationException(f"Policy type {kind} is not supported for scalable dimension: {DIMENSION}")
    if any(member in asked for member in _OTHERS) or _CONFIGURATION not in asked:
        raise ValidationException(f"A policy of type {TRACKING} needs {_CONFIGURATION}, and no other configuration")


def _check_tracking(tracking: dict[str, Any]) -> None:
    predefined, custom = (tracking.get(f"{kind}MetricSpecification") for kind in ("Predefined", "Customized"))
    if (predefined is None) == (custom is None):
        raise ValidationException("Exactly one of predefined and customized metric specification must be provided")
    if any(tracking.get(name, 0) < 0 for name in ("ScaleInCooldown", "ScaleOutCooldown")):
        raise ValidationException("Cooldowns cannot be negative")
    target = tracking["TargetValue"]
    if not (target > 0 and math.isfinite(target)):
        raise ValidationException("Target value must be greater than 0")
    if custom is not None:
        _check_custom(custom)
    else:
        _check_predefined(predefined or {}, target)


def _check_predefined(predefined: dict[str, Any], target: float) -> None:
    if predefined.get("PredefinedMetricType") != PREDEFINED:
        raise ValidationException(
            f"Scalable dimension {DIMENSION} only supports the following predefined metric types: {PREDEFINED}"
        )
    if "ResourceLabel" in predefined:
        raise ValidationException(f"Resource label cannot be specified for predefined metric type {PREDEFINED}")
    if not 0.1 <= target <= 0.9:
        raise ValidationException(f"Target value of {PREDEFINED} must be between 0.1 and 0.9, which are 10 % and 90 %")


def _check_custom(custom: dict[str, Any]) -> None:
    for member in ("Metrics", "Unit"):
        if member in custom:
            raise NotImplementedYet(f"CustomizedMetricSpecification.{member} is not built yet.")
    missing = [member for member in ("MetricName", "Namespace", "Statistic") if member not in custom]
    if missing:
        raise ValidationException(f"Customized metric specification needs {', '.join(missing)}")
    if custom["Namespace"] != "AWS/Lambda" or custom["MetricName"] not in KNOWN:
        raise NotImplementedYet(
            f"Lambent does not have the metric {custom['MetricName']} of {custom['Namespace']} yet. It has these of "
            f"AWS/Lambda: {', '.join(sorted(KNOWN))}."
        )
    unknown = sorted({each["Name"] for each in custom.get("Dimensions", ())} - {"FunctionName", "Resource"})
    if unknown:
        raise NotImplementedYet(f"Lambent does not have metrics by the dimension {unknown[0]} yet.")


def _check_others(policy: ScalingPolicy, others: list[ScalingPolicy]) -> None:
    if any(metric_of(each) == metric_of(policy) for each in others):
        raise ValidationException("Only one TargetTrackingScaling policy for a given metric specification is allowed.")
    if len(others) >= MOST:
        raise resources.limit_exceeded(f"A scalable target can have {MOST} scaling policies at most")


async def describe_scaling_policies(scaler: Scaler, call: Call) -> Document:
    names = call.parameters.get("PolicyNames")
    found = [
        _shown(each)
        for each in scaler.store.policies(call.account, call.region)
        if resources.wanted(call, each.key) and (not names or {each.policy, resources.policy_arn(each)} & set(names))
    ]
    return resources.page(call, "ScalingPolicies", found)


def _shown(policy: ScalingPolicy) -> Document:
    return resources.named(policy.key) | {
        "PolicyARN": resources.policy_arn(policy),
        "PolicyName": policy.policy,
        "PolicyType": TRACKING,
        _CONFIGURATION: policy.tracking,
        "Alarms": resources.alarms(policy),
        "CreationTime": policy.created_at,
    }


async def delete_scaling_policy(scaler: Scaler, call: Call) -> Document:
    key, name = resources.key_of(call), call.parameters["PolicyName"]
    if not await scaler.store.remove_policy(key, name):
        raise resources.object_not_found("scaling policy found", key, f", policy name: {name}")
    return {}
