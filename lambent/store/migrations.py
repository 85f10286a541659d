"""Bringing a database to the shape that this Lambent knows: numbered files, each applied once, in order."""

import re
import sqlite3
from pathlib import Path
from typing import NamedTuple

from lambent.errors import StoreError
from lambent.store.queries import SQL

_FILE = re.compile(r"(?P<number>\d{3})_(?P<name>\w+)\.sql")
_RECORD = "CREATE TABLE IF NOT EXISTS migrations (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL)"


class Migration(NamedTuple):
    """One step of the schema."""

    number: int
    name: str
    statements: tuple[str, ...]


def shipped(directory: Path = SQL / "migrations") -> list[Migration]:
    """The migrations that Lambent ships, by number."""
    return sorted(_read(path) for path in directory.glob("*.sql"))


def pending(known: list[Migration], applied: dict[int, str]) -> list[Migration]:
    """What is still to be applied. Raises StoreError when the data come from a newer Lambent."""
    newest = max(applied, default=0)
    last_known = max((migration.number for migration in known), default=0)
    if newest > last_known:
        raise StoreError(
            f"these data were written by a newer Lambent: they are at migration {newest} ({applied[newest]}) and this "
            f"one knows none after {last_known}; start that newer version, or name another directory with --data"
        )
    return [migration for migration in known if migration.number not in applied]


def migrate(connection: sqlite3.Connection, known: list[Migration]) -> None:
    """Apply what is missing, all or nothing. `connection` is in autocommit mode."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_RECORD)
        applied = {int(row[0]): str(row[1]) for row in connection.execute("SELECT number, name FROM migrations")}
        for migration in pending(known, applied):
            _apply(connection, migration)
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    for statement in migration.statements:
        connection.execute(statement)
    connection.execute("INSERT INTO migrations (number, name) VALUES (?, ?)", (migration.number, migration.name))


def _read(path: Path) -> Migration:
    match = _FILE.fullmatch(path.name)
    if match is None:
        raise StoreError(f"{path.name} is not a migration: it should be called 001_what_it_does.sql")
    return Migration(int(match["number"]), match["name"], tuple(statements(path.read_text())))


def statements(text: str) -> list[str]:
    """The single statements of a file; `executescript` would commit behind our back."""
    found, current = [], ""
    for line in text.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current.strip())
            current = ""
    if current.strip() and not all(line.startswith("--") for line in current.split("\n") if line):
        raise StoreError(f"a migration ends in the middle of a statement: {current.strip()!r}")
    return found
