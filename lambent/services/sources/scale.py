"""How many batches of one mapping may be under way. Pure: time is an argument (seconds of any clock that only grows).

Source: lambda-semantics.md §5.1: 5 at first, 300 more each minute while there is more than that can do, at most 1,250;
MaximumConcurrency is a cap; provisioned pollers, of 10 each, are there from the start and at most as many as allowed.
"""

import msgspec

FIRST = 5
MORE_PER_S = 300 / 60
MOST = 1_250
PER_POLLER = 10
MORE_PROVISIONED_PER_S = 1_000 / 60
CALM_S = 60.0  # without pressure for so long: it begins anew
AFTER_FAILURES = 5  # in a row; then batches come more slowly
LONGEST_PAUSE_S = 30.0


class Limits(msgspec.Struct, frozen=True):
    """What a mapping's settings allow."""

    first: int = FIRST
    most: int = MOST
    more_per_s: float = MORE_PER_S


def limits(maximum: int | None, pollers: tuple[int, int] | None) -> Limits:
    """By MaximumConcurrency, or by the least and most provisioned pollers."""
    if pollers is not None:
        return Limits(pollers[0] * PER_POLLER, pollers[1] * PER_POLLER, MORE_PROVISIONED_PER_S)
    most = MOST if maximum is None else maximum
    return Limits(min(FIRST, most), most)


class Scale:
    """Mutable: `allowed` now, and since when there has been more to do than that."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.allowed = float(limits.first)
        self._pressed: float | None = None
        self._failures = 0

    def __repr__(self) -> str:
        return f"<Scale {int(self.allowed)} of {self.limits.most}>"

    def pressed(self, now: float) -> None:
        """All that are allowed are under way, and there is more."""
        since, self._pressed = self._pressed, now
        if since is None or now - since > CALM_S:
            return
        self.allowed = min(float(self.limits.most), self.allowed + (now - since) * self.limits.more_per_s)

    def calm(self, now: float) -> None:
        """There is nothing to do."""
        if self._pressed is not None and now - self._pressed > CALM_S:
            self._pressed = None
            self.allowed = float(self.limits.first)

    def throttled(self, running: int) -> None:
        """The function has no room for more than those that run."""
        self.allowed = max(1.0, min(self.allowed, float(running - 1)))

    def ended(self, *, well: bool) -> None:
        """A batch is over. Partial failures count as well: pollers are not scaled down for them."""
        self._failures = 0 if well else self._failures + 1
        if self._failures >= AFTER_FAILURES:
            self.allowed = max(1.0, self.allowed / 2)

    def pause_s(self) -> float:
        """How long to take nothing after failures in a row."""
        over = self._failures - AFTER_FAILURES
        return 0.0 if over < 0 else min(LONGEST_PAUSE_S, 0.5 * 2**over)


def retry_s(tries: int) -> float:
    """How long a batch that was throttled waits before its next try."""
    return float(min(5.0, 0.1 * 2**tries))
