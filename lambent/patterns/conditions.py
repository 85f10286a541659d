"""One condition of a pattern: a literal, or a match expression such as {"prefix": "a"}.

The reasons are the sentences of AWS's engine (event-ruler, JsonRuleCompiler), which EventBridge shows after "Event
pattern is not valid. Reason: ".
"""

import ipaddress
from collections.abc import Callable
from typing import Any

from lambent.errors import PatternInvalid
from lambent.patterns.numeric import numeric
from lambent.patterns.pattern import Test
from lambent.patterns.values import Leaf, Members, Numeral, address_in
from lambent.patterns.wildcards import wildcard

IGNORE_CASE = "equals-ignore-case"

_ONE_KEY = "Only one key allowed in match expression"
_TOO_MANY = "Too many elements in numeric expression"  # AWS says so of anything-but too


def condition(value: Any) -> Test | None:
    """The test that a member of a pattern's array stands for; None: the field must be missing."""
    if isinstance(value, Members):
        return _expression(value)
    if isinstance(value, list):
        raise PatternInvalid("Match value must be String, number, true, false, or null")
    return literal(value)


def literal(value: Leaf) -> Test:
    """Equal: numbers as numbers or in their digits, IP addresses as addresses, everything else as it is."""
    if isinstance(value, str):
        address = address_in(value)
        if address is None:
            return lambda leaf: leaf == value
        return lambda leaf: isinstance(leaf, str) and address_in(leaf) == address
    if isinstance(value, Numeral):
        return _number(value)
    return lambda leaf: leaf is value


def _number(wanted: Numeral) -> Test:
    value = wanted.value

    def test(leaf: Leaf) -> bool:
        if not isinstance(leaf, Numeral):
            return False
        return leaf.text == wanted.text or (value is not None and leaf.value == value)

    return test


def _expression(members: Members) -> Test | None:
    if not members:
        raise PatternInvalid("Match expression name not found")
    name, value = members[0]
    if name == "exists":
        test = _exists(value)
    elif name in _OPERATORS:
        test = _OPERATORS[name](value)
    else:
        raise PatternInvalid(f"Unrecognized match type {name}")
    if len(members) > 1:
        raise PatternInvalid(_TOO_MANY if name in ("numeric", "anything-but") else _ONE_KEY)
    return test


def _exists(value: Any) -> Test | None:
    if not isinstance(value, bool):
        raise PatternInvalid("exists match pattern must be either true or false.")
    return (lambda leaf: True) if value else None


def _exactly(value: Any) -> Test:
    text = _string(value, "exact match pattern must be a string")
    return lambda leaf: leaf == text


def _prefix(value: Any) -> Test:
    text, fold = _text_or_ignore_case(value, "prefix")
    return lambda leaf: isinstance(leaf, str) and fold(leaf).startswith(text)


def _suffix(value: Any) -> Test:
    text, fold = _text_or_ignore_case(value, "suffix")
    return lambda leaf: isinstance(leaf, str) and fold(leaf).endswith(text)


def _text_or_ignore_case(value: Any, name: str) -> tuple[str, Callable[[str], str]]:
    """What to look for, and what to do to a leaf first: {"prefix": "a"} or {"prefix": {"equals-ignore-case": "a"}}."""
    if not isinstance(value, Members):
        return _string(value, f"{name} match pattern must be a string"), str
    if not value:
        raise PatternInvalid(f"{name.capitalize()} expression name not found")
    inner, text = value[0]
    if inner != IGNORE_CASE:
        raise PatternInvalid(f"Unsupported {name} pattern: {inner}")
    folded = _string(text, f"{IGNORE_CASE} match pattern must be a string").lower()
    if len(value) > 1:
        raise PatternInvalid(_ONE_KEY)
    return folded, str.lower


def _ignore_case(value: Any) -> Test:
    text = _string(value, f"{IGNORE_CASE} match pattern must be a string").lower()
    return lambda leaf: isinstance(leaf, str) and leaf.lower() == text


def _wildcard(value: Any) -> Test:
    matches = wildcard(_string(value, "wildcard match pattern must be a string"))
    return lambda leaf: isinstance(leaf, str) and matches(leaf)


def _cidr(value: Any) -> Test:
    # "prefix" is what AWS says here.
    network = _network(_string(value, "prefix match pattern must be a string"))

    def test(leaf: Leaf) -> bool:
        address = address_in(leaf) if isinstance(leaf, str) else None
        return address is not None and address in network

    return test


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    address, slash, bits = text.partition("/")
    if not slash or "/" in bits:
        raise PatternInvalid("Malformed CIDR, one '/' required")
    if not bits.lstrip("-").isascii() or not bits.lstrip("-").isdigit():
        raise PatternInvalid("Malformed CIDR, mask bits must be an integer")
    if bits.startswith("-"):
        raise PatternInvalid("Malformed CIDR, mask bits must not be negative")
    if address_in(address) is None:
        raise PatternInvalid(f"Nonstandard IP address: {address}")
    try:
        return ipaddress.ip_network(f"{address}/{bits}", strict=False)
    except ValueError:
        kind, most = ("IPv6", 129) if ":" in address else ("IPv4", 33)
        raise PatternInvalid(f"{kind} mask bits must be < {most}") from None


def _anything_but(value: Any) -> Test:
    if isinstance(value, Members):
        return _nothing_like(value)
    if not isinstance(value, list | str | Numeral):
        raise PatternInvalid("Value of anything-but must be an array or single string/number value.")
    unwanted = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | Numeral) for each in unwanted):
        raise PatternInvalid("Inside anything but list, start|null|boolean is not supported.")
    if len({type(each) for each in unwanted}) != 1:
        raise PatternInvalid(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    return _none_of([_number(each) if isinstance(each, Numeral) else _exactly(each) for each in unwanted])


def _nothing_like(members: Members) -> Test:
    """anything-but around prefix, suffix, equals-ignore-case or wildcard, with one string or several."""
    if not members:
        raise PatternInvalid("Anything-But expression name not found")
    name, value = members[0]
    if name not in _INSIDE_ANYTHING_BUT:
        raise PatternInvalid(f"Unsupported anything-but pattern: {name}")
    if not isinstance(value, list | str | Numeral) or isinstance(value, Members):
        raise PatternInvalid("Value of anything-but must be an array or single string/number value.")
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise PatternInvalid(_INSIDE_ANYTHING_BUT[name])
    if name in ("prefix", "suffix") and not all(texts):
        raise PatternInvalid("Null prefix/suffix not allowed")
    if len(members) > 1:
        raise PatternInvalid(_TOO_MANY)
    return _none_of([_OPERATORS[name](text) for text in texts])


def _none_of(tests: list[Test]) -> Test:
    return lambda leaf: not any(test(leaf) for test in tests)


def _string(value: Any, otherwise: str) -> str:
    if not isinstance(value, str):
        raise PatternInvalid(otherwise)
    return value


_INSIDE_ANYTHING_BUT = {
    "prefix": "prefix/suffix match pattern must be a string",
    "suffix": "prefix/suffix match pattern must be a string",
    IGNORE_CASE: "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
    "wildcard": "wildcard match pattern must be a string",
}

_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "exactly": _exactly,
    "prefix": _prefix,
    "suffix": _suffix,
    IGNORE_CASE: _ignore_case,
    "wildcard": _wildcard,
    "cidr": _cidr,
    "numeric": numeric,
    "anything-but": _anything_but,
}
