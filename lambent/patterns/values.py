"""JSON as patterns see it: numbers keep their digits, objects their order and repeated names."""

import ipaddress
import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

FURTHEST = Decimal(5_000_000_000)  # numbers beyond it are compared as text only (AWS event-ruler, ComparableNumber)
FINEST = 6  # as are those with more decimals

_IP = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Numeral(msgspec.Struct, frozen=True):
    """A number as it was written."""

    text: str

    @property
    def value(self) -> Decimal | None:
        """What can be compared as a number; None for what only equals itself."""
        try:
            number = Decimal(self.text)
        except InvalidOperation:
            return None
        if not number.is_finite() or abs(number) > FURTHEST:
            return None
        return number if _decimals(number) <= FINEST else None


Leaf = str | Numeral | bool | None


class Members(list[tuple[str, Any]]):
    """A JSON object: its members in order, names repeated as they were."""


def read_json(text: str | bytes) -> Any:
    """A JSON text with Numerals and Members in it. Raises ValueError for everything else."""
    try:
        return json.loads(
            text, object_pairs_hook=Members, parse_float=Numeral, parse_int=Numeral, parse_constant=_no_constants
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def leaf_of(value: Any) -> Leaf:
    """A plain Python value of an event, as conditions take it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return Numeral(repr(value))


def address_in(text: str) -> Address | None:
    """The IP address that a text is, if it is one."""
    if not _IP.fullmatch(text):
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _decimals(number: Decimal) -> int:
    """How many decimals it has, zeros at its end aside."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if exponent >= -FINEST or not any(digits):
        return max(0, -exponent) if any(digits) else 0
    written = "".join(map(str, digits))
    return -exponent - (len(written) - len(written.rstrip("0")))


def _no_constants(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
