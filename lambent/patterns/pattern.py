"""A compiled pattern, and whether an event fits it.

The rules are those of AWS's own engine (github.com/aws/event-ruler, README): paths are dotted names, every field of a
branch must fit, and all fields below one array must fit the same element of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from lambent.patterns.values import Leaf, Members, leaf_of

Test = Callable[[Leaf], bool]


class Field(msgspec.Struct, frozen=True):
    """What one path must be: any of the tests, or missing."""

    tests: tuple[Test, ...]
    may_be_missing: bool = False


Wanted = tuple[tuple[str, Field], ...]  # fields by the rest of their path, "" where it has been reached


class Pattern(msgspec.Struct, frozen=True):
    """The branches of a pattern, each the fields that must all fit; any branch will do."""

    branches: tuple[Mapping[str, Field], ...]

    def matches(self, event: Any) -> bool:
        """Does an event fit, read by `read_json` or made of plain Python values? What is no object never does."""
        if not isinstance(event, dict | Members):
            return False
        return any(_branch_fits(event, branch) for branch in self.branches)


def _branch_fits(event: Any, branch: Mapping[str, Field]) -> bool:
    """A field that may be missing is judged by the whole event: elsewhere in an array counts as there."""
    wanted = tuple(
        (path, field) for path, field in branch.items() if not (field.may_be_missing and not _is_there(event, path))
    )
    return _fits(event, wanted)


def _fits(value: Any, wanted: Wanted) -> bool:
    """Do all of these fields fit what lies here? Of an array: one element has to do for all of them."""
    if not wanted:
        return True
    if isinstance(value, list) and not isinstance(value, Members):
        return any(_fits(element, wanted) for element in _elements(value))
    if isinstance(value, dict | Members):
        return _object_fits(list(_items(value)), wanted)
    leaf = leaf_of(value)
    return all(not path and any(test(leaf) for test in field.tests) for path, field in wanted)


def _object_fits(members: list[tuple[str, Any]], wanted: Wanted) -> bool:
    """Fields that lead to the same member go there together. More than one member may be meant: names may have dots."""
    ways: dict[tuple[int, ...], list[tuple[str, Field]]] = {}
    for path, field in wanted:
        way = tuple(number for number, (name, _) in enumerate(members) if _rest(path, name) is not None)
        if not way:
            return False
        ways.setdefault(way, []).append((path, field))
    return all(any(_member_fits(members[number], together) for number in way) for way, together in ways.items())


def _member_fits(member: tuple[str, Any], fields: Iterable[tuple[str, Field]]) -> bool:
    name, value = member
    return _fits(value, tuple((_rest(path, name) or "", field) for path, field in fields))


def _is_there(value: Any, path: str) -> bool:
    """Is there a leaf at that path, in whatever element of whatever array?"""
    if isinstance(value, list) and not isinstance(value, Members):
        return any(_is_there(element, path) for element in _elements(value))
    if isinstance(value, dict | Members):
        return any(_is_there(inner, rest) for name, inner in _items(value) if (rest := _rest(path, name)) is not None)
    return not path


def _rest(path: str, name: str) -> str | None:
    """What is left of a path behind a name; None if it does not lead there."""
    if path == name:
        return ""
    return path[len(name) + 1 :] if path.startswith(name) and path[len(name)] == "." else None


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else value


def _elements(array: list[Any]) -> Iterator[Any]:
    """The elements of an array and of arrays in it. Without recursion: an event may be nested as deep as it likes."""
    ahead = [iter(array)]
    while ahead:
        for element in ahead[-1]:
            if isinstance(element, list) and not isinstance(element, Members):
                ahead.append(iter(element))
                break
            yield element
        else:
            ahead.pop()
