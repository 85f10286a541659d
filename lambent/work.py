"""Tasks in the background, for which time that is moved by hand waits."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from lambent.clock import Clock


class Work:
    """`tasks` are those under way. `failed` hears of what nobody has foreseen."""

    def __init__(self, clock: Clock, failed: Callable[[BaseException], None]) -> None:
        self._clock = clock
        self._failed = failed
        self.tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        hold = self._clock.working()
        hold.__enter__()
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)

        def done(task: "asyncio.Task[None]") -> None:
            self.tasks.discard(task)
            hold.__exit__(None, None, None)
            if not task.cancelled() and (error := task.exception()) is not None:
                self._failed(error)

        task.add_done_callback(done)

    async def finish(self, patience_s: float | None = None) -> None:
        """Until all of it is done, and what it began; what is not after `patience_s` is broken off."""
        deadline = None if patience_s is None else time.monotonic() + patience_s
        while self.tasks:
            left_s = None if deadline is None else deadline - time.monotonic()
            if left_s is not None and left_s <= 0:
                break
            await asyncio.wait(list(self.tasks), timeout=left_s)
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
