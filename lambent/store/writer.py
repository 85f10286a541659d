"""The one writer: units of work from any number of callers, committed in groups, answered after the fsync."""

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from lambent.errors import LambentError, StoreError, TooManyRequests

Work = Callable[[sqlite3.Connection], Any]

QUEUE_UNITS = 20_000  # units that may wait; more would only hide that the disk cannot keep up
GROUP_UNITS = 1_000  # units in one commit; bounds how long the first of them waits for the last


class Unit(NamedTuple):
    """One piece of work, who waits for it, and whether it is one statement (then SQLite itself makes it atomic)."""

    work: Work
    single: bool
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Result(NamedTuple):
    """What came of a unit: its value, or the error to raise."""

    unit: Unit
    value: Any
    error: BaseException | None


class Writer:
    """A thread that owns the writing connection. Its queue changes only under `_lock`; the connection only in it."""

    def __init__(self, connection: sqlite3.Connection, *, queue_units: int = QUEUE_UNITS) -> None:
        self._connection = connection
        self._queue_units = queue_units
        self._queue: deque[Unit] = deque()
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Work, *, single: bool) -> asyncio.Future[Any]:
        """A future of the running loop that has the value of `work` once it is committed and synced.

        Raises TooManyRequests when too many units wait already, StoreError after `close`.
        """
        loop = asyncio.get_running_loop()
        unit = Unit(work, single, loop.create_future(), loop)
        with self._lock:
            if self._closing:
                raise StoreError("the store is closed")
            if len(self._queue) >= self._queue_units:
                raise TooManyRequests(Reason="CallerRateLimitExceeded")
            self._queue.append(unit)
            if len(self._queue) == 1:
                self._filled.notify()
        return unit.future

    def close(self) -> None:
        """Commit all that was submitted, then stop and close the connection; a second call does nothing."""
        with self._lock:
            self._closing = True
            self._filled.notify()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while group := self._next_group():
            _answer(self._commit(group))

    def _next_group(self) -> list[Unit]:
        """Whatever waits, at most GROUP_UNITS; blocks while nothing does; empty when it is time to stop."""
        with self._lock:
            while not self._queue and not self._closing:
                self._filled.wait()
            size = min(len(self._queue), GROUP_UNITS)
            return [self._queue.popleft() for _ in range(size)]

    def _commit(self, group: list[Unit]) -> list[Result]:
        """Do the whole group in one transaction. If that fails, nobody in it was promised anything."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [self._do(unit) for unit in group]
            self._connection.execute("COMMIT")
        except (sqlite3.Error, _GroupLostError) as error:
            self._roll_back()
            return [Result(unit, None, StoreError(f"nothing was written: {error}")) for unit in group]
        return results

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # the next BEGIN will tell whether the disk is usable again
            self._connection.rollback()

    def _do(self, unit: Unit) -> Result:
        """Run one unit so that its failure undoes only its own changes."""
        try:
            if unit.single:
                return Result(unit, unit.work(self._connection), None)
            return Result(unit, self._in_savepoint(unit.work), None)
        except BaseException as error:
            # On a full disk or an I/O error SQLite gives up the whole transaction, hence the group with it.
            if not self._connection.in_transaction:
                raise _GroupLostError(str(error)) from error
            return Result(unit, None, error if isinstance(error, LambentError) else _mapped(error))

    def _in_savepoint(self, work: Work) -> Any:
        self._connection.execute("SAVEPOINT unit")
        try:
            value = work(self._connection)
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO unit")
                self._connection.execute("RELEASE unit")
            raise
        self._connection.execute("RELEASE unit")
        return value


class _GroupLostError(Exception):
    """SQLite rolled the whole transaction back."""


def _mapped(error: BaseException) -> BaseException:
    return StoreError(f"nothing was written: {error}") if isinstance(error, sqlite3.Error) else error


def _answer(results: list[Result]) -> None:
    """Resolve the futures: one hop per event loop, however many units it had in the group."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Result]] = {}
    for result in results:
        by_loop.setdefault(result.unit.loop, []).append(result)
    for loop, its_results in by_loop.items():
        if not loop.is_closed():  # nobody is left to be told
            try:
                loop.call_soon_threadsafe(_resolve, its_results)
            except RuntimeError:
                continue  # it was closed between the two lines


def _resolve(results: list[Result]) -> None:
    for unit, value, error in results:
        if unit.future.done():  # the caller was cancelled; what it wrote stays written
            continue
        if error is not None:
            unit.future.set_exception(error)
        else:
            unit.future.set_result(value)
