"""Whose event is next: lines of events, one for each function, served in turn. Decisions only: no I/O, no clock."""

import math
from collections import deque
from collections.abc import Callable

from lambent.model import Event
from lambent.store.queue import EVENT_BYTES, FunctionKey

MOST_READY = 64  # events of one line in memory; the others stay on disk
LOW = 16  # when fewer are ready, more are taken
LARGEST = 1024 * 1024 + EVENT_BYTES  # no event takes more
TAKE_BYTES = 4 * 1024 * 1024  # taken from disk at once, and the most that stays in memory of one line
LOW_BYTES = 1024 * 1024  # when fewer are ready, more are taken
MOST_BYTES = 64 * 1024 * 1024  # in memory, of all lines together
SPARE_BYTES = 64 * 1024 * 1024  # on top of that, for the one event of those that have none in memory


class Line:
    """The events of one function. Those `ready` are marked as taken on disk; `stored` more are there, and nobody's."""

    __slots__ = (
        "bytes",
        "due",
        "fresh",
        "function",
        "in_turn",
        "paused_until",
        "ready",
        "running",
        "stored",
        "storing",
        "taking",
    )

    def __init__(self, function: FunctionKey) -> None:
        self.function = function
        self.ready: deque[Event] = deque()
        self.bytes = 0  # that they take
        self.storing = 0  # accepted, and ready as soon as they are on disk
        self.stored = 0
        self.due = math.inf  # epoch seconds; none of the stored ones is due before
        self.running = 0
        self.fresh = 0  # of these, those that have not come as far as asking for a permit
        self.taking = False  # more are being taken right now
        self.paused_until = 0.0  # epoch seconds: a throttle was met
        self.in_turn = False  # it stands in `Lines.turns`

    def __repr__(self) -> str:
        return f"<Line {self.function[2]} ready={len(self.ready)} stored={self.stored} running={self.running}>"

    @property
    def waiting(self) -> int:
        return len(self.ready) + self.storing + self.stored

    def wants(self, now: float) -> bool:
        """Should more be taken from disk?"""
        if not self.stored or self.taking or self.due > now or self.paused_until > now:
            return False
        return len(self.ready) < LOW and self.bytes < LOW_BYTES


class Lines:
    """All lines. `turns` are those with ready events that nothing is known to hold back; `held` those held back.

    `held_bytes` is what ready events take; it changes where those of a line do. `awaited_bytes` is what those may take
    that are being read.
    """

    def __init__(self) -> None:
        self.all: dict[FunctionKey, Line] = {}
        self.turns: deque[Line] = deque()
        self.held: set[Line] = set()
        self.held_bytes = 0
        self.awaited_bytes = 0

    def line(self, function: FunctionKey) -> Line:
        found = self.all.get(function)
        if found is None:
            found = self.all[function] = Line(function)
        return found

    def keeps(self, event: Event) -> bool:
        """May this new event stay in memory until it runs? Not if others of its function are on disk before it."""
        line = self.line(event.function)
        if line.stored or len(line.ready) + line.storing >= MOST_READY:
            return False
        size = _size(event)
        return line.bytes + size <= TAKE_BYTES and self.held_bytes + self.awaited_bytes + size <= MOST_BYTES

    def room(self, line: Line) -> int:
        """Bytes that may now be taken from disk for this line; 0 if it has to wait.

        Cases: 1 there is room for all; 2 it has nothing in memory: one event, so that lines which are full of events
        that may not run starve no other; 3 neither.
        """
        left = MOST_BYTES - self.held_bytes - self.awaited_bytes
        if left >= TAKE_BYTES:
            return TAKE_BYTES
        return LARGEST if not line.ready and left + SPARE_BYTES >= LARGEST else 0

    def make_ready(self, line: Line, event: Event) -> None:
        size = _size(event)
        line.ready.append(event)
        line.bytes += size
        self.held_bytes += size
        self.take_turn(line)

    def take_turn(self, line: Line) -> None:
        """Stand behind all others; whatever held it back is to be looked at again."""
        self.held.discard(line)
        if line.ready and not line.in_turn:
            line.in_turn = True
            self.turns.append(line)

    def next(self, may_start: Callable[[Line], bool]) -> Event | None:
        """The next event to try: of the line whose turn it is, if it may. Lines that may not are held back."""
        while self.turns:
            line = self.turns.popleft()
            line.in_turn = False
            if not line.ready:
                continue
            if not may_start(line):
                self.held.add(line)
                continue
            event = line.ready.popleft()
            size = _size(event)
            line.bytes -= size
            self.held_bytes -= size
            line.running += 1
            self.take_turn(line)
            return event
        return None

    def look_again(self) -> None:
        """What held lines back may be over."""
        for line in list(self.held):
            self.take_turn(line)

    def forget(self, line: Line) -> None:
        """Nothing is left of it."""
        if not (line.waiting or line.running or line.taking):
            self.all.pop(line.function, None)
            self.held.discard(line)


def may_start(line: Line, now: float, room: int, *, guaranteed: bool) -> bool:
    """May one more event of this line run now?

    Cases: 1 a throttle was met a moment ago; 2 nothing of it runs: it is tried, and if there is no permit it is
    throttled as on AWS; 3 its own running events are all that its reserved concurrency allows: it waits for them;
    4 in the pool that all share a line leaves at least as much as it takes, so that no slow function starves others.
    """
    if line.paused_until > now:
        return False
    if not line.running:
        return True
    if guaranteed:
        return room > 0
    return line.running < room


def _size(event: Event) -> int:
    return len(event.payload) + EVENT_BYTES
