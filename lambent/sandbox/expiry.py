"""Expiry: sandboxes that have been idle for too long, or are too old, go when the product's clock says so."""

from collections.abc import Callable

from lambent.clock import Clock


class Expiry:
    """One timer for all sandboxes of the node. It runs while there is one: `look` says when the next can be due."""

    def __init__(self, clock: Clock, look: Callable[[], float | None]) -> None:
        self._clock = clock
        self._look = look
        self.armed = False

    def arm(self, delay_s: float = 0.0) -> None:
        self.armed = True
        self._clock.call_later(delay_s, self._due, background=True)

    def _due(self) -> None:
        self.armed = False
        next_s = self._look()
        if next_s is not None:
            self.arm(next_s)
