"""Conditions with && and || and parentheses, as filter patterns for JSON and for fields share them.

Source: CloudWatch Logs User Guide, "Filter pattern syntax".
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from lambent.services.logs.comparisons import comparison, word_of

MISSING = object()
Condition = Callable[[Callable[[str], Any]], bool]  # given the way from a name to a field's value
_TOKEN = re.compile(
    r'\s*(?:(?P<operator>&&|\|\||!=|<=|>=|[=<>()])|(?P<quoted>"(?:\\.|[^"\\])*")|(?P<expression>%[^%]*%)|'
    r"(?P<name>\$(?:\.[\w\-:@]+|\.?\[(?:\d+|\"[^\"]*\"|'[^']*')\])*)|(?P<word>[^\s()=<>!&|\"%{},]+))"
)
_MOST_DEPTH = 50
_IS: Mapping[str, Callable[[Any], bool]] = {
    "NULL": lambda value: value is None,
    "TRUE": lambda value: value is True,
    "FALSE": lambda value: value is False,
}


def tokens(text: str) -> list[str]:
    """Raises ValueError."""
    found, place = [], 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(text[place:])
        found.append(match[0].strip())
        place = match.end()
    return found


class Parser:
    """Reads one condition; `names` are the fields that it looks at, `words` are what some field has to be."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._place = 0
        self.names: list[str] = []
        self.words: list[str] = []

    def condition(self) -> Condition:
        """Raises ValueError."""
        found = self._any(0)
        if self._place < len(self._tokens):
            raise ValueError(self._tokens[self._place])
        if "||" in self._tokens:
            self.words.clear()  # some other condition is enough
        return found

    def _next(self) -> str:
        if self._place >= len(self._tokens):
            raise ValueError("it ends too early")
        self._place += 1
        return self._tokens[self._place - 1]

    def _takes(self, token: str) -> bool:
        taken = self._tokens[self._place : self._place + 1] == [token]
        self._place += taken
        return taken

    def _any(self, depth: int) -> Condition:
        parts = [self._all(depth)]
        while self._takes("||"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else lambda value: any(part(value) for part in parts)

    def _all(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self._takes("&&"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else lambda value: all(part(value) for part in parts)

    def _one(self, depth: int) -> Condition:
        if self._takes("("):
            if depth >= _MOST_DEPTH:
                raise ValueError("it is nested too deeply")
            inner = self._any(depth + 1)
            if not self._takes(")"):
                raise ValueError("a parenthesis is not closed")
            return inner
        name = self._next()
        if not (name[0].isalpha() or name[0] in "$_"):
            raise ValueError(name)
        self.names.append(name)
        return self._about(name)

    def _about(self, name: str) -> Condition:
        operator = self._next()
        if operator.upper() == "NOT":
            if self._next().upper() != "EXISTS":
                raise ValueError(operator)
            return lambda value: value(name) is MISSING
        if operator.upper() == "EXISTS":
            return lambda value: value(name) is not MISSING
        operand = self._next()
        if operator.upper() == "IS":
            test = _IS.get(operand.upper())
            if test is None:
                raise ValueError(operand)
        else:
            test = comparison(operator, operand)
            self.words += [word for word in [word_of(operand)] if operator == "=" and word]
        return lambda value: (found := value(name)) is not MISSING and test(found)
