"""The husks of one runtime, as numbers and queues: how many are wanted, coming, ready, and who waits for them."""

from collections import deque
from typing import Protocol

from lambent.sandbox import protocol
from lambent.sandbox.zygotes import Husk, Zygote

AT_ONCE = 8  # husks that one zygote makes at a time: more only compete for the same cores
MOST_FAILURES = 3
CALM_S = 0.02  # a cold start takes a few milliseconds; making a husk costs about as much on another core


class Tell(Protocol):
    """Answers the front end that asked."""

    def __call__(self, message: protocol.Answer, fds: list[int] | None = None) -> None: ...


class Brood:
    """The husks of one runtime. Invariant: a husk that is ordered and not ended is coming, ready or out."""

    def __init__(self, zygote: Zygote) -> None:
        self.zygote = zygote
        self.wanted = 0
        self.coming = 0  # ordered, not ready
        self.calm_at = 0.0  # monotonic: until then the cores are left to the sandbox that was given out last
        self.failures = 0  # husks in a row that ended before they were given out
        self.paused = False  # too many: no stock is made until one works
        self.ready: deque[Husk] = deque()
        self.waiting: deque[tuple[protocol.Assign, Tell]] = deque()
        self.prepared: deque[tuple[int, int, Tell]] = deque()  # (ask, husks, tell): answered when so many are ready

    def shortage(self, now: float) -> int:
        """How many husks to order now: those who wait come first, then the stock, but in no cold start's way."""
        later = self.paused or (now < self.calm_at and self.ready)
        stock = 0 if later else self.wanted
        need = stock + len(self.waiting) - len(self.ready) - self.coming
        return max(0, min(need, AT_ONCE - self.coming))

    def restock_in(self, now: float) -> float | None:
        """Seconds until the stock is to be looked at again; None if it is full or coming."""
        short = self.wanted > len(self.ready) + self.coming and self.zygote.ready and not self.paused
        return max(0.0, self.calm_at - now) if short and now < self.calm_at else None

    def keep_calm(self, now: float) -> None:
        """A cold start begins: the stock is to wait for a moment."""
        self.calm_at = now + CALM_S

    def worked(self) -> None:
        """A husk has become a sandbox: those before it failed by chance."""
        self.failures, self.paused = 0, False

    def failed(self) -> None:
        """A husk died before it was of use. After a few in a row, tell who waits instead of trying for ever."""
        self.failures += 1
        if self.failures < MOST_FAILURES:
            return
        self.failures, self.paused = 0, True
        self.refuse(f"no environment for {self.zygote.info.name} could be made; see the server's output")

    def refuse(self, message: str) -> None:
        """Tell everybody who waits that there will be nothing."""
        while self.waiting:
            order, tell = self.waiting.popleft()
            tell(protocol.Refused(order.ask, message))
        while self.prepared:
            ask, _, answer = self.prepared.popleft()
            answer(protocol.Prepared(ask, message))
