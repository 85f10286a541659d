"""What the policy of a form lets a browser upload: read, and held against the form's fields. Pure functions.

Source: S3 API Reference, "Creating a POST policy" (sigv4-HTTPPOSTConstructPolicy) and "POST Object".
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from lambent.errors import AwsError
from lambent.services.s3 import errors
from lambent.wire.form_data import too_large

SIZES = "content-length-range"
# Fields that no condition needs to name: those that prove the policy, and the file.
EXEMPT = frozenset({"policy", "x-amz-signature", "file", "signature", "awsaccesskeyid"})


class Condition(NamedTuple):
    """`eq` or `starts-with` with the field's name and a text, or `content-length-range` with two sizes."""

    kind: str
    first: Any
    second: Any

    def shown(self) -> str:
        return json.dumps(list(self), ensure_ascii=False)


class Policy(NamedTuple):
    expires: float  # epoch seconds
    conditions: list[Condition]


def read(text: str) -> Policy:
    """From the field of a form. Raises InvalidPolicyDocument."""
    try:
        document = msgspec.json.decode(base64.b64decode(text))
    except (binascii.Error, ValueError, RecursionError):
        raise _invalid("Invalid JSON.") from None
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON.")
    for name in ("expiration", "conditions"):
        if name not in document:
            raise _invalid(f"Policy missing {name}.")
    conditions = document["conditions"]
    if not isinstance(conditions, list):
        raise _invalid("Invalid 'conditions' value: must be a List.")
    return Policy(_moment(document["expiration"]), [_condition(each) for each in conditions])


def _moment(text: object) -> float:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise _invalid(f"Invalid 'expiration' value: '{text}'") from None
    if moment.tzinfo is None:
        raise _invalid(f"Invalid 'expiration' value: '{text}'")
    return moment.timestamp()


def _condition(given: object) -> Condition:
    if isinstance(given, dict):
        if len(given) != 1:
            raise _invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
        name, value = next(iter(given.items()))
        return Condition("eq", f"${name}", value)
    if not isinstance(given, list) or len(given) != 3 or not isinstance(given[0], str):
        raise _invalid("Invalid Condition: must be a List of three values, or an object of one property.")
    return Condition(*given)


def _invalid(message: str) -> AwsError:
    return AwsError(f"Invalid Policy: {message}", code="InvalidPolicyDocument", status=400)


def check(policy: Policy, fields: Mapping[str, str], now: float) -> None:
    """Raises AccessDenied for what the policy does not let in; `fields` by their names in lower case, with `bucket`."""
    if policy.expires <= now:
        raise _denied("Policy expired.")
    named: set[str] = set()
    for condition in policy.conditions:
        if not _holds(condition, fields):
            raise _denied(f"Policy Condition failed: {condition.shown()}")
        named.add(_field(condition))
    extra = [name for name in fields if name not in named | EXEMPT and not name.startswith("x-ignore-")]
    if extra:
        raise _denied(f"Extra input fields: {', '.join(extra)}")


def _field(condition: Condition) -> str:
    return str(condition.first).removeprefix("$").lower()


def _holds(condition: Condition, fields: Mapping[str, str]) -> bool:
    """What cannot be understood does not hold."""
    kind, first, wanted = condition.kind.lower(), condition.first, condition.second
    if kind == SIZES:
        return type(first) is int and type(wanted) is int
    if not isinstance(first, str) or not first.startswith("$") or not isinstance(wanted, str):
        return False
    value = fields.get(_field(condition), "")
    if kind == "eq":
        return value == wanted
    if kind != "starts-with":
        return False
    # A list of types is let in if each of them is.
    values = [each.strip() for each in value.split(",")] if _field(condition) == "content-type" else [value]
    return all(each.startswith(wanted) for each in values)


def most(policy: Policy) -> int | None:
    """Bytes that the file may have; None: the policy does not say."""
    sizes = [each.second for each in policy.conditions if each.kind.lower() == SIZES]
    return min(sizes, default=None)


def check_size(policy: Policy, size: int) -> None:
    """Raises EntityTooSmall, EntityTooLarge."""
    for condition in policy.conditions:
        if condition.kind.lower() != SIZES:
            continue
        if size < condition.first:
            raise AwsError(
                "Your proposed upload is smaller than the minimum allowed size", code="EntityTooSmall", status=400,
                ProposedSize=size, MinSizeAllowed=condition.first,
            )  # fmt: skip
        if size > condition.second:
            raise too_large(size, condition.second)


def _denied(message: str) -> AwsError:
    return errors.denied(f"Invalid according to Policy: {message}")
