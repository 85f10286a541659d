"""Deterministic values for any shape of botocore's model: all members, nested, recursion bounded."""

from datetime import UTC, datetime
from random import Random
from typing import Any

from botocore.model import Shape

OMIT = object()
DEEPEST = 4
PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789"
# What paths, queries, JSON and XML must escape.
AWKWARD = [
    "a b",
    "ä€😀",
    "a/b",
    "100%",
    "a+b&c=d",
    '"quoted"',
    "<tag>",
    "it's",
    "a,b;c",
    "a\tb",
    "back\\slash",
    "$LATEST:1",
]


class Samples:
    """Values from one seed; the same seed gives the same values."""

    def __init__(self, seed: str, *, empty_structures: bool) -> None:
        self._random = Random(seed)
        self._empty_structures = empty_structures

    def structure(self, shape: Shape, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        """A value of a structure: every member but those of `without` and event streams."""
        names = [name for name in shape.members if name not in without]
        if shape.is_tagged_union:
            names = [self._random.choice(names)]
        values = {name: self._member(shape.members[name], 1) for name in names}
        return {name: value for name, value in values.items() if value is not OMIT}

    def _member(self, shape: Shape, depth: int) -> Any:
        if shape.serialization.get("eventstream"):
            return OMIT
        if shape.serialization.get("location") in ("uri", "header", "headers", "querystring"):
            return self._outside_the_body(shape)
        if shape.serialization.get("location") == "statusCode":
            return 202
        return self._value(shape, depth)

    def _outside_the_body(self, shape: Shape) -> Any:
        location = shape.serialization["location"]
        if shape.type_name == "list":
            return [self._scalar(shape.member, location) for _ in range(2)]
        if shape.type_name == "map":
            return {self._word(): [self._word()] if shape.value.type_name == "list" else self._word() for _ in range(2)}
        return self._scalar(shape, location)

    def _value(self, shape: Shape, depth: int) -> Any:
        if shape.type_name == "structure":
            return self._structure(shape, depth)
        if shape.type_name == "list":
            items = [self._value(shape.member, depth + 1) for _ in range(2)]
            return [item for item in items if item is not OMIT] or OMIT
        if shape.type_name == "map":
            pairs = {self._scalar(shape.key, "key"): self._value(shape.value, depth + 1) for _ in range(2)}
            return {key: item for key, item in pairs.items() if item is not OMIT} or OMIT
        return self._scalar(shape, "body")

    def _structure(self, shape: Shape, depth: int) -> Any:
        if depth > DEEPEST:
            return OMIT
        if shape.is_document_type:
            return {"a": [1, "two", None, {"b": True}]}
        names = list(shape.members)
        if shape.is_tagged_union:
            names = [self._random.choice(names)]
        values = {name: self._value(shape.members[name], depth + 1) for name in names}
        found = {name: value for name, value in values.items() if value is not OMIT}
        return found or ({} if self._empty_structures and not names else OMIT)

    def _word(self) -> str:
        return "".join(self._random.choice(PLAIN) for _ in range(8))

    def _scalar(self, shape: Shape, place: str) -> Any:
        kind = shape.type_name
        if kind in ("string", "character"):
            return self._text(shape, place)
        if kind == "blob":
            return self._word().encode() if place == "payload" else bytes(self._random.randrange(256) for _ in range(9))
        if kind in ("integer", "long"):
            return self._random.randrange(-(2**31) if kind == "integer" else -(2**53), 2**31)
        if kind in ("float", "double"):
            return self._random.randrange(-4000, 4000) / 4 + 0.25
        if kind == "boolean":
            return self._random.random() < 0.5
        # HTTP dates have no fractions of a second.
        whole = place in ("header", "querystring", "uri") or shape.serialization.get("timestampFormat") == "rfc822"
        fraction = 0 if whole else self._random.randrange(1000) * 1000
        return datetime(2024, 1 + self._random.randrange(12), 9, 8, 7, self._random.randrange(60), fraction, tzinfo=UTC)

    def _text(self, shape: Shape, place: str) -> str:
        if shape.serialization.get("hostLabel"):
            return self._word()
        if getattr(shape, "enum", None):
            return str(self._random.choice(shape.enum))
        if place in ("header", "headers", "key"):
            return self._word()
        return self._random.choice(AWKWARD) + self._word()
