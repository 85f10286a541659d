"""Work on a body while it arrives: each kind of work has a lane of its own and goes through the batches in their order.

No lane waits for another: a batch is free again when all have been through it. The work lets go of Python's lock, so
writing and each hash have a processor of their own where there is one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

# Bytes that a thread gets at once, in one piece: with many small ones it would wait for Python's lock after each.
BATCH = 1024 * 1024
AT_A_TIME = 8  # batches, before a thread is given to another body


class Batch:
    """A buffer that is filled, worked on and filled again: new memory for each would cost as much as writing it."""

    __slots__ = ("buffer", "ends", "left", "view")

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(BATCH))
        self.view = self.buffer[:0]  # what is filled of it
        self.ends: list[tuple[int, bytes]] = []  # of chunks in it: where, and their signatures
        self.left = 0  # lanes that have yet to go through it

    def take(self, data: memoryview) -> memoryview:
        """Fill in what fits; the rest."""
        at = len(self.view)
        fits = min(BATCH - at, len(data))
        self.buffer[at : at + fits] = data[:fits]
        self.view = self.buffer[: at + fits]
        return data[fits:]

    def empty(self) -> None:
        self.view = self.buffer[:0]
        self.ends = []


Work = Callable[[Batch], None]
Passed = Callable[[Batch, Exception | None], None]


class Lanes:
    """State changes on the event loop, but for the lines of batches, which threads take from."""

    def __init__(self, pool: ThreadPoolExecutor, works: Sequence[Work], passed: Passed) -> None:
        """`passed` is told of each batch that all lanes have been through, or the last of what went wrong with it."""
        self._loop = asyncio.get_running_loop()
        self._passed = passed
        self._lanes = [_Lane(self._loop, pool, work, self._through) for work in works]
        self.failed: Exception | None = None

    def put(self, batch: Batch) -> None:
        batch.left = len(self._lanes)
        for lane in self._lanes:
            lane.put(batch)

    def stop(self) -> None:
        """What waits is passed over unseen."""
        for lane in self._lanes:
            lane.stopped = True

    def close(self) -> None:
        """Nothing more comes. Lanes hold their owner in a circle, which nobody but a collector would break."""
        self._lanes = []

    def _through(self, batch: Batch, error: Exception | None) -> None:
        self.failed = error or self.failed
        batch.left -= 1
        if not batch.left:
            self._passed(batch, self.failed)


class _Lane:
    """`running`: a thread is at it, or about to be."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, work: Work, through: Passed
    ) -> None:  # fmt: skip
        self._loop = loop
        self._pool = pool
        self._work = work
        self._through = through
        self._waiting: deque[Batch] = deque()
        self._running = False
        self.stopped = False

    def put(self, batch: Batch) -> None:
        self._waiting.append(batch)
        if not self._running:
            self._go_on()

    def _go_on(self) -> None:
        self._running = bool(self._waiting)
        if self._running:
            self._pool.submit(self._run)

    def _run(self) -> None:
        """In a thread."""
        for _ in range(AT_A_TIME):
            if not self._waiting:
                break
            batch = self._waiting.popleft()
            self._loop.call_soon_threadsafe(self._through, batch, self._try(batch))
        self._loop.call_soon_threadsafe(self._go_on)

    def _try(self, batch: Batch) -> Exception | None:
        try:
            if not self.stopped:
                self._work(batch)
        except Exception as error:
            return error
        return None
