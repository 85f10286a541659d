"""Publish and PublishBatch. Source: Amazon SNS API Reference; recordings of AWS."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.errors import AwsError, NotImplementedYet
from lambent.model import Document
from lambent.services.sns import access, errors
from lambent.services.sns.dedup import Accepted
from lambent.services.sns.engine import Sns
from lambent.services.sns.nouns import LONGEST_MESSAGE, Published, Topic
from lambent.wire.parse import Call

_NAME = re.compile(r"[a-zA-Z0-9_.-]")
_TYPE = re.compile(r"(String|Number|Binary)(\..+)?")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_LONGEST_NAME = 256
_LONGEST_ID = 80
_MOST_ENTRIES = 10


async def publish(sns: Sns, call: Call) -> Document:
    asked = call.parameters
    if asked.get("PhoneNumber"):
        raise NotImplementedYet("Lambent sends no text messages: publish to a TopicArn.")
    if asked.get("Subject") == "":
        raise errors.invalid("Subject")
    if not asked["Message"]:
        raise errors.invalid("Empty message")
    check_attributes(asked.get("MessageAttributes") or {})
    if _size(asked) > LONGEST_MESSAGE:
        raise errors.invalid("Message too long")
    topic = access.named(sns, call, asked.get("TopicArn") or asked.get("TargetArn"))
    (accepted,) = await sns.publish(topic, _published(sns, topic, asked, call))
    return _told(accepted)


def _told(accepted: Accepted) -> Document:
    return {"MessageId": accepted.message_id} | ({"SequenceNumber": accepted.sequence} if accepted.sequence else {})


async def publish_batch(sns: Sns, call: Call) -> Document:
    """All entries are checked first, and accepted in one step."""
    listed = call.parameters["PublishBatchRequestEntries"]
    _check_entries(listed)
    topic = access.named(sns, call, call.parameters["TopicArn"])
    if sum(map(_size, listed)) > LONGEST_MESSAGE:
        message = "The length of all the messages put together is more than the limit."
        raise AwsError(message, code="BatchRequestTooLongException", status=400)
    for position, entry in enumerate(listed, start=1):
        check_attributes(entry.get("MessageAttributes") or {}, position)
        if not entry["Message"]:
            raise errors.invalid("Empty message")
    accepted = await sns.publish(topic, *[_published(sns, topic, entry, call) for entry in listed])
    successful = [{"Id": entry["Id"]} | _told(each) for entry, each in zip(listed, accepted, strict=True)]
    return {"Successful": successful, "Failed": []}


def _check_entries(listed: list[Document]) -> None:
    if not listed:
        raise AwsError("The batch request doesn't contain any entries.", code="EmptyBatchRequestException", status=400)
    if len(listed) > _MOST_ENTRIES:
        message = "The batch request contains more entries than permissible."
        raise AwsError(message, code="TooManyEntriesInBatchRequestException", status=400)
    identifiers = [entry["Id"] for entry in listed]
    if len(set(identifiers)) < len(identifiers):
        message = "Two or more batch entries in the request have the same Id."
        raise AwsError(message, code="BatchEntryIdsNotDistinctException", status=400)
    for each in identifiers:
        trouble = "is too long" if len(each) > _LONGEST_ID else "" if _ID.fullmatch(each) else (
            "contains an impermissible character"
        )  # fmt: skip
        if trouble:
            message = f"The Id of a batch entry in the batch request {trouble}: {each}"
            raise AwsError(message, code="InvalidBatchEntryIdException", status=400)


def _published(sns: Sns, topic: Topic, asked: Mapping[str, Any], call: Call) -> Published:
    group, dedup = asked.get("MessageGroupId") or "", asked.get("MessageDeduplicationId") or ""
    if topic.fifo:
        if not group:
            raise errors.invalid("The MessageGroupId parameter is required for FIFO topics")
        if not dedup and topic.attributes.get("ContentBasedDeduplication") != "true":
            raise errors.invalid(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                "explicitly"
            )
    elif dedup:
        raise errors.invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid "
            "for this topic type"
        )
    message, by_protocol = asked["Message"], {}
    if asked.get("MessageStructure") == "json":
        by_protocol = _structured(message)
        message = by_protocol["default"]
    return Published(
        id=str(uuid.uuid4()), at=sns.clock.epoch(), message=message, by_protocol=by_protocol,
        subject=asked.get("Subject") or "", attributes=asked.get("MessageAttributes") or {}, group=group, dedup=dedup,
        trace=call.request.headers.get("x-amzn-trace-id", ""),
    )  # fmt: skip


def _structured(message: str) -> dict[str, str]:
    try:
        found = msgspec.json.decode(message)
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict):
        raise errors.invalid("Message Structure - JSON message body failed to parse")
    texts = {name: value for name, value in found.items() if isinstance(value, str)}
    if "default" not in texts:
        raise errors.invalid("Message Structure - No default entry in JSON message body")
    return texts


def _size(asked: Mapping[str, Any]) -> int:
    attributes = asked.get("MessageAttributes") or {}
    parts = [asked["Message"], *(part for name, each in attributes.items() for part in (name, *each.values()))]
    return sum(len(part.encode() if isinstance(part, str) else part) for part in parts)


# -- message attributes


def check_attributes(attributes: Mapping[str, Mapping[str, Any]], position: int = 0) -> None:
    """`position`: of the entry in a batch, from 1."""
    for name, attribute in attributes.items():
        _check_name(name)
        _check_attribute(name, attribute, position)


def _check_name(name: str) -> None:
    if len(name) > _LONGEST_NAME:
        raise errors.invalid_value("Length of message attribute name must be less than 256 bytes.")
    if name.startswith("."):
        raise errors.invalid_value("Invalid message attribute name starting with character '.' was found.")
    if name.endswith("."):
        raise errors.invalid_value("Invalid message attribute name ending with character '.' was found.")
    wrong = next((character for character in name if not _NAME.match(character)), "")
    if wrong:
        raise errors.invalid_value(
            f"Invalid non-alphanumeric character '#x{ord(wrong):X}' was found in the message attribute name. Can only "
            "include alphanumeric characters, hyphens, underscores, or dots."
        )
    if ".." in name:
        raise errors.invalid_value("Message attribute name can not have successive '.' character.")


def _check_attribute(name: str, attribute: Mapping[str, Any], position: int) -> None:
    kind = attribute.get("DataType")
    if kind is None:
        within = f"publishBatchRequestEntries.{position}.member." if position else ""
        raise AwsError(
            f"1 validation error detected: Value null at '{within}messageAttributes.{name}.member.dataType' failed to "
            "satisfy constraint: Member must not be null",
            code="ValidationError", status=400,
        )  # fmt: skip
    if not _TYPE.fullmatch(kind):
        raise errors.invalid_value(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes "
            "is Binary, Number, and String."
        )
    field = "Binary" if kind.startswith("Binary") else "String"
    given = [member for member in ("StringValue", "BinaryValue") if attribute.get(member) is not None]
    if given and f"{field}Value" not in given:
        raise errors.invalid_value(f"The message attribute '{name}' with type '{kind}' must use field '{field}'.")
    if not attribute.get(f"{field}Value"):
        raise errors.invalid_value(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type "
            f"'{kind}'."
        )
