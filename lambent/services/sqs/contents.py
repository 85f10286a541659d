"""What a message may carry, and its MD5s.

Sources: Amazon SQS Developer Guide, "Amazon SQS message attributes" (names, types, "Calculating the MD5 message digest
for message attributes"), "Amazon SQS message quotas"; API Reference, SendMessage; recordings of AWS (errors.tsv).
"""

import hashlib
import re
import struct
from collections.abc import Mapping
from typing import Any

from lambent.errors import AwsError
from lambent.services.sqs import errors
from lambent.services.sqs.nouns import Attribute, Content, QueueSettings

Attributes = Mapping[str, Mapping[str, Any]]

# All but #x9 | #xA | #xD | #x20-#xD7FF | #xE000-#xFFFD | #x10000-#x10FFFF; said the other way it compiles for 20 ms.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NAME = re.compile(r"[\u00c0-\u017fa-zA-Z0-9_.-]*")
_TYPE = re.compile(r"(String|Number|Binary)(\..*)?", re.DOTALL)
_TOKEN = re.compile(r"[0-9a-zA-Z!-/:-@\[-`{-~]{1,128}")
_CHARACTERS = (
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | "
    "#x10000 to #x10FFFF"
)
MOST_ATTRIBUTES = 10
LONGEST_DELAY_S = 900


def content(asked: Mapping[str, Any], settings: QueueSettings, sender: str) -> Content:
    """What a request to send, or an entry of a batch, carries; checked in AWS's order as far as it is known."""
    body = asked["MessageBody"]
    if not body:
        raise errors.missing_parameter("MessageBody")
    if _FORBIDDEN.search(body):
        raise AwsError(_CHARACTERS, code="InvalidMessageContents", status=400)
    given = asked.get("MessageAttributes") or {}
    check_attributes(given)
    system = asked.get("MessageSystemAttributes") or {}
    attributes = attributes_from(given)
    made = Content(
        body=body,
        attributes=attributes,
        trace=_trace(system),
        sender=sender,
        md5_attributes=md5_of_attributes(attributes),
        md5_system=md5_of_attributes(attributes_from(system)),
    )
    if made.size > settings.largest:
        raise errors.invalid_parameter(
            f"One or more parameters are invalid. Reason: Message must be shorter than {settings.largest} bytes."
        )
    return made


def attributes_from(given: Attributes) -> dict[str, Attribute]:
    """From a request's; lists of values are not for use yet, says AWS."""
    return {
        name: Attribute(str(each.get("DataType")), each.get("StringValue"), each.get("BinaryValue"))
        for name, each in given.items()
    }


def check_attributes(attributes: Attributes) -> None:
    if len(attributes) > MOST_ATTRIBUTES:
        raise errors.invalid_parameter(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MOST_ATTRIBUTES}]."
        )
    for name, attribute in attributes.items():
        _check_name(name)
        _check_attribute(name, attribute)


def _check_name(name: str) -> None:
    if len(name) > 256:
        raise errors.invalid_parameter("Message (user) attribute names must be shorter than 256 Bytes")
    if not _NAME.fullmatch(name):
        raise errors.invalid_parameter(
            "Message (user) attributes name can only contain upper and lower score characters, digits, periods, "
            "hyphens and underscores. "
        )
    if name.lower().startswith(("aws.", "amazon.", ".")) or name.endswith("."):
        raise errors.invalid_parameter(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for "
            "internal use. Additionally, they cannot start or end with '.'."
        )


def _check_attribute(name: str, attribute: Mapping[str, Any]) -> None:
    kind = attribute.get("DataType")
    if not kind:
        raise errors.invalid_parameter("Missing required parameter DataType")
    if not _TYPE.fullmatch(kind):
        raise errors.invalid_parameter(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following supported type "
            "prefixes: Binary, Number, String."
        )
    if len(kind) > 256:
        raise errors.invalid_parameter("Message (user) attribute types must be shorter than 256 Bytes")
    binary = kind.partition(".")[0] == "Binary"
    value = attribute.get("BinaryValue" if binary else "StringValue")
    if not value:
        kind = "Binary" if binary else "String"
        raise errors.invalid_parameter(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'."
        )
    if not binary and _FORBIDDEN.search(value):
        raise errors.invalid_parameter(_CHARACTERS)
    if kind.partition(".")[0] == "Number":
        _check_number(name, value)


def _check_number(name: str, value: str) -> None:
    try:
        float(value)
    except ValueError:
        raise errors.invalid_parameter(
            f"Can't cast the value of message (user) attribute '{name}' to a number."
        ) from None


def _trace(system: Attributes) -> str:
    for name, attribute in system.items():
        if name != "AWSTraceHeader":
            raise errors.invalid_parameter(
                f"Message system attribute name '{name}' is invalid. Valid names: [AWSTraceHeader]"
            )
        if attribute.get("DataType") != "String" or not attribute.get("StringValue"):
            raise errors.invalid_parameter(
                f"Message (system) attribute '{name}' must contain a non-empty value of type 'String'."
            )
    return str(system["AWSTraceHeader"]["StringValue"]) if system else ""


def check_token(value: str | None, parameter: str) -> None:
    """MessageGroupId and MessageDeduplicationId."""
    if value is not None and not _TOKEN.fullmatch(value):
        raise errors.invalid_value(
            value,
            parameter,
            f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        )


def check_delay(seconds: int | None, settings: QueueSettings) -> None:
    if settings.fifo and seconds:
        raise errors.invalid_value(
            seconds, "DelaySeconds", "The request include parameter that is not valid for this queue type."
        )
    if seconds is not None and not 0 <= seconds <= LONGEST_DELAY_S:
        raise errors.invalid_value(seconds, "DelaySeconds", f"DelaySeconds must be >= 0 and <= {LONGEST_DELAY_S}.")


def md5_of_body(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Mapping[str, Attribute]) -> str:
    """By name: the lengths and bytes of name, type and value, with a byte for what kind of value it is."""
    if not attributes:
        return ""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        _take_in(digest, name.encode())
        _take_in(digest, attribute.DataType.encode())
        if attribute.StringValue is not None:
            digest.update(b"\x01")
            _take_in(digest, attribute.StringValue.encode())
        else:
            digest.update(b"\x02")
            _take_in(digest, attribute.BinaryValue or b"")
    return digest.hexdigest()


def _take_in(digest: "hashlib._Hash", data: bytes) -> None:
    digest.update(struct.pack("!I", len(data)))
    digest.update(data)
