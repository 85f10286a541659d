"""The database: sync reads by name, and writes that are on disk when they are answered."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lambent.errors import StoreError
from lambent.store import connection, migrations, queries
from lambent.store.connection import Row
from lambent.store.durable import sync_directory
from lambent.store.lock import DirectoryLock
from lambent.store.writer import QUEUE_UNITS, Writer

T = TypeVar("T")


class Transaction:
    """What a unit of work may do: run named queries that take effect together or not at all."""

    def __init__(self, handle: sqlite3.Connection, named: queries.Queries) -> None:
        self._connection = handle
        self._named = named

    def write(self, query: str, /, **parameters: Any) -> int:
        """Run a query that changes something; the number of rows it changed."""
        return self._connection.execute(self._named[query], parameters).rowcount

    def write_many(self, query: str, /, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a query that changes something once for each of `rows`, its parameters."""
        self._connection.executemany(self._named[query], rows)

    def read(self, query: str, /, **parameters: Any) -> list[Row]:
        """Run a query and see also what this transaction has written so far."""
        return self._connection.execute(self._named[query], parameters).fetchall()

    def first(self, query: str, /, **parameters: Any) -> Row | None:
        """The first row that `read` would give."""
        row: Row | None = self._connection.execute(self._named[query], parameters).fetchone()
        return row


class Database:
    """One SQLite database in a data directory that nobody else uses; close it to give the directory back.

    Raises StoreError if the directory is in use, cannot be used, or belongs to a newer Lambent.
    """

    def __init__(
        self,
        directory: Path,
        *,
        known: list[migrations.Migration] | None = None,
        named: queries.Queries | None = None,
        queue_units: int = QUEUE_UNITS,
    ) -> None:
        self.path = directory / "lambent.db"
        self._named = queries.shipped() if named is None else named
        self._local = threading.local()  # .connection: the reader of this thread
        self._readers: list[sqlite3.Connection] = []  # every reader there is, for close(); only ever appended to
        self._closed = False
        self._lock = _lock(directory)
        try:
            writing = _prepared(self.path, migrations.shipped() if known is None else known)
        except BaseException:
            self._lock.release()
            raise
        self._writer = Writer(writing, queue_units=queue_units)

    def __repr__(self) -> str:
        return f"<Database {self.path}{' closed' if self._closed else ''}>"

    async def write(self, query: str, /, **parameters: Any) -> int:
        """Run one query that changes something; the rows it changed, once that is synced to disk."""
        sql = self._named[query]
        return int(await self._writer.submit(lambda handle: handle.execute(sql, parameters).rowcount, single=True))

    async def transaction(self, work: Callable[[Transaction], T]) -> T:
        """Do `work` in the writer's thread, all or nothing; its value, once what it did is synced to disk.

        `work` must be quick and wait for nothing: all other writers wait for it. What it raises is raised here.
        """
        named = self._named
        value: T = await self._writer.submit(lambda handle: work(Transaction(handle, named)), single=False)
        return value

    def read(self, query: str, /, **parameters: Any) -> list[Row]:
        """The rows of a query, as of the last commit; from any thread, without waiting for writers."""
        try:
            return self._reader().execute(self._named[query], parameters).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"cannot read {query}: {error}") from error

    def first(self, query: str, /, **parameters: Any) -> Row | None:
        """The first row of a query, or None."""
        rows = self.read(query, **parameters)
        return rows[0] if rows else None

    def forget_deleted(self) -> None:
        """Write the file anew without whatever was ever deleted from it. Only before anything else is at work."""
        handle = connection.writer(self.path)
        try:
            handle.execute("VACUUM")
            handle.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise StoreError(f"cannot write {self.path} anew: {error}") from error
        finally:
            handle.close()

    def close(self) -> None:
        """Flush what was submitted, close everything and give the directory back; blocks until then."""
        self._closed = True
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        self._writer.close()  # last: only then does SQLite bring its journal home into the file
        self._lock.release()

    def _reader(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError("the store is closed")
        try:
            handle: sqlite3.Connection = self._local.connection
        except AttributeError:
            handle = self._local.connection = connection.reader(self.path)
            self._readers.append(handle)
        return handle


def _lock(directory: Path) -> DirectoryLock:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):  # one may use a directory without being able to read its parent
            sync_directory(directory.resolve().parent)
        return DirectoryLock(directory)
    except OSError as error:
        raise StoreError(f"cannot use {directory} as the data directory: {error.strerror}") from error


def _prepared(path: Path, known: list[migrations.Migration]) -> sqlite3.Connection:
    """The writing connection to a database that is in the shape that we know."""
    _make_private(path)
    handle = connection.writer(path)
    try:
        migrations.migrate(handle, known)
    except sqlite3.Error as error:
        handle.close()
        raise StoreError(f"cannot bring {path} up to date: {error}") from error
    except BaseException:
        handle.close()
        raise
    return handle


def _make_private(path: Path) -> None:
    """Configurations hold secrets, so the file is its owner's only; SQLite gives its side files the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
