"""Messages of a queue as the event of a function. Pure.

Source: Lambda Developer Guide, "Using Lambda with Amazon SQS" (example event); recordings of SQS mappings.
"""

import base64
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from lambent.services.sqs.contents import md5_of_body
from lambent.services.sqs.nouns import Attribute, Content, Message
from lambent.services.sqs.shown import system_attributes

MOST_BYTES = 6_291_456  # of a batch with everything around it: what a synchronous invocation takes
_AROUND = len(b'{"Records":[]}')
_encode = msgspec.json.Encoder().encode


class Taken(Protocol):
    """A message that was received, and is hidden from others until it is due again (epoch seconds)."""

    @property
    def message_id(self) -> str: ...
    @property
    def due(self) -> float: ...


M = TypeVar("M", bound=Taken)


class Record(msgspec.Struct, Generic[M], frozen=True):
    """One message on its way to a function."""

    message: M
    document: dict[str, Any]
    encoded: bytes

    @property
    def size(self) -> int:
        return len(self.encoded) + 1


def record(message: Message, content: Content, handle: str, *, arn: str, region: str, fifo: bool) -> Record[Message]:
    """As the function sees it; `handle` is the receipt handle, `arn` that of the queue."""
    document: dict[str, Any] = {
        "messageId": message.message_id,
        "receiptHandle": handle,
        "body": content.body,
        "attributes": system_attributes(message, content, fifo=fifo),
        "messageAttributes": {name: _attribute(each) for name, each in content.attributes.items()},
    }
    if content.md5_attributes:
        document["md5OfMessageAttributes"] = content.md5_attributes
    document |= {
        "md5OfBody": md5_of_body(content.body), "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": region,
    }  # fmt: skip
    return recorded(message, document)


def recorded(message: M, document: dict[str, Any]) -> Record[M]:
    """A message whose document is known."""
    return Record(message, document, _encode(document))


def _attribute(attribute: Attribute) -> dict[str, Any]:
    """Lists of values are empty: SQS has none yet."""
    shown: dict[str, Any] = {}
    if attribute.StringValue is not None:
        shown["stringValue"] = attribute.StringValue
    if attribute.BinaryValue is not None:
        shown["binaryValue"] = base64.b64encode(attribute.BinaryValue).decode()
    return shown | {"stringListValues": [], "binaryListValues": [], "dataType": attribute.DataType}


def event(records: Sequence[Record[Any]]) -> bytes:
    return b'{"Records":[' + b",".join([each.encoded for each in records]) + b"]}"


def first_batch(records: Sequence[Record[Any]], most: int) -> int:
    """How many of the first go in one event: at most `most`, and no more than 6 MB unless one alone is larger."""
    size, number = _AROUND, 0
    for each in records:
        size += each.size
        if number >= most or (size > MOST_BYTES and number):
            break
        number += 1
    return number
