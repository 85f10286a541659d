"""What a request names, as a key, and ARNs; refusals in AWS's words where they are known (decision 22)."""

import re
from typing import Any

from lambent.errors import AwsError, NotImplementedYet, ValidationException
from lambent.store.scaling import Key, ScalableTarget, ScalingPolicy, ScheduledAction
from lambent.wire import markers
from lambent.wire.parse import Call

NAMESPACE = "lambda"
DIMENSION = "lambda:function:ProvisionedConcurrency"
PAGE = 50
_RESOURCE = re.compile(r"function:(?P<name>[a-zA-Z0-9_-]{1,64}):(?P<qualifier>[a-zA-Z0-9_-]{1,128})")
_ROLE = "aws-service-role/lambda.application-autoscaling.amazonaws.com"


def key_of(call: Call) -> Key:
    """The qualifier that ServiceNamespace, ResourceId and ScalableDimension name. Raises ValidationException, or
    NotImplementedYet for what AWS scales and Lambent does not have."""
    asked = call.parameters
    check_namespace(asked)
    found = _RESOURCE.fullmatch(asked["ResourceId"])
    if found is None or asked["ScalableDimension"] != DIMENSION:
        raise unsupported()
    return call.account, call.region, found["name"], found["qualifier"]


def check_namespace(asked: dict[str, Any]) -> None:
    if asked["ServiceNamespace"] != NAMESPACE:
        raise NotImplementedYet(
            f"Lambent does not scale the service namespace {asked['ServiceNamespace']} yet: it scales {NAMESPACE}, in "
            f"the scalable dimension {DIMENSION}."
        )


def unsupported() -> ValidationException:
    return ValidationException("Unsupported service namespace, resource type or scalable dimension")


def object_not_found(what: str, key: Key, more: str = "") -> AwsError:
    message = (
        f"No {what} for service namespace: {NAMESPACE}, resource ID: {resource_id(key)}, scalable dimension: "
        f"{DIMENSION}{more}"
    )
    return AwsError(message, code="ObjectNotFoundException", status=400)


def not_registered(key: Key) -> AwsError:
    return object_not_found("scalable target registered", key)


def limit_exceeded(message: str) -> AwsError:
    return AwsError(message, code="LimitExceededException", status=400)


def resource_id(key: Key) -> str:
    return f"function:{key[2]}:{key[3]}"


def named(key: Key) -> dict[str, str]:
    """The three members with which every document names its target."""
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource_id(key), "ScalableDimension": DIMENSION}


def service_role(account: str) -> str:
    return f"arn:aws:iam::{account}:role/{_ROLE}/AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency"


def target_arn(target: ScalableTarget) -> str:
    return f"arn:aws:application-autoscaling:{target.region}:{target.account}:scalable-target/{target.id}"


def policy_arn(policy: ScalingPolicy) -> str:
    owner = f"arn:aws:autoscaling:{policy.region}:{policy.account}:scalingPolicy:{policy.id}"
    return f"{owner}:resource/{NAMESPACE}/{resource_id(policy.key)}:policyName/{policy.policy}"


def action_arn(action: ScheduledAction) -> str:
    owner = f"arn:aws:autoscaling:{action.region}:{action.account}:scheduledAction:{action.id}"
    return f"{owner}:resource/{NAMESPACE}/{resource_id(action.key)}:scheduledActionName/{action.action}"


def alarm_name(policy: ScalingPolicy, kind: str) -> str:
    """`kind`: High or Low."""
    return f"TargetTracking-{resource_id(policy.key)}-Alarm{kind}-{policy.id}"


def alarms(policy: ScalingPolicy) -> list[dict[str, str]]:
    names = [alarm_name(policy, kind) for kind in ("High", "Low")]
    owner = f"arn:aws:cloudwatch:{policy.region}:{policy.account}:alarm"
    return [{"AlarmName": name, "AlarmARN": f"{owner}:{name}"} for name in names]


def wanted(call: Call, key: Key) -> bool:
    """Is it what the filters of a describe operation ask for?"""
    asked = call.parameters
    ids = asked.get("ResourceIds") or ([asked["ResourceId"]] if "ResourceId" in asked else None)
    dimension = asked.get("ScalableDimension", DIMENSION)
    return asked["ServiceNamespace"] == NAMESPACE and dimension == DIMENSION and (not ids or resource_id(key) in ids)


def page(call: Call, member: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of what was found, and the token of the next."""
    asked = call.parameters
    size = asked.get("MaxResults", PAGE)
    if not 1 <= size <= PAGE:
        raise ValidationException(f"MaxResults must be between 1 and {PAGE}")
    scope = f"application-autoscaling:{call.operation}:{call.account}:{call.region}"
    refuse = AwsError("Invalid next token provided", code="InvalidNextTokenException", status=400)
    begin = 0
    if asked.get("NextToken"):
        begin = int(markers.unseal(scope, asked["NextToken"], refuse=refuse)[0])
    end = begin + size
    more = {"NextToken": markers.seal(scope, [str(end)])} if end < len(found) else {}
    return {member: found[begin:end]} | more
