"""Brings events from disk into memory for lines that run low, as far as there is room."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from lambent.events.lines import MOST_READY, Line, Lines
from lambent.store.queue import Queue

log = logging.getLogger("lambent")

PAUSE_S = 1.0  # after a failure


class Supply:
    """`_waiting` are the lines with nothing in memory for which there is no room yet, first come first served."""

    def __init__(
        self, queue: Queue, lines: Lines, now: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], None], brought: Callable[[Line], None],
    ) -> None:  # fmt: skip
        self._queue = queue
        self._lines = lines
        self._now = now
        self._spawn = spawn
        self._brought = brought
        self._waiting: deque[Line] = deque()
        self._complained = False

    def bring(self, line: Line) -> None:
        """More events of this line. If there is no room, and it has some, they will ask again when they have run."""
        if self._lines.room(line) or not line.ready:
            line.taking = True
            self._waiting.append(line)
            self.go_on()

    def go_on(self) -> None:
        """There may be room again."""
        while self._waiting:
            line = self._waiting[0]
            room = self._lines.room(line)
            if not room and not line.ready:
                return
            self._waiting.popleft()
            if room:
                self._lines.awaited_bytes += room
                self._spawn(self._take(line, room))
            else:
                line.taking = False

    async def _take(self, line: Line, room: int) -> None:
        try:
            found = await self._queue.take(line.function, self._now(), MOST_READY, room)
            for event in found:
                self._lines.make_ready(line, event)
            self._count(line, len(found))
            self._complained = False
        except Exception as error:
            if not self._complained:
                log.error("events of %s cannot be taken: %s", line.function[2], error)
                self._complained = True
            await asyncio.sleep(PAUSE_S)
        finally:
            line.taking = False
            self._lines.awaited_bytes -= room
        self._brought(line)

    def _count(self, line: Line, found: int) -> None:
        """What the disk says is right: if nothing is left there, then nothing is stored, whatever was counted."""
        next_due = self._queue.next_due(line.function)
        line.due = math.inf if next_due is None else next_due
        line.stored = 0 if next_due is None else max(1, line.stored - found)
