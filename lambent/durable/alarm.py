"""When executions go on by themselves: one timer for all of them, set for the first that the store knows of; and one
for the first that times out, which is nothing that anybody waits for."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from lambent.clock import Clock, Timer
from lambent.store.durable_executions import DurableExecutions
from lambent.work import Work

EARLY_S = 0.001  # dates are doubles: a timer may seem to fire a little before what it was set for
AT_ONCE = 200  # executions that are woken together
LOOK_AT_ALL_S = 30.0  # real seconds: timers know nothing of a machine's clock that is set anew

Wake = Callable[[Sequence[int]], Awaitable[None]]


class Alarm:
    """Wakes executions whose moment has come, in its order. `_looked` is the last that was woken: whatever is due
    before it is at work, or has been."""

    def __init__(self, store: DurableExecutions, clock: Clock, work: Work, wake: Wake) -> None:
        self._store = store
        self._clock = clock
        self._work = work
        self._wake = wake
        self._timers: dict[bool, Timer] = {}  # by whether it is for a time-out
        self._at = {False: math.inf, True: math.inf}
        self._looked = (-math.inf, 0)
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

    def set(self, due: float, *, timeout: bool = False) -> None:
        """Something is to happen then (epoch seconds)."""
        if due < self._at[timeout] and not self._closed:
            self._stop(timeout)
            self._at[timeout] = due
            delay = due - self._clock.epoch()
            self._timers[timeout] = self._clock.call_later(delay, lambda: self._ring(timeout), background=timeout)

    def close(self) -> None:
        self._closed = True
        self._stop(False)
        self._stop(True)
        if self._again is not None:
            self._again.cancel()

    def _stop(self, timeout: bool) -> None:
        self._at[timeout] = math.inf
        if (timer := self._timers.pop(timeout, None)) is not None:
            timer.cancel()

    def _ring(self, timeout: bool = False) -> None:
        self._stop(timeout)
        if not self._ringing and not self._closed:
            self._ringing = True
            self._work.begin(self._wake_all())

    async def _wake_all(self) -> None:
        until = self._clock.epoch() + EARLY_S
        try:
            while not self._closed and (due := self._store.due(until, self._looked, AT_ONCE)):
                self._looked = due[-1]
                await self._wake([number for _, number in due])
            self._looked = max(self._looked, (until, 0))
        finally:
            self._ringing = False
        # What has become due meanwhile is later than `until`, too, and its timer rings at once.
        for timeout, following in ((False, self._store.next_waking(until)), (True, self._store.next_due(until))):
            if following is not None:
                self.set(following, timeout=timeout)
