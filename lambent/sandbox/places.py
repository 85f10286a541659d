"""The places for sandboxes on this node: who has one, and who waits until one is free."""

import asyncio
from collections import deque

from lambent.sandbox.pool import Pool
from lambent.sandbox.sandbox import Sandbox


class Places:
    """A sandbox has a place from its start until its end is told; an estate keeps that of its sandbox.

    `homes` are all that have one, with their pools; `leaving` those of them that are on their way out, which takes a
    millisecond or two: their places can be given again at once.
    """

    def __init__(self) -> None:
        self.homes: dict[Sandbox, Pool] = {}
        self.leaving: set[Sandbox] = set()
        self.starting = 0
        self._waiting: deque[tuple[asyncio.Future[None], Pool]] = deque()

    @property
    def taken(self) -> int:
        return len(self.homes) + self.starting

    @property
    def staying(self) -> int:
        """Places that are not about to be free."""
        return self.taken - len(self.leaving)

    def leave(self, sandbox: Sandbox) -> None:
        """It keeps its place only until its end is told."""
        if sandbox.over:
            self.vacate(sandbox)
        elif sandbox in self.homes:
            self.leaving.add(sandbox)
            self.make_room()

    def vacate(self, sandbox: Sandbox) -> None:
        self.leaving.discard(sandbox)
        if self.homes.pop(sandbox, None) is not None:
            self.make_room()

    async def wait(self, pool: Pool, *, first: bool) -> None:
        """Until there may be room; `first` for one who has waited already, and found none."""
        waiting = asyncio.get_running_loop().create_future()
        (self._waiting.appendleft if first else self._waiting.append)((waiting, pool))
        pool.waiting += 1
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self.make_room()  # the room was meant for this one; another one can use it
                self.rests(pool)
            raise
        finally:
            pool.waiting -= 1

    def make_room(self) -> None:
        """Somebody went or rests: one of those who wait may look again."""
        while self._waiting:
            waiting, _ = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return

    def rests(self, pool: Pool) -> None:
        """A sandbox of that pool came to rest. One that is pinned makes no room but for the calls of its own pool."""
        if not pool.pinned:
            return self.make_room()
        for waiting, of in self._waiting:
            if of is pool and not waiting.done():
                return waiting.set_result(None)
        return None
