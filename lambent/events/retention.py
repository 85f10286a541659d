"""How long failed events and the outbox are kept, and how much disk they may take: the oldest go first."""

import asyncio
import logging
from collections.abc import Sequence

from lambent.clock import Clock, Timer
from lambent.errors import LambentError
from lambent.store.kept import AT_ONCE
from lambent.store.shelves import Item, Shelf
from lambent.work import Work

log = logging.getLogger("lambent")

DAY_S = 86_400.0
SWEEP_EVERY_S = 3_600.0  # on the product's clock
SETTLE_S = 2.0  # real seconds after something came until what there is too much of goes: disks fill in real time


def too_old(items: Sequence[Item], before: float) -> list[Item]:
    """Those that have been there since before that moment; `items` are in the order in which they came."""
    return [item for item in items if item.at < before]


def too_many(items: Sequence[Item], excess: int) -> list[Item]:
    """The first of them that together count for at least `excess` bytes."""
    chosen = []
    for item in items:
        if excess <= 0:
            break
        chosen.append(item)
        excess -= item.size
    return chosen


class Retention:
    """`dropped` counts, by shelf, what went because there was no room for it; what grew old is not missed."""

    def __init__(self, shelves: Sequence[Shelf], clock: Clock, days: int, most_bytes: int) -> None:
        self.dropped = {shelf.name: 0 for shelf in shelves}
        self._shelves = shelves
        self._clock = clock
        self._days = days
        self._most_bytes = most_bytes
        self._timer: Timer | None = None
        self._soon: asyncio.TimerHandle | None = None
        self._work = Work(clock, _complain)
        self._closing = False

    def start(self) -> None:
        self._sweep()
        self.grew()

    def grew(self) -> None:
        """Something was put on a shelf."""
        if self._soon is None and not self._closing:
            self._soon = asyncio.get_running_loop().call_later(SETTLE_S, self._look)

    def totals(self) -> dict[str, int]:
        """How many items each shelf has. It reads the disk, and takes a while where there are many."""
        return {shelf.name: shelf.totals()[0] for shelf in self._shelves}

    async def close(self) -> None:
        self._closing = True
        for timer in (self._timer, self._soon):
            if timer is not None:
                timer.cancel()
        await self._work.finish()

    # -- details

    def _sweep(self) -> None:
        """Of age, and come back in an hour."""
        self._timer = self._clock.call_later(SWEEP_EVERY_S, self._sweep, background=True)
        self._work.begin(self._drop_old())

    def _look(self) -> None:
        self._soon = None
        self._work.begin(self._make_room())

    async def _drop_old(self) -> None:
        before = self._clock.epoch() - self._days * DAY_S
        for shelf in self._shelves:
            while not self._closing and (old := too_old(shelf.oldest(AT_ONCE), before)):
                await shelf.drop([item.id for item in old])

    async def _make_room(self) -> None:
        for shelf in self._shelves:
            _, size = await asyncio.to_thread(shelf.totals)
            excess, gone = size - self._most_bytes, 0
            while excess > 0 and not self._closing and (chosen := too_many(shelf.oldest(AT_ONCE), excess)):
                await shelf.drop([item.id for item in chosen])
                excess -= sum(item.size for item in chosen)
                gone += len(chosen)
            if gone:
                self.dropped[shelf.name] += gone
                what = "failed events" if shelf.name == "kept" else "messages of the outbox"
                log.warning("the %d oldest %s were dropped: keep_failed_events_mb is full", gone, what)


def _complain(error: BaseException) -> None:
    if isinstance(error, LambentError):
        log.error("what was kept for long enough cannot be removed yet: %s", error.message)
    else:
        log.error("what was kept for long enough cannot be removed yet", exc_info=error)
