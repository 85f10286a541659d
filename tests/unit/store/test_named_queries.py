"""Queries and migrations as text: names, portability, and that each is valid against the schema."""

import re
import sqlite3
from pathlib import Path

import pytest

from lambent.errors import StoreError
from lambent.store import connection, migrations, queries


def test_a_file_is_split_into_its_named_queries() -> None:
    text = "-- name: one -- the first\nSELECT 1;\n\n-- name: two -- the second\nSELECT 2\nFROM t;\n"

    assert queries.split(text) == [
        queries.Query("one", "the first", "SELECT 1"),
        queries.Query("two", "the second", "SELECT 2\nFROM t"),
    ]


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    named = queries.load({"a.sql": "-- name: one -- the first\nSELECT 1;"})

    with pytest.raises(StoreError, match=r"no query named 'uno'.*has: one"):
        named["uno"]


def test_two_queries_of_one_name_are_refused() -> None:
    text = "-- name: one -- the first\nSELECT 1;"

    with pytest.raises(StoreError, match=r"'one' in b\.sql .* already taken"):
        queries.load({"a.sql": text, "b.sql": text})


def test_every_shipped_query_is_valid_against_the_shipped_schema(tmp_path: Path) -> None:
    handle = connection.writer(tmp_path / "db")
    migrations.migrate(handle, migrations.shipped())

    for name, sql in queries.shipped().items():
        parameters = dict.fromkeys(re.findall(r":(\w+)", sql), 1)
        handle.execute(f"EXPLAIN {sql}", parameters)
        assert name
    handle.close()


@pytest.mark.parametrize("word", ["INSERT OR", "AUTOINCREMENT", "rowid", "PRAGMA", "strftime", "json_", "IFNULL", "?"])
def test_no_sql_uses_what_postgresql_does_not_have(word: str) -> None:
    files = [*queries.SQL.glob("*.sql"), *queries.SQL.glob("migrations/*.sql")]

    assert [path.name for path in files if word.lower() in _code(path).lower()] == []


def test_columns_have_only_the_types_that_both_databases_share() -> None:
    types: set[str] = set()
    for path in queries.SQL.glob("migrations/*.sql"):
        types |= set(re.findall(r"^    [a-z_]+ ([A-Z]+(?: PRECISION)?)", _code(path), re.MULTILINE))

    assert types <= {"TEXT", "BIGINT", "INTEGER", "DOUBLE PRECISION"}


def _code(path: Path) -> str:
    return re.sub(r"--.*", "", path.read_text())


ONE = migrations.Migration(1, "one", ("CREATE TABLE one (a TEXT)",))
TWO = migrations.Migration(2, "two", ("CREATE TABLE two (a TEXT)", "INSERT INTO two VALUES ('x')"))
BROKEN = migrations.Migration(3, "broken", ("CREATE TABLE three (a TEXT)", "CREATE TABEL four (a TEXT)"))


@pytest.fixture
def handle(tmp_path: Path) -> sqlite3.Connection:
    return connection.writer(tmp_path / "db")


def _tables(handle: sqlite3.Connection) -> list[str]:
    return [row[0] for row in handle.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def test_only_what_is_missing_is_applied(handle: sqlite3.Connection) -> None:
    migrations.migrate(handle, [ONE])
    migrations.migrate(handle, [ONE, TWO])
    migrations.migrate(handle, [ONE, TWO])

    assert _tables(handle) == ["migrations", "one", "two"]
    assert [tuple(row) for row in handle.execute("SELECT number, name FROM migrations")] == [(1, "one"), (2, "two")]
    assert len(handle.execute("SELECT a FROM two").fetchall()) == 1
    handle.close()


def test_a_migration_that_fails_leaves_the_database_as_it_was(handle: sqlite3.Connection) -> None:
    migrations.migrate(handle, [ONE])

    with pytest.raises(sqlite3.OperationalError):
        migrations.migrate(handle, [ONE, TWO, BROKEN])

    assert _tables(handle) == ["migrations", "one"]
    handle.close()


def test_data_of_a_newer_version_are_refused_by_name() -> None:
    with pytest.raises(StoreError, match=r"newer Lambent.*migration 7 \(queues\).*none after 2"):
        migrations.pending([ONE, TWO], {1: "one", 2: "two", 7: "queues"})


def test_a_migration_file_is_split_at_its_statements_only() -> None:
    text = "-- why; because\nCREATE TABLE a (b TEXT); -- end\nINSERT INTO a\nVALUES (';');\n-- done\n"

    assert len(migrations.statements(text)) == 2


def test_a_migration_that_ends_in_the_middle_is_refused() -> None:
    with pytest.raises(StoreError, match="middle of a statement"):
        migrations.statements("CREATE TABLE a (b TEXT)")


def test_shipped_migrations_are_numbered_without_gaps() -> None:
    shipped = migrations.shipped()

    assert [migration.number for migration in shipped] == list(range(1, len(shipped) + 1))
