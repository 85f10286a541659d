"""The queue's own schema and queries: valid, and with nothing in them that PostgreSQL does not have."""

import re
from pathlib import Path

import pytest

from lambent.store import connection, migrations, queries
from lambent.store.queue import SQL

FILES = [*SQL.glob("*.sql"), *SQL.glob("migrations/*.sql")]


def code(path: Path) -> str:
    return re.sub(r"--.*", "", path.read_text())


def test_every_query_of_the_queue_is_valid_against_its_schema(tmp_path: Path) -> None:
    handle = connection.writer(tmp_path / "db")
    migrations.migrate(handle, migrations.shipped(SQL / "migrations"))
    named = queries.load({path.name: path.read_text() for path in SQL.glob("*.sql")})
    for sql in named.values():
        handle.execute(f"EXPLAIN {sql}", dict.fromkeys(re.findall(r":(\w+)", sql), 1))
    assert len(named) > 30
    handle.close()


@pytest.mark.parametrize("word", ["INSERT OR", "AUTOINCREMENT", "rowid", "PRAGMA", "strftime", "json_", "IFNULL", "?"])
def test_no_sql_of_the_queue_uses_what_postgresql_does_not_have(word: str) -> None:
    assert [path.name for path in FILES if word.lower() in code(path).lower()] == []


def test_the_queue_has_only_the_types_that_both_databases_share() -> None:
    types: set[str] = set()
    for path in SQL.glob("migrations/*.sql"):
        types |= set(re.findall(r"^    [a-z_]+ ([A-Z]+(?: PRECISION)?)", code(path), re.MULTILINE))
    assert types <= {"TEXT", "BLOB", "BIGINT", "INTEGER", "DOUBLE PRECISION"}


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("letters_next_target", "letters_by_target"),
        ("letters_due", "letters_by_target"),
        ("letters_next_due", "letters_by_target"),
        ("letters_of_request", "letters_by_request"),
        ("kept_of_request", "kept_by_request"),
        ("kept_oldest", "kept_by_age"),
        ("kept_size", "kept_by_age"),
        ("outbox_oldest", "outbox_by_age"),
        ("outbox_size", "outbox_by_age"),
        ("outbox_of_request", "outbox_by_request"),
    ],
)
def test_what_is_asked_often_reads_an_index_and_sorts_nothing(tmp_path: Path, query: str, index: str) -> None:
    handle = connection.writer(tmp_path / "db")
    migrations.migrate(handle, migrations.shipped(SQL / "migrations"))
    sql = queries.load({path.name: path.read_text() for path in SQL.glob("*.sql")})[query]
    plan = handle.execute(f"EXPLAIN QUERY PLAN {sql}", dict.fromkeys(re.findall(r":(\w+)", sql), 1)).fetchall()
    text = " ".join(row["detail"] for row in plan)
    assert index in text
    assert "TEMP B-TREE" not in text
    handle.close()
