"""The database: durable answers, groups, failures that stay alone, one server for one directory."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambent.errors import ResourceConflict, StoreError, TooManyRequests
from lambent.store import queries
from lambent.store.database import Database, Transaction
from lambent.store.migrations import Migration

SCHEMA = [
    Migration(
        1,
        "notes",
        (
            "CREATE TABLE notes (id BIGINT NOT NULL PRIMARY KEY, body TEXT NOT NULL)",
            "CREATE TABLE marks (id BIGINT NOT NULL PRIMARY KEY, FOREIGN KEY (id) REFERENCES notes (id))",
        ),
    )
]
NAMED = queries.load(
    {
        "notes.sql": """
-- name: add -- a note
INSERT INTO notes (id, body) VALUES (:id, :body);
-- name: mark -- a mark on a note
INSERT INTO marks (id) VALUES (:id);
-- name: all -- every note
SELECT id, body FROM notes ORDER BY id;
-- name: by_id -- one note
SELECT id, body FROM notes WHERE id = :id;
"""
    }
)


def open_database(directory: Path, **more: int) -> Database:
    return Database(directory, known=SCHEMA, named=NAMED, **more)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "data")
    yield database
    database.close()


def ids(db: Database) -> list[int]:
    return [row["id"] for row in db.read("all")]


async def test_what_was_written_is_read_by_name(db: Database) -> None:
    assert await db.write("add", id=1, body="one") == 1

    row = db.first("by_id", id=1)

    assert row is not None
    assert (row["id"], row["body"]) == (1, "one")
    assert db.first("by_id", id=2) is None


async def test_a_write_is_seen_by_every_connection_once_it_is_answered(db: Database) -> None:
    await db.write("add", id=1, body="one")
    outside = sqlite3.connect(db.path)

    assert outside.execute("SELECT count(*) FROM notes").fetchone() == (1,)
    outside.close()


async def test_the_database_syncs_every_commit_and_keeps_its_references(db: Database) -> None:
    def pragma(tx: Transaction) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return tuple(tx._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)

    assert await db.transaction(pragma) == ("wal", 2, 1)  # 2 is FULL


async def test_a_failing_unit_does_not_harm_the_others_of_its_group(db: Database) -> None:
    def half(tx: Transaction) -> None:
        tx.write("add", id=100, body="never")
        raise ResourceConflict("no")

    results = await asyncio.gather(
        *(db.write("add", id=number // 2, body="") for number in range(40)),
        db.transaction(half),
        db.write("add", id=50, body=""),
        return_exceptions=True,
    )

    assert ids(db) == [*range(20), 50]
    assert sum(isinstance(result, StoreError) for result in results) == 20
    assert [str(result) for result in results if isinstance(result, ResourceConflict)] == ["no"]


async def test_a_transaction_happens_completely_or_not_at_all(db: Database) -> None:
    def both(tx: Transaction) -> None:
        tx.write("add", id=1, body="one")
        assert tx.first("by_id", id=1) is not None
        tx.write("add", id=1, body="again")

    with pytest.raises(StoreError, match="nothing was written: UNIQUE"):
        await db.transaction(both)

    assert ids(db) == []


async def test_a_reference_to_nothing_is_refused(db: Database) -> None:
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        await db.write("mark", id=9)


async def test_any_error_of_a_unit_comes_back_to_its_caller_and_the_writer_lives_on(db: Database) -> None:
    def leave(tx: Transaction) -> None:
        raise SystemError("odd")

    with pytest.raises(SystemError, match="odd"):
        await db.transaction(leave)

    assert await db.write("add", id=1, body="") == 1


async def test_a_group_whose_commit_fails_is_promised_to_nobody(db: Database) -> None:
    def lose(tx: Transaction) -> None:
        tx._connection.rollback()  # as SQLite does by itself when the disk is full
        raise sqlite3.OperationalError("database or disk is full")

    results = await asyncio.gather(
        db.write("add", id=1, body=""), db.transaction(lose), db.write("add", id=2, body=""), return_exceptions=True
    )

    assert all(isinstance(result, StoreError) for result in results)
    assert ids(db) == []
    assert await db.write("add", id=3, body="") == 1


async def test_a_cancelled_caller_does_not_disturb_the_others(db: Database) -> None:
    cancelled = asyncio.ensure_future(db.write("add", id=1, body=""))
    await asyncio.sleep(0)
    cancelled.cancel()

    await db.write("add", id=2, body="")

    assert ids(db) == [1, 2]  # it was on its way


async def test_a_full_queue_refuses_as_a_throttle(tmp_path: Path) -> None:
    db = open_database(tmp_path / "small", queue_units=2)
    gate, started = threading.Event(), threading.Event()

    def block(tx: Transaction) -> None:
        started.set()
        gate.wait()

    blocked = asyncio.ensure_future(db.transaction(block))
    await asyncio.to_thread(started.wait)
    waiting = [asyncio.ensure_future(db.write("add", id=number, body="")) for number in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(TooManyRequests):
        await db.write("add", id=9, body="")

    gate.set()
    await asyncio.gather(blocked, *waiting)
    assert ids(db) == [0, 1]
    db.close()


async def test_close_flushes_what_was_submitted(tmp_path: Path) -> None:
    db = open_database(tmp_path / "data")
    writes = [asyncio.ensure_future(db.write("add", id=number, body="")) for number in range(300)]
    await asyncio.sleep(0)

    db.close()

    assert await asyncio.gather(*writes) == [1] * 300
    again = open_database(tmp_path / "data")
    assert ids(again) == list(range(300))
    again.close()


async def test_a_closed_database_says_so(db: Database) -> None:
    db.close()

    with pytest.raises(StoreError, match="closed"):
        await db.write("add", id=1, body="")
    with pytest.raises(StoreError, match="closed"):
        db.read("all")


async def test_each_thread_reads_on_a_connection_that_cannot_write(db: Database) -> None:
    await db.write("add", id=1, body="")

    assert await asyncio.to_thread(ids, db) == [1]
    with pytest.raises(StoreError, match="readonly"):
        db.read("add", id=2, body="")


async def test_an_unknown_query_is_named(db: Database) -> None:
    with pytest.raises(StoreError, match="no query named 'nope'"):
        await db.write("nope")
    with pytest.raises(StoreError, match="no query named 'nope'"):
        db.read("nope")


async def test_a_missing_parameter_is_told_and_harms_nobody(db: Database) -> None:
    with pytest.raises(StoreError, match="cannot read by_id"):
        db.read("by_id")
    with pytest.raises(StoreError, match="nothing was written"):
        await db.write("add", id=1)


def test_two_event_loops_may_write_to_one_database(db: Database) -> None:
    async def some(first: int) -> None:
        await asyncio.gather(*(db.write("add", id=first + number, body="") for number in range(50)))

    threads = [threading.Thread(target=asyncio.run, args=(some(first),)) for first in (0, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ids(db)) == 100


def test_the_directory_and_the_file_are_their_owners_only(db: Database) -> None:
    assert os.stat(db.path.parent).st_mode & 0o777 == 0o700
    assert os.stat(db.path).st_mode & 0o777 == 0o600


def test_a_directory_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_database(tmp_path).close()

    assert os.stat(tmp_path).st_mode & 0o777 == 0o755


def test_a_second_database_on_the_directory_is_refused(db: Database) -> None:
    with pytest.raises(StoreError, match=r"this process has .* open already"):
        open_database(db.path.parent)


def test_a_second_server_on_the_directory_is_refused_and_told_who_has_it(db: Database) -> None:
    script = (
        "import sys, pathlib; from lambent.store.lock import DirectoryLock; from lambent.errors import StoreError\n"
        "try: DirectoryLock(pathlib.Path(sys.argv[1]))\n"
        "except StoreError as error: print(error.message)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(db.path.parent)], capture_output=True, text=True, check=True
    )

    assert f"another Lambent (process {os.getpid()}) is using" in ran.stdout


def test_what_is_no_database_is_refused_and_the_directory_given_back(tmp_path: Path) -> None:
    (tmp_path / "lambent.db").write_bytes(b"this is a letter, not a database" * 100)

    for _ in range(2):
        with pytest.raises(StoreError, match=r"cannot use .*lambent\.db as the database"):
            open_database(tmp_path)


def test_a_database_from_a_newer_version_is_refused(tmp_path: Path) -> None:
    Database(tmp_path, known=[*SCHEMA, Migration(2, "next", ())], named=NAMED).close()

    with pytest.raises(StoreError, match="newer Lambent"):
        open_database(tmp_path)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match=r"cannot use .* as the data directory"):
        open_database(tmp_path / "file" / "data")
