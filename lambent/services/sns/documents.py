"""A published message as subscribers get it. Pure.

Sources: Amazon SNS Developer Guide, "Parsing message formats", "Fanout to Lambda functions"; lambda-semantics.md §15.
"""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.clock import iso
from lambent.services.sns.nouns import Published, Subscription
from lambent.services.sns.signing import Signer

Document = dict[str, Any]
_encode = msgspec.json.Encoder().encode


def for_function(published: Published, subscription: Subscription, signer: Signer, base: str) -> bytes:
    """The event of a function: one record. `base` is the address of this server."""
    notification = _notification(published, subscription)
    record = {
        "Type": "Notification", "MessageId": published.id, "TopicArn": subscription.topic,
        "Subject": published.subject or None, "Message": notification["Message"],
        "Timestamp": notification["Timestamp"], "SignatureVersion": "1", "Signature": signer.sign(notification),
        "SigningCertUrl": signer.url(base), "UnsubscribeUrl": unsubscribe_url(base, subscription),
        "MessageAttributes": shown_attributes(published.attributes),
    }  # fmt: skip
    event = {
        "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription.arn, "Sns": record,
    }  # fmt: skip
    return _encode({"Records": [event]})


def for_queue(published: Published, subscription: Subscription, signer: Signer, base: str) -> str:
    """The body of a message, or of an HTTP request: the text itself with raw delivery."""
    if subscription.raw:
        return published.text_for(subscription.protocol)
    shown = _notification(published, subscription)
    if published.sequence:
        shown["SequenceNumber"] = published.sequence
    else:
        signature = {"SignatureVersion": "1", "Signature": signer.sign(shown), "SigningCertURL": signer.url(base)}
        shown |= signature
    shown["UnsubscribeURL"] = unsubscribe_url(base, subscription)
    if published.attributes:
        shown["MessageAttributes"] = shown_attributes(published.attributes)
    return _encode(shown).decode()


def confirmation(kind: str, subscription: Subscription, message_id: str, at: float, base: str) -> Document:
    """What an HTTP endpoint is asked before it gets anything (SubscriptionConfirmation), or told at the end."""
    named = f"TopicArn={subscription.topic}&Token={subscription.token}"
    url = f"{base}/?Action=ConfirmSubscription&Version=2010-03-31&{named}"
    if kind == "SubscriptionConfirmation":
        text = (
            f"You have chosen to subscribe to the topic {subscription.topic}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message."
        )
    else:
        text = (
            f"You have chosen to deactivate subscription {subscription.arn}.\n"
            "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
        )
    return {
        "Type": kind, "MessageId": message_id, "Token": subscription.token, "TopicArn": subscription.topic,
        "Message": text, "SubscribeURL": url, "Timestamp": iso(at),
    }  # fmt: skip


def signed(document: Document, signer: Signer, base: str) -> str:
    more = {"SignatureVersion": "1", "Signature": signer.sign(document), "SigningCertURL": signer.url(base)}
    return _encode(document | more).decode()


def unsubscribe_url(base: str, subscription: Subscription) -> str:
    return f"{base}/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn={subscription.arn}"


def shown_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> Document:
    """Type and value; bytes as base64."""
    return {name: {"Type": each["DataType"], "Value": _value(each)} for name, each in attributes.items()}


def _value(attribute: Mapping[str, Any]) -> str:
    data = attribute.get("BinaryValue")
    return str(attribute.get("StringValue", "")) if data is None else base64.b64encode(data).decode()


def _notification(published: Published, subscription: Subscription) -> Document:
    shown: Document = {"Type": "Notification", "MessageId": published.id, "TopicArn": subscription.topic}
    if published.subject:
        shown["Subject"] = published.subject
    return shown | {"Message": published.text_for(subscription.protocol), "Timestamp": iso(published.at)}
