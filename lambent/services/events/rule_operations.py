"""The operations on rules, patterns and tags. Source: Amazon EventBridge API Reference; recordings of AWS."""

import re
from typing import Any

from msgspec.structs import replace

from lambent.errors import AwsError, PatternInvalid, ValidationException
from lambent.model import Document
from lambent.patterns import Pattern, compile_pattern, read_json
from lambent.patterns.values import Members
from lambent.services.events import errors
from lambent.services.events.engine import EventBridge
from lambent.services.events.lookup import bus_named, malformed, named_like, paged, rule_named, tags_of
from lambent.services.events.nouns import DEFAULT, Bus, Rule
from lambent.services.events.timetable import planned
from lambent.wire.parse import Call

_KEPT = ("EventPattern", "ScheduleExpression", "State", "Description", "RoleArn")
_SCHEDULE = re.compile(r"rate\((1 (minute|hour|day)|(?!1 )\d+ (minutes|hours|days))\)|cron\(.*\)")
_OF_AN_EVENT = {"id", "account", "source", "time", "region", "detail-type"}
_RULE_ARN = re.compile(r"arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:(rule|event-bus)/(.+)")


async def put_rule(events: EventBridge, call: Call) -> Document:
    """A new one, or another one under the name: it keeps its targets and its tags."""
    asked = call.parameters
    bus = bus_named(events, call, asked.get("EventBusName"))
    _check(asked, bus)
    existing, now = events.catalog.rule((*bus.key, asked["Name"])), events.clock.epoch()
    tags = existing.tags if existing else tags_of(asked.get("Tags") or [])
    settings = {"State": "ENABLED"} | {name: asked[name] for name in _KEPT if asked.get(name)}
    rule = Rule(
        account=bus.account, region=bus.region, bus=bus.name, name=asked["Name"], settings=settings, tags=tags,
        targets=existing.targets if existing else {}, anchor=_anchor(existing, settings, now),
    )  # fmt: skip
    await _store(events, rule, now)
    return {"RuleArn": rule.arn}


def _check(asked: Document, bus: Bus) -> None:
    pattern, schedule = asked.get("EventPattern"), asked.get("ScheduleExpression")
    if not pattern and not schedule:
        raise ValidationException("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern:
        compiled(pattern)
    if schedule and bus.name != DEFAULT:
        raise ValidationException("ScheduleExpression is supported only on the default event bus.")
    if schedule and not _SCHEDULE.fullmatch(schedule):
        raise ValidationException("Parameter ScheduleExpression is not valid.")


def _anchor(existing: Rule | None, settings: dict[str, Any], now: float) -> float:
    """A rate counts from when the rule was made, or its expression changed."""
    same = existing is not None and existing.schedule == settings.get("ScheduleExpression", "")
    return existing.anchor if existing is not None and same else now


async def _store(events: EventBridge, rule: Rule, now: float) -> None:
    try:
        rule = planned(rule, now)
    except ValueError:
        raise ValidationException("Parameter ScheduleExpression is not valid.") from None
    await events.timetable.put(rule)


async def enable_rule(events: EventBridge, call: Call) -> Document:
    await _switch(events, call, "ENABLED")
    return {}


async def disable_rule(events: EventBridge, call: Call) -> Document:
    await _switch(events, call, "DISABLED")
    return {}


async def _switch(events: EventBridge, call: Call, state: str) -> None:
    rule = rule_named(events, call, call.parameters["Name"])
    if rule.settings.get("State") != state:
        await _store(events, replace(rule, settings=rule.settings | {"State": state}), events.clock.epoch())


async def delete_rule(events: EventBridge, call: Call) -> Document:
    """One that is not there counts as deleted."""
    bus = bus_named(events, call, call.parameters.get("EventBusName"))
    rule = events.catalog.rule((*bus.key, call.parameters["Name"]))
    if rule is None:
        return {}
    if rule.targets:
        raise ValidationException("Rule can't be deleted since it has targets.")
    await events.catalog.delete_rule(rule)
    return {}


async def describe_rule(events: EventBridge, call: Call) -> Document:
    rule = rule_named(events, call, call.parameters["Name"])
    return _shown(rule) | {"CreatedBy": rule.account}


def _shown(rule: Rule) -> Document:
    return {"Name": rule.name, "Arn": rule.arn, "EventBusName": rule.bus} | rule.settings


async def list_rules(events: EventBridge, call: Call) -> Document:
    bus = bus_named(events, call, call.parameters.get("EventBusName"))
    found = named_like(call, events.catalog.rules(bus.key))
    page, more = paged(call, found, [rule.name for rule in found])
    return {"Rules": [_shown(rule) for rule in page]} | more


async def list_rule_names_by_target(events: EventBridge, call: Call) -> Document:
    bus, arn = bus_named(events, call, call.parameters.get("EventBusName")), call.parameters["TargetArn"]
    rules = events.catalog.rules(bus.key)
    names = [rule.name for rule in rules if any(target["Arn"] == arn for target in rule.targets.values())]
    page, more = paged(call, names, names)
    return {"RuleNames": list(page)} | more


# -- patterns


async def test_event_pattern(events: EventBridge, call: Call) -> Document:
    try:
        event = read_json(call.parameters["Event"])
    except ValueError:
        event = None
    if not isinstance(event, Members) or not {name for name, _ in event} >= _OF_AN_EVENT:
        raise ValidationException("Parameter Event is not valid.")
    return {"Result": compiled(call.parameters["EventPattern"]).matches(event)}


def compiled(text: str) -> Pattern:
    """Raises InvalidEventPattern, with AWS's reason."""
    try:
        return compile_pattern(text)
    except PatternInvalid as error:
        reason = error.message
        if reason == "Filter is not an object":
            reason += f'\n at [Source: (String)"{text}"; line: 1, column: 2]'
        raise errors.pattern(reason) from None


# -- tags, of rules and buses


async def tag_resource(events: EventBridge, call: Call) -> Document:
    found = _tagged(events, call)
    new = found.tags | tags_of(call.parameters["Tags"])
    await _retag(events, found, tags_of([{"Key": key, "Value": value} for key, value in new.items()]))
    return {}


async def untag_resource(events: EventBridge, call: Call) -> Document:
    found, gone = _tagged(events, call), set(call.parameters["TagKeys"])
    await _retag(events, found, {key: value for key, value in found.tags.items() if key not in gone})
    return {}


async def list_tags_for_resource(events: EventBridge, call: Call) -> Document:
    return {"Tags": [{"Key": key, "Value": value} for key, value in _tagged(events, call).tags.items()]}


async def _retag(events: EventBridge, found: Rule | Bus, tags: dict[str, str]) -> None:
    if isinstance(found, Bus):
        await events.catalog.put_bus(replace(found, tags=tags))
    else:
        await events.timetable.put(replace(found, tags=tags))


def _tagged(events: EventBridge, call: Call) -> Rule | Bus:
    arn = call.parameters["ResourceARN"]
    named = _RULE_ARN.fullmatch(arn)
    if named is None:
        raise malformed(arn)
    prefix = arn.split(":", 5)
    if (prefix[4], prefix[3]) != (call.account, call.region):
        raise AwsError(f"{arn} is of another account or region.", code="ResourceNotFoundException", status=400)
    if named[1] == "event-bus":
        return bus_named(events, call, named[2])
    bus_name, _, name = named[2].rpartition("/")
    bus = bus_named(events, call, bus_name)
    rule = events.catalog.rule((*bus.key, name))
    if rule is None:
        raise errors.no_rule(name, bus.name)
    return rule
