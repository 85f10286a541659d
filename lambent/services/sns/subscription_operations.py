"""The operations on subscriptions. Source: Amazon SNS API Reference; recordings of AWS."""

import secrets
import uuid
from typing import Any

import msgspec
from msgspec.structs import replace

from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.services.sns import access, errors, filters
from lambent.services.sns.engine import Sns
from lambent.services.sns.nouns import PENDING, Subscription
from lambent.services.sns.topic_operations import paged
from lambent.wire.parse import Call

_KNOWN = ("http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose")
_HERE = ("http", "https", "sqs", "lambda")
_SETTABLE = ("DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy",
             "SubscriptionRoleArn", "ReplayPolicy")  # fmt: skip
_ASKED = "Attributes Reason: "  # before the sentence about an attribute of Subscribe
_PARTS = 6


async def subscribe(sns: Sns, call: Call) -> Document:
    asked = call.parameters
    protocol, endpoint = asked["Protocol"], asked.get("Endpoint") or ""
    topic = access.named(sns, call, asked["TopicArn"])
    _check_endpoint(topic.fifo, protocol, endpoint)
    attributes = dict(asked.get("Attributes") or {})
    _check_attributes(attributes, asked_at=_ASKED)
    if "RawMessageDelivery" in attributes:
        attributes["RawMessageDelivery"] = attributes["RawMessageDelivery"].lower()
    for existing in sns.subscriptions(topic.arn):
        if (existing.protocol, existing.endpoint) == (protocol, endpoint):
            if any(existing.attributes.get(name) != value for name, value in attributes.items()):
                raise errors.invalid("Attributes Reason: Subscription already exists with different attributes")
            return _answer(existing, whole=bool(asked.get("ReturnSubscriptionArn")))
    needs_asking = protocol in ("http", "https")
    subscription = Subscription(
        id=str(uuid.uuid4()), topic=topic.arn, protocol=protocol, endpoint=endpoint, owner=call.account,
        principal=call.caller.arn, attributes=attributes, token=secrets.token_hex(144), confirmed=not needs_asking,
        created=sns.clock.epoch(),
    )  # fmt: skip
    await sns.subscribe(subscription)
    return _answer(subscription, whole=bool(asked.get("ReturnSubscriptionArn")))


def _answer(subscription: Subscription, *, whole: bool) -> Document:
    told = subscription.arn if subscription.confirmed or whole else "pending confirmation"
    return {"SubscriptionArn": told}


def _check_endpoint(fifo: bool, protocol: str, endpoint: str) -> None:
    if protocol not in _KNOWN:
        raise errors.invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if protocol not in _HERE:
        raise NotImplementedYet(
            f"Lambent does not deliver messages of topics by {protocol}: {', '.join(_HERE)} it does."
        )
    if not endpoint:
        raise errors.not_found("Endpoint")
    if protocol in ("http", "https") and not endpoint.startswith(f"{protocol}://"):
        raise errors.invalid("Endpoint must match the specified protocol")
    if protocol == "sqs" and not endpoint.startswith("arn:aws:sqs:"):
        raise errors.invalid("SQS endpoint ARN")
    if protocol == "lambda" and not endpoint.startswith("arn:aws:lambda:"):
        raise errors.invalid("Lambda endpoint ARN")
    if endpoint.endswith(".fifo") and not fifo:
        raise errors.invalid(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        )


def _check_attributes(attributes: dict[str, str], *, asked_at: str) -> None:
    for name, value in attributes.items():
        _check_attribute(name, value, asked_at=asked_at)
    policy = attributes.get("FilterPolicy")
    if policy:
        scope = attributes.get("FilterPolicyScope") or filters.ATTRIBUTES
        filters.check(policy, scope, prefix=f"Invalid parameter: {asked_at}")


