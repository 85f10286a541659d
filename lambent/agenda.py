"""Timers by when they are due, for the clocks that are moved by hand."""

import heapq
from collections.abc import Callable, Iterator

FEW = 64  # so many cancelled timers may lie about without anybody looking at how many others there are


class Entry:
    """One timer, due at `at`. It has its callback until it is called back or cancelled."""

    __slots__ = ("_agenda", "at", "background", "callback", "number")

    def __init__(self, agenda: "Agenda", at: float, number: int, callback: Callable[[], object], background: bool):
        self._agenda: Agenda | None = agenda
        self.at = at
        self.number = number
        self.callback: Callable[[], object] | None = callback
        self.background = background

    def __lt__(self, other: "Entry") -> bool:
        return (self.at, self.number) < (other.at, other.number)

    def __repr__(self) -> str:
        return f"<Entry {self.number} at {self.at}{'' if self.callback else ' over'}>"

    def cancel(self) -> None:
        if self.callback is not None:
            self.callback = None  # and with it whatever it holds
            if self._agenda is not None:
                self._agenda.one_less()

    def leave(self) -> None:
        """It is not in the agenda any more, but may still be cancelled by one that is due in the same moment."""
        self._agenda = None


class Agenda:
    """A heap of entries, soonest first. Cancelled ones leave it when they come up, or when they are half of it: whoever
    sets a timer for each of a million calls and cancels it must not fill the memory."""

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._cancelled = 0  # how many of them

    def __len__(self) -> int:
        """Timers that are still to come."""
        return len(self._heap) - self._cancelled

    def __iter__(self) -> Iterator[Entry]:
        return (entry for entry in self._heap if entry.callback is not None)

    def add(self, at: float, number: int, callback: Callable[[], object], *, background: bool = False) -> Entry:
        entry = Entry(self, at, number, callback, background)
        heapq.heappush(self._heap, entry)
        return entry

    def first(self) -> Entry | None:
        while self._heap and self._heap[0].callback is None:
            heapq.heappop(self._heap).leave()
            self._cancelled -= 1
        return self._heap[0] if self._heap else None

    def pop(self) -> Entry:
        """Take out the one that `first` has told."""
        entry = heapq.heappop(self._heap)
        entry.leave()
        return entry

    def one_less(self) -> None:
        self._cancelled += 1
        if self._cancelled > FEW and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry.callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0
