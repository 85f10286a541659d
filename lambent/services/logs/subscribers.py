"""Whoever subscribed to a group by a filter, and what is to be entered for them when events come."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from lambent.errors import Undeliverable
from lambent.observe.log_groups import LogEvent
from lambent.principal import Principal
from lambent.services.logs.deliveries import payloads
from lambent.services.logs.errors import invalid
from lambent.services.logs.nouns import Filter, Group, Key, group_arn
from lambent.services.post import Outgoing, Post
from lambent.store.ledger import Entry

log = logging.getLogger("lambent")

Allowed = Callable[[Outgoing], object]  # raises Undeliverable unless the function is there and may be invoked


class Subscribers:
    """Delivers by the post."""

    def __init__(self, post: Post, allowed: Allowed, apart: Callable[..., Awaitable[Any]]) -> None:
        """`apart` does work in a thread."""
        self._post = post
        self._allowed = allowed
        self._apart = apart

    async def deliveries(self, group: Group, events: Sequence[LogEvent]) -> list[Entry]:
        """What subscription filters make of events: to be entered together with where they come from."""
        entries: list[Entry] = []
        for rule in group.settings.filters:
            for body in await self._apart(payloads, group.key, rule, events):
                try:
                    entries += self._post.entries(self._outgoing(group.key, rule, body))
                except Undeliverable as error:
                    log.warning("subscription filter %s of %s: %s", rule.name, group.arn, error.message)
        return entries

    def _outgoing(self, key: Key, rule: Filter, body: bytes = b"") -> Outgoing:
        """In the name of CloudWatch Logs of the region, as policies have it, or of all regions."""
        found = [
            Outgoing(
                target=rule.destination, body=body, source=f"{group_arn(key)}:*",
                sender=Principal(service=service, account=key[0]),
            )
            for service in (f"logs.{key[1]}.amazonaws.com", "logs.amazonaws.com")
        ]  # fmt: skip
        try:
            self._allowed(found[0])
        except Undeliverable:
            return found[1]
        return found[0]

    def demand_permission(self, key: Key, rule: Filter) -> None:
        """Raises InvalidParameterException unless the function can be invoked."""
        try:
            self._allowed(self._outgoing(key, rule))
        except Undeliverable:
            raise invalid(
                "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
                "your function."
            ) from None
