"""Taking events in: 202 means that it is on disk. Whoever comes while one group is being written goes with the next."""

import asyncio
from typing import Protocol

from lambent.model import Event
from lambent.store.queue import Queue

MOST_AT_ONCE = 500


class Dispatch(Protocol):
    """Who runs what was taken in."""

    def expect(self, event: Event) -> bool:
        """It is about to be stored: may it stay in memory then, as one that may be running?"""
        ...

    def arrived(self, event: Event, taken: bool, *, stored: bool) -> None:
        """It is on disk, or could not be stored."""
        ...


class Intake:
    """`accept` returns when the event is on disk, and raises if it could not be written."""

    def __init__(self, queue: Queue, dispatch: Dispatch) -> None:
        self._queue = queue
        self._dispatch = dispatch
        self._waiting: list[tuple[Event, asyncio.Future[None]]] = []
        self._storing: asyncio.Task[None] | None = None

    async def accept(self, event: Event) -> None:
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        self._waiting.append((self._queue.numbered(event), stored))
        if self._storing is None:
            self._storing = loop.create_task(self._store())
        await stored

    async def close(self) -> None:
        if self._storing is not None:
            await self._storing

    async def _store(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                await self._store_group(group)
        finally:
            self._storing = None

    async def _store_group(self, group: list[tuple[Event, asyncio.Future[None]]]) -> None:
        marked = [(event, self._dispatch.expect(event)) for event, _ in group]
        error: Exception | None = None
        try:
            await self._queue.add(marked)
        except Exception as refused:
            error = refused
        for (event, taken), (_, stored) in zip(marked, group, strict=True):
            self._dispatch.arrived(event, taken, stored=error is None)
            if stored.done():
                continue  # its client has gone: what is stored stays stored
            if error is None:
                stored.set_result(None)
            else:
                stored.set_exception(error)
