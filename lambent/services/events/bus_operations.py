"""The operations on event buses and their permissions. Source: Amazon EventBridge API Reference; recordings of AWS."""

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from lambent.errors import AwsError, NotImplementedYet, ValidationException
from lambent.iam.policy import statements_of
from lambent.model import Document
from lambent.services.events import errors
from lambent.services.events.engine import EventBridge
from lambent.services.events.lookup import bus_named, named_like, paged, tags_of
from lambent.services.events.nouns import DEFAULT, Bus
from lambent.wire.parse import Call

LONGEST_POLICY = 10_240  # bytes
_KEPT = ("Description", "DeadLetterConfig", "LogConfig")
_ACCOUNT = re.compile(r"\d{12}|\*")


async def create_event_bus(events: EventBridge, call: Call) -> Document:
    asked, name = call.parameters, call.parameters["Name"]
    if "/" in name or asked.get("EventSourceName"):
        raise NotImplementedYet("Lambent has no partner event sources: a bus has a name without a slash.")
    _check(asked)
    if events.catalog.bus((call.account, call.region, name)) is not None:
        raise errors.exists(f"Event bus {name} already exists.")
    now = events.clock.epoch()
    bus = Bus(
        account=call.account, region=call.region, name=name, settings=_settings(asked),
        tags=tags_of(asked.get("Tags") or []), created=now, modified=now,
    )  # fmt: skip
    await events.catalog.put_bus(bus)
    return {"EventBusArn": bus.arn} | bus.settings


def _check(asked: Document) -> None:
    if asked.get("KmsKeyIdentifier"):
        raise NotImplementedYet("Lambent does not encrypt events with KMS keys yet: leave KmsKeyIdentifier out.")
    if (asked.get("LogConfig") or {}).get("Level", "OFF") != "OFF":
        raise NotImplementedYet("Lambent does not write logs of event buses yet: leave LogConfig out.")


def _settings(asked: Document) -> dict[str, Any]:
    return {name: asked[name] for name in _KEPT if asked.get(name)}


async def update_event_bus(events: EventBridge, call: Call) -> Document:
    asked = call.parameters
    _check(asked)
    bus = bus_named(events, call, asked.get("Name"))
    changed = replace(bus, settings=bus.settings | _settings(asked), modified=events.clock.epoch())
    await events.catalog.put_bus(changed)
    return {"Arn": bus.arn, "Name": bus.name} | changed.settings


async def delete_event_bus(events: EventBridge, call: Call) -> Document:
    """One that is not there counts as deleted."""
    if call.parameters["Name"].rpartition("/")[2] == DEFAULT:
        raise ValidationException("Cannot delete event bus default.")
    try:
        bus = bus_named(events, call, call.parameters["Name"])
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return {}
    if any(not rule.settings.get("ManagedBy") for rule in events.catalog.rules(bus.key)):
        raise ValidationException("Event bus can't be deleted since it has rules.")
    await events.catalog.delete_bus(bus)
    return {}


async def describe_event_bus(events: EventBridge, call: Call) -> Document:
    bus = bus_named(events, call, call.parameters.get("Name"))
    return _shown(bus) | {name: value for name, value in bus.settings.items() if name != "Description"}


def _shown(bus: Bus) -> Document:
    shown: Document = {"Name": bus.name, "Arn": bus.arn}
    if bus.settings.get("Description"):
        shown["Description"] = bus.settings["Description"]
    if bus.policy:
        shown["Policy"] = bus.policy
    if bus.created:
        shown |= {"CreationTime": bus.created, "LastModifiedTime": bus.modified}
    return shown


async def list_event_buses(events: EventBridge, call: Call) -> Document:
    found = named_like(call, events.catalog.buses(call.account, call.region))
    page, more = paged(call, found, [bus.name for bus in found])
    return {"EventBuses": [_shown(bus) for bus in page]} | more


# -- permissions


async def put_permission(events: EventBridge, call: Call) -> Document:
    asked = call.parameters
    bus = bus_named(events, call, asked.get("EventBusName"))
    if asked.get("Policy"):
        if any(asked.get(name) for name in ("Action", "Principal", "StatementId", "Condition")):
            raise ValidationException("Parameter Policy can only be used alone.")
        await _store(events, bus, _document(asked["Policy"]))
        return {}
    statement = _statement(bus, asked)
    policy: Document = msgspec.json.decode(bus.policy) if bus.policy else {"Version": "2012-10-17", "Statement": []}
    others = [each for each in policy["Statement"] if each.get("Sid") != statement["Sid"]]
    await _store(events, bus, policy | {"Statement": [*others, statement]})
    return {}


def _document(text: str) -> Document:
    try:
        found = msgspec.json.decode(text)
        statements_of(found)
    except (ValueError, AttributeError, RecursionError):
        raise AwsError("The policy is not valid.", code="InvalidPolicyException", status=400) from None
    policy: Document = found
    listed = policy["Statement"]
    return policy | {"Statement": listed if isinstance(listed, list) else [listed]}


def _statement(bus: Bus, asked: Document) -> Document:
    for name in ("Action", "Principal", "StatementId"):
        if not asked.get(name):
            raise ValidationException(f"Parameter {name} is required.")
    if not _ACCOUNT.fullmatch(asked["Principal"]):
        raise ValidationException("Provided value in parameter 'principal' is not valid.")
    everyone = asked["Principal"] == "*"
    principal: Any = "*" if everyone else {"AWS": f"arn:aws:iam::{asked['Principal']}:root"}
    statement = {
        "Sid": asked["StatementId"], "Effect": "Allow", "Principal": principal, "Action": asked["Action"],
        "Resource": bus.arn,
    }  # fmt: skip
    condition = asked.get("Condition")
    if condition:
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return statement


async def remove_permission(events: EventBridge, call: Call) -> Document:
    asked = call.parameters
    bus = bus_named(events, call, asked.get("EventBusName"))
    if asked.get("RemoveAllPermissions"):
        await events.catalog.put_bus(replace(bus, policy="", modified=events.clock.epoch()))
        return {}
    if not asked.get("StatementId"):
        raise ValidationException("Parameter StatementId is required.")
    policy: Document = msgspec.json.decode(bus.policy) if bus.policy else {"Statement": []}
    kept = [each for each in policy["Statement"] if each.get("Sid") != asked["StatementId"]]
    if len(kept) == len(policy["Statement"]):
        raise errors.not_found("Statement with the provided id does not exist.")
    await _store(events, bus, policy | {"Statement": kept})
    return {}


async def _store(events: EventBridge, bus: Bus, policy: Document) -> None:
    text = msgspec.json.encode(policy).decode() if policy["Statement"] else ""
    if len(text) > LONGEST_POLICY:
        raise AwsError(
            "The policy is larger than the limit of 10 KB.", code="PolicyLengthExceededException", status=400
        )
    await events.catalog.put_bus(replace(bus, policy=text, modified=events.clock.epoch()))
