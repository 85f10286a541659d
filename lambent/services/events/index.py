"""Which rules of a bus an event may fit, without asking each of them. Pure but for its own tables.

Nearly every pattern names plain values for some field: a source, a type of details, a state in the detail. A rule is
kept under one of these, the one with the fewest neighbours, so that an event meets only the rules that are kept under
what it has, and those that name no plain value at all.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from lambent.services.events.nouns import Event, Rule

Leaf = str | float
Place = tuple[str, Leaf]  # a path, names joined by dots as in patterns, and a value there
BOTH = "source detail-type"  # the path of the pair of them
_HEAD = ("source", "detail-type", BOTH)


class Index:
    """Mutable: the rules with a pattern of one bus."""

    def __init__(self) -> None:
        self._places: dict[Place, dict[str, Rule]] = {}
        self._others: dict[str, Rule] = {}  # kept nowhere: each event meets them
        self._where: dict[str, list[Place]] = {}  # by name of the rule
        self._deep: Counter[str] = Counter()  # how many rules are kept under a path in the detail, or any other

    def __repr__(self) -> str:
        return f"<Index of {len(self._where)} rules in {len(self._places)} places>"

    def put(self, rule: Rule) -> None:
        """It takes the place of the one with the same name."""
        self.drop(rule.name)
        if not rule.enabled or rule.pattern is None:
            return
        self._where[rule.name] = places = self._best(rule.settings["EventPattern"])
        for place in places:
            self._places.setdefault(place, {})[rule.name] = rule
        if not places:
            self._others[rule.name] = rule
        elif places[0][0] not in _HEAD:
            self._deep[places[0][0]] += 1

    def drop(self, name: str) -> None:
        places = self._where.pop(name, ())
        for place in places:
            del self._places[place][name]
            if not self._places[place]:
                del self._places[place]
        self._others.pop(name, None)
        if places and places[0][0] not in _HEAD:
            self._deep[places[0][0]] -= 1
            self._deep += Counter()  # without those that are nought

    def matching(self, event: Event) -> list[Rule]:
        """The rules that an event fits."""
        return [rule for rule in self._candidates(event) if rule.pattern and rule.pattern.matches(event.document)]

    def _candidates(self, event: Event) -> Iterable[Rule]:
        found = dict(self._others)
        for place in _head_places(event):
            found |= self._places.get(place, {})
        if self._deep:
            for place in leaves_of(event.document):
                if place in self._places and place[0] in self._deep:
                    found |= self._places[place]
        return found.values()

    def _best(self, pattern: str) -> list[Place]:
        """Where to keep a rule: under all values of the field whose places are the emptiest; nowhere if there is
        none."""
        choices = choices_of(pattern)
        return min(choices, key=lambda places: max(len(self._places.get(place, ())) for place in places), default=[])


def _head_places(event: Event) -> tuple[Place, ...]:
    return ("source", event.source), ("detail-type", event.detail_type), (BOTH, f"{event.source} {event.detail_type}")


def choices_of(pattern: str) -> list[list[Place]]:
    """Every field for which a pattern names plain values only, with them. One that has a choice ($or) may fit without
    any of them."""
    if '"$or"' in pattern or "\\" in pattern:  # the latter: names may be written with escapes
        return []
    fields = dict(_fields(json.loads(pattern), ""))
    plain = {path: leaves for path, values in fields.items() if (leaves := _plain(values))}
    choices = [[(path, leaf) for leaf in leaves] for path, leaves in plain.items()]
    if "source" in plain and "detail-type" in plain:
        pairs = [(BOTH, f"{source} {kind}") for source in plain["source"] for kind in plain["detail-type"]]
        choices.insert(0, [*pairs])
    return choices


def _fields(members: dict[str, Any], path: str) -> Iterator[tuple[str, list[Any]]]:
    for name, value in members.items():
        inner = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            yield from _fields(value, inner)
        else:
            yield inner, value


def _plain(values: list[Any]) -> list[Leaf]:
    """The values, as they are compared here; none if one of them is anything else."""
    found = [_leaf(value) for value in values]
    return list(dict.fromkeys(leaf for leaf in found if leaf is not None)) if None not in found else []


def _leaf(value: Any) -> Leaf | None:
    """Numbers that patterns take for equal are equal here. None for what is no plain value."""
    if isinstance(value, str):
        return value
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def leaves_of(document: dict[str, Any]) -> Iterator[Place]:
    """Every plain value of an event with its path, which arrays add nothing to. Without recursion: an event may be
    nested as deep as it likes."""
    ahead: list[tuple[str, Any]] = list(document.items())
    while ahead:
        path, value = ahead.pop()
        if isinstance(value, dict):
            ahead.extend((f"{path}.{name}", inner) for name, inner in value.items())
        elif isinstance(value, list):
            ahead.extend((path, inner) for inner in value)
        elif (leaf := _leaf(value)) is not None:
            yield path, leaf