def _check_attribute(name: str, value: str, *, asked_at: str) -> None:
    if name not in _SETTABLE:
        raise errors.invalid(f"{asked_at}AttributeName")
    if name in ("DeliveryPolicy", "ReplayPolicy", "SubscriptionRoleArn") and value:
        raise NotImplementedYet(f"Lambent does not support {name} of subscriptions yet. Leave it out.")
    if name == "FilterPolicyScope" and value not in (filters.BODY, filters.ATTRIBUTES):
        raise errors.invalid(
            f"{asked_at}FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
        )
    if name == "RawMessageDelivery" and value.lower() not in ("true", "false"):
        raise errors.invalid(f"{asked_at}RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
    if name == "RedrivePolicy" and value:
        _check_redrive(value, asked_at)


def _check_redrive(value: str, asked_at: str) -> None:
    try:
        target: Any = msgspec.json.decode(value)["deadLetterTargetArn"]
    except (msgspec.DecodeError, TypeError):
        raise errors.invalid(f"{asked_at}RedrivePolicy: failed to parse JSON.") from None
    except KeyError:
        target = ""
    if len(str(target).split(":")) != _PARTS:
        raise errors.invalid(f"{asked_at}RedrivePolicy: deadLetterTargetArn is an invalid arn")


async def confirm_subscription(sns: Sns, call: Call) -> Document:
    arn, token = call.parameters["TopicArn"], call.parameters["Token"]
    if len(arn.split(":")) != _PARTS:
        raise errors.invalid("Topic")
    for subscription in sns.subscriptions(arn):
        if subscription.token and secrets.compare_digest(subscription.token, token):
            if not subscription.confirmed:
                await sns.change(replace(subscription, confirmed=True))
            return {"SubscriptionArn": subscription.arn}
    raise errors.invalid("Token")


async def unsubscribe(sns: Sns, call: Call) -> Document:
    """One that is not there any more counts as deleted."""
    arn = call.parameters["SubscriptionArn"]
    count = len(arn.split(":"))
    if count < _PARTS:
        raise errors.invalid(f"SubscriptionArn Reason: An ARN must have at least 6 elements, not {count}")
    if count == _PARTS:
        raise errors.invalid("SubscriptionId")
    subscription = sns.subscription(arn)
    if subscription is not None:
        await sns.unsubscribe(subscription)
    return {}


async def get_subscription_attributes(sns: Sns, call: Call) -> Document:
    return {"Attributes": _shown(_found(sns, call))}


def _found(sns: Sns, call: Call) -> Subscription:
    arn = call.parameters["SubscriptionArn"]
    count = len(arn.split(":"))
    if count < _PARTS:
        raise errors.invalid(f"SubscriptionArn Reason: An ARN must have at least 6 elements, not {count}")
    subscription = sns.subscription(arn)
    if subscription is None or call.account not in (subscription.owner, subscription.topic.split(":")[4]):
        raise errors.not_found("Subscription")
    return subscription


def _shown(subscription: Subscription) -> dict[str, str]:
    shown = {
        "ConfirmationWasAuthenticated": "true", "Endpoint": subscription.endpoint, "Owner": subscription.owner,
        "PendingConfirmation": "false" if subscription.confirmed else "true", "Protocol": subscription.protocol,
        "RawMessageDelivery": "false", "SubscriptionArn": subscription.arn, "TopicArn": subscription.topic,
        "SubscriptionPrincipal": subscription.principal,
    } | {name: value for name, value in subscription.attributes.items() if value}  # fmt: skip
    if "FilterPolicy" in shown:
        shown.setdefault("FilterPolicyScope", filters.ATTRIBUTES)
    else:
        shown.pop("FilterPolicyScope", None)  # recorded: without a policy the scope is not shown
    return shown


async def set_subscription_attributes(sns: Sns, call: Call) -> Document:
    subscription, asked = _found(sns, call), call.parameters
    name, value = asked["AttributeName"], asked.get("AttributeValue") or ""
    _check_attribute(name, value, asked_at="")
    changed = subscription.attributes | {name: value.lower() if name == "RawMessageDelivery" else value}
    if name == "FilterPolicy" and value:
        scope = changed.get("FilterPolicyScope") or filters.ATTRIBUTES
        filters.check(value, scope, prefix="Invalid parameter: ")
    await sns.change(replace(subscription, attributes=changed))
    return {}


async def list_subscriptions(sns: Sns, call: Call) -> Document:
    return _listed(call, "sns:ListSubscriptions", sns.subscriptions_of(call.account, call.region))


async def list_subscriptions_by_topic(sns: Sns, call: Call) -> Document:
    topic = access.named(sns, call, call.parameters["TopicArn"])
    return _listed(call, f"sns:ListSubscriptionsByTopic:{topic.arn}", sns.subscriptions(topic.arn))


def _listed(call: Call, scope: str, found: list[Subscription]) -> Document:
    by_arn = {each.arn: each for each in found}
    page, more = paged(call, scope, sorted(by_arn))
    return {"Subscriptions": [_summary(by_arn[arn]) for arn in page]} | more


def _summary(subscription: Subscription) -> Document:
    return {
        "SubscriptionArn": subscription.arn if subscription.confirmed else PENDING, "Owner": subscription.owner,
        "Protocol": subscription.protocol, "Endpoint": subscription.endpoint, "TopicArn": subscription.topic,
    }  # fmt: skip
