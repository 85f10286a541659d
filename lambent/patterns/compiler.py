"""From the text of a pattern to a Pattern. The refusals are AWS's, in words and order (its JsonRuleCompiler)."""

from typing import Any

from lambent.errors import PatternInvalid
from lambent.patterns.conditions import condition
from lambent.patterns.pattern import Field, Pattern
from lambent.patterns.values import Members, read_json

MOST_BRANCHES = 1000  # that all $or of a pattern together may make
DEEPEST = 100  # names in a path: matching is as deep as the pattern, whatever the event

_OR = "$or"
# An array of objects after $or is a choice unless one of these words is in it (event-ruler, Constants).
_RESERVED = frozenset({
    "exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr", "=",
    "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case", "date-after", "date-on-or-after",
    "date-before", "date-on-or-before", "in-date-range", "ip-address-in-range", "ip-address-not-in-range",
})  # fmt: skip
_AT_LEAST = 2  # objects make a choice

Branch = dict[str, Field]


def compile_pattern(text: str | bytes) -> Pattern:
    """Raises PatternInvalid for everything that EventBridge would refuse."""
    try:
        members = read_json(text)
    except ValueError:
        raise PatternInvalid("Filter is not valid JSON") from None
    if not isinstance(members, Members):
        raise PatternInvalid("Filter is not an object")
    return Pattern(tuple(_with_object([{}], members, "")))


def _with_object(branches: list[Branch], members: Members, path: str) -> list[Branch]:
    """The branches, each with what an object at `path` asks for."""
    if not members:
        raise PatternInvalid("Empty objects are not allowed")
    for name, value in members:
        if name == _OR and _is_choice(value):
            branches = [branch for choice in value for branch in _with_object(branches, choice, path)]
            if len(branches) > MOST_BRANCHES:
                raise PatternInvalid(f"Rule is too complex - its $or make more than {MOST_BRANCHES} combinations")
            continue
        inner = f"{path}.{name}" if path else name
        if inner.count(".") >= DEEPEST:
            raise PatternInvalid(f"Filter is nested more than {DEEPEST} levels deep")
        if isinstance(value, Members):
            branches = _with_object(branches, value, inner)
        elif isinstance(value, list):
            field = _field(value)
            branches = [branch | {inner: field} for branch in branches]
        else:
            raise PatternInvalid(f'"{name}" must be an object or an array')
    return branches


def _is_choice(value: Any) -> bool:
    """Otherwise $or is a name like any other."""
    if not isinstance(value, list) or isinstance(value, Members) or len(value) < _AT_LEAST:
        return False
    return all(isinstance(each, Members) and not any(name in _RESERVED for name, _ in each) for each in value)


def _field(values: list[Any]) -> Field:
    if not values:
        raise PatternInvalid("Empty arrays are not allowed")
    tests = [condition(value) for value in values]
    return Field(tuple(test for test in tests if test), may_be_missing=None in tests)
