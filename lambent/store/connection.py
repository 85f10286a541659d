"""Connections to the SQLite database, each set up in the one way that keeps the promises of the store."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from lambent.errors import StoreError

BUSY_MS = 5_000  # how long a foreign lock (a backup, the sqlite3 shell) is waited for
CACHED_STATEMENTS = 512  # more than there are named queries, so that none is ever compiled twice
WAL_LIMIT_BYTES = 64 * 1024 * 1024  # a burst does not leave its size on disk for ever


class Row(Protocol):
    """One row of a result: its columns by name."""

    def __getitem__(self, column: str) -> Any: ...

    def keys(self) -> Sequence[str]: ...


def writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes: WAL, and a COMMIT returns only after fsync."""
    connection = _open(f"{path.resolve().as_uri()}?mode=rwc")
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what was deleted or overwritten is gone from the file
        connection.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(f"cannot use {path} as the database: {error}") from error
    return connection


def reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads; outside of a transaction each read sees what was committed last."""
    connection = _open(f"{path.resolve().as_uri()}?mode=ro")
    connection.execute("PRAGMA query_only=ON")
    return connection


def _open(uri: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            uri,
            uri=True,
            isolation_level=None,
            check_same_thread=False,  # close() may be called from another thread; use is by one thread at a time
            timeout=BUSY_MS / 1000,
            cached_statements=CACHED_STATEMENTS,
        )
    except sqlite3.Error as error:
        raise StoreError(f"cannot open {uri}: {error}") from error
    connection.row_factory = sqlite3.Row
    return connection
