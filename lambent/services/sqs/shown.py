"""A message as ReceiveMessage shows it. Source: Amazon SQS API Reference, ReceiveMessage."""

from collections.abc import Iterable, Mapping
from typing import Any

from lambent.errors import AwsError
from lambent.model import Document
from lambent.services.sqs import contents
from lambent.services.sqs.nouns import Attribute, Content, Message

SYSTEM = (
    "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp", "SequenceNumber",
    "MessageDeduplicationId", "MessageGroupId", "AWSTraceHeader", "DeadLetterQueueSourceArn",
)  # fmt: skip


def received(
    message: Message, content: Content, handle: str, asked: Mapping[str, Any], *, fifo: bool
) -> Document:  # fmt: skip
    """With the attributes that were asked for, and no others."""
    shown: Document = {
        "MessageId": message.message_id,
        "ReceiptHandle": handle,
        "MD5OfBody": contents.md5_of_body(content.body),
        "Body": content.body,
    }
    names = [*(asked.get("AttributeNames") or ()), *(asked.get("MessageSystemAttributeNames") or ())]
    system = _wanted_system(system_attributes(message, content, fifo=fifo), names)
    if system:
        shown["Attributes"] = system
    attributes = _wanted(content.attributes, asked.get("MessageAttributeNames") or ())
    if attributes:
        shown["MD5OfMessageAttributes"] = contents.md5_of_attributes(attributes)
        shown["MessageAttributes"] = {name: attribute.document() for name, attribute in attributes.items()}
    return shown


def system_attributes(message: Message, content: Content, *, fifo: bool) -> dict[str, str]:
    """All that SQS itself tells of a message; those that it has not are absent."""
    found = {
        "SenderId": content.sender,
        "SentTimestamp": str(int(message.sent * 1000)),
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received * 1000)),
        "MessageGroupId": message.group,
        "AWSTraceHeader": content.trace,
        "DeadLetterQueueSourceArn": content.source,
    }
    if fifo:
        found |= {"SequenceNumber": message.sequence, "MessageDeduplicationId": message.dedup}
    return {name: value for name, value in found.items() if value}


def _wanted_system(have: dict[str, str], names: Iterable[str]) -> dict[str, str]:
    wanted = set(names)
    for name in sorted(wanted - {"All", *SYSTEM}):
        raise AwsError(f"Unknown Attribute {name}.", code="InvalidAttributeName", status=400)
    return have if "All" in wanted else {name: value for name, value in have.items() if name in wanted}


def _wanted(have: dict[str, Attribute], names: Iterable[str]) -> dict[str, Attribute]:
    """By name, by "prefix.*", or all of them ("All", ".*")."""
    names = list(names)
    if "All" in names or ".*" in names:
        return have
    prefixes = tuple(name[:-1] for name in names if name.endswith(".*"))
    return {name: value for name, value in have.items() if name in names or (prefixes and name.startswith(prefixes))}
