"""The one source of time. Everything that waits or dates something is handed a Clock; tests hand it another."""

import time
from typing import Protocol


class Clock(Protocol):
    """What the product may know of time."""

    def epoch(self) -> float:
        """Seconds since 1970 (UTC), for dates that users see."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, for durations and deadlines."""
        ...


class RealClock:
    """The machine's own clocks, without a Python frame between: each invocation asks for the time eight times."""

    epoch = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class FixedClock:
    """A clock that moves only when told; ships with the product for users' tests as for ours."""

    def __init__(self, epoch: float = 1_700_000_000.0) -> None:
        self._epoch = epoch
        self._monotonic = 0.0

    def epoch(self) -> float:
        return self._epoch

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._epoch += seconds
        self._monotonic += seconds
