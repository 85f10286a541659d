"""The one source of time. Everything that waits or dates something is handed a Clock; tests hand it another.

Two kinds of time must not be mixed. What a function and its sandbox live through (deadlines, durations, freezing, log
lines) is real. What the product promises (retries, ages, expiry, schedules, dates that the API shows) is the clock's,
and stands still under `lambent up --clock virtual` until somebody moves it.
"""

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

BREATHS = 5  # turns of the event loop in which work that a timer set off gets to say that it is at work


class Timer(Protocol):
    """Something that is due later."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """What the product may know of time."""

    def epoch(self) -> float:
        """Seconds since 1970 (UTC), for dates that users see."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump back, for durations and deadlines."""
        ...

    def call_later(self, delay_s: float, callback: Callable[[], object], *, background: bool = False) -> Timer:
        """Call back in `delay_s`, from the event loop. `background`: it comes round for ever; nobody waits for it."""
        ...

    def working(self) -> AbstractContextManager[None]:
        """While the block runs, time that is moved by hand stands still. Who is called back enters it at once."""
        ...


async def sleep(clock: Clock, delay_s: float, *, background: bool = False) -> None:
    """Wait on that clock."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    timer = clock.call_later(delay_s, lambda: None if done.done() else done.set_result(None), background=background)
    try:
        await done
    finally:
        timer.cancel()


class RealClock:
    """The machine's own clocks, without a Python frame between: each invocation asks for the time eight times."""

    epoch = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    working = staticmethod(contextlib.nullcontext)

    def call_later(self, delay_s: float, callback: Callable[[], object], *, background: bool = False) -> Timer:
        return asyncio.get_running_loop().call_later(max(0.0, delay_s), callback)


class _Timer:
    __slots__ = ("at", "background", "callback")

    def __init__(self, at: float, callback: Callable[[], object], background: bool) -> None:
        self.at = at
        self.callback: Callable[[], object] | None = callback
        self.background = background

    def cancel(self) -> None:
        self.callback = None


class FixedClock:
    """A clock that moves only when told; `advance` runs what is due on the way. For tests of plain functions."""

    def __init__(self, epoch: float = 1_700_000_000.0) -> None:
        self._began = epoch
        self._passed = 0.0
        self._timers: list[tuple[float, int, _Timer]] = []  # a heap; cancelled ones leave it when they come up
        self._order = itertools.count()
        self._workers = 0

    def epoch(self) -> float:
        return self._began + self._passed

    def monotonic(self) -> float:
        return self._passed

    def call_later(self, delay_s: float, callback: Callable[[], object], *, background: bool = False) -> Timer:
        timer = _Timer(self._passed + max(0.0, delay_s), callback, background)
        heapq.heappush(self._timers, (timer.at, next(self._order), timer))
        return timer

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        self._workers += 1
        try:
            yield
        finally:
            self._workers -= 1

    def advance(self, seconds: float) -> None:
        target = self._passed + seconds
        while self._fire_next(target):
            pass
        self._passed = max(self._passed, target)

    def _fire_next(self, until: float) -> bool:
        """Move on to the next timer that is due by then, and run it; False if there is none."""
        while self._timers and self._timers[0][0] <= until:
            _, _, timer = heapq.heappop(self._timers)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                self._passed = max(self._passed, timer.at)
                callback()
                return True
        return False


class VirtualClock(FixedClock):
    """The clock of `lambent up --clock virtual`: it waits for the work that each timer sets off before it moves on."""

    def __init__(self, epoch: float) -> None:
        super().__init__(epoch)
        self._moving = asyncio.Lock()  # one journey through time after the other
        self._rested = asyncio.Event()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        self._workers += 1
        self._rested.clear()
        try:
            yield
        finally:
            self._workers -= 1
            if not self._workers:
                self._rested.set()

    async def travel(self, seconds: float) -> int:
        """Let that much time pass; how many timers were due on the way."""
        async with self._moving:
            await self._rest()
            target, fired = self._passed + seconds, 0
            while self._fire_next(target):
                fired += 1
                await self._rest()
            self._passed = max(self._passed, target)
            return fired

    async def run_until_idle(self, most_s: float) -> int:
        """Go from timer to timer until only background ones are left, at most `most_s` far; how many were due."""
        async with self._moving:
            await self._rest()
            target, fired = self._passed + most_s, 0
            while self._awaits(target) and self._fire_next(target):
                fired += 1
                await self._rest()
            return fired

    def pending(self) -> list[float]:
        """When (epoch) those that somebody waits for are due, soonest first."""
        return sorted(self._began + at for at, _, timer in self._timers if timer.callback and not timer.background)

    def _awaits(self, until: float) -> bool:
        return any(at <= until and timer.callback and not timer.background for at, _, timer in self._timers)

    async def _rest(self) -> None:
        """Until nobody is at work, which what has just been called back may only be about to be."""
        quiet = 0
        while quiet < BREATHS:
            if self._workers:
                await self._rested.wait()
                quiet = 0
            await asyncio.sleep(0)
            quiet += 1
