"""202 means on disk: the queue and what feeds it, over a real database in a temporary directory."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from event_samples import NOW, event

from lambent.errors import StoreError
from lambent.events.groups import first_group
from lambent.events.intake import Intake
from lambent.model import Event
from lambent.store.database import Database
from lambent.store.queue import EVENT_BYTES, Again, Over, Queue, open_queue

MB = 1024 * 1024
HERE = ("111111111111", "eu-west-1", "hello")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_queue(tmp_path / "queue")
    yield database
    database.close()


class FakeDispatch:
    """Remembers what it is told; `keeps` says what it wants to run from memory."""

    def __init__(self, *, keeps: bool = False) -> None:
        self.keeps = keeps
        self.told: list[tuple[str, bool, bool]] = []

    def expect(self, event: Event) -> bool:
        return self.keeps

    def arrived(self, event: Event, taken: bool, *, stored: bool) -> None:
        self.told.append((event.request_id, taken, stored))


async def test_an_accepted_event_is_in_the_database_when_accept_returns(db, tmp_path):
    await Intake(Queue(db), FakeDispatch()).accept(event())
    assert Queue(db).find(event().request_id) == event(id=1)


async def test_numbers_go_on_where_they_were_left(db):
    queue = Queue(db)
    await queue.add([(queue.numbered(event()), False)])
    assert Queue(db).numbered(event()).id == 2


async def test_many_at_once_are_all_stored_and_each_is_told_of_once(db):
    dispatch = FakeDispatch()
    intake = Intake(Queue(db), dispatch)
    await asyncio.gather(*(intake.accept(event(request_id=str(number))) for number in range(1200)))
    assert [row.waiting for row in Queue(db).backlogs()] == [1200]
    assert sorted(dispatch.told) == sorted((str(number), False, True) for number in range(1200))


async def test_what_cannot_be_written_is_not_accepted_and_the_next_is(db):
    queue, dispatch = Queue(db), FakeDispatch(keeps=True)
    intake = Intake(queue, dispatch)
    good, queue.add = queue.add, _full  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        await intake.accept(event(request_id="a"))
    queue.add = good  # type: ignore[method-assign]
    await intake.accept(event(request_id="b"))
    assert dispatch.told == [("a", True, False), ("b", True, True)]


async def _full(*_: object) -> None:
    raise StoreError("database or disk is full")


async def test_a_client_that_goes_away_leaves_its_event_accepted(db):
    dispatch = FakeDispatch()
    intake = Intake(Queue(db), dispatch)
    task = asyncio.get_running_loop().create_task(intake.accept(event()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await intake.close()
    assert dispatch.told == [(event().request_id, False, True)]


async def test_events_are_taken_in_the_order_in_which_they_are_due_and_only_once(db):
    queue = Queue(db)
    await queue.add([(event(id=1, due=NOW + 5), False), (event(id=2), False), (event(id=3, due=NOW + 99), False)])
    assert [found.id for found in await queue.take(HERE, NOW + 10, 10)] == [2, 1]
    assert await queue.take(HERE, NOW + 10, 10) == []
    assert queue.next_due(HERE) == NOW + 99


async def test_no_more_bytes_are_taken_than_there_is_room_for_but_one_at_least(db):
    queue = Queue(db)
    await queue.add([(event(id=number, payload=b"x" * 1000), False) for number in range(1, 6)])
    assert len(await queue.take(HERE, NOW, 10, 2 * (1000 + EVENT_BYTES) + 500)) == 2
    assert len(await queue.take(HERE, NOW, 10, 1)) == 1


async def test_what_the_last_server_had_taken_is_told_and_can_be_taken_again(db):
    queue = Queue(db)
    await queue.add([(event(id=1, request_id="ran"), True), (event(id=2), False)])
    assert [row["request_id"] for row in await queue.interrupted()] == ["ran"]
    assert [row["request_id"] for row in await queue.interrupted()] == []
    assert [found.id for found in await queue.take(HERE, NOW, 10)] == [1, 2]


async def test_an_event_that_failed_comes_back_as_it_is_from_then_on_and_one_that_ended_does_not(db):
    queue = Queue(db)
    await queue.add([(event(id=1), True), (event(id=2), True)])
    await queue.settle([Again(event(id=1, due=NOW + 60, attempts=1)), Over(2)])
    (found,) = await queue.take(HERE, NOW + 60, 10)
    assert (found.id, found.attempts, found.due) == (1, 1, NOW + 60)


async def test_the_end_of_an_event_and_what_takes_its_place_are_one_write(db):
    queue = Queue(db)
    await queue.add([(event(id=1), True)])
    with pytest.raises(StoreError):
        await queue.settle([Over(1, (("there is no such query", {}),))])
    assert queue.find(event().request_id) is not None


async def test_one_group_has_so_many_events_and_so_many_bytes_and_a_larger_event_is_alone():
    assert first_group([1] * 1000) == 100
    assert first_group([3 * MB] * 10) == 2
    assert first_group([9 * MB, 1]) == 1
    assert first_group([]) == 0


async def test_events_are_answered_and_told_of_though_dealing_with_one_fails(db):
    dispatch, told = FakeDispatch(), []

    def arrived(event: Event, taken: bool, *, stored: bool) -> None:
        told.append(event.request_id)
        if event.request_id == "0":
            raise ValueError("a bug")

    dispatch.arrived = arrived  # type: ignore[method-assign]
    intake = Intake(Queue(db), dispatch)
    await asyncio.gather(*(intake.accept(event(request_id=str(number))) for number in range(3)))
    await intake.close()
    assert told == ["0", "1", "2"]


async def test_what_has_not_been_tried_is_given_back_and_what_may_have_run_is_not(db):
    queue = Queue(db)
    await queue.add([(event(id=1), True), (event(id=2), True), (event(id=3), True)])
    await queue.give_back({2})
    assert [row["id"] for row in await queue.interrupted()] == [2]
