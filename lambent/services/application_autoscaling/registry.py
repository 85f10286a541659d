"""Which function does which operation of Application Auto Scaling."""

from collections.abc import Awaitable, Callable

from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.services.application_autoscaling.actions import (
    delete_scheduled_action,
    describe_scaling_activities,
    describe_scheduled_actions,
    put_scheduled_action,
)
from lambent.services.application_autoscaling.policies import (
    delete_scaling_policy,
    describe_scaling_policies,
    put_scaling_policy,
)
from lambent.services.application_autoscaling.scaler import Scaler
from lambent.services.application_autoscaling.targets import (
    deregister_scalable_target,
    describe_scalable_targets,
    list_tags_for_resource,
    register_scalable_target,
    tag_resource,
    untag_resource,
)
from lambent.wire.parse import Call

Handler = Callable[[Scaler, Call], Awaitable[Document]]

operations: dict[str, Handler] = {
    "DeleteScalingPolicy": delete_scaling_policy,
    "DeleteScheduledAction": delete_scheduled_action,
    "DeregisterScalableTarget": deregister_scalable_target,
    "DescribeScalableTargets": describe_scalable_targets,
    "DescribeScalingActivities": describe_scaling_activities,
    "DescribeScalingPolicies": describe_scaling_policies,
    "DescribeScheduledActions": describe_scheduled_actions,
    "ListTagsForResource": list_tags_for_resource,
    "PutScalingPolicy": put_scaling_policy,
    "PutScheduledAction": put_scheduled_action,
    "RegisterScalableTarget": register_scalable_target,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}


async def handle(scaler: Scaler, call: Call) -> Document:
    """Do an operation. Raises NotImplementedYet, which names it, if it is not built."""
    handler = operations.get(call.operation)
    if handler is None:
        raise NotImplementedYet(f"Lambent does not support the operation {call.service}:{call.operation} yet.")
    if call.operation.startswith(("Describe", "List")):
        return await handler(scaler, call)
    async with scaler.turn:
        done = await handler(scaler, call)
    scaler.look()
    return done
