"""Buses as targets of other services: what is for a bus becomes an event on it."""

import uuid

import msgspec

from lambent.errors import AwsError, Undeliverable
from lambent.services.events import access
from lambent.services.events.engine import EventBridge
from lambent.services.events.nouns import LARGEST, Event
from lambent.services.post import Outgoing
from lambent.store.ledger import Entry


class BusTaker:
    """The body is the detail. Whoever is of another account than the bus needs an Allow of its policy."""

    def __init__(self, events: EventBridge) -> None:
        self._events = events

    def entries(self, outgoing: Outgoing) -> tuple[Entry, ...]:
        bus = self._events.catalog.bus_of(outgoing.target)
        if bus is None:
            raise Undeliverable(f"there is no event bus {outgoing.target}")
        conditions = {"aws:SourceArn": outgoing.source, "aws:SourceAccount": outgoing.sender.account}
        try:
            access.demand(outgoing.sender, outgoing.sender.account, bus, conditions)
        except AwsError as error:
            raise Undeliverable(error.message) from error
        event = Event(
            id=str(uuid.uuid4()), detail_type=outgoing.detail_type, source=outgoing.event_source,
            account=outgoing.sender.account, at=self._events.clock.epoch(), region=bus.region,
            resources=outgoing.resources, detail=detail_of(outgoing.body), trace=outgoing.trace,
        )  # fmt: skip
        return tuple(self._events.router.entries(bus, event))


def detail_of(body: bytes) -> bytes:
    """A detail without blanks. Raises Undeliverable for what is no JSON object or too large."""
    if len(body) > LARGEST:
        raise Undeliverable(f"an event of {len(body)} bytes is larger than the {LARGEST} of a bus")
    try:
        found = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        found = None
    if found is None:
        raise Undeliverable("Detail is malformed.")
    return msgspec.json.format(body, indent=-1)
