"""What a target gets of an event: Input, InputPath or InputTransformer. Pure.

Source: EventBridge User Guide, "Input transformation"; recordings of AWS (events__test_events_inputs).
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.errors import Undeliverable, ValidationException
from lambent.services.events.nouns import LARGEST, Event, Rule, Target, shown_time
from lambent.services.events.paths import MISSING, look_up, steps_of

PREDEFINED = (
    "aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time", "aws.events.event",
    "aws.events.event.json",
)  # fmt: skip
_CHOICES = ("Input", "InputPath", "InputTransformer")
_PLACEHOLDER = re.compile(r"<([^<>\s]+)>")


def check(target: Target) -> None:
    """Raises ValidationException, in AWS's words."""
    identifier = target["Id"]
    if sum(bool(target.get(name)) for name in _CHOICES) > 1:
        message = f"Only one of Input, InputPath, or InputTransformer must be provided for target {identifier}."
        raise ValidationException(message)
    if target.get("Input") is not None and not _is_json(target["Input"]):
        raise ValidationException(f"Invalid Input for target {identifier}.")
    if target.get("InputPath"):
        _check_path(target["InputPath"], f"Invalid InputPath for target {identifier}.")
    transformer = target.get("InputTransformer") or {}
    paths = transformer.get("InputPathsMap") or {}
    for path in paths.values():
        _check_path(path, f"Invalid InputPath for target {identifier}.")
    for name in _PLACEHOLDER.findall(transformer.get("InputTemplate") or ""):
        if name not in paths and name not in PREDEFINED:
            message = f"InputTemplate for target {identifier} contains invalid placeholder {name}."
            raise ValidationException(message)


def _check_path(path: str, message: str) -> None:
    try:
        steps_of(path)
    except ValueError:
        raise ValidationException(message) from None


def _is_json(text: str | bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def input_of(target: Target, event: Event, rule: Rule, now: float) -> bytes:
    """What the target gets; `now` (epoch seconds) is when the event came. Raises Undeliverable."""
    if target.get("Input"):
        return str(target["Input"]).encode()
    if target.get("InputPath"):
        found = look_up(target["InputPath"], event.document)
        if found is MISSING:
            raise Undeliverable(f"the event has nothing at {target['InputPath']}")
        return msgspec.json.encode(found)
    if target.get("InputTransformer"):
        return transform(target["InputTransformer"], event, rule, shown_time(now))
    return event.body


def transform(transformer: Mapping[str, Any], event: Event, rule: Rule, ingested: str) -> bytes:
    """The template with its placeholders filled. Raises Undeliverable for a template that was to be JSON and is not."""
    template, paths = transformer["InputTemplate"], transformer.get("InputPathsMap") or {}
    room = LARGEST - len(template)

    def fill(found: re.Match[str]) -> str:
        nonlocal room
        value = _value(found[1], paths, event, rule, ingested)
        text = _in_string(value) if _is_inside_string(template, found.start()) else _as_json(value)
        room -= len(text)
        if room < 0:  # a template may name a large event a hundred times
            raise Undeliverable(f"the filled InputTemplate has more than {LARGEST} bytes")
        return text

    filled = _PLACEHOLDER.sub(fill, template)
    if filled.lstrip().startswith("{") and not _is_json(filled):
        raise Undeliverable("the filled InputTemplate is not JSON")
    return filled.encode()


def _value(name: str, paths: Mapping[str, str], event: Event, rule: Rule, ingested: str) -> Any:
    """Recorded: what is not in the event is an empty string."""
    match name:
        case "aws.events.rule-arn":
            return rule.arn
        case "aws.events.rule-name":
            return rule.name
        case "aws.events.event.ingestion-time":
            return ingested
        case "aws.events.event":
            return {"detailType" if key == "detail-type" else key: value for key, value in event.envelope.items()}
        case "aws.events.event.json":
            return msgspec.Raw(event.body)
    found = look_up(paths[name], event.document) if name in paths else MISSING
    return "" if found is MISSING else found


def _is_inside_string(template: str, position: int) -> bool:
    """Is an odd number of quotes before it? Those after a backslash do not count."""
    before = re.sub(r"\\.", "", template[:position], flags=re.DOTALL)
    return before.count('"') % 2 == 1


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _in_string(value: Any) -> str:
    """Recorded: objects and arrays lose their quotes there."""
    if isinstance(value, str):
        return msgspec.json.encode(value).decode()[1:-1]
    return _as_json(value).replace('"', "")
