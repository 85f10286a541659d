"""What events have come to, on its way to disk: written in groups, and again until the disk takes it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from lambent.errors import LambentError
from lambent.store.queue import Again, Over, Queue

log = logging.getLogger("lambent")

MOST_AT_ONCE = 500
FULL = 4_000  # changes that wait; nothing more is started until the disk has caught up
PAUSE_S = 0.5  # after a write that failed

Change = tuple[Again | Over, Callable[[], None] | None]  # and who is told when it is on disk


class Ledger:
    """One write at a time; whatever comes meanwhile goes with the next. `_pending` loses nothing before it is on disk:
    should the server end before, the event is there still, and is tried again."""

    def __init__(
        self, queue: Queue, spawn: Callable[[Coroutine[Any, Any, None]], None], emptied: Callable[[], None]
    ) -> None:
        self._queue = queue
        self._spawn = spawn
        self._emptied = emptied  # told when it is no longer full
        self._pending: list[Change] = []
        self._writing = False

    @property
    def full(self) -> bool:
        return len(self._pending) >= FULL

    def put(self, change: Again | Over, told: Callable[[], None] | None = None) -> None:
        self._pending.append((change, told))
        if not self._writing:
            self._writing = True
            self._spawn(self._write())

    async def _write(self) -> None:
        try:
            while self._pending:
                group = self._pending[:MOST_AT_ONCE]
                await self._store(group)
                del self._pending[: len(group)]
                for _, told in group:
                    if told is not None:
                        told()
        finally:
            self._writing = False
        self._emptied()

    async def _store(self, group: list[Change]) -> None:
        complained = False
        while True:
            try:
                return await self._queue.settle([change for change, _ in group])
            except LambentError as error:
                if not complained:
                    log.error("what became of %d events cannot be written yet: %s", len(group), error.message)
                    complained = True
                await asyncio.sleep(PAUSE_S)
