"""What SNS is made of: topics, subscriptions, and what is published.

Source: Amazon SNS API Reference (2010-03-31) and Developer Guide.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from lambent.services.sns.filters import Filter, filter_of

LONGEST_MESSAGE = 262_144  # bytes, attributes and all; of a batch together
PENDING = "PendingConfirmation"


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it is stored."""

    account: str
    region: str
    name: str
    attributes: dict[str, str] = {}  # those that somebody has set
    tags: dict[str, str] = {}
    created: float  # epoch seconds
    deleted_subscriptions: int = 0

    @property
    def arn(self) -> str:
        return f"arn:aws:sns:{self.region}:{self.account}:{self.name}"

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")


class Subscription(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A subscription as it is stored; `filter` is made of its attributes once."""

    id: str  # the last part of its ARN
    topic: str  # ARN
    protocol: str  # lambda | sqs | http | https
    endpoint: str
    owner: str  # account
    principal: str = ""  # ARN of whoever subscribed
    attributes: dict[str, str] = {}
    token: str = ""  # with which it is confirmed; "": it needs no confirmation
    confirmed: bool = True
    created: float = 0.0

    @property
    def arn(self) -> str:
        return f"{self.topic}:{self.id}"

    @property
    def raw(self) -> bool:
        return self.attributes.get("RawMessageDelivery") == "true"

    @cached_property
    def filter(self) -> Filter:
        return filter_of(self.attributes.get("FilterPolicy", ""), self.attributes.get("FilterPolicyScope", ""))

    @property
    def dead_letters(self) -> str:
        """ARN of the queue for what cannot be delivered; "": none."""
        text = self.attributes.get("RedrivePolicy")
        return str(msgspec.json.decode(text)["deadLetterTargetArn"]) if text else ""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was published, as it goes to each subscription."""

    id: str
    at: float  # epoch seconds
    message: str
    by_protocol: dict[str, str] = {}  # MessageStructure json: what other protocols get
    subject: str = ""
    attributes: Mapping[str, Mapping[str, Any]] = {}
    group: str = ""
    dedup: str = ""
    sequence: str = ""  # of a FIFO topic
    trace: str = ""

    def text_for(self, protocol: str) -> str:
        return self.by_protocol.get(protocol, self.message)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP request that is still to be made, stored until it succeeds or is given up."""

    id: int
    subscription: str  # ARN
    endpoint: str
    kind: str  # Notification | SubscriptionConfirmation | UnsubscribeConfirmation
    message_id: str
    topic: str
    raw: bool = False
    body: str
    tries: int = 0
    due: float = 0.0  # epoch seconds
    dead_letters: str = ""  # ARN of a queue
