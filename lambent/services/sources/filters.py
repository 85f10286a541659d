"""FilterCriteria of a mapping. Pure. Source: lambda-semantics.md §5.6 (alternatives; SQS's key is `body`)."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from lambent.patterns.compiler import compile_pattern
from lambent.patterns.pattern import Pattern

Filter = Callable[[Mapping[str, Any]], bool]


def everything(record: Mapping[str, Any]) -> bool:
    return True


def filter_of(criteria: Mapping[str, Any] | None) -> Filter:
    """Whether a record goes to the function. Raises PatternInvalid."""
    texts = [each.get("Pattern") or "" for each in (criteria or {}).get("Filters") or []]
    patterns = [compile_pattern(text) for text in texts if text and text != "{}"]
    if not texts or len(patterns) < len(texts):
        return everything  # an empty pattern lets everything through
    return lambda record: _matches(patterns, record)


def _matches(patterns: list[Pattern], record: Mapping[str, Any]) -> bool:
    """A body that is JSON is matched as what it says, another one as the text that it is."""
    parsed = _parsed(str(record.get("body", "")))
    seen = record if parsed is None else {**record, "body": parsed}
    return any(pattern.matches(seen) for pattern in patterns)


def _parsed(body: str) -> Any:
    """An object or array that the body is the JSON of; None for anything else."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None
