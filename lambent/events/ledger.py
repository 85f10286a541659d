"""What events have come to, on its way to disk: written in groups, and again until the disk takes it."""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from lambent.events.groups import MOST_AT_ONCE, first_group
from lambent.store.queue import Again, Over, Queue

log = logging.getLogger("lambent")

FULL = 4_000  # changes that wait; nothing more is started until the disk has caught up
FULL_BYTES = 64 * 1024 * 1024  # the same of what they are to write: records hold payloads and answers
PAUSE_S = 0.5  # after a write that failed


class Change(NamedTuple):
    """What has become of an event, and who is told when it is on disk."""

    what: Again | Over
    told: Callable[[], None] | None
    size: int  # bytes, about

    @property
    def id(self) -> int:
        return self.what.event.id if isinstance(self.what, Again) else self.what.id


class Ledger:
    """One write at a time; whatever comes meanwhile goes with the next. `_pending` loses nothing before it is on disk:
    should the server end before, the event is there still, and is tried again.

    After a failure changes are written one by one, and one that fails goes behind all others: so one that can never
    be written holds up none of them. Groups grow again with each success.
    """

    def __init__(
        self, queue: Queue, spawn: Callable[[Coroutine[Any, Any, None]], None], emptied: Callable[[], None]
    ) -> None:
        self._queue = queue
        self._spawn = spawn
        self._emptied = emptied  # told when it is no longer full
        self._pending: deque[Change] = deque()
        self._bytes = 0
        self._most = MOST_AT_ONCE
        self._complained = False
        self._writing = False

    @property
    def full(self) -> bool:
        return len(self._pending) >= FULL or self._bytes >= FULL_BYTES

    def ids(self) -> set[int]:
        """The events whose changes may not be on disk yet."""
        return {change.id for change in self._pending}

    def put(self, what: Again | Over, told: Callable[[], None] | None = None) -> None:
        change = Change(what, told, _size(what))
        self._pending.append(change)
        self._bytes += change.size
        if not self._writing:
            self._writing = True
            self._spawn(self._write())

    async def _write(self) -> None:
        try:
            while self._pending:
                number = first_group((change.size for change in self._pending), self._most)
                if await self._stored(list(itertools.islice(self._pending, number))):
                    self._written(number)
        finally:
            self._writing = False
        self._emptied()

    def _written(self, number: int) -> None:
        was_full = self.full
        group = [self._pending.popleft() for _ in range(number)]
        self._bytes -= sum(change.size for change in group)
        for change in group:
            if change.told is not None:
                change.told()
        if was_full and not self.full:
            self._emptied()

    async def _stored(self, group: list[Change]) -> bool:
        try:
            await self._queue.settle([change.what for change in group])
        except Exception as error:
            await self._failed(group, error)
            return False
        self._most = min(2 * self._most, MOST_AT_ONCE)
        self._complained = False
        return True

    async def _failed(self, group: list[Change], error: Exception) -> None:
        if not self._complained:
            log.error("what became of %d events cannot be written yet: %s", len(self._pending), error)
            self._complained = True
        await asyncio.sleep(PAUSE_S)
        if len(group) == 1:
            self._pending.rotate(-1)
        self._most = 1


def _size(what: Again | Over) -> int:
    if isinstance(what, Again):
        return 0
    return sum(len(value) for _, row in what.rows for value in row.values() if isinstance(value, bytes))
