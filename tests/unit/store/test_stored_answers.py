"""Idempotency keys on disk: each there once, gone in time, and counted in bytes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lambent.store.answers import OVERHEAD, Answers, Scope, StoredAnswer
from lambent.store.database import Database
from lambent.store.queue import open_queue

SCOPE = Scope("111111111111", "eu-west-1", "hello", "", "key", 5.0)


def answer(scope: Scope = SCOPE, **changes: Any) -> StoredAnswer:
    given: dict[str, Any] = {"digest": "d", "request_id": "r", "trace": "Root=1", "running": False, "expires": 100.0}
    return StoredAnswer(scope=scope, **(given | changes))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_queue(tmp_path / "queue")
    yield database
    database.close()


async def test_what_was_put_is_found_whole_also_after_a_restart(tmp_path):
    full = answer(
        running=False, runs=3, executed_version="7", function_error="Unhandled", payload=b"\x00{}", log_tail=b"START"
    )
    database = open_queue(tmp_path / "again")
    await Answers(database).put(full)
    database.close()
    database = open_queue(tmp_path / "again")
    assert Answers(database).get(SCOPE) == full
    assert Answers(database).bytes == OVERHEAD + 3 + 5 + 3
    database.close()


async def test_the_answer_takes_the_place_of_the_run(db):
    answers = Answers(db)
    await answers.put(answer(running=True))
    assert answers.totals() == (1, 1, OVERHEAD + 3)
    await answers.put(answer(payload=b"12345"))
    assert answers.totals() == (1, 0, OVERHEAD + 8)
    assert answers.bytes == OVERHEAD + 8


async def test_scopes_do_not_meet(db):
    answers = Answers(db)
    scopes = [
        SCOPE,
        *(
            SCOPE._replace(**{field: "other"})
            for field in ("account", "region", "name", "qualifier", "idempotency_key")
        ),
    ]
    for number, scope in enumerate(scopes):
        await answers.put(answer(scope, request_id=str(number)))
    found = [answers.get(scope) for scope in scopes]
    assert [each and each.request_id for each in found] == [str(number) for number in range(6)]


async def test_a_key_tells_which_function_of_that_name_it_was_used_for(db):
    await Answers(db).put(answer())
    found = Answers(db).get(SCOPE._replace(born=9.0))
    assert found is not None
    assert found.scope == SCOPE


async def test_keys_whose_time_is_over_go_and_their_bytes_are_free(db, monkeypatch):
    monkeypatch.setattr("lambent.store.answers.AT_ONCE", 2)
    answers = Answers(db)
    for number in range(7):
        await answers.put(answer(SCOPE._replace(idempotency_key=str(number)), expires=float(number)))
    assert answers.expired(0.0)
    assert await answers.expire(4.0) == 5
    assert not answers.expired(4.0)
    assert answers.totals() == (2, 0, 2 * (OVERHEAD + 1))
    assert answers.bytes == 2 * (OVERHEAD + 1)
    assert await answers.expire(4.0) == 0


async def test_a_key_can_be_released_and_a_function_forgotten(db):
    answers = Answers(db)
    await answers.put(answer())
    await answers.drop(SCOPE)
    await answers.drop(SCOPE)
    assert (answers.get(SCOPE), answers.bytes) == (None, 0)
    await answers.put(answer())
    await answers.put(answer(SCOPE._replace(name="other")))
    await answers.forget("111111111111", "eu-west-1", "hello")
    assert answers.totals().keys == 1
    assert answers.get(SCOPE) is None


async def test_another_time_is_another_row(db):
    answers = Answers(db)
    await answers.put(answer(expires=1.0))
    await answers.put(replace(answer(), expires=50.0))
    assert await answers.expire(2.0) == 0
