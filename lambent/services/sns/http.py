"""Requests to HTTP endpoints: stored with the message, made afterwards, made again as long as the policy says.

Source: Amazon SNS Developer Guide, "Amazon SNS message delivery retries" (HTTP: 3 retries at once, 2 after 1 s, 10 with
growing pauses, 35 after 20 s: 50 in an hour at most are AWS's; the default policy of a topic is 3 after 20 s each).
"""

import asyncio
import logging
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any

from msgspec.structs import asdict, replace

from lambent.clock import Clock, Timer
from lambent.principal import Principal
from lambent.services.post import Outgoing, Post
from lambent.services.sns.nouns import Delivery
from lambent.store.ledger import Entry, Ledger
from lambent.work import Work

log = logging.getLogger("lambent")

RETRIES = 3
PAUSE_S = 20.0
PATIENCE_S = 15.0
AT_ONCE = 32
_OPENER = urllib.request.build_opener()


class HttpDeliveries:
    """Mutable, on the event loop only: the requests under way, and the timers of those that wait."""

    def __init__(self, ledger: Ledger, post: Post, clock: Clock) -> None:
        self._ledger = ledger
        self._post = post
        self._clock = clock
        self._work = Work(clock, _complain)
        self._timers: dict[int, Timer] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._closing = False

    def start(self, left: Iterable[Delivery]) -> None:
        for delivery in left:
            self._later(delivery)

    def entry(self, delivery: Delivery) -> Entry:
        row = ("sns_delivery_add", _columns(delivery))
        return Entry([row], len(delivery.body), written=lambda: self._begin(delivery))

    async def close(self) -> None:
        """What is under way is broken off; it is on disk, and made again at the next start."""
        self._closing = True
        for timer in self._timers.values():
            timer.cancel()
        await self._work.finish(0)

    def _later(self, delivery: Delivery) -> None:
        delay_s = max(0.0, delivery.due - self._clock.epoch())
        self._timers[delivery.id] = self._clock.call_later(delay_s, lambda: self._begin(delivery))

    def _begin(self, delivery: Delivery) -> None:
        self._timers.pop(delivery.id, None)
        if not self._closing:
            self._work.begin(self._make(delivery))

    async def _make(self, delivery: Delivery) -> None:
        async with self._slots:
            trouble = await asyncio.to_thread(_request, delivery)
            await self._conclude(delivery, trouble)

    async def _conclude(self, delivery: Delivery, trouble: str) -> None:
        if trouble and delivery.tries < RETRIES:
            again = replace(delivery, tries=delivery.tries + 1, due=self._clock.epoch() + PAUSE_S)
            row = {"id": again.id, "tries": again.tries, "due": again.due}
            await self._ledger.enter(Entry([("sns_delivery_again", row)]))
            self._later(again)
            return
        entries = [Entry([("sns_delivery_drop", {"id": delivery.id})])]
        if trouble:
            log.warning("SNS: %s was not delivered to %s: %s", delivery.message_id, delivery.endpoint, trouble)
            entries += self._dead_letter(delivery)
        await self._ledger.enter(*entries)

    def _dead_letter(self, delivery: Delivery) -> list[Entry]:
        if not delivery.dead_letters or delivery.kind != "Notification":
            return []
        sender = Principal(service="sns.amazonaws.com", account=delivery.topic.split(":")[4])
        outgoing = Outgoing(
            target=delivery.dead_letters, body=delivery.body.encode(), sender=sender, source=delivery.topic
        )
        return self._post.last(outgoing)


def _complain(error: BaseException) -> None:
    log.error("SNS: what became of a request is not written down, so it is made again at the next start: %s", error)


def _request(delivery: Delivery) -> str:
    """POST it; what went wrong, or ""."""
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": delivery.kind,
        "x-amz-sns-message-id": delivery.message_id,
        "x-amz-sns-topic-arn": delivery.topic,
    }
    if delivery.kind != "SubscriptionConfirmation":
        headers["x-amz-sns-subscription-arn"] = delivery.subscription
    if delivery.raw:
        headers["x-amz-sns-rawdelivery"] = "true"
    try:
        request = urllib.request.Request(delivery.endpoint, delivery.body.encode(), headers, method="POST")
        with _OPENER.open(request, timeout=PATIENCE_S):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}"
    except (OSError, ValueError) as error:
        return str(error)


def _columns(delivery: Delivery) -> dict[str, Any]:
    return asdict(delivery) | {"raw": int(delivery.raw)}
