"""Failed events and the outbox are kept for a while, within bounds; replay puts events back into the queue."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from event_samples import NOW, event
from hypothesis import given
from hypothesis import strategies as st
from letter_samples import QUEUE, failure, letter

from lambent.clock import FixedClock
from lambent.events import retention as retentions
from lambent.events.letters import kept_letter
from lambent.events.messages import message_for
from lambent.events.retention import DAY_S, Retention, too_many, too_old
from lambent.model import InvokeConfig
from lambent.store.database import Database
from lambent.store.kept import KeptEvents, kept_columns
from lambent.store.outbox import OutboxStore
from lambent.store.queue import open_queue
from lambent.store.shelves import Item, Shelf


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_queue(tmp_path / "queue")
    yield database
    database.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


async def keep(db: Database, number: int, *, failed: float = NOW, size: int = 10) -> None:
    payload = b"1" * size
    end = failure(event=event(request_id=str(number), payload=payload), now=failed, config=InvokeConfig())
    await db.write("kept_add", **kept_columns(kept_letter(end)))


async def ended(retention: Retention) -> None:
    async with asyncio.timeout(30):
        while retention._work.tasks or retention._soon:  # noqa: ASYNC110  threads are waited for
            await asyncio.sleep(0)


def ids(db: Database) -> list[str]:
    return [row["request_id"] for row in db.read("kept_list", **ALL, limit=100)]


ALL: dict[str, Any] = {
    "account": "111111111111", "region": "eu-west-1", "name": "", "condition": "", "since": 0.0, "after": 0,
    "last": 1 << 40,
}  # fmt: skip


async def test_what_is_older_than_its_days_goes_by_the_product_clock(db, clock, monkeypatch):
    monkeypatch.setattr(retentions, "SETTLE_S", 0)
    await keep(db, 1, failed=NOW)
    await keep(db, 2, failed=NOW + 2 * DAY_S)
    retention = Retention([Shelf(db, "kept")], clock, days=14, most_bytes=1 << 30)
    retention.start()
    await ended(retention)
    assert ids(db) == ["1", "2"]
    clock.advance(14 * DAY_S + 3600)
    await ended(retention)
    assert ids(db) == ["2"]
    await retention.close()
    assert retention.dropped == {"kept": 0}


async def test_the_oldest_go_when_the_disk_space_is_used_up_and_that_is_counted_and_told(
    db, clock, caplog, monkeypatch
):
    monkeypatch.setattr(retentions, "SETTLE_S", 0)
    for number in range(10):
        await keep(db, number, failed=NOW + number, size=1_000)
    _, size = Shelf(db, "kept").totals()
    retention = Retention([Shelf(db, "kept")], clock, days=14, most_bytes=size // 2)
    retention.grew()
    await ended(retention)
    assert ids(db) == ["5", "6", "7", "8", "9"]
    assert retention.dropped == {"kept": 5}
    assert "5 oldest failed events were dropped" in caplog.text
    await retention.close()


async def test_the_outbox_has_the_same_bounds(db, clock, in_outbox, monkeypatch):
    monkeypatch.setattr(retentions, "SETTLE_S", 0)
    outbox = OutboxStore(db)
    for number in range(4):
        in_outbox(db, letter(event=event(request_id=str(number), attempts=3)), NOW + number)
    retention = Retention([Shelf(db, "outbox")], clock, days=14, most_bytes=Shelf(db, "outbox").totals()[1] - 1)
    retention.start()
    await ended(retention)
    assert [len(outbox.of_request(str(number))) for number in range(4)] == [0, 1, 1, 1]
    await retention.close()


def test_a_message_of_the_outbox_is_the_call_that_would_have_been_made(db, in_outbox):
    sent = letter()
    in_outbox(db, sent, NOW)
    (found,) = OutboxStore(db).of_request(sent.request_id)
    assert (found.operation, found.target, found.body) == ("SendMessage", QUEUE, sent.body)
    assert found.parameters == message_for(sent).parameters
    assert (found.delivered, found.kind, found.success) == (NOW, "destination", False)


items = st.lists(st.builds(Item, st.integers(1, 99), st.floats(0, 1e9), st.integers(1, 5000))).map(
    lambda found: sorted(found, key=lambda item: item.at)
)


@given(items, st.integers(-10, 200_000))
def test_no_more_goes_than_must_to_make_room(found, excess):
    chosen = too_many(found, excess)
    assert chosen == found[: len(chosen)]
    assert sum(item.size for item in chosen[:-1]) < max(excess, 1)
    assert sum(item.size for item in chosen) >= excess or chosen == found


@given(items, st.floats(0, 1e9))
def test_what_grew_old_is_what_came_before(found, before):
    assert too_old(found, before) == found[: sum(item.at < before for item in found)]


# -- what is kept


async def test_a_replayed_event_is_in_the_queue_and_kept_no_longer_even_if_it_is_asked_for_twice(db):
    kept = KeptEvents(db)
    await keep(db, 7)
    (entry,) = kept.of_request("7")
    again = event(id=5, request_id="7", payload=entry.payload)
    assert await kept.replay([(entry, again)]) == [again]
    assert await kept.replay([(entry, event(id=6, request_id="7"))]) == []
    assert kept.of_request("7") == []
    assert [row["id"] for row in db.read("events_interrupted")] == []
    assert db.first("event_of_request", request_id="7")["id"] == 5


async def test_what_has_the_number_of_a_removed_entry_is_not_taken_for_it(db):
    kept = KeptEvents(db)
    await keep(db, 1)
    (entry,) = kept.of_request("1")
    assert await kept.remove([entry]) == 1
    await keep(db, 2)  # is given the same number
    assert kept.of_request("2")[0].id == entry.id
    assert await kept.replay([(entry, event(id=9, request_id="1"))]) == []
    assert await kept.remove([entry]) == 0
    assert ids(db) == ["2"]
