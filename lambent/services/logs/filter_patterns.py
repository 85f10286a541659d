"""Filter patterns: terms, `{ JSON conditions }`, `[fields, between, spaces]`, `%regular expressions%`.

Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log events,
and Live Tail". A pattern is compiled once; `matches` says whether an event's message is meant.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from lambent.services.logs.comparisons import text, unquoted
from lambent.services.logs.conditions import MISSING, Condition, Parser
from lambent.services.logs.errors import invalid
from lambent.services.logs.expressions import Expression

_TERM = re.compile(r'\s*(?P<sign>[-?]?)(?:(?P<quoted>"(?:\\.|[^"\\])*")|%(?P<expression>[^%]*)%|(?P<word>[^\s"]+))')
_WORD = re.compile(r"[\w.:/@#$*=+,-]+")
_STEP = re.compile(r"\.([\w\-:@]+)|\.?\[(?:(\d+)|\"([^\"]*)\"|'([^']*)')\]")
_FIELD = re.compile(r'"((?:\\.|[^"\\])*)"|\[([^\]]*)\]|(\S+)')
_PART = re.compile(r'(?:"(?:\\.|[^"\\])*"|%[^%]*%|[^,"%])*')
_PLAIN = re.compile(r"[\w.:@ -]+")  # in JSON as it is, or as numbers of characters, but not escaped otherwise
Values = dict[str, str]
Term = tuple[Callable[[str], bool], list[str]]  # is it there? and of what there is one in every such message
Compiled = tuple[Callable[[str], Values | None], Sequence[str]]  # of a pattern


class Pattern:
    """`extract` gives the values that the pattern names, or None for an event that is not meant. `needles`: any of
    these is in every message that is meant; none: that is not known of any."""

    def __init__(self, extract: Callable[[str], Values | None], needles: Sequence[str] = ()) -> None:
        self.extract = extract
        self.needles = tuple(needles) if all(map(_is_text, needles)) else ()

    def matches(self, message: str) -> bool:
        return self.extract(message) is not None


@lru_cache(maxsize=1_000)
def compile_filter(pattern: str) -> Pattern:
    """Raises InvalidParameterException."""
    stripped = pattern.strip()
    try:
        if stripped.startswith("{"):
            return Pattern(*_json(stripped))
        return Pattern(*(_fields(stripped) if stripped.startswith("[") else _terms(stripped)))
    except (ValueError, RecursionError):
        raise invalid("Invalid filter pattern") from None


def _is_text(needle: str) -> bool:
    """Can the database search for it? Not for nothing, for a zero, nor for half of a surrogate pair."""
    return bool(needle) and not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in needle)


# -- terms


def _terms(pattern: str) -> Compiled:
    """All of those without a sign, none of those with a minus. Those with a question mark, of which any is enough,
    count only among themselves: beside others AWS ignores them."""
    signed: dict[str, list[Term]] = {"": [], "-": [], "?": []}
    place = 0
    while place < len(pattern):
        found = _TERM.match(pattern, place)
        if found is None:
            raise ValueError(pattern[place:])
        place = found.end()
        signed[found["sign"]].append(_term(found))
    wanted, unwanted = signed[""], signed["-"]
    if signed["?"] and not wanted and not unwanted:
        wanted = [_any_of(signed["?"])]

    def extract(message: str) -> Values | None:
        for is_there, _ in wanted:
            if not is_there(message):
                return None
        return None if any(is_there(message) for is_there, _ in unwanted) else {}

    return extract, max((needles for _, needles in wanted), key=_worth, default=[])


def _any_of(terms: list[Term]) -> Term:
    needles = [needle for _, needles in terms for needle in needles] if all(needles for _, needles in terms) else []
    return (lambda message: any(is_there(message) for is_there, _ in terms)), needles


def _worth(needles: list[str]) -> tuple[int, int]:
    """Few, and long: then they leave much out."""
    return (-len(needles), min(map(len, needles))) if needles else (-1_000, 0)


def _term(found: "re.Match[str]") -> Term:
    if found["expression"] is not None:
        expression = Expression(found["expression"])
        return expression.search, expression.needles
    if found["word"] and not _WORD.fullmatch(found["word"]):
        raise invalid(f"Invalid character(s) in term '{found['word']}'")
    wanted = found["word"] or unquoted(found["quoted"])
    return (lambda message: wanted in message), [wanted]


# -- JSON


def _json(pattern: str) -> Compiled:
    if not pattern.endswith("}"):
        raise ValueError(pattern)
    parser = Parser(pattern[1:-1])
    condition = parser.condition()
    paths = {name: _path(name) for name in parser.names}

    def extract(message: str) -> Values | None:
        try:
            document = msgspec.json.decode(message)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return None
        if not isinstance(document, dict | list):
            return None
        values = {name: _at(document, path) for name, path in paths.items()}
        if not condition(values.__getitem__):
            return None
        return {name: text(value) for name, value in values.items() if value is not MISSING}

    needle = max(filter(_PLAIN.fullmatch, parser.words), key=len, default="")
    return extract, [needle, "\\u"] if needle else []  # any character may be written as its number there


def _path(name: str) -> tuple[str | int, ...]:
    """The steps of a selector: $.users[0]["full name"]"""
    steps: list[str | int] = []
    place = 1
    while place < len(name):
        found = _STEP.match(name, place)
        if found is None or name[0] != "$":
            raise ValueError(name)
        place = found.end()
        plain, index, *quoted = found.groups()
        steps.append(int(index) if index else next(each for each in (plain, *quoted) if each is not None))
    return tuple(steps)


def _at(document: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(document, str):
            return MISSING
        try:
            document = document[step]  # what has no such thing, or is no such thing, raises
        except (KeyError, IndexError, TypeError):
            return MISSING
    return document


# -- fields between spaces


def _fields(pattern: str) -> Compiled:
    if not pattern.endswith("]"):
        raise ValueError(pattern)
    specs, words = _specs(pattern[1:-1])
    names = [name for name, _ in specs]
    if names.count("...") > 1:
        raise ValueError("...")
    gap = names.index("...") if "..." in names else None

    def extract(message: str) -> Values | None:
        found = [next(part for part in match.groups() if part is not None) for match in _FIELD.finditer(message)]
        if gap is not None:
            spare = len(found) - (len(specs) - 1)
            aligned = specs[:gap] + [(f"${gap + 1 + n}", None) for n in range(spare)] + specs[gap + 1 :]
        else:
            aligned = specs
        if len(aligned) != len(found):
            return None
        for (_, condition), value in zip(aligned, found, strict=True):
            if condition is not None and not condition(lambda _, value=value: value):  # type: ignore[misc]
                return None
        return {
            f"${name.removeprefix('$') or place + 1}": value
            for place, ((name, _), value) in enumerate(zip(aligned, found, strict=True))
        }

    needle = max(words, key=len, default="")
    return extract, [needle] if needle else []


def _specs(inner: str) -> tuple[list[tuple[str, Condition | None]], list[str]]:
    """The fields, and words of which each is in some field."""
    specs: list[tuple[str, Condition | None]] = []
    words: list[str] = []
    place = 0 if inner.strip() else len(inner) + 1
    while place <= len(inner):
        found = _PART.match(inner, place)
        assert found is not None
        if found.end() < len(inner) and inner[found.end()] != ",":
            raise ValueError(inner[found.end() :])
        name, condition, more = _spec(found[0].strip())
        specs.append((name, condition))
        words += more
        place = found.end() + 1
    return specs, words


def _spec(part: str) -> tuple[str, Condition | None, list[str]]:
    if part == "..." or re.fullmatch(r"\$?\w*", part):
        return part, None, []
    parser = Parser(part)
    condition = parser.condition()
    if len(set(parser.names)) != 1:
        raise ValueError(part)
    return parser.names[0], condition, parser.words
