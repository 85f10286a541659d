"""Rows for the durable queue's database, written in groups: who comes while one is being written goes with the next.

Everything that is accepted here (messages, events, what services pass on to each other) is in one database, so that one
step can take from here and give there, or give to many, all or nothing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lambent.store.database import Database, Transaction

log = logging.getLogger("lambent")

GROUP_BYTES = 4 * 1024 * 1024
GROUP_UNITS = 1_000
LAZY_S = 0.25

Rows = Sequence[tuple[str, dict[str, Any]]]  # name of the query, its parameters


def nothing() -> None: ...


class Entry(NamedTuple):
    """Rows of one step, and what is to be done once they are on disk, or could not be written.

    Rows to be called for depend on what was entered before: that is on disk then, or failed, or is written in the same
    step. They are called for anew if they are tried anew.
    """

    rows: Rows | Callable[[], Rows]
    size: int = 0  # bytes, roughly
    written: Callable[[], None] = nothing
    failed: Callable[[], None] = nothing

    def now(self) -> Rows:
        """The rows that it has at this moment."""
        return self.rows() if callable(self.rows) else self.rows

    def provided(self, holds: Callable[[], bool]) -> "Entry":
        """The same one, which is nothing at all if that does not hold as it is written."""
        return Entry(
            lambda: self.now() if holds() else (), self.size,
            written=lambda: self.written() if holds() else None, failed=lambda: self.failed() if holds() else None,
        )  # fmt: skip


class _Unit(NamedTuple):
    """Entries that are written all or none, and who waits for that (None: nobody)."""

    entries: tuple[Entry, ...]
    waiter: "asyncio.Future[None] | None"

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)

    @property
    def rows(self) -> list[tuple[str, dict[str, Any]]]:
        return [row for entry in self.entries for row in entry.now()]


class Ledger:
    """State changes on the event loop only. `lazy` gives rows that go with the next group, and make none by themselves
    before a quarter of a second is over."""

    def __init__(self, db: Database, lazy: Callable[[], Rows] = tuple) -> None:
        self._db = db
        self._lazy = lazy
        self._units: deque[_Unit] = deque()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, *entries: Entry) -> "asyncio.Future[None]":
        """Have them written, all or none. `written` or `failed` of each is called, and the future done, in the order of
        entering; the former also if nobody waits any more."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._units.append(_Unit(entries, waiter))
        self._go_on()
        return waiter

    def enter_unseen(self, *entries: Entry) -> None:
        """The same, for what nobody waits for."""
        self._units.append(_Unit(entries, None))
        self._go_on()

    def soon(self) -> None:
        """There are lazy rows."""
        if self._timer is None and self._task is None:
            self._timer = asyncio.get_running_loop().call_later(LAZY_S, self._go_on)

    async def close(self) -> None:
        """Write all that is left."""
        self._go_on()
        while self._task is not None:
            await self._task

    def _go_on(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        try:
            lazy = self._lazy()
            while self._units or lazy:
                await self._write_group(self._next_group(), lazy)
                lazy = self._lazy() if self._units else ()
        finally:
            self._task = None
            if self._units:
                self._go_on()

    def _next_group(self) -> list[_Unit]:
        size = 0
        group: list[_Unit] = []
        while self._units and len(group) < GROUP_UNITS and (not group or size + self._units[0].size <= GROUP_BYTES):
            group.append(self._units.popleft())
            size += group[-1].size
        return group

    async def _write_group(self, group: list[_Unit], lazy: Rows) -> None:
        try:
            await self._commit([*lazy, *(row for unit in group for row in unit.rows)])
        except Exception as error:
            if not group:
                log.warning("what may be written later cannot be written now: %s", error)
            await self._write_apart(group)
            return
        for unit in group:
            _tell(unit, None)

    async def _write_apart(self, group: list[_Unit]) -> None:
        """The group failed, perhaps for one of them: each for itself, so that nobody suffers for another."""
        for unit in group:
            error: Exception | None = None
            try:
                await self._commit(unit.rows)
            except Exception as refused:
                error = refused
            _tell(unit, error)

    async def _commit(self, rows: list[tuple[str, dict[str, Any]]]) -> None:
        runs = _in_runs(rows)

        def write(tx: Transaction) -> None:
            for query, parameters in runs:
                tx.write_many(query, parameters)

        await self._db.transaction(write)


def _tell(unit: _Unit, error: Exception | None) -> None:
    """A mistake over there keeps nobody else from being told."""
    for entry in unit.entries:
        try:
            (entry.written if error is None else entry.failed)()
        except Exception:
            log.exception("what was written cannot be dealt with now")
    if unit.waiter is None:
        if error is not None:
            log.error("%s", error)
    elif not unit.waiter.done():
        if error is None:
            unit.waiter.set_result(None)
        else:
            unit.waiter.set_exception(error)


def _in_runs(rows: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Neighbours with the same query go in one statement; the order stays."""
    runs: list[tuple[str, list[dict[str, Any]]]] = []
    for query, parameters in rows:
        if runs and runs[-1][0] == query:
            runs[-1][1].append(parameters)
        else:
            runs.append((query, [parameters]))
    return runs
