"""A compiled pattern, and whether an event fits it.

The rules are those of AWS's own engine (github.com/aws/event-ruler, README): paths are dotted names, every field of a
branch must fit, and all fields below one array must fit the same element of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from lambent.patterns.values import Leaf, Members, leaf_of

Test = Callable[[Leaf], bool]


class Field(msgspec.Struct, frozen=True):
    """What one path must be: any of the tests, or missing."""

    tests: tuple[Test, ...]
    may_be_missing: bool = False


Path = str | None  # dotted names that are still to go; None: it has been reached
Wanted = Sequence[tuple[Path, Field]]


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
        return _object_fits(dict(value), wanted)  # of names that come twice, the last counts
    leaf = leaf_of(value)
    return all(path is None and any(test(leaf) for test in field.tests) for path, field in wanted)


def _object_fits(members: Mapping[str, Any], wanted: Wanted) -> bool:
    """Fields that lead to the same member go there together. Names may have dots: more than one member may be meant."""
    ways: dict[tuple[str, ...], list[tuple[Path, Field]]] = {}
    for path, field in wanted:
        way = () if path is None else tuple([name for name in _splits(path) if name in members])
        if not way:
            return False
        ways.setdefault(way, []).append((path, field))
    return all(any(_fits(members[name], _below(name, fields)) for name in way) for way, fields in ways.items())


def _below(name: str, fields: Wanted) -> Wanted:
    return [(_splits(path or "")[name], field) for path, field in fields]


@lru_cache(maxsize=4096)
def _splits(path: str) -> Mapping[str, Path]:
    """Every name that a path may begin with, and what is left of it then: of a.b, a and b, and a.b and nothing."""
    dots = [at for at, letter in enumerate(path) if letter == "."]
    return {path[:at]: path[at + 1 :] for at in dots} | {path: None}


def _is_there(value: Any, path: Path) -> bool:
    """Is there a leaf at that path, in whatever element of whatever array?"""
    if isinstance(value, list) and not isinstance(value, Members):
        return any(_is_there(element, path) for element in _elements(value))
    if isinstance(value, dict | Members):
        members, ways = dict(value), _splits(path) if path is not None else {}
        return any(_is_there(members[name], rest) for name, rest in ways.items() if name in members)
    return path is None


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
