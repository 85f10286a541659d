"""Taking events in: 202 means that it is on disk. Whoever comes while one group is being written goes with the next."""

import asyncio
import logging
from collections import deque
from typing import NamedTuple, Protocol

from lambent.events.groups import first_group
from lambent.model import Event
from lambent.store.ledger import Entry
from lambent.store.queue import Queue, Rows, event_columns

log = logging.getLogger("lambent")


class Dispatch(Protocol):
    """Who runs what was taken in."""

    def expect(self, event: Event) -> bool:
        """It is about to be stored: may it stay in memory then, as one that may be running?"""
        ...

    def arrived(self, event: Event, taken: bool, *, stored: bool) -> None:
        """It is on disk, or could not be stored."""
        ...


class _Waiting(NamedTuple):
    """An event to be stored, what goes with it, and who waits for that."""

    event: Event
    rows: Rows
    stored: "asyncio.Future[None]"


class Intake:
    """`accept` returns when the event is on disk, and raises if it could not be written."""

    def __init__(self, queue: Queue, dispatch: Dispatch) -> None:
        self._queue = queue
        self._dispatch = dispatch
        self._waiting: deque[_Waiting] = deque()
        self._storing: asyncio.Task[None] | None = None

    async def accept(self, event: Event, rows: Rows = ()) -> None:
        """`rows` are stored with it, or not at all."""
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Waiting(self._queue.numbered(event), rows, stored))
        if self._storing is None:
            self._storing = loop.create_task(self._store())
        await stored

    def entry(self, event: Event) -> Entry:
        """What another service enters into the ledger, at once, to have the event accepted in its own step."""
        event = self._queue.numbered(event)
        taken = self._dispatch.expect(event)
        columns = event_columns(event) | {"taken": int(taken)}
        return Entry(
            (("event_add", columns),), len(event.payload),
            written=lambda: self._tell(event, taken, stored=True),
            failed=lambda: self._tell(event, taken, stored=False),
        )  # fmt: skip

    async def close(self) -> None:
        if self._storing is not None:
            await self._storing

    async def _store(self) -> None:
        try:
            while self._waiting:
                number = first_group(len(each.event.payload) for each in self._waiting)
                await self._store_group([self._waiting.popleft() for _ in range(number)])
        finally:
            self._storing = None

    async def _store_group(self, group: list[_Waiting]) -> None:
        marked = [(each.event, self._dispatch.expect(each.event)) for each in group]
        error: Exception | None = None
        try:
            await self._queue.add(marked, [row for each in group for row in each.rows])
        except Exception as refused:
            error = refused
        for each in group:
            _answer(each.stored, error)
        for event, taken in marked:
            self._tell(event, taken, stored=error is None)

    def _tell(self, event: Event, taken: bool, *, stored: bool) -> None:
        """A mistake over there keeps neither the others of its group nor those of the next from being told of."""
        try:
            self._dispatch.arrived(event, taken, stored=stored)
        except Exception:
            log.exception("event %s is stored, but cannot be dealt with now", event.request_id)


def _answer(stored: "asyncio.Future[None]", error: Exception | None) -> None:
    if stored.done():
        return  # its client has gone: what is stored stays stored
    if error is None:
        stored.set_result(None)
    else:
        stored.set_exception(error)
