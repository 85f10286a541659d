"""The operations on archives and replays. Source: Amazon EventBridge API Reference; recordings of AWS."""

import math

from msgspec.structs import replace

from lambent.errors import NotImplementedYet, ValidationException
from lambent.model import Document
from lambent.services.events import errors
from lambent.services.events.engine import EventBridge
from lambent.services.events.lookup import archive_named, bus_named, named_like, own, paged, replay_named
from lambent.services.events.nouns import Archive, Replay
from lambent.services.events.replays import CANCELLABLE
from lambent.services.events.rule_operations import compiled
from lambent.wire.parse import Call

_KEPT = ("Description", "EventPattern", "RetentionDays")


async def create_archive(events: EventBridge, call: Call) -> Document:
    asked = call.parameters
    _check(asked)
    if events.catalog.archive((call.account, call.region, asked["ArchiveName"])) is not None:
        raise errors.exists(f"Archive {asked['ArchiveName']} already exists.")
    bus = bus_named(events, call, asked["EventSourceArn"])
    settings = {"EventSourceArn": bus.arn} | {name: asked[name] for name in _KEPT if asked.get(name) is not None}
    archive = Archive(
        account=call.account, region=call.region, name=asked["ArchiveName"], settings=settings,
        created=events.clock.epoch(),
    )  # fmt: skip
    await events.catalog.put_archive(archive)
    return _told(archive)


def _check(asked: Document) -> None:
    if asked.get("KmsKeyIdentifier"):
        raise NotImplementedYet("Lambent does not encrypt archives with KMS keys yet: leave KmsKeyIdentifier out.")
    if asked.get("EventPattern"):
        compiled(asked["EventPattern"])


def _told(archive: Archive) -> Document:
    return {"ArchiveArn": archive.arn, "State": "ENABLED", "CreationTime": archive.created}


async def update_archive(events: EventBridge, call: Call) -> Document:
    asked = call.parameters
    _check(asked)
    archive = archive_named(events, call, asked["ArchiveName"])
    changes = {name: asked[name] for name in _KEPT if asked.get(name) is not None}
    archive = replace(archive, settings=archive.settings | changes)
    await events.catalog.put_archive(archive)
    return _told(archive)


async def delete_archive(events: EventBridge, call: Call) -> Document:
    await events.catalog.delete_archive(archive_named(events, call, call.parameters["ArchiveName"]))
    return {}


async def describe_archive(events: EventBridge, call: Call) -> Document:
    archive = archive_named(events, call, call.parameters["ArchiveName"])
    return _shown(events, archive) | {"ArchiveArn": archive.arn} | archive.settings


def _shown(events: EventBridge, archive: Archive) -> Document:
    count, size = events.catalog.store.archived_size(archive.arn)
    return {
        "ArchiveName": archive.name, "EventSourceArn": archive.bus, "State": "ENABLED",
        "RetentionDays": archive.days, "SizeBytes": size, "EventCount": count, "CreationTime": archive.created,
    }  # fmt: skip


async def list_archives(events: EventBridge, call: Call) -> Document:
    """NamePrefix, State or EventSourceArn choose among them."""
    asked = call.parameters
    found = named_like(call, own(call, events.catalog.archives()))
    if asked.get("EventSourceArn"):
        bus = bus_named(events, call, asked["EventSourceArn"])
        found = [archive for archive in found if archive.bus == bus.arn]
    if asked.get("State", "ENABLED") != "ENABLED":
        found = []
    page, more = paged(call, found, [archive.name for archive in found])
    return {"Archives": [_shown(events, archive) for archive in page]} | more


# -- replays


async def start_replay(events: EventBridge, call: Call) -> Document:
    asked, now = call.parameters, events.clock.epoch()
    if events.catalog.replay((call.account, call.region, asked["ReplayName"])) is not None:
        raise errors.exists(f"Replay {asked['ReplayName']} already exists.")
    start, end = asked["EventStartTime"].timestamp(), asked["EventEndTime"].timestamp()
    if end <= start:
        message = "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."
        raise ValidationException(message)
    archive = _archive_of(events, call, asked["EventSourceArn"])
    _check_destination(events, call, archive)
    settings = {
        "EventSourceArn": archive.arn, "Destination": asked["Destination"], "EventStartTime": float(math.floor(start)),
        "EventEndTime": end, "State": "STARTING", "ReplayStartTime": now,
    }  # fmt: skip
    if asked.get("Description"):
        settings["Description"] = asked["Description"]
    replay = Replay(account=call.account, region=call.region, name=asked["ReplayName"], settings=settings)
    await events.ledger.enter(events.catalog.replay_entry(replay))
    events.replays.run(replay)
    return {"ReplayArn": replay.arn, "State": "STARTING", "ReplayStartTime": now}


def _archive_of(events: EventBridge, call: Call, arn: str) -> Archive:
    parts = arn.split(":", 5)
    name = arn.rpartition("/")[2]
    found = events.catalog.archive((call.account, call.region, name))
    if len(parts) < 6 or found is None or found.arn != arn:
        raise ValidationException(f"Parameter EventSourceArn is not valid. Reason: Archive {name} does not exist.")
    return found


def _check_destination(events: EventBridge, call: Call, archive: Archive) -> None:
    destination = call.parameters["Destination"]
    if destination["Arn"] != archive.bus:
        bus_named(events, call, destination["Arn"])
        message = "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted."
        raise ValidationException(message)
    bus = bus_named(events, call, archive.bus)
    known = {rule.arn for rule in events.catalog.rules(bus.key)}
    unknown = [arn for arn in destination.get("FilterArns") or [] if arn not in known]
    if unknown:
        raise ValidationException(
            f"Parameter Destination.FilterArns is not valid. Reason: Rule {unknown[0]} does not exist."
        )


async def cancel_replay(events: EventBridge, call: Call) -> Document:
    replay = replay_named(events, call, call.parameters["ReplayName"])
    if replay.state not in CANCELLABLE:
        message = f"Replay {replay.name} is not in a valid state for this operation."
        raise errors.illegal_status(message)
    cancelled = replace(replay, settings=replay.settings | {"State": "CANCELLING"})
    await events.ledger.enter(events.catalog.replay_entry(cancelled))
    return {"ReplayArn": replay.arn, "State": "CANCELLING"}


async def describe_replay(events: EventBridge, call: Call) -> Document:
    replay = replay_named(events, call, call.parameters["ReplayName"])
    return {"ReplayName": replay.name, "ReplayArn": replay.arn} | replay.settings


async def list_replays(events: EventBridge, call: Call) -> Document:
    asked = call.parameters
    found = [
        replay
        for replay in named_like(call, own(call, events.catalog.replays()))
        if asked.get("State") in (None, replay.state)
        and asked.get("EventSourceArn") in (None, replay.settings["EventSourceArn"])
    ]
    page, more = paged(call, found, [replay.name for replay in found])
    return {"Replays": [_listed(replay) for replay in page]} | more


def _listed(replay: Replay) -> Document:
    hidden = ("Description", "Destination")
    return {"ReplayName": replay.name} | {name: value for name, value in replay.settings.items() if name not in hidden}
