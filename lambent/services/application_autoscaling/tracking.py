"""A policy's configuration as numbers, and its metric in Lambent's own minutes."""

from typing import Any

import msgspec

from lambent.observe.metrics import Function, Metrics
from lambent.services.application_autoscaling import decisions
from lambent.services.application_autoscaling.decisions import View
from lambent.store.scaling import ScalingPolicy

PREDEFINED = "LambdaProvisionedConcurrencyUtilization"
LOOK_BACK_S = 60.0 * (max(decisions.POINTS_IN, decisions.POINTS_OUT) + 1)
KNOWN = frozenset({  # in AWS/Lambda, and counted here
    "AsyncEventAge", "AsyncEventsDropped", "AsyncEventsReceived", "ClaimedAccountConcurrency", "ConcurrentExecutions",
    "DeadLetterErrors", "DestinationDeliveryFailures", "Duration", "Errors", "Invocations",
    "PostRuntimeExtensionsDuration", "ProvisionedConcurrencyInvocations", "ProvisionedConcurrencySpilloverInvocations",
    "ProvisionedConcurrencyUtilization", "ProvisionedConcurrentExecutions", "RecursiveInvocationsDropped", "Throttles",
    "UnreservedConcurrentExecutions",
})  # fmt: skip


class Metric(msgspec.Struct, frozen=True):
    """Which of Lambent's metrics, and what of each minute."""

    name: str
    function: Function
    qualifier: str
    statistic: str


def metric_of(policy: ScalingPolicy) -> Metric:
    custom = policy.tracking.get("CustomizedMetricSpecification")
    if custom is None:
        function = (policy.account, policy.region, policy.name)
        return Metric("ProvisionedConcurrencyUtilization", function, policy.qualifier, "Average")
    dimensions = {each["Name"]: each["Value"] for each in custom.get("Dimensions", ())}
    name, _, qualifier = dimensions.get("Resource", "").partition(":")
    function = (policy.account, policy.region, dimensions.get("FunctionName", name))
    return Metric(custom["MetricName"], function, qualifier, custom["Statistic"])


def view(policy: ScalingPolicy, metrics: Metrics, now: float) -> View:
    tracking: dict[str, Any] = policy.tracking
    metric = metric_of(policy)
    minutes = metrics.minutes(metric.name, metric.function, metric.qualifier, now - LOOK_BACK_S)
    return View(
        policy=policy.policy,
        target=tracking["TargetValue"],
        points=decisions.points(minutes, metric.statistic, now),
        out_cooldown_s=tracking.get("ScaleOutCooldown", 0),
        in_cooldown_s=tracking.get("ScaleInCooldown", 0),
        may_scale_in=not tracking.get("DisableScaleIn", False),
        out_at=policy.out_at,
        out_from=policy.out_from,
        in_at=policy.in_at,
    )
