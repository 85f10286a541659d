"""Regular expressions of filter patterns: alternatives, classes and the operators ? * +, without parentheses.

They come from callers and meet lines of functions, so they must take linear time, which `re` does not: an automaton of
bit sets, whose steps are remembered. Source: CloudWatch Logs User Guide, "Filter pattern syntax".
"""

import re
import string
from collections.abc import Callable
from typing import NamedTuple

_REMEMBERED = 20_000  # steps of one expression; they depend on what is logged
_PLAIN = frozenset(string.ascii_letters + string.digits + "_#=@/;,-: ")
_CLASSES: dict[str, Callable[[str], bool]] = {
    "d": str.isdecimal,
    "D": lambda char: not char.isdecimal(),
    "s": str.isspace,
    "S": lambda char: not char.isspace(),
    "w": lambda char: char.isalnum() or char == "_",
    "W": lambda char: not (char.isalnum() or char == "_"),
}
_ITEM = re.compile(r"(?P<class>\[\^?\]?(?:\\.|[^\]\\])+\])|\\(?P<escaped>.)|(?P<any>\.)|(?P<plain>.)", re.DOTALL)


class _Item(NamedTuple):
    """One character or class with its operator."""

    accepts: Callable[[str], bool]
    may_lack: bool
    may_repeat: bool
    char: str  # "": a class of them


class _Branch(NamedTuple):
    """One alternative."""

    items: tuple[_Item, ...]
    at_start: bool
    at_end: bool

    @property
    def needle(self) -> str:
        """The longest text that is in all that it matches."""
        runs = [""]
        for item in self.items:
            if item.may_lack or not item.char:
                runs.append("")
            else:
                runs[-1] += item.char
                if item.may_repeat:
                    runs.append(item.char)
        return max(runs, key=len)


class Expression:
    """Whether it matches somewhere in a text. Mutable only in what it remembers. `needles`: any of them is in every
    such text; none: that is not known of any."""

    def __init__(self, text: str) -> None:
        """Raises ValueError for one that AWS would refuse."""
        branches = [_branch(part) for part in _alternatives(text)]
        self._branches = [_Automaton(branch) for branch in branches]
        needles = [branch.needle for branch in branches]
        self.needles = needles if all(needles) else []

    def search(self, text: str) -> bool:
        if self.needles and not any(needle in text for needle in self.needles):
            return False  # most lines: the automaton takes fifty times as long
        return any(branch.search(text) for branch in self._branches)


class _Automaton:
    """A state is the set, as bits, of the items that may just have taken a character."""

    def __init__(self, branch: _Branch) -> None:
        self._branch = branch
        items = branch.items
        self._after = [self._reached(index + 1) | (1 << index if items[index].may_repeat else 0) for index in
                       range(len(items))]  # fmt: skip
        self._first = self._reached(0)
        self._may_end = sum(1 << index for index in range(len(items)) if self._reached(index + 1) >> len(items))
        self._steps: dict[tuple[int, str], int] = {}

    def _reached(self, index: int) -> int:
        """The items that may come next at a place; the bit behind the last one: it may be over."""
        found = 1 << index
        while index < len(self._branch.items) and self._branch.items[index].may_lack:
            index += 1
            found |= 1 << index
        return found

    def search(self, text: str) -> bool:
        if self._first >> len(self._branch.items) and (
            not self._branch.at_start or not self._branch.at_end or not text
        ):
            return True
        state, steps = 0, self._steps
        for place, char in enumerate(text):
            entering = not self._branch.at_start or place == 0
            key = (state << 1 | entering, char)
            known = steps.get(key)
            state = self._step(key, state, entering=entering) if known is None else known
            if not self._branch.at_end and state & self._may_end:
                return True
            if not state and self._branch.at_start:
                return False
        return bool(state & self._may_end)

    def _step(self, key: tuple[int, str], state: int, *, entering: bool) -> int:
        wanted, char = self._first if entering else 0, key[1]
        for index, after in enumerate(self._after):
            if state >> index & 1:
                wanted |= after
        found = sum(1 << i for i, item in enumerate(self._branch.items) if wanted >> i & 1 and item.accepts(char))
        if len(self._steps) >= _REMEMBERED:
            self._steps.clear()
        self._steps[key] = found
        return found


def _alternatives(text: str) -> list[str]:
    parts, last, inside, place = [], 0, False, 0
    while place < len(text):
        char = text[place]
        if char == "\\":
            place += 1
        elif char == "[":
            inside = True
        elif char == "]":
            inside = False
        elif char == "|" and not inside:
            parts.append(text[last:place])
            last = place + 1
        place += 1
    return [*parts, text[last:]]


def _branch(text: str) -> _Branch:
    at_start, at_end = text.startswith("^"), text.endswith("$") and not text.endswith("\\$")
    text = text[at_start : len(text) - at_end]
    items: list[_Item] = []
    place = 0
    while place < len(text):
        found = _ITEM.match(text, place)
        if found is None:
            raise ValueError(text)
        place = found.end()
        operator = text[place] if place < len(text) and text[place] in "?*+" else ""
        place += len(operator)
        items.append(_Item(_accepts(found), operator in ("?", "*"), operator in ("*", "+"), _char(found)))
    return _Branch(tuple(items), at_start, at_end)


def _char(found: "re.Match[str]") -> str:
    return "" if found["escaped"] in _CLASSES else found["escaped"] or found["plain"] or ""


def _accepts(found: "re.Match[str]") -> Callable[[str], bool]:
    if found["any"]:
        return lambda char: char != "\n"
    if found["class"]:
        try:
            compiled = re.compile(found["class"])
        except re.error as error:
            raise ValueError(str(error)) from None
        return lambda char: compiled.match(char) is not None
    if found["escaped"] in _CLASSES:
        return _CLASSES[found["escaped"]]
    wanted = found["escaped"] or found["plain"]
    if found["plain"] and wanted not in _PLAIN:
        raise ValueError(wanted)
    return wanted.__eq__
