"""Filter policies of subscriptions: what AWS refuses of them, and which messages they let through. Pure.

Sources: Amazon SNS Developer Guide, "Amazon SNS subscription filter policies"; the recording test_sns_filter_policy.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from lambent.errors import AwsError, PatternInvalid
from lambent.patterns.compiler import compile_pattern

# Of a message's attributes and body.
Filter = Callable[[Mapping[str, Mapping[str, Any]], str], bool]

BODY, ATTRIBUTES = "MessageBody", "MessageAttributes"
MOST_KEYS = 5
MOST_COMBINATIONS = 150
_COMPARISONS = ("<", "<=", "=", ">", ">=")


def filter_of(policy: str, scope: str) -> Filter:
    """Whether a message goes to a subscription with that FilterPolicy ("": everything does)."""
    if not policy or policy == "{}":
        return lambda attributes, body: True
    try:
        pattern = compile_pattern(policy)
    except PatternInvalid:  # valid to SNS, and nothing to EventBridge: it lets nothing through
        return lambda attributes, body: False
    if scope == BODY:
        return lambda attributes, body: pattern.matches(_json(body))
    return lambda attributes, body: pattern.matches({name: _value(each) for name, each in attributes.items()})


def _json(body: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _value(attribute: Mapping[str, Any]) -> Any:
    """Text, a number, or what an array holds; binary attributes are not looked at."""
    kind, text = str(attribute.get("DataType", "")), attribute.get("StringValue")
    if text is None:
        return []
    if kind.startswith("Number") or kind == "String.Array":
        found = _json(text)
        return text if found is None else found
    return text


# -- what may be set


def check(policy: str, scope: str, *, prefix: str) -> None:
    """Raises InvalidParameter, the sentence beginning with `prefix`, for a policy that SNS does not take."""
    refuse = _Refuser(f"{prefix}FilterPolicy: ")
    try:
        rules = msgspec.json.decode(policy)
    except (msgspec.DecodeError, RecursionError):
        raise refuse("failed to parse JSON.") from None
    if not isinstance(rules, dict):
        raise refuse("failed to parse JSON.")
    if len(rules) > MOST_KEYS:
        raise refuse(f"Filter policy can not have more than {MOST_KEYS} keys")
    found: list[Any] = []
    combinations = _combinations(rules, found, refuse, scope=scope, prefix=prefix)
    if combinations > MOST_COMBINATIONS:
        raise refuse("Filter policy is too complex")
    for rule in found:
        _check_rule(rule, refuse)


class _Refuser:
    """Makes errors that all begin alike."""

    def __init__(self, beginning: str) -> None:
        self._beginning = beginning

    def __call__(self, message: str) -> AwsError:
        return AwsError(self._beginning + message, code="InvalidParameterException", status=400)


def _combinations(
    rules: Mapping[str, Any], found: list[Any], refuse: _Refuser, *, scope: str, prefix: str, depth: int = 1,
    before: int = 1,
) -> int:  # fmt: skip
    """How many combinations of values there are: each key multiplies them by its values and its depth."""
    if scope != BODY and depth > 1:
        raise AwsError(
            f"{prefix}Filter policy scope MessageAttributes does not support nested filter policy",
            code="InvalidParameterException", status=400,
        )  # fmt: skip
    for key, value in rules.items():
        more = {"scope": scope, "prefix": prefix}
        if isinstance(value, dict):
            before = _combinations(value, found, refuse, **more, depth=depth + 1, before=before)
        elif not isinstance(value, list):
            raise refuse(f'"{key}" must be an object or an array')
        elif not value:
            raise refuse("Empty arrays are not allowed")
        elif key == "$or" and all(isinstance(each, dict) for each in value):
            before = sum(_combinations(each, found, refuse, **more, depth=depth, before=before) for each in value)
        else:
            found.extend(value)
            before *= len(value) * depth
    return before


def _check_rule(rule: Any, refuse: _Refuser) -> None:
    if rule is None or isinstance(rule, str | bool | int | float):
        return
    if not isinstance(rule, dict):
        raise refuse("Match value must be String, number, true, false, or null")
    if len(rule) != 1:
        raise refuse("Only one key allowed in match expression")
    ((operator, value),) = rule.items()
    check_operator = _OPERATORS.get(operator)
    if check_operator is None:
        raise refuse(f"Unrecognized match type {operator}")
    check_operator(operator, value, refuse)


def _text(operator: str, value: Any, refuse: _Refuser) -> None:
    if not isinstance(value, str):
        raise refuse(f"{operator} match pattern must be a string")


def _anything_but(operator: str, value: Any, refuse: _Refuser) -> None:
    if isinstance(value, list):
        for each in value:
            _check_rule(each, refuse)
        return
    if isinstance(value, dict):
        for inner in value:
            if inner != "prefix":
                raise refuse(f"Unsupported anything-but pattern: {inner}")
    _check_rule(value, refuse)


def _exists(operator: str, value: Any, refuse: _Refuser) -> None:
    if not isinstance(value, bool):
        raise refuse("exists match pattern must be either true or false.")


def _cidr(operator: str, value: Any, refuse: _Refuser) -> None:
    if not isinstance(value, str):
        raise refuse("prefix match pattern must be a string")  # recorded: AWS speaks of a prefix here
    address, slash, bits = value.partition("/")
    if not slash or "/" in bits:
        raise refuse("Malformed CIDR, one '/' required")
    if not bits.isdigit():
        raise refuse("Malformed CIDR, mask bits must be an integer")
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise refuse(f"Nonstandard IP address: {address}") from None


def _numeric(operator: str, value: Any, refuse: _Refuser) -> None:
    terms = list(value) if isinstance(value, list) else []
    if not terms:
        raise refuse("Invalid member in numeric match: ]")
    first = terms.pop(0)
    if not isinstance(first, str):
        raise refuse(f"Invalid member in numeric match: {first}")
    if first not in _COMPARISONS:
        raise refuse(f"Unrecognized numeric range operator: {first}")
    bottom = _limit(first, terms, refuse)
    if not terms:
        return
    if first not in (">", ">="):
        raise refuse("Too many elements in numeric expression")
    second = terms.pop(0)
    if not isinstance(second, str):
        raise refuse(f"Bad value in numeric range: {second}")
    if second not in ("<", "<="):
        raise refuse(f"Bad numeric range operator: {second}")
    if _limit(second, terms, refuse) <= bottom:
        raise refuse("Bottom must be less than top")
    if terms:
        raise refuse("Too many terms in numeric range expression")


def _limit(operator: str, terms: list[Any], refuse: _Refuser) -> float:
    value = terms.pop(0) if terms else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(f"Value of {'equals' if operator == '=' else operator} must be numeric")
    return float(value)


_OPERATORS: dict[str, Callable[[str, Any, _Refuser], None]] = {
    "equals-ignore-case": _text,
    "prefix": _text,
    "suffix": _text,
    "anything-but": _anything_but,
    "exists": _exists,
    "numeric": _numeric,
    "cidr": _cidr,
}
