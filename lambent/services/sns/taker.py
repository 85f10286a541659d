"""Topics as targets of other services: what is for a topic is published there."""

import uuid

from lambent.errors import AwsError, Undeliverable
from lambent.services.post import Outgoing
from lambent.services.sns import access
from lambent.services.sns.engine import Sns
from lambent.services.sns.nouns import LONGEST_MESSAGE, Published
from lambent.store.ledger import Entry


class TopicTaker:
    """A service needs an Allow of the topic's policy; the owner's own account does not."""

    def __init__(self, sns: Sns) -> None:
        self._sns = sns

    def entries(self, outgoing: Outgoing) -> tuple[Entry, ...]:
        try:
            topic = self._sns.topic(outgoing.target)
            conditions = {"aws:SourceArn": outgoing.source, "aws:SourceAccount": outgoing.sender.account}
            access.demand(outgoing.sender, outgoing.sender.account, "Publish", topic, conditions)
        except AwsError as error:
            raise Undeliverable(error.message) from error
        if len(outgoing.body) > LONGEST_MESSAGE:
            raise Undeliverable(f"a message of {len(outgoing.body)} bytes is larger than the 256 KB of a topic")
        published = Published(
            id=str(uuid.uuid4()), at=self._sns.clock.epoch(), message=outgoing.body.decode("utf-8", "replace"),
            subject=outgoing.subject, attributes=outgoing.attributes, group=outgoing.group, dedup=outgoing.dedup,
            trace=outgoing.trace,
        )  # fmt: skip
        return tuple(self._sns.entries(topic, published))
