"""The condition operators of IAM policies. Source: IAM User Guide, "IAM JSON policy elements: Condition operators"."""

import base64
import binascii
import datetime
import ipaddress
import operator
from collections.abc import Callable
from typing import Any

import msgspec

from lambent.iam.policy_matching import Keys, arn_like, fill, plain, wildcard

Compare = Callable[[str, str], bool]  # the value of the policy, the value of the request; ValueError: they do not match


class Condition(msgspec.Struct, frozen=True):
    """One operator on one key, with the values of which one has to match."""

    operator: str  # one of OPERATORS, without prefix and suffix
    key: str  # in lower case, as `evaluate` is asked
    values: tuple[str, ...]
    if_exists: bool = False  # …IfExists: true of a request that says nothing of the key
    quantifier: str = ""  # forallvalues | foranyvalue | "": the key has one value

    def holds(self, keys: Keys) -> bool:
        found = keys.get(self.key)
        if self.operator == "null":
            return any((value.lower() == "true") is (found is None) for value in self.values)
        negated, compare = OPERATORS[self.operator]
        if found is None or found == ():
            return self.if_exists or self.quantifier == "forallvalues" or (negated and not self.quantifier)
        given = (found,) if isinstance(found, str) else found
        told = [self._says(value, compare, keys) is not negated for value in given]
        return all(told) if self.quantifier == "forallvalues" else any(told)

    def _says(self, given: str, compare: Compare, keys: Keys) -> bool:
        return any(_matches(compare, fill(value, keys), given) for value in self.values)


def _matches(compare: Compare, value: str | None, given: str) -> bool:
    """A value that is none of its kind matches nothing, as on AWS."""
    try:
        return value is not None and compare(value, given)
    except (ValueError, OverflowError):
        return False


def conditions_of(block: dict[str, Any]) -> tuple[Condition, ...]:
    """The conditions of a statement, which all have to hold. Raises ValueError in a sentence."""
    found: list[Condition] = []
    for spelled, keys in block.items():
        name, quantifier, if_exists = _read_operator(spelled)
        if not isinstance(keys, dict):
            raise ValueError(f"Condition {spelled} has to be an object of keys and values")
        for key, values in keys.items():
            found.append(Condition(name, key.lower(), _texts(spelled, values), if_exists, quantifier))
    return tuple(found)


def _read_operator(spelled: str) -> tuple[str, str, bool]:
    """(operator, quantifier, whether it ends in IfExists) of "ForAnyValue:StringLikeIfExists"."""
    quantifier, found, name = spelled.lower().rpartition(":")
    if found and quantifier not in ("forallvalues", "foranyvalue"):
        raise ValueError(f"Invalid Condition type : {spelled}.")
    base = name.removesuffix("ifexists")
    if (base not in OPERATORS and base != "null") or (base == "null" and base != name):
        raise ValueError(f"Invalid Condition type : {spelled}.")
    return base, quantifier, base != name


def _texts(spelled: str, values: Any) -> tuple[str, ...]:
    listed = values if isinstance(values, list) else [values]
    if not all(isinstance(value, str | int | float) for value in listed):
        raise ValueError(f"The values of the condition {spelled} have to be strings, numbers or booleans")
    return tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in listed)


# -- what each kind of value is compared by


def _string(compare: Compare) -> Compare:
    return lambda value, given: compare(plain(value), given)


def _number(compare: Callable[[float, float], bool]) -> Compare:
    return lambda value, given: compare(float(given), float(value))


def _date(compare: Callable[[float, float], bool]) -> Compare:
    return lambda value, given: compare(_moment(given), _moment(value))


def _moment(text: str) -> float:
    """Epoch seconds of a date as policies write it: ISO 8601, or epoch seconds already."""
    try:
        return float(text)
    except ValueError:
        found = datetime.datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()


def _within(value: str, given: str) -> bool:
    return ipaddress.ip_address(given) in ipaddress.ip_network(plain(value), strict=False)


def _same_bytes(value: str, given: str) -> bool:
    try:
        return base64.b64decode(plain(value), validate=True) == base64.b64decode(given, validate=True)
    except binascii.Error:
        return False


def _same_text(value: str, given: str) -> bool:
    return value.lower() == given.lower()


_LIKE: Compare = wildcard

# By name in lower case: (whether it says that nothing matches, how one value of the policy is compared).
OPERATORS: dict[str, tuple[bool, Compare]] = {
    "stringequals": (False, _string(operator.eq)),
    "stringnotequals": (True, _string(operator.eq)),
    "stringequalsignorecase": (False, _string(_same_text)),
    "stringnotequalsignorecase": (True, _string(_same_text)),
    "stringlike": (False, _LIKE),
    "stringnotlike": (True, _LIKE),
    "numericequals": (False, _number(operator.eq)),
    "numericnotequals": (True, _number(operator.eq)),
    "numericlessthan": (False, _number(operator.lt)),
    "numericlessthanequals": (False, _number(operator.le)),
    "numericgreaterthan": (False, _number(operator.gt)),
    "numericgreaterthanequals": (False, _number(operator.ge)),
    "dateequals": (False, _date(operator.eq)),
    "datenotequals": (True, _date(operator.eq)),
    "datelessthan": (False, _date(operator.lt)),
    "datelessthanequals": (False, _date(operator.le)),
    "dategreaterthan": (False, _date(operator.gt)),
    "dategreaterthanequals": (False, _date(operator.ge)),
    "bool": (False, _string(_same_text)),
    "binaryequals": (False, _same_bytes),
    "ipaddress": (False, _within),
    "notipaddress": (True, _within),
    "arnequals": (False, arn_like),
    "arnlike": (False, arn_like),
    "arnnotequals": (True, arn_like),
    "arnnotlike": (True, arn_like),
}
