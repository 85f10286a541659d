"""Listing: which keys a page shows, and which it gathers under a common prefix. It reads through functions."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from lambent.services.s3 import errors

AHEAD = 64  # rows read at once at least: a common prefix is skipped by asking anew
LAST = "\U0010ffff"


class Page(NamedTuple):
    """What one answer shows, in order, and whether there is more behind `last`."""

    rows: list[Any]
    prefixes: list[str]
    more: bool
    last: str  # the key or common prefix that came last
    last_row: Any = None


def successor(prefix: str) -> str:
    """The first text behind all that begin with `prefix`."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at]) + 1
        if code <= 0x10FFFF:
            return prefix[:at] + chr(0xE000 if 0xD800 <= code < 0xE000 else code)
    return LAST


def common_prefix(key: str, prefix: str, delimiter: str) -> str:
    """The prefix under which a key is gathered; "" if it is shown itself."""
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: at + len(delimiter)] if at >= 0 else ""


def page(read: Callable[[str, int], Sequence[Any]], prefix: str, delimiter: str, after: str, most: int) -> Page:
    """`read(begin, limit)` gives rows with a "key", from `begin` on. `after` is a key or common prefix."""
    begin = max(prefix, f"{after}\0") if after else prefix
    passed = common_prefix(after, prefix, delimiter) if after.startswith(prefix) else ""
    if passed:
        begin = max(begin, successor(passed))
    rows: list[Any] = []
    prefixes: list[str] = []
    last = ""
    while True:
        found = read(begin, max(AHEAD, min(1001, most - len(rows) - len(prefixes) + 1)))
        for row in found:
            key = row["key"]
            if not key.startswith(prefix):
                return Page(rows, prefixes, False, last)
            if len(rows) + len(prefixes) >= most:
                return Page(rows, prefixes, most > 0, last)
            last = common_prefix(key, prefix, delimiter)
            if last:
                prefixes.append(last)
                begin = successor(last)
                break
            rows.append(row)
            last = key
            begin = f"{key}\0"
        else:
            if not found:
                return Page(rows, prefixes, False, last)


def shown(text: str | None, encoding: str | None) -> str | None:
    """A key as the answer has it: XML cannot carry every character, and clients ask for "url" because of that."""
    return quote(text, safe="/-_.~*") if encoding == "url" and text is not None else text


def token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def from_token(text: str) -> str:
    """Raises InvalidArgument."""
    try:
        return base64.urlsafe_b64decode(text.encode()).decode()
    except (binascii.Error, ValueError):
        raise errors.invalid_argument(
            "The continuation token provided is incorrect", "continuation-token", text
        ) from None


def limit(given: int | None, name: str = "max-keys") -> int:
    """How many a page shows: 1000 at most. Raises InvalidArgument."""
    if given is None:
        return 1000
    if given < 0:
        raise errors.invalid_argument("Argument maxKeys must be an integer between 0 and 2147483647", name, given)
    return min(given, 1000)
