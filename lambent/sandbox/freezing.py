"""Freezing: the processes of a sandbox stand still while it is idle, as on AWS, and go on with the next call.

Freezing takes 36 µs and thawing 11 µs (design/sandbox.md), so a sandbox is frozen only after a pause.
"""

import asyncio
from collections.abc import Callable, Iterable

from lambent.clock import Clock
from lambent.sandbox import pool as decisions
from lambent.sandbox.pool import Pool

AT_ONCE = 32  # a millisecond's work: calls must not wait while a thousand are frozen
BREATH_S = 0.002  # what calls get in between


class Freezer:
    """One timer for all sandboxes of the node. It runs only while there is an idle sandbox that is not frozen."""

    def __init__(self, pools: Callable[[], Iterable[Pool]], clock: Clock, after_ms: int) -> None:
        self._pools = pools
        self._clock = clock
        self._after_s = after_ms / 1000
        self._timer: asyncio.TimerHandle | None = None
        # True while there is nothing to do when a sandbox comes to rest: the timer is set, or nothing is ever frozen.
        self.armed = after_ms == 0

    def arm(self) -> None:
        """A sandbox came to rest."""
        self._set(self._after_s)

    def look(self) -> None:
        """Freeze those that have been idle for long enough, and come back for the others."""
        due, next_s = decisions.drowsy(self._pools(), self._clock.monotonic(), self._after_s)
        for sandbox in due[:AT_ONCE]:
            sandbox.freeze()
        if len(due) > AT_ONCE:
            next_s = BREATH_S
        self.armed = False
        if next_s is not None:
            self._set(next_s)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, delay_s: float) -> None:
        self.armed = True
        self._timer = asyncio.get_running_loop().call_later(delay_s, self.look)
