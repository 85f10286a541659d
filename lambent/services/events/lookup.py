"""What a request names, and pages of lists. Raises AWS's errors."""

from collections.abc import Sequence
from typing import Any

from lambent.errors import AwsError, ValidationException
from lambent.model import Document
from lambent.services.events import errors
from lambent.services.events.engine import EventBridge
from lambent.services.events.nouns import DEFAULT, Archive, Bus, BusKey, Replay, Rule
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 100
_PARTS = 6
MOST_TAGS = 50


def bus_key(call: Call, name: str | None) -> BusKey:
    """Of a name or ARN; none is the default one. Buses are managed by their own account only."""
    name = name or DEFAULT
    if not name.startswith("arn:"):
        return call.account, call.region, name
    parts = name.split(":", 5)
    if len(parts) < _PARTS or parts[2] != "events" or not parts[5].startswith("event-bus/"):
        raise malformed(name)
    if parts[4] != call.account:
        who = call.caller.arn or call.account
        message = f"User: {who} is not authorized to perform: events:{call.operation} on resource: {name}"
        raise AwsError(message, code="AccessDeniedException", status=400)
    return parts[4], parts[3], parts[5].removeprefix("event-bus/")


def malformed(arn: str) -> ValidationException:
    return ValidationException(f"Parameter {arn} is not valid. Reason: Provided Arn is not in correct format.")


def bus_named(events: EventBridge, call: Call, name: str | None) -> Bus:
    key = bus_key(call, name)
    found = events.catalog.bus(key)
    if found is None:
        raise errors.no_bus(key[2])
    return found


def rule_named(events: EventBridge, call: Call, name: str) -> Rule:
    bus = bus_named(events, call, call.parameters.get("EventBusName"))
    found = events.catalog.rule((*bus.key, name))
    if found is None:
        raise errors.no_rule(name, bus.name)
    return found


def archive_named(events: EventBridge, call: Call, name: str) -> Archive:
    found = events.catalog.archive((call.account, call.region, name))
    if found is None:
        raise errors.not_found(f"Archive {name} does not exist.")
    return found


def replay_named(events: EventBridge, call: Call, name: str) -> Replay:
    found = events.catalog.replay((call.account, call.region, name))
    if found is None:
        raise errors.not_found(f"Replay {name} does not exist.")
    return found


def named_like(call: Call, found: Sequence[Any]) -> list[Any]:
    prefix = call.parameters.get("NamePrefix") or ""
    return [each for each in found if each.name.startswith(prefix)]


def own(call: Call, found: Sequence[Any]) -> list[Any]:
    return [each for each in found if (each.account, each.region) == (call.account, call.region)]


def paged(call: Call, found: Sequence[Any], names: Sequence[str]) -> tuple[Sequence[Any], Document]:
    """The next ones of what is in order of `names`, and a token if there are more."""
    scope = f"events:{call.operation}"
    token, start = call.parameters.get("NextToken"), 0
    if token:
        refuse = ValidationException("Parameter NextToken is not valid.")
        after = markers.unseal(scope, token, refuse=refuse)[0]
        start = sum(name <= after for name in names)
    end = start + (call.parameters.get("Limit") or PAGE)
    more = {"NextToken": markers.seal(scope, [names[end - 1]])} if end < len(names) else {}
    return found[start:end], more


def tags_of(listed: list[Document]) -> dict[str, str]:
    tags = {str(tag["Key"]): str(tag["Value"]) for tag in listed}
    if len(tags) < len(listed):
        raise ValidationException("Invalid parameter: Duplicated keys are not allowed.")
    if len(tags) > MOST_TAGS:
        raise ValidationException("The request tries to set more than 50 tags on a resource.")
    return tags
