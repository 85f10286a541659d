"""Work on the batches of a body: each kind in a lane of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambent.edge.lanes import AT_A_TIME, Batch, Lanes


class Seen:
    """Batches as they come back, with what went wrong."""

    def __init__(self) -> None:
        self.passed: list[tuple[Batch, Exception | None]] = []

    def __call__(self, batch: Batch, error: Exception | None) -> None:
        self.passed.append((batch, error))

    async def of(self, number: int) -> list[Batch]:
        async with asyncio.timeout(30):
            while len(self.passed) < number:  # noqa: ASYNC110 -- nobody tells of it
                await asyncio.sleep(0)
        return [batch for batch, _ in self.passed]


@pytest.fixture
async def pool() -> AsyncIterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as pool:
        yield pool


async def test_a_batch_is_passed_when_all_lanes_have_been_through_it_and_each_goes_in_order(pool):
    first: list[Batch] = []
    second: list[Batch] = []
    seen, batches = Seen(), [Batch() for _ in range(3 * AT_A_TIME + 1)]
    lanes = Lanes(pool, [first.append, second.append], seen)
    for batch in batches:
        lanes.put(batch)
    assert await seen.of(len(batches)) == batches
    assert first == second == batches


async def test_a_slow_lane_holds_up_no_other(pool):
    go, fast = threading.Event(), list[Batch]()
    seen, batches = Seen(), [Batch(), Batch()]
    lanes = Lanes(pool, [lambda batch: go.wait(30) and None, fast.append], seen)
    for batch in batches:
        lanes.put(batch)
    async with asyncio.timeout(30):
        while len(fast) < 2:  # noqa: ASYNC110 -- nobody tells of it
            await asyncio.sleep(0)
    assert seen.passed == []
    go.set()
    assert await seen.of(2) == batches


async def test_what_goes_wrong_is_told_with_the_batch_and_what_is_stopped_is_not_worked_on(pool):
    worked: list[Batch] = []

    def fail(batch: Batch) -> None:
        worked.append(batch)
        raise OSError("no space left")

    seen = Seen()
    lanes = Lanes(pool, [fail], seen)
    lanes.put(Batch())
    await seen.of(1)
    lanes.stop()
    lanes.put(Batch())
    await seen.of(2)
    assert len(worked) == 1
    assert [str(error) for _, error in seen.passed] == ["no space left"] * 2
