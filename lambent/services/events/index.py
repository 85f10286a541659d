"""Which rules of a bus an event may fit, without asking each of them. Pure but for its own tables.

Most patterns name the sources and the types of details that they want. Rules are kept under these, so that an event
meets only the rules that name what it has, and those that name nothing.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from lambent.services.events.nouns import Event, Rule

_Place = tuple[str | None, str | None]  # source and detail-type; None: any


class Index:
    """Mutable: the rules with a pattern of one bus."""

    def __init__(self) -> None:
        self._places: dict[_Place, dict[str, Rule]] = {}
        self._where: dict[str, list[_Place]] = {}  # by name of the rule

    def __repr__(self) -> str:
        return f"<Index of {len(self._places)} places>"

    def put(self, rule: Rule) -> None:
        """It takes the place of the one with the same name."""
        self.drop(rule.name)
        if rule.enabled and rule.pattern is not None:
            self._where[rule.name] = places_of(rule.settings["EventPattern"])
            for place in self._where[rule.name]:
                self._places.setdefault(place, {})[rule.name] = rule

    def drop(self, name: str) -> None:
        for place in self._where.pop(name, ()):
            del self._places[place][name]
            if not self._places[place]:
                del self._places[place]

    def matching(self, event: Event) -> list[Rule]:
        """The rules that an event fits."""
        return [rule for rule in self._candidates(event) if rule.pattern and rule.pattern.matches(event.document)]

    def _candidates(self, event: Event) -> Iterator[Rule]:
        for place in itertools.product((event.source, None), (event.detail_type, None)):
            yield from self._places.get(place, {}).values()


def places_of(pattern: str) -> list[_Place]:
    """Where to keep a rule: each pair of what it names. One that gives a choice ($or) may fit anything."""
    document = json.loads(pattern)
    if "$or" in document:
        return [(None, None)]
    return list(itertools.product(_named(document, "source"), _named(document, "detail-type")))


def _named(document: dict[str, Any], name: str) -> list[str | None]:
    """The values, if there are only plain ones."""
    values = document.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return [None]
    return list(dict.fromkeys(values))
