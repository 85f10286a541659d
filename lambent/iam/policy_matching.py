"""How the texts of a policy match those of a request: wildcards, ARNs, and the `${variables}` of its values."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

ARN_PARTS = 6  # arn:partition:service:region:account:resource; the resource may hold further colons

_VARIABLE = re.compile(r"\$\{\s*(?P<name>[^},'\s]+)\s*(?:,\s*'(?P<default>[^']*)'\s*)?\}")
_LITERAL = {"*": "\x00", "?": "\x01", "$": "$"}  # ${*} is a star, not a wildcard; no policy holds these characters
_SIGNS = frozenset("*?\x00\x01")

Keys = Mapping[str, "str | tuple[str, ...]"]  # condition keys in lower case, and what the request says of them


def wildcard(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether `text` is what a pattern with * (any characters) and ? (one character) says.

    It takes no longer than the product of both lengths: patterns come from whoever puts a policy, and a regular
    expression of many stars would take for ever.
    """
    if pattern in (text, "*"):
        return True
    if not ignore_case and _SIGNS.isdisjoint(pattern):
        return False  # most texts of most policies
    head, *middle = _pieces(pattern, ignore_case)
    tail = middle.pop() if middle else None
    found = head.form.match(text)
    if found is None or tail is None:
        return found is not None and len(text) == head.length
    for piece in middle:
        found = piece.form.search(text, found.end())
        if found is None:
            return False
    rest = len(text) - tail.length
    return rest >= found.end() and tail.form.match(text, rest) is not None


def arn_like(pattern: str, text: str) -> bool:
    """Whether an ARN is like another with wildcards: part by part, so that a star does not reach over a colon.

    Source: IAM User Guide, "Amazon Resource Name (ARN) condition operators".
    """
    wanted, found = pattern.split(":", ARN_PARTS - 1), text.split(":", ARN_PARTS - 1)
    if len(wanted) != ARN_PARTS or len(found) != ARN_PARTS:
        return False
    return all(wildcard(part, given) for part, given in zip(wanted, found, strict=True))


def fill(value: str, keys: Keys) -> str | None:
    """A value with its variables replaced; None if one stands for nothing, and then the value matches nothing.

    Source: IAM User Guide, "IAM policy elements: Variables and tags".
    """
    if "${" not in value:
        return value
    missing = False

    def replaced(match: re.Match[str]) -> str:
        nonlocal missing
        name = match["name"]
        if name in _LITERAL:
            return _LITERAL[name]
        known = keys.get(name.lower(), match["default"])
        missing = missing or not isinstance(known, str)
        return _quoted(known) if isinstance(known, str) else ""

    filled = _VARIABLE.sub(replaced, value)
    return None if missing else filled


def plain(value: str) -> str:
    """A filled value for a comparison without wildcards: what `fill` has kept from being one is itself again."""
    return value.replace("\x00", "*").replace("\x01", "?")


def _quoted(value: str) -> str:
    """What a request says is never a wildcard in the policy."""
    return value.replace("*", "\x00").replace("?", "\x01")


class _Piece(NamedTuple):
    """What stands between two stars."""

    form: re.Pattern[str]  # without stars, so that what it matches has one length
    length: int


@lru_cache(maxsize=1024)
def _pieces(pattern: str, ignore_case: bool) -> tuple[_Piece, ...]:
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    found = []
    for part in pattern.split("*"):
        form = "".join("." if sign == "?" else re.escape(plain(sign)) for sign in part)
        found.append(_Piece(re.compile(form, flags), len(part)))
    return tuple(found)
