"""The operations on topics. Source: Amazon SNS API Reference; recordings of AWS."""

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from lambent.errors import AwsError, NotImplementedYet
from lambent.model import Document
from lambent.services.sns import access, errors
from lambent.services.sns.engine import Sns
from lambent.services.sns.nouns import Topic
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 100
MOST_TAGS = 50
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,256}")
_FIFO_NAME = re.compile(r"[a-zA-Z0-9_-]{1,251}\.fifo")
_SETTABLE = (
    "DeliveryPolicy", "DisplayName", "Policy", "ContentBasedDeduplication", "FifoTopic", "SignatureVersion",
    "TracingConfig", "FifoThroughputScope", "ArchivePolicy", "KmsMasterKeyId",
)  # fmt: skip
_ACTIONS = (
    "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
    "ListSubscriptionsByTopic", "Publish", "Receive",
)  # fmt: skip
_DELIVERY_POLICY = (
    '{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,'
    '"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},'
    '"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}'
)


async def create_topic(sns: Sns, call: Call) -> Document:
    asked = call.parameters
    name, attributes = asked["Name"], dict(asked.get("Attributes") or {})
    tags = _tags(asked.get("Tags") or [])
    fifo = attributes.get("FifoTopic", "").lower() == "true"
    if not (_FIFO_NAME if fifo else _NAME).fullmatch(name):
        raise errors.invalid("Topic Name")
    if not fifo:
        attributes.pop("FifoTopic", None)  # recorded: saying that it is none is not kept
    for attribute, value in attributes.items():
        _check(attribute, value)
    topic = Topic(
        account=call.account, region=call.region, name=name, attributes=attributes, tags=tags,
        created=sns.clock.epoch(),
    )  # fmt: skip
    existing = next((each for each in sns.topics(call.account, call.region) if each.name == name), None)
    if existing is not None:
        _refuse_other(sns, existing, topic, tags_given=asked.get("Tags") is not None)
        return {"TopicArn": existing.arn}
    await sns.put(topic)
    return {"TopicArn": topic.arn}


def _refuse_other(sns: Sns, existing: Topic, wanted: Topic, *, tags_given: bool) -> None:
    have = _shown(sns, existing)
    if any(have.get(name) != value for name, value in wanted.attributes.items()):
        raise errors.invalid("Attributes Reason: Topic already exists with different attributes")
    if tags_given and existing.tags != wanted.tags:
        raise errors.invalid("Tags Reason: Topic already exists with different tags")


def _check(name: str, value: str) -> None:
    if name not in _SETTABLE:
        raise errors.invalid("AttributeName")
    if name in ("KmsMasterKeyId", "ArchivePolicy", "DeliveryPolicy") and value:
        raise NotImplementedYet(f"Lambent does not support {name} of topics yet. Leave it out.")
    if name in ("ContentBasedDeduplication", "FifoTopic") and value not in ("true", "false"):
        raise errors.invalid(f"Attributes Reason: {name}: Invalid value [{value}]. Must be true or false.")
    if name == "Policy" and value:
        _policy_of(value)


def _policy_of(text: str) -> Document:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict):
        raise errors.invalid("Policy Error: null")
    return found


async def delete_topic(sns: Sns, call: Call) -> Document:
    """One that is not there counts as deleted."""
    arn = access.checked(call.parameters["TopicArn"], call.region)
    try:
        topic = access.named(sns, call, arn)
    except AwsError as error:
        if error.code != "NotFoundException":
            raise
        return {}
    await sns.delete(topic)
    return {}


async def list_topics(sns: Sns, call: Call) -> Document:
    page, more = paged(call, "sns:ListTopics", [topic.arn for topic in sns.topics(call.account, call.region)])
    return {"Topics": [{"TopicArn": arn} for arn in page]} | more


def paged(call: Call, scope: str, keys: list[str]) -> tuple[list[str], Document]:
    """The next hundred of `keys`, which are in order, and a token if there are more."""
    token = call.parameters.get("NextToken")
    if token:
        after = markers.unseal(scope, token, refuse=errors.invalid("NextToken"))[0]
        keys = keys[keys.index(after) + 1 :] if after in keys else [key for key in keys if key > after]
    page = keys[:PAGE]
    return page, {"NextToken": markers.seal(scope, [page[-1]])} if len(keys) > PAGE else {}


async def get_topic_attributes(sns: Sns, call: Call) -> Document:
    return {"Attributes": _shown(sns, access.named(sns, call, call.parameters["TopicArn"]))}


