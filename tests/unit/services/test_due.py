"""What has times of its own is fired at them: a real database, a clock that is moved by hand."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from lambent.clock import VirtualClock
from lambent.errors import StoreError
from lambent.services.due import Due, Key
from lambent.store.database import Database
from lambent.store.ledger import Entry, Ledger
from lambent.store.queue import open_queue

AT = 1_700_000_000.0  # where the clock begins


class Chime(msgspec.Struct, frozen=True):
    """Due every so many seconds."""

    name: str
    every_s: float
    due: float

    @property
    def key(self) -> Key:
        return "account", "region", "tower", self.name

    @property
    def arn(self) -> str:
        return f"arn:{self.name}"


class Tower:
    """All chimes; `heard` are those that were fired and are on disk."""

    def __init__(self, db: Database, clock: VirtualClock) -> None:
        self.chimes: dict[Key, Chime] = {}
        self.heard: list[tuple[str, float]] = []
        self.due: Due[Chime] = Due(clock, Ledger(db), self.chimes.get, self.fire)

    async def put(self, name: str, every_s: float, due: float) -> Chime:
        chime = Chime(name, every_s, AT + due)
        await self.due.change(chime.key, Entry([], written=lambda: self.chimes.update({chime.key: chime})))
        return chime

    def fire(self, chime: Chime, now: float) -> list[Entry]:
        if chime.name == "cracked":
            raise RuntimeError("this one cannot")
        self.chimes[chime.key] = replace(chime, due=now + chime.every_s)
        return [Entry([], written=lambda: self.heard.append((chime.name, now - AT)))]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(AT)


@pytest.fixture
def tower(tmp_path: Path, clock: VirtualClock) -> Iterator[Tower]:
    database = open_queue(tmp_path / "queue")
    tower = Tower(database, clock)
    yield tower
    tower.due.close()
    database.close()


async def test_each_is_fired_at_its_own_times_in_their_order(tower, clock):
    await tower.put("slow", 50, 50)
    await tower.put("quick", 20, 20)
    await clock.travel(60)
    assert tower.heard == [("quick", 20), ("quick", 40), ("slow", 50), ("quick", 60)]


async def test_what_was_due_while_nobody_was_here_is_due_at_once_and_only_once(tower, clock):
    late = Chime("late", 60, AT - 600)
    tower.chimes[late.key] = late
    tower.due.start(tower.chimes.values())
    await clock.travel(59)
    assert tower.heard == [("late", 0)]


async def test_what_is_gone_or_has_another_time_is_passed_over(tower, clock):
    gone, moved = await tower.put("gone", 10, 10), await tower.put("moved", 100, 10)
    del tower.chimes[gone.key]
    await tower.put("moved", 100, 30)
    assert tower.chimes[moved.key].due == AT + 30
    await clock.travel(40)
    assert tower.heard == [("moved", 30)]


async def test_a_mistake_in_one_keeps_no_other_from_its_time(tower, clock, caplog):
    await tower.put("cracked", 10, 10)
    await tower.put("whole", 10, 10)
    await clock.travel(20)
    assert tower.heard == [("whole", 10), ("whole", 20)]
    assert "arn:cracked was due, and could not be fired" in caplog.text


async def test_nothing_is_due_any_more_once_it_is_closed(tower, clock):
    await tower.put("quick", 20, 20)
    tower.due.close()
    await clock.travel(60)
    assert tower.heard == []


async def test_what_cannot_be_changed_is_fired_as_it_was(tower, clock):
    chime = await tower.put("quick", 20, 20)
    change = asyncio.create_task(tower.due.change(chime.key, Entry([("no such query", {})])))
    await asyncio.sleep(0)
    clock.advance(20)
    with pytest.raises(StoreError):
        await change
    await clock.travel(0)
    assert tower.heard == [("quick", 20)]


async def test_while_one_is_being_changed_the_others_have_their_times(tower, clock):
    await tower.put("other", 20, 20)
    chime = await tower.put("quick", 20, 20)
    change = asyncio.create_task(tower.put("quick", 20, 30))
    await asyncio.sleep(0)
    clock.advance(20)
    assert tower.chimes[chime.key] == chime
    await change
    await clock.travel(10)
    assert tower.heard == [("other", 20), ("quick", 30)]
