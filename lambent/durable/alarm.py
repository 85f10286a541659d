"""When executions go on by themselves: one timer for all of them, set for the first that the store knows of."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from lambent.clock import Clock, Timer
from lambent.store.durable_executions import Moment
from lambent.work import Work

EARLY_S = 0.001  # dates are doubles: a timer may seem to fire a little before what it was set for
AT_ONCE = 200  # executions that are woken together
LOOK_AT_ALL_S = 30.0  # real seconds: timers know nothing of a machine's clock that is set anew

Wake = Callable[[Sequence[int]], Awaitable[None]]
Due = Callable[[float, Moment, int], list[Moment]]  # by when, after which, how many at most
Next = Callable[[float], float | None]  # after which moment


class Alarm:
    """Wakes executions whose moment has come, in its order. `_looked` is the last that was woken: whatever is due
    before it is at work, or has been. A `background` one is for what nobody waits for."""

    def __init__(
        self, due: Due, following: Next, wake: Wake, *, clock: Clock, work: Work, background: bool = False
    ) -> None:
        self._due = due
        self._following = following
        self._wake = wake
        self._clock = clock
        self._work = work
        self._background = background
        self._timer: Timer | None = None
        self._at = math.inf
        self._looked: Moment = (-math.inf, 0)
        self._ringing = False
        self._again: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self) -> None:
        """Look at everything there is, now and from time to time."""
        if self._closed:
            return
        self._looked = (-math.inf, 0)
        self._again = asyncio.get_running_loop().call_later(LOOK_AT_ALL_S, self.start)
        self._ring()

    def set(self, due: float) -> None:
        """Something is to happen then (epoch seconds)."""
        if due < self._at and not self._closed:
            self._stop()
            self._at = due
            delay = due - self._clock.epoch()
            self._timer = self._clock.call_later(delay, self._ring, background=self._background)

    def close(self) -> None:
        self._closed = True
        self._stop()
        if self._again is not None:
            self._again.cancel()

    def _stop(self) -> None:
        self._at = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._stop()
        if not self._ringing and not self._closed:
            self._ringing = True
            self._work.begin(self._wake_all())

    async def _wake_all(self) -> None:
        until = self._clock.epoch() + EARLY_S
        try:
            while not self._closed and (due := self._due(until, self._looked, AT_ONCE)):
                self._looked = due[-1]
                await self._wake([number for _, number in due])
            self._looked = max(self._looked, (until, 0))
        finally:
            self._ringing = False
        if (following := self._following(until)) is not None:  # also what has become due meanwhile: it rings at once
            self.set(following)