def _shown(sns: Sns, topic: Topic) -> dict[str, str]:
    subscriptions = sns.subscriptions(topic.arn)
    confirmed = sum(each.confirmed for each in subscriptions)
    shown = {
        "DisplayName": "", "Owner": topic.account, "Policy": default_policy(topic), "TopicArn": topic.arn,
        "SubscriptionsConfirmed": str(confirmed), "SubscriptionsPending": str(len(subscriptions) - confirmed),
        "SubscriptionsDeleted": str(topic.deleted_subscriptions), "EffectiveDeliveryPolicy": _DELIVERY_POLICY,
    }  # fmt: skip
    if topic.fifo:
        shown |= {"FifoTopic": "true", "ContentBasedDeduplication": "false"}
    return shown | topic.attributes


def default_policy(topic: Topic) -> str:
    """What AWS shows of a topic for which nobody has set a policy."""
    statement = {
        "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in _ACTIONS if action != "Receive"], "Resource": topic.arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": topic.account}},
    }  # fmt: skip
    return msgspec.json.encode(
        {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    ).decode()


async def set_topic_attributes(sns: Sns, call: Call) -> Document:
    topic = access.named(sns, call, call.parameters["TopicArn"])
    name, value = call.parameters["AttributeName"], call.parameters.get("AttributeValue") or ""
    _check(name, value)
    if name == "FifoTopic":
        raise errors.invalid("AttributeName")
    await sns.put(replace(topic, attributes=topic.attributes | {name: value}))
    return {}


# -- permissions: statements of the policy by their labels


async def add_permission(sns: Sns, call: Call) -> Document:
    asked = call.parameters
    topic = access.named(sns, call, asked["TopicArn"])
    policy = _policy_of(topic.attributes.get("Policy") or default_policy(topic))
    statements: list[Any] = policy.setdefault("Statement", [])
    if any(each.get("Sid") == asked["Label"] for each in statements):
        raise errors.invalid("Statement already exists")
    if any(action not in _ACTIONS for action in asked["ActionName"]):
        raise errors.invalid("Policy statement action out of service scope!")
    principals = [f"arn:aws:iam::{account}:root" for account in asked["AWSAccountId"]]
    actions = [f"SNS:{action}" for action in asked["ActionName"]]
    statements.append(
        {
            "Sid": asked["Label"], "Effect": "Allow", "Principal": {"AWS": _one_or_all(principals)},
            "Action": _one_or_all(actions), "Resource": topic.arn,
        }
    )  # fmt: skip
    await _store_policy(sns, topic, policy)
    return {}


async def remove_permission(sns: Sns, call: Call) -> Document:
    topic = access.named(sns, call, call.parameters["TopicArn"])
    policy = _policy_of(topic.attributes.get("Policy") or default_policy(topic))
    kept = [each for each in policy.get("Statement", []) if each.get("Sid") != call.parameters["Label"]]
    await _store_policy(sns, topic, policy | {"Statement": kept})
    return {}


async def _store_policy(sns: Sns, topic: Topic, policy: Document) -> None:
    text = msgspec.json.encode(policy).decode()
    await sns.put(replace(topic, attributes=topic.attributes | {"Policy": text}))


def _one_or_all(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else values


# -- tags


def _tags(listed: list[Document]) -> dict[str, str]:
    tags = {str(tag["Key"]): str(tag["Value"]) for tag in listed}
    if len(tags) < len(listed):
        raise errors.invalid("Duplicated keys are not allowed.")
    if len(tags) > MOST_TAGS:
        raise AwsError(
            "Could not complete request: tag quota of per resource exceeded", code="TagLimitExceededException"
        )
    return tags


async def tag_resource(sns: Sns, call: Call) -> Document:
    topic = _tagged(sns, call)
    tags = topic.tags | _tags(call.parameters["Tags"])
    await sns.put(replace(topic, tags=_tags([{"Key": key, "Value": value} for key, value in tags.items()])))
    return {}


async def untag_resource(sns: Sns, call: Call) -> Document:
    topic = _tagged(sns, call)
    gone = set(call.parameters["TagKeys"])
    await sns.put(replace(topic, tags={key: value for key, value in topic.tags.items() if key not in gone}))
    return {}


async def list_tags_for_resource(sns: Sns, call: Call) -> Document:
    return {"Tags": [{"Key": key, "Value": value} for key, value in _tagged(sns, call).tags.items()]}


def _tagged(sns: Sns, call: Call) -> Topic:
    try:
        return access.named(sns, call, call.parameters["ResourceArn"])
    except AwsError as error:
        if error.code != "NotFoundException":
            raise
        raise AwsError("Resource does not exist", code="ResourceNotFoundException", status=404) from None
