"""When lines are to be looked at again: one timer for all of them, set for the first."""

import heapq
import math
from collections.abc import Callable, Sequence

from lambent.clock import Clock, Timer
from lambent.store.queue import FunctionKey

EARLY_S = 0.001  # dates are doubles: a timer may seem to fire a little before what it was set for


class Alarms:
    """`_at` has the one alarm of each function, the earliest that was set; others in the heap are over."""

    def __init__(self, clock: Clock, ring: Callable[[Sequence[FunctionKey]], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._at: dict[FunctionKey, float] = {}
        self._heap: list[tuple[float, FunctionKey]] = []
        self._timer: Timer | None = None
        self._timer_at = math.inf

    def set(self, function: FunctionKey, due: float) -> None:
        """`due`: epoch seconds."""
        if due < self._at.get(function, math.inf):
            self._at[function] = due
            heapq.heappush(self._heap, (due, function))
            self._arm()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at.clear()
        self._heap.clear()

    # -- details

    def _arm(self) -> None:
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if self._heap and self._heap[0][0] < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = self._heap[0][0]
            self._timer = self._clock.call_later(self._timer_at - self._clock.epoch(), self._due)

    def _due(self) -> None:
        self._timer, self._timer_at = None, math.inf
        now, found = self._clock.epoch() + EARLY_S, []
        while self._heap and self._heap[0][0] <= now:
            due, function = heapq.heappop(self._heap)
            if self._at.get(function) == due:
                del self._at[function]
                found.append(function)
        self._ring(found)
        self._arm()
