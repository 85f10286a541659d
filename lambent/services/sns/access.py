"""Which topic a request names, and whether its sender may use it. A topic without a policy is its account's own."""

from collections.abc import Mapping

from lambent.errors import AwsError
from lambent.iam.policy import ALLOW, SILENT, Asked, Verdict, refusal, verdict_in
from lambent.principal import Principal
from lambent.services.sns import errors
from lambent.services.sns.engine import Sns
from lambent.services.sns.nouns import Topic
from lambent.wire.parse import Call

NOTHING: Mapping[str, str] = {}
_PARTS = 6


def named(sns: Sns, call: Call, arn: str | None) -> Topic:
    """The topic of an ARN, if the caller may do this operation with it."""
    topic = sns.topic(checked(arn, call.region))
    demand(call.caller, call.caller.account or call.account, call.operation.removesuffix("Batch"), topic)
    return topic


def checked(arn: str | None, region: str) -> str:
    """Raises InvalidParameter for what is no ARN of a topic here."""
    parts = (arn or "").split(":")
    if len(parts) < _PARTS:
        raise errors.invalid(f"TopicArn Reason: An ARN must have at least 6 elements, not {len(parts)}")
    if parts[2] != "sns" or parts[3] != region:
        raise errors.invalid("TopicArn")
    return str(arn)


def demand(
    caller: Principal, account: str, operation: str, topic: Topic, conditions: Mapping[str, str] = NOTHING
) -> None:
    """Raise AuthorizationError, in AWS's words, unless the caller may."""
    action = f"SNS:{operation}"
    said = verdict(topic, caller, action, conditions)
    if said is ALLOW or (said is SILENT and account == topic.account and not caller.service):
        return
    message = refusal(Asked(caller, action, topic.arn), said)
    raise AwsError(message, code="AuthorizationErrorException", status=403)


def verdict(topic: Topic, caller: Principal, action: str, conditions: Mapping[str, str]) -> Verdict:
    """What the topic's policy alone says. The default one, which no one has set, lets the owner in."""
    keys = {key.lower(): value for key, value in conditions.items()} | {"aws:sourceowner": caller.account}
    return verdict_in(topic.attributes.get("Policy"), Asked(caller, action, topic.arn, keys))
