"""Executions that are to be invoked, in turn for all functions. No I/O, no clock."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from lambent.durable.nouns import Execution

Key = tuple[str, str, str, str]  # account, region, function, version


class Ready(NamedTuple):
    """One that is to be invoked."""

    number: int
    key: Key


class Lines:
    """`waiting` has the numbers of all that stand in a line, each once, and when (epoch seconds) they time out."""

    def __init__(self) -> None:
        self.waiting: dict[int, float] = {}
        self._lines: OrderedDict[Key, deque[Ready]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, execution: Execution) -> None:
        if execution.number in self.waiting:
            return
        key = (execution.account, execution.region, execution.function, execution.version)
        self.waiting[execution.number] = execution.deadline
        self._lines.setdefault(key, deque()).append(Ready(execution.number, key))

    def next(self, room: Callable[[Key], bool]) -> Ready | None:
        """The first of the first line for which there is room; that line goes to the end."""
        for key in self._lines:
            if room(key):
                return self._take(key)
        return None

    def _take(self, key: Key) -> Ready:
        line = self._lines.pop(key)
        ready = line.popleft()
        self.waiting.pop(ready.number, None)
        if line:
            self._lines[key] = line
        return ready
