"""How many events are tried at a time: counts, and who may be next. No I/O but a look at how busy the machine is."""

import os
import time
from collections.abc import Callable

from lambent.events.lines import Line, may_start
from lambent.events.load import Processors
from lambent.model import Event

FEW = os.cpu_count() or 1  # events at a time that have just been started: as many as there are processors for
YOUNG = 4 * FEW  # the same while the processors have time to spare
SPARE = 0.2  # of their time
OWN = 0.6  # of one: with more than that this process itself is what all others wait for
SATURATED = 0.03  # less idle time than that: more at a time would only make all of them slower
PATIENCE_S = 1.0  # even so a function of which nothing runs may start so often

Room = Callable[[Event], tuple[int, bool]]  # how many more would be let in now; may nobody else take their places?


class Gate:
    """`young` are attempts that have just begun, `running` all of them, `fresh` those without a permit yet."""

    def __init__(self, room: Room, now: Callable[[], float]) -> None:
        self._room = room
        self._now = now
        self.processors = Processors()
        self.young = 0
        self.running = 0
        self.fresh = 0
        self._begun_at = 0.0  # monotonic seconds, when an event was begun last

    def who(self) -> Callable[[Line], bool] | None:
        """Nobody, anybody, or, on a machine that has no time left, now and then a function of which nothing runs."""
        idle = self.processors.idle()
        if self.young >= (YOUNG if idle > SPARE and self.processors.own() < OWN else FEW):
            return None
        if self.running < YOUNG or idle > SATURATED:
            return self.may_start
        if time.monotonic() - self._begun_at < PATIENCE_S:
            return None
        return lambda line: not line.running and self.may_start(line)

    def may_start(self, line: Line) -> bool:
        now = self._now()
        if not line.running or line.paused_until > now:
            return line.paused_until <= now
        room, guaranteed = self._room(line.ready[0])
        return may_start(line, now, room - (line.fresh if guaranteed else self.fresh), guaranteed=guaranteed)

    def begin(self) -> None:
        self.young += 1
        self.running += 1
        self._begun_at = time.monotonic()

    def end(self, *, long: bool) -> None:
        self.running -= 1
        if not long:
            self.young -= 1

    def hand_out(self, line: Line) -> None:
        """A task is about to try it: until that has come as far as a permit, its place counts as taken."""
        self.fresh += 1
        line.fresh += 1

    def handed_out(self, line: Line) -> None:
        self.fresh -= 1
        line.fresh -= 1
