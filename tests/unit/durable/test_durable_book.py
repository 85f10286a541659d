"""What the book of executions reads of them, and how often."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from durable_client import START, StoreDriver

from lambent.clock import FixedClock
from lambent.durable.attempts import Attempt
from lambent.durable.book import Book
from lambent.errors import ResourceNotFound
from lambent.store.durable_executions import DurableExecutions
from lambent.store.queue import open_queue


class CountedExecutions(DurableExecutions):
    """Knows how often executions and their operations were read."""

    reads: Counter[str]

    def get(self, number: int) -> bytes | None:
        self.reads["execution"] += 1
        return super().get(number)

    def operations(self, number: int) -> list[bytes]:
        self.reads["operations"] += 1
        return super().operations(number)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CountedExecutions]:
    database = open_queue(tmp_path / "queue")
    store = CountedExecutions(database)
    store.reads = Counter()
    yield store
    database.close()


@pytest.fixture
def book(store: CountedExecutions) -> Book:
    return Book(store, FixedClock(START), failed=lambda error: None)


@pytest.mark.parametrize("input_bytes", [7, 300_000])
async def test_a_change_reads_the_execution_and_its_operations_once(
    book: Book, store: CountedExecutions, input_bytes: int
) -> None:
    execution = await StoreDriver(store, FixedClock(START)).start(input_bytes=input_bytes)
    state = await book.change(execution.number, lambda state, now: None)
    assert state.execution.number == execution.number
    assert [each.type for each in state.operations.values()] == ["EXECUTION"]
    assert store.reads == {"execution": 1, "operations": 1}


async def test_what_is_not_there_cannot_be_changed(book: Book) -> None:
    with pytest.raises(ResourceNotFound):
        await book.change(7, lambda state, now: None)


async def test_an_execution_is_told_without_its_operations_being_read(book: Book, store: CountedExecutions) -> None:
    execution = await StoreDriver(store, FixedClock(START)).start()
    assert book.execution(execution.number) == execution
    assert book.execution(execution.number + 1) is None
    assert store.reads == {"execution": 2}


async def test_what_is_being_invoked_is_told_from_memory(book: Book, store: CountedExecutions) -> None:
    execution = await StoreDriver(store, FixedClock(START)).start()
    attempt = Attempt(entered=lambda: None)
    state = await book.change(execution.number, attempt.begin)
    store.reads.clear()
    assert book.execution(execution.number) == state.execution
    assert book.read(execution.number) is state
    assert not store.reads
