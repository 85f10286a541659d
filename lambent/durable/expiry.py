"""Executions are remembered for as long as their function's RetentionPeriodInDays says, and then forgotten."""

import logging

from lambent.clock import Clock, Timer
from lambent.durable.book import Book
from lambent.errors import LambentError
from lambent.store.durable_executions import DurableExecutions

log = logging.getLogger("lambent")

SWEEP_EVERY_S = 3_600.0  # on the product's clock
AT_ONCE = 50  # executions that one transaction removes: all other writers wait for it


class Expiry:
    """Looks every hour, and when somebody has deleted an execution."""

    def __init__(self, store: DurableExecutions, book: Book, clock: Clock) -> None:
        self._store = store
        self._book = book
        self._clock = clock
        self._timer: Timer | None = None
        self._sweeping = False
        self._closed = False

    def start(self) -> None:
        """Now, and every hour from now on."""
        self._timer = self._clock.call_later(SWEEP_EVERY_S, self.start, background=True)
        self.look()

    def look(self) -> None:
        if not self._sweeping and not self._closed and self._store.expired(self._clock.epoch(), 1):
            self._sweeping = True
            self._book.work.begin(self._sweep())

    def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    async def _sweep(self) -> None:
        try:
            while not self._closed and (old := self._store.expired(self._clock.epoch(), AT_ONCE)):
                await self._book.drop(old)
        except LambentError as error:
            log.error("durable executions cannot be forgotten yet: %s", error.message)
        finally:
            self._sweeping = False
