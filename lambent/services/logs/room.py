"""How much groups hold, and what has to go: what is older than its group keeps, or the oldest for want of room."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from lambent.clock import Clock, Timer
from lambent.services.logs.nouns import Group, Key, columns
from lambent.store.ledger import Entry, Ledger

log = logging.getLogger("lambent")

EXPIRE_EVERY_S = 3600.0


class Room:
    """Mutable, on the event loop only: `sizes` are events and characters that clients have put, by group."""

    def __init__(self, ledger: Ledger, clock: Clock, keep_bytes: int) -> None:
        self.sizes: dict[Key, tuple[int, int]] = {}
        self._ledger = ledger
        self._clock = clock
        self._keep_bytes = keep_bytes
        self._timer: Timer | None = None

    def start(self, groups: Callable[[], Iterable[Group]], remove: Callable[[Key, float], Awaitable[None]]) -> None:
        """`remove` takes away the files of a group in which all is older (epoch seconds)."""
        self._timer = self._clock.call_later(EXPIRE_EVERY_S, lambda: self._expire(groups, remove), background=True)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def of(self, key: Key) -> int:
        return self.sizes.get(key, (0, 0))[1]

    def grew(self, key: Key, number: int, size: int) -> None:
        """What clients put is bounded as the log of a function is: the oldest tenth goes."""
        numbers, sizes = self.sizes.get(key, (0, 0))
        numbers, sizes = numbers + number, sizes + size
        if sizes > self._keep_bytes:
            gone = max(1, numbers // 10)
            self._ledger.enter_unseen(Entry([("log_events_trim", columns(key) | {"number": gone})]))
            numbers, sizes = numbers - gone, sizes * (numbers - gone) // numbers
        self.sizes[key] = (numbers, sizes)

    def _expire(self, groups: Callable[[], Iterable[Group]], remove: Callable[[Key, float], Awaitable[None]]) -> None:
        """What is too old is not shown anyway; now it goes."""
        now = int(self._clock.epoch() * 1000)
        for group in [each for each in groups() if each.settings.retention_days]:
            before = group.begins(now)
            self._ledger.enter_unseen(Entry([("log_events_expire", columns(group.key) | {"before": before})]))
            asyncio.ensure_future(remove(group.key, before / 1000)).add_done_callback(_tell)
        self.start(groups, remove)


def _tell(task: "asyncio.Future[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("old logs could not be removed: %s", error)
