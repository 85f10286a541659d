"""The operations on queues. Source: Amazon SQS API Reference; recordings of AWS."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.errors import AwsError
from lambent.model import Document
from lambent.services.sqs import access, errors, queue_attributes
from lambent.services.sqs.engine import Sqs, permits
from lambent.services.sqs.queue import Queue
from lambent.wire import markers
from lambent.wire.parse import Call

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,80}")
_CHARACTERS = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
MOST_LISTED = 1_000
MOST_TAGS = 50


async def create_queue(sqs: Sqs, call: Call) -> Document:
    asked = call.parameters
    name, attributes = asked["QueueName"], _meant(asked.get("Attributes") or {})
    fifo = _check_name(name, attributes)
    key = (call.account, call.region, name)
    arn = f"arn:aws:sqs:{call.region}:{call.account}:{name}"
    queue_attributes.check(attributes, fifo=fifo, arn=arn)
    for queue in sqs.queues(call.account, call.region):
        if queue.stored.key == key:
            _refuse_other(queue, attributes)
            return {"QueueUrl": access.url_of(queue, call, "")}
    _check_redrive(sqs, attributes, arn)
    tags = _checked_tags(asked.get("tags") or {})
    queue = await sqs.create(key, queue_attributes.merged({}, attributes), tags)
    return {"QueueUrl": access.url_of(queue, call, "")}


def _meant(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if value is not None}


def _check_name(name: str, attributes: Mapping[str, str]) -> bool:
    """Whether the queue is to be FIFO. Raises InvalidParameterValue for a name that does not fit that."""
    wanted = attributes.get("FifoQueue") == "true"
    if wanted:
        if not name.endswith(".fifo") or not _NAME.fullmatch(f"{name[:-5]}_fifo"):
            raise errors.invalid_parameter(
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end "
                "with .fifo suffix and be 1 to 80 in length"
            )
    elif not _NAME.fullmatch(name):
        raise errors.invalid_parameter(_CHARACTERS)
    return wanted


def _refuse_other(queue: Queue, attributes: Mapping[str, str]) -> None:
    """The same queue asked for again is found; one with another attribute is not the same."""
    have = queue_attributes.shown(queue.stored, queue.counts(), [queue_attributes.ALL])
    for name, value in attributes.items():
        if have.get(name, "") != value:
            raise AwsError(
                f"A queue already exists with the same name and a different value for attribute {name}",
                code="QueueNameExists", status=400,
            )  # fmt: skip


def _check_redrive(sqs: Sqs, attributes: Mapping[str, str], arn: str) -> None:
    """The dead-letter queue has to be there, and to let this one use it."""
    text = attributes.get("RedrivePolicy")
    if not text:
        return
    target = sqs.by_arn(str(msgspec.json.decode(text)["deadLetterTargetArn"]))
    if target is None:
        raise errors.invalid_value(text, "RedrivePolicy", "Dead letter target does not exist.")
    if not permits(target, arn):
        raise errors.invalid_value(text, "RedrivePolicy", "Dead letter target does not allow this source queue.")


async def delete_queue(sqs: Sqs, call: Call) -> Document:
    await sqs.delete(access.named(sqs, call))
    return {}


async def get_queue_url(sqs: Sqs, call: Call) -> Document:
    owner = call.parameters.get("QueueOwnerAWSAccountId") or call.account
    queue = sqs.queue(owner, call.region, call.parameters["QueueName"])
    access.demand(call.caller, access.account_of(call), call.operation, queue)
    return {"QueueUrl": access.url_of(queue, call, "")}


async def list_queues(sqs: Sqs, call: Call) -> Document:
    prefix = call.parameters.get("QueueNamePrefix") or ""
    found = [queue for queue in sqs.queues(call.account, call.region) if queue.stored.name.startswith(prefix)]
    page, more = _page(call, "ListQueues", found)
    return ({"QueueUrls": [access.url_of(queue, call, "") for queue in page]} if page else {}) | more


async def list_dead_letter_source_queues(sqs: Sqs, call: Call) -> Document:
    queue = access.named(sqs, call)
    found = sorted(sqs.dead_letter_sources(queue.stored.arn), key=lambda source: source.stored.name)
    page, more = _page(call, "ListDeadLetterSourceQueues", found)
    return {"queueUrls": [access.url_of(source, call, "") for source in page]} | more


def _page(call: Call, scope: str, found: list[Queue]) -> tuple[list[Queue], Document]:
    """Without MaxResults the first 1,000 and no token, as on AWS."""
    most, token = call.parameters.get("MaxResults"), call.parameters.get("NextToken")
    if most is not None and not 1 <= most <= MOST_LISTED:
        raise errors.invalid_value(most, "MaxResults", f"MaxResults must be an integer between 1 and {MOST_LISTED}.")
    if token:
        refusal = errors.invalid_value(token, "NextToken", "The token is not valid.")
        after = markers.unseal(scope, token, refuse=refusal)[0]
        found = [queue for queue in found if queue.stored.name > after]
    page = found[: most or MOST_LISTED]
    more = most is not None and len(found) > len(page)
    return page, {"NextToken": markers.seal(scope, [page[-1].stored.name])} if more else {}


async def get_queue_attributes(sqs: Sqs, call: Call) -> Document:
    queue = access.named(sqs, call)
    names = list(call.parameters.get("AttributeNames") or ())
    shown = queue_attributes.shown(queue.stored, queue.counts(), names)
    return {"Attributes": shown} if shown else {}


async def set_queue_attributes(sqs: Sqs, call: Call) -> Document:
    queue = access.named(sqs, call)
    asked = _meant(call.parameters["Attributes"])
    queue_attributes.check(asked, fifo=queue.settings.fifo, arn=queue.stored.arn)
    _check_redrive(sqs, asked, queue.stored.arn)
    attributes = queue_attributes.merged(queue.stored.attributes, asked)
    await sqs.change(queue, attributes=attributes, modified=sqs.clock.epoch())
    return {}


async def purge_queue(sqs: Sqs, call: Call) -> Document:
    await sqs.purge(access.named(sqs, call))
    return {}


async def tag_queue(sqs: Sqs, call: Call) -> Document:
    queue = access.named(sqs, call)
    await sqs.change(queue, tags=_checked_tags(queue.stored.tags | call.parameters["Tags"]))
    return {}


async def untag_queue(sqs: Sqs, call: Call) -> Document:
    queue = access.named(sqs, call)
    gone = set(call.parameters["TagKeys"])
    await sqs.change(queue, tags={key: value for key, value in queue.stored.tags.items() if key not in gone})
    return {}


async def list_queue_tags(sqs: Sqs, call: Call) -> Document:
    tags = access.named(sqs, call).stored.tags
    return {"Tags": tags} if tags else {}


def _checked_tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MOST_TAGS:
        raise errors.invalid_parameter(f"Too many tags added for queue; at most {MOST_TAGS} are allowed.")
    return tags


# -- permissions: statements of the queue's policy by their labels


async def add_permission(sqs: Sqs, call: Call) -> Document:
    queue, asked = access.named(sqs, call), call.parameters
    label, accounts, actions = asked["Label"], asked["AWSAccountIds"], asked["Actions"]
    if not _NAME.fullmatch(label):
        raise errors.invalid_value(label, "Label", _CHARACTERS)
    _check_actions(actions)
    policy = _policy(queue)
    if any(statement.get("Sid") == label for statement in policy["Statement"]):
        raise errors.invalid_value(label, "Label", "Already exists.")
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    policy["Statement"].append(
        {
            "Sid": label, "Effect": "Allow", "Principal": {"AWS": _one_or_all(principals)},
            "Action": _one_or_all([f"SQS:{action}" for action in actions]), "Resource": queue.stored.arn,
        }
    )  # fmt: skip
    await _store_policy(sqs, queue, policy)
    return {}


async def remove_permission(sqs: Sqs, call: Call) -> Document:
    queue, label = access.named(sqs, call), call.parameters["Label"]
    policy = _policy(queue)
    left = [statement for statement in policy["Statement"] if statement.get("Sid") != label]
    if len(left) == len(policy["Statement"]):
        raise errors.invalid_value(label, "Label", "can't find label.")
    await _store_policy(sqs, queue, policy | {"Statement": left} if left else None)
    return {}


_ACTIONS = ("*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes",
            "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue")  # fmt: skip


def _check_actions(actions: list[str]) -> None:
    for action in actions:
        if action not in _ACTIONS:
            raise errors.invalid_value(
                f"SQS:{action}", "ActionName", "Please refer to the appropriate WSDL for a list of valid actions. "
            )


def _policy(queue: Queue) -> Document:
    text = queue.stored.attributes.get("Policy")
    fresh: Document = {"Version": "2008-10-17", "Id": f"{queue.stored.arn}/SQSDefaultPolicy", "Statement": []}
    policy: Document = msgspec.json.decode(text) if text else fresh
    statements = policy.get("Statement")
    return policy | {"Statement": statements if isinstance(statements, list) else [statements]}


async def _store_policy(sqs: Sqs, queue: Queue, policy: Document | None) -> None:
    rest = {name: value for name, value in queue.stored.attributes.items() if name != "Policy"}
    attributes = rest | ({"Policy": msgspec.json.encode(policy).decode()} if policy else {})
    await sqs.change(queue, attributes=attributes, modified=sqs.clock.epoch())


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
