"""The one source of time. Everything that waits or dates something is handed a Clock; tests hand it another.

Two kinds of time must not be mixed. What a function and its sandbox live through (deadlines, durations, freezing, log
lines) is real. What the product promises (retries, ages, expiry, schedules, dates that the API shows) is the clock's,
and stands still under `lambent up --clock virtual` until somebody moves it.
"""

import asyncio
import contextlib
import datetime
import itertools
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from lambent.agenda import Agenda, Entry

log = logging.getLogger("lambent")

GRID = 2.0**20  # moments of a virtual second
FAR_S = 2.0**33  # beyond the year 2242 doubles are too coarse for the grid
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


# libuv counts whole milliseconds on a coarse clock: its timers were seen to come up to 1.3 ms early. Who waits for a
# moment and then compares dates must not come before it.
EARLY_S = 0.002


class RealClock:
    """The machine's own clocks, without a Python frame between: each invocation asks for the time eight times."""

    epoch = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    working = staticmethod(contextlib.nullcontext)

    def call_later(self, delay_s: float, callback: Callable[[], object], *, background: bool = False) -> Timer:
        return asyncio.get_running_loop().call_later(delay_s + EARLY_S if delay_s > 0 else 0.0, callback)


class FixedClock:
    """A clock that moves only when told; `advance` runs what is due on the way. For tests of plain functions."""

    def __init__(self, epoch: float = 1_700_000_000.0) -> None:
        self._began = epoch
        self._passed = 0.0
        self._awaited, self._background = Agenda(), Agenda()
        self._order = itertools.count()
        self._workers = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {iso(self.epoch())}, {len(self._awaited)} timers pending>"

    def epoch(self) -> float:
        return self._began + self._passed

    def monotonic(self) -> float:
        return self._passed

    def call_later(self, delay_s: float, callback: Callable[[], object], *, background: bool = False) -> Timer:
        at = self._moment(self._passed + max(0.0, delay_s))
        agenda = self._background if background else self._awaited
        return agenda.add(at, next(self._order), callback, background=background)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        self._workers += 1
        try:
            yield
        finally:
            self._workers -= 1

    def advance(self, seconds: float) -> None:
        target = self._passed + seconds
        while due := self._go_to_next(target):
            for entry in due:
                if entry.callback is not None:
                    callback, entry.callback = entry.callback, None
                    callback()
        self._passed = max(self._passed, target)

    def _moment(self, passed: float) -> float:
        return passed

    def _first(self) -> Entry | None:
        """The timer that is due next."""
        return min(filter(None, (self._awaited.first(), self._background.first())), default=None)

    def _go_to_next(self, until: float) -> list[Entry]:
        """Move on to the next moment for which there are timers; those that are due then, in the order in which they
        were set. Empty if there is none by `until`."""
        due: list[Entry] = []
        while (entry := self._first()) is not None and entry.at <= (due[0].at if due else until):
            due.append((self._background if entry.background else self._awaited).pop())
        if due:
            self._passed = max(self._passed, due[0].at)
        return due


async def _keep_nowhere(epoch: float) -> None: ...


class VirtualClock(FixedClock):
    """The clock of `lambent up --clock virtual`: it waits for the work that each timer sets off before it moves on.

    Its moments are multiples of 2^-20 s, which doubles hold exactly: a timer set for `date - epoch()` is due at that
    very date, neither early nor, after as many seconds, still to come. `keep` stores a date durably before it is
    reached, so that the time never goes back, whatever dates were written in between.
    """

    def __init__(self, epoch: float, keep: Callable[[float], Awaitable[None]] = _keep_nowhere) -> None:
        super().__init__(_on_grid(epoch))
        self._keep = keep
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
        """Let that much time pass; how many timers that somebody waits for were due on the way."""
        async with self._moving:
            await self._rest()
            target, fired = self._moment(self._passed + max(0.0, seconds)), 0
            await self._keep(self._began + target)
            try:
                while due := self._go_to_next(target):
                    fired += self._call_back(due)
                    await self._rest()
                self._passed = target
            finally:
                if self._passed < target:  # broken off: whoever asked has gone
                    await self._keep(self.epoch())
            return fired

    async def run_until_idle(self, most_s: float) -> int:
        """Go from timer to timer until only background ones are left, at most `most_s` far; how many were due."""
        async with self._moving:
            await self._rest()
            target, fired = self._moment(self._passed + max(0.0, most_s)), 0
            while (awaited := self._awaited.first()) is not None and awaited.at <= target:
                next_one = self._first() or awaited
                await self._keep(self._began + next_one.at)
                fired += self._call_back(self._go_to_next(next_one.at))
                await self._rest()
            return fired

    def pending(self) -> int:
        """Timers that somebody waits for."""
        return len(self._awaited)

    def next_due(self) -> float | None:
        """When (epoch) the first of them is due."""
        first = self._awaited.first()
        return None if first is None else self._began + first.at

    def _moment(self, passed: float) -> float:
        return _on_grid(passed)

    def _call_back(self, due: list[Entry]) -> int:
        """Run them; how many of those were awaited. One that fails must stop neither the others nor the time."""
        fired = 0
        for entry in due:
            callback, entry.callback = entry.callback, None
            if callback is None:
                continue  # another one that was due in the same moment has cancelled it
            fired += not entry.background
            try:
                callback()
            except Exception:
                log.exception("what was due at %s has failed", iso(self.epoch()))
        return fired

    async def _rest(self) -> None:
        """Until nobody is at work, which what has just been called back may only be about to be."""
        quiet = 0
        while quiet < BREATHS:
            if self._workers:
                await self._rested.wait()
                quiet = 0
            await asyncio.sleep(0)
            quiet += 1


def iso(epoch: float) -> str:
    """2026-01-31T12:00:00.000Z"""
    return datetime.datetime.fromtimestamp(epoch, datetime.UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _on_grid(seconds: float) -> float:
    """The first moment of a virtual clock that is not before this one."""
    return math.ceil(seconds * GRID) / GRID if seconds < FAR_S else seconds
