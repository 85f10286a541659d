"""PutEvents. Source: Amazon EventBridge API Reference; recordings of AWS."""

import logging
import uuid

from lambent.errors import NotImplementedYet, Undeliverable, ValidationException
from lambent.model import Document
from lambent.services.events import access
from lambent.services.events.engine import EventBridge
from lambent.services.events.nouns import DEFAULT, LARGEST, Bus, Event
from lambent.services.events.taker import detail_of
from lambent.store.ledger import Entry
from lambent.wire.parse import Call

log = logging.getLogger("lambent")

_REQUIRED = ("Source", "DetailType", "Detail")


async def put_events(events: EventBridge, call: Call) -> Document:
    """All entries that can be accepted are, with all that follows from them, in one step."""
    if call.parameters.get("EndpointId"):
        raise NotImplementedYet("Lambent has no global endpoints: leave EndpointId out.")
    listed = call.parameters["Entries"]
    if sum(map(_size, listed)) > LARGEST:
        raise ValidationException("Total size of the entries in the request is over the limit.")
    results: list[Document] = []
    entries: list[Entry] = []
    for asked in listed:
        read = _read(asked)
        if isinstance(read, bytes):
            event = _event(events, call, asked, read)
            entries += _accepted(events, call, asked, event)
            read = {"EventId": event.id}
        results.append(read)
    if entries:
        await events.ledger.enter(*entries)
    return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}


def _size(asked: Document) -> int:
    """As AWS counts. Source: EventBridge User Guide, "Calculating event entry size"."""
    texts = [asked.get(name) or "" for name in _REQUIRED] + (asked.get("Resources") or [])
    return sum(len(text.encode()) for text in texts) + (14 if asked.get("Time") else 0)


def _read(asked: Document) -> bytes | Document:
    """The detail of an entry, or what is wrong with it; the others are accepted all the same."""
    for name in _REQUIRED:
        if not asked.get(name):
            message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
    if asked["Source"].startswith("aws."):
        return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
    try:
        return detail_of(asked["Detail"].encode())
    except Undeliverable:
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


def _event(events: EventBridge, call: Call, asked: Document, detail: bytes) -> Event:
    at = asked["Time"].timestamp() if asked.get("Time") else events.clock.epoch()
    return Event(
        id=str(uuid.uuid4()), detail_type=asked["DetailType"], source=asked["Source"],
        account=call.caller.account or call.account, at=at, region=call.region,
        resources=tuple(asked.get("Resources") or ()), detail=detail,
        trace=asked.get("TraceHeader") or call.request.headers.get("x-amzn-trace-id", ""),
    )  # fmt: skip


def _accepted(events: EventBridge, call: Call, asked: Document, event: Event) -> list[Entry]:
    """An event for a bus that is not there is accepted, and lost, as by AWS."""
    bus = _bus(events, call, asked.get("EventBusName") or DEFAULT)
    if bus is None:
        log.warning("an event of %s is for a bus that does not exist: %s", event.source, asked["EventBusName"])
        return []
    caller = call.caller
    conditions = {
        "events:source": event.source, "events:detail-type": event.detail_type,
        "aws:PrincipalAccount": caller.account or call.account,
    }  # fmt: skip
    access.demand(caller, caller.account or call.account, bus, conditions)
    return events.router.entries(bus, event)


def _bus(events: EventBridge, call: Call, name: str) -> Bus | None:
    if name.startswith("arn:"):
        return events.catalog.bus_of(name)
    return events.catalog.bus((call.account, call.region, name))
