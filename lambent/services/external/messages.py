"""What goes to another endpoint, as the call of AWS's API that takes it there. Pure."""

from collections.abc import Mapping
from typing import Any

from lambent.services.post import Outgoing


def call_for(outgoing: Outgoing) -> tuple[str, dict[str, Any]]:
    """The operation, by boto3's name, and its parameters; but for the QueueUrl, which has to be asked for."""
    operation, made = _MAKERS[outgoing.target.split(":")[2]]
    return operation, made(outgoing)


def _sqs(outgoing: Outgoing) -> dict[str, Any]:
    found = _message("MessageBody", outgoing)
    if outgoing.trace:
        header = {"DataType": "String", "StringValue": outgoing.trace}
        found["MessageSystemAttributes"] = {"AWSTraceHeader": header}
    return found


def _sns(outgoing: Outgoing) -> dict[str, Any]:
    found = _message("Message", outgoing) | {"TopicArn": outgoing.target}
    return found | ({"Subject": outgoing.subject} if outgoing.subject else {})


def _message(body: str, outgoing: Outgoing) -> dict[str, Any]:
    found: dict[str, Any] = {body: outgoing.body.decode("utf-8", "replace")}
    if outgoing.attributes:
        found["MessageAttributes"] = _attributes(outgoing.attributes)
    if outgoing.group:
        found["MessageGroupId"] = outgoing.group
    if outgoing.dedup and outgoing.target.endswith(".fifo"):
        found["MessageDeduplicationId"] = outgoing.dedup
    return found


def _attributes(attributes: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    return {name: {key: value for key, value in each.items() if value} for name, each in attributes.items()}


def _events(outgoing: Outgoing) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "Source": outgoing.event_source, "DetailType": outgoing.detail_type, "Detail": outgoing.body.decode(),
        "EventBusName": outgoing.target, "Resources": list(outgoing.resources),
    }  # fmt: skip
    return {"Entries": [entry | ({"TraceHeader": outgoing.trace} if outgoing.trace else {})]}


def _s3(outgoing: Outgoing) -> dict[str, Any]:
    bucket = outgoing.target.split(":", 5)[5]
    return {"Bucket": bucket, "Key": outgoing.key, "Body": outgoing.body, "ContentType": "application/json"}


def _lambda(outgoing: Outgoing) -> dict[str, Any]:
    return {"FunctionName": outgoing.target, "InvocationType": "Event", "Payload": outgoing.body}


_MAKERS = {
    "sqs": ("send_message", _sqs), "sns": ("publish", _sns), "events": ("put_events", _events),
    "s3": ("put_object", _s3), "lambda": ("invoke", _lambda),
}  # fmt: skip
