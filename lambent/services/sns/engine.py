"""All topics of this server: what is published goes, in the step in which it is accepted, to everybody who subscribed.

Functions and queues take their copy in that very step (decision 34); requests to HTTP endpoints are stored in it, and
made afterwards (http.py). What nobody takes goes to the subscription's dead-letter queue, again in the same step.
"""

import asyncio
import itertools
import logging
import uuid
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from lambent.clock import Clock
from lambent.principal import Principal
from lambent.services.post import Outgoing, Post
from lambent.services.sns import documents, errors
from lambent.services.sns.dedup import Accepted, Dedup, Once, dedup_of
from lambent.services.sns.http import HttpDeliveries
from lambent.services.sns.nouns import Delivery, Published, Subscription, Topic
from lambent.services.sns.rows import columns, delivery_from, subscription_from, topic_from
from lambent.services.sns.signing import Signer
from lambent.store.ledger import Entry, Ledger
from lambent.store.sns import SnsStore

log = logging.getLogger("lambent")


class Sns:
    """Mutable, on the event loop only: topics, and the subscriptions of each in order of their making."""

    def __init__(
        self, store: SnsStore, ledger: Ledger, post: Post, clock: Clock, *, directory: Path, base: Callable[[], str]
    ) -> None:
        """`base` is this server's address; the key of signatures lies in `directory`."""
        self.store = store
        self.ledger = ledger
        self.clock = clock
        self.base = base
        self.changing = asyncio.Lock()  # held by whoever reads a topic or its subscriptions in order to change them
        self.signer = Signer(directory)
        self.http = HttpDeliveries(ledger, post, clock)
        self._post = post
        self._topics: dict[str, Topic] = {}
        self._subscriptions: dict[str, dict[str, Subscription]] = {}  # by topic, then by ARN
        self._dedup = Dedup()
        self._numbers = itertools.count(max(store.last_delivery(), int(clock.epoch() * 2**20)) + 1)

    def __repr__(self) -> str:
        return f"<Sns with {len(self._topics)} topics>"

    def start(self) -> None:
        for row in self.store.topics():
            topic = topic_from(row)
            self._topics[topic.arn] = topic
        for row in self.store.subscriptions():
            subscription = subscription_from(row)
            self._subscriptions.setdefault(subscription.topic, {})[subscription.arn] = subscription
        for row in self.store.dedups(self.clock.epoch()):
            self._dedup.load(row)
        self.http.start(delivery_from(row) for row in self.store.deliveries())

    async def close(self) -> None:
        await self.http.close()

    # -- topics

    def topic(self, arn: str) -> Topic:
        """Raises NotFound."""
        found = self._topics.get(arn)
        if found is None:
            raise errors.not_found("Topic")
        return found

    def topics(self, account: str, region: str) -> list[Topic]:
        """By name."""
        found = [topic for topic in self._topics.values() if (topic.account, topic.region) == (account, region)]
        return sorted(found, key=lambda topic: topic.name)

    async def put(self, topic: Topic) -> None:
        def written() -> None:
            self._topics[topic.arn] = topic

        await self.ledger.enter(Entry([("sns_topic_put", columns(topic))], written=written))

    async def delete(self, topic: Topic) -> None:
        def written() -> None:
            self._topics.pop(topic.arn, None)
            self._subscriptions.pop(topic.arn, None)

        rows = [("sns_topic_drop", _key(topic.arn)), ("sns_subscriptions_of_topic_drop", {"topic": topic.arn})]
        await self.ledger.enter(Entry(rows, written=written))

    # -- subscriptions

    def subscriptions(self, topic: str) -> list[Subscription]:
        return list(self._subscriptions.get(topic, {}).values())

    def subscription(self, arn: str) -> Subscription | None:
        return self._subscriptions.get(arn.rpartition(":")[0], {}).get(arn)

    def subscriptions_of(self, account: str, region: str) -> list[Subscription]:
        everything = itertools.chain.from_iterable(each.values() for each in self._subscriptions.values())
        return [each for each in everything if each.owner == account and each.topic.split(":")[3] == region]

    async def subscribe(self, subscription: Subscription) -> None:
        """Store one as it is; an HTTP endpoint that has not confirmed it is asked to."""

        def written() -> None:
            self._subscriptions.setdefault(subscription.topic, {})[subscription.arn] = subscription

        entries = [Entry([("sns_subscription_put", columns(subscription))], written=written)]
        if not subscription.confirmed and subscription.protocol in ("http", "https"):
            entries.append(self._ask(subscription, "SubscriptionConfirmation"))
        await self.ledger.enter(*entries)

    async def change(self, subscription: Subscription) -> None:
        def written() -> None:
            self._subscriptions.setdefault(subscription.topic, {})[subscription.arn] = subscription

        await self.ledger.enter(Entry([("sns_subscription_put", columns(subscription))], written=written))

    async def unsubscribe(self, subscription: Subscription) -> None:
        def written() -> None:
            self._subscriptions.get(subscription.topic, {}).pop(subscription.arn, None)
            topic = self._topics.get(subscription.topic)
            if topic is not None:
                self._topics[topic.arn] = replace(topic, deleted_subscriptions=topic.deleted_subscriptions + 1)

        rows = [
            ("sns_subscription_drop", {"topic": subscription.topic, "id": subscription.id}),
            ("sns_topic_unsubscribed", _key(subscription.topic)),
        ]
        entries = [Entry(rows, written=written)]
        if subscription.protocol in ("http", "https") and subscription.confirmed:
            entries.append(self._ask(subscription, "UnsubscribeConfirmation"))
        await self.ledger.enter(*entries)

    def _ask(self, subscription: Subscription, kind: str) -> Entry:
        message_id = str(uuid.uuid4())
        asked = documents.confirmation(kind, subscription, message_id, self.clock.epoch(), self.base())
        return self._request(subscription, kind, message_id, documents.signed(asked, self.signer, self.base()))

    def _request(self, subscription: Subscription, kind: str, message_id: str, body: str) -> Entry:
        delivery = Delivery(
            id=next(self._numbers), subscription=subscription.arn, endpoint=subscription.endpoint, kind=kind,
            message_id=message_id, topic=subscription.topic, raw=kind == "Notification" and subscription.raw, body=body,
            due=self.clock.epoch(), dead_letters=subscription.dead_letters,
        )  # fmt: skip
        return self.http.entry(delivery)

    # -- messages

    async def publish(self, topic: Topic, *messages: Published) -> list[Accepted]:
        """Returns when all copies are on disk, in one step; a duplicate in a FIFO topic is taken for the first one."""
        found = [self._accept(topic, each) for each in messages]
        await self.ledger.enter(*itertools.chain.from_iterable(entries for _, entries in found))
        return [accepted() for accepted, _ in found]

    def entries(self, topic: Topic, published: Published) -> list[Entry]:
        """What is to be entered, at once, for the message to be accepted."""
        return self._accept(topic, published)[1]

    def _accept(self, topic: Topic, published: Published) -> tuple[Callable[[], Accepted], list[Entry]]:
        """The same, and what the publisher is told once it is written."""
        if not topic.fifo:
            return lambda: Accepted(published.id, ""), self._copies(topic, published)
        sequence = f"{1 * 10**19 + next(self._numbers):020d}"
        numbered = replace(published, sequence=sequence, dedup=dedup_of(published))
        once = Once(self._dedup, topic.arn, numbered, self.clock.epoch())
        return lambda: once.accepted, once.entries(self._copies(topic, numbered))

    def _copies(self, topic: Topic, published: Published) -> list[Entry]:
        found: list[Entry] = []
        for subscription in self.subscriptions(topic.arn):
            if subscription.confirmed and subscription.filter(published.attributes, published.message):
                found += self._copy(topic, subscription, published)
        return found

    def _copy(self, topic: Topic, subscription: Subscription, published: Published) -> list[Entry]:
        if subscription.protocol in ("http", "https"):
            body = documents.for_queue(published, subscription, self.signer, self.base())
            return [self._request(subscription, "Notification", published.id, body)]
        outgoing, queue = self._outgoing(topic, subscription, published), subscription.dead_letters
        return self._post.send(outgoing, lambda _: replace(outgoing, target=queue) if queue else None)

    def _outgoing(self, topic: Topic, subscription: Subscription, published: Published) -> Outgoing:
        to_function = subscription.protocol == "lambda"
        if to_function:
            body = documents.for_function(published, subscription, self.signer, self.base())
        else:
            body = documents.for_queue(published, subscription, self.signer, self.base()).encode()
        ordered = topic.fifo and subscription.endpoint.endswith(".fifo")
        return Outgoing(
            target=subscription.endpoint, body=body, sender=_service(topic), source=topic.arn, trace=published.trace,
            attributes=published.attributes if subscription.raw else {},
            group=published.group if ordered or not topic.fifo else "", dedup=published.dedup if ordered else "",
        )  # fmt: skip


def _service(topic: Topic) -> Principal:
    return Principal(service="sns.amazonaws.com", account=topic.account)


def _key(arn: str) -> dict[str, str]:
    """Of a topic's row."""
    region, account, name = arn.split(":")[3:]
    return {"account": account, "region": region, "name": name}
