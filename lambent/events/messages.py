"""A letter as the calls of AWS's APIs that deliver it: SendMessage, Publish, PutEvents and PutObject. Pure functions.

Source: lambda-semantics.md §4, AWS's recorded messages; the limits are those of botocore's service models.
"""

import uuid
from typing import Any

import msgspec

from lambent.errors import Undeliverable
from lambent.model import Letter
from lambent.wire.timestamps import moment, to_iso8601

KB = 1024
LIMITS = {"sqs": 1024 * KB, "sns": 256 * KB, "events": 1024 * KB}  # bytes, attributes and all
_NAMESPACE = uuid.UUID("b1f5a9a4-5f5e-4c0e-9a0c-3f1d5d1c5a18")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One call of AWS's API that delivers a letter: its `parameters` are those besides the body."""

    operation: str  # SendMessage | Publish | PutEvents | PutObject
    body: bytes
    parameters: dict[str, Any]


def message_for(letter: Letter) -> Message:
    """The call that would deliver it. Raises Undeliverable for what the service would refuse."""
    service = service_of(letter.target)
    if service in ("sqs", "sns") and letter.target.endswith(".fifo"):
        raise Undeliverable(f"{letter.target} is FIFO: Lambda delivers to standard queues and topics only")
    if service == "s3" and letter.success:
        raise Undeliverable(f"{letter.target} is a bucket, which takes records of failures only")
    message = _MAKERS[service](letter)
    size, limit = len(message.body) + _size(message.parameters), LIMITS.get(service)
    if limit is not None and size > limit:
        raise Undeliverable(f"the message of {size} bytes is larger than the {limit} that {letter.target} takes")
    return message


def service_of(arn: str) -> str:
    """'sqs' of arn:aws:sqs:…; empty for what is no ARN."""
    parts = arn.split(":")
    return parts[2] if len(parts) >= 6 and parts[0] == "arn" else ""


def id_of(letter: Letter) -> str:
    """A UUID that is the same whenever this letter is delivered."""
    return str(uuid.uuid5(_NAMESPACE, f"{letter.request_id} {letter.kind} {letter.target} {letter.created!r}"))


def _attributes(letter: Letter) -> dict[str, Any]:
    """ErrorCode is a number, everything else a string, as AWS sends them."""
    return {
        name: {"DataType": "Number" if name == "ErrorCode" else "String", "StringValue": value}
        for name, value in letter.attributes.items()
    }


def _sqs(letter: Letter) -> Message:
    parameters: dict[str, Any] = {"MessageAttributes": _attributes(letter)} if letter.attributes else {}
    if letter.ended.onward:
        header = {"DataType": "String", "StringValue": letter.ended.onward}
        parameters["MessageSystemAttributes"] = {"AWSTraceHeader": header}
    return Message(operation="SendMessage", body=letter.body, parameters=parameters)


def _sns(letter: Letter) -> Message:
    attributes = {"MessageAttributes": _attributes(letter)} if letter.attributes else {}
    return Message(operation="Publish", body=letter.body, parameters={"TopicArn": letter.target, **attributes})


def _events(letter: Letter) -> Message:
    """One entry of PutEvents; the record is its Detail."""
    entry = {
        "Time": to_iso8601(letter.created),
        "Source": "lambda",
        "Resources": [letter.target, function_of(letter)],
        "DetailType": f"Lambda Function Invocation Result - {'Success' if letter.success else 'Failure'}",
        "EventBusName": letter.target,
    }
    if letter.ended.onward:
        entry["TraceHeader"] = letter.ended.onward
    return Message(operation="PutEvents", body=letter.body, parameters=entry)


def _s3(letter: Letter) -> Message:
    at = moment(letter.created)
    key = f"aws/lambda/async/{letter.name}/{at:%Y/%m/%d}/{at:%Y-%m-%dT%H.%M.%S}-{id_of(letter)}"
    return Message(operation="PutObject", body=letter.body, parameters={"Bucket": letter.target[13:], "Key": key})


def function_of(letter: Letter) -> str:
    """The ARN of the function whose event it was, always with a qualifier."""
    return f"arn:aws:lambda:{letter.region}:{letter.account}:function:{letter.name}:{letter.qualifier or '$LATEST'}"


def _size(parameters: dict[str, Any]) -> int:
    """Bytes that attributes, or the members of an entry, count for. The address and AWS's own header do not."""
    if "DetailType" in parameters:  # the time counts for 14
        return 14 + len(parameters["Source"]) + len(parameters["DetailType"]) + sum(map(len, parameters["Resources"]))
    attributes = parameters.get("MessageAttributes", {})
    values = [name + each["DataType"] + each["StringValue"] for name, each in attributes.items()]
    return len("".join(values).encode())


_MAKERS = {"sqs": _sqs, "sns": _sns, "events": _events, "s3": _s3}
