"""A disk that takes its time, for tests of what happens while something is being written."""

import asyncio

import pytest


class SlowDisk:
    """Under a database: nothing is written before `go_on`, and of what is then to be written the first is refused."""

    def __init__(self, database):
        self._write, database.transaction = database.transaction, self._transaction
        self._free = asyncio.Event()
        self._refusals = 0

    def go_on(self, *, refusals=0):
        self._refusals = refusals
        self._free.set()

    async def _transaction(self, work):
        await self._free.wait()
        if self._refusals:
            self._refusals -= 1
            raise OSError("no space is left")
        return await self._write(work)


@pytest.fixture
async def slow_disk():
    """Makes one of a database; it goes on at the end, also of a test that fails, for the database to be closed."""
    disks = []

    def made(database):
        disks.append(SlowDisk(database))
        return disks[-1]

    yield made
    for disk in disks:
        disk.go_on()


@pytest.fixture
def begun():
    """Begin something, and let it come as far as it gets by itself."""

    async def begin(coroutine):
        task = asyncio.ensure_future(coroutine)
        for _ in range(10):
            await asyncio.sleep(0)
        return task

    return begin
