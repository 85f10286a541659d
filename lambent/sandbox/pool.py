"""Decisions about sandboxes: start, reuse, evict, expire. No I/O and no clock; the keeper carries them out."""

from collections.abc import Iterable
from enum import Enum, auto

from lambent.sandbox.sandbox import Sandbox


class Pool:
    """The sandboxes of one version.

    State: `idle`, least recently used first; `busy` and `starting`, counts. It changes only in the keeper's methods
    lease, release and forget. A retired pool takes nobody back: its version has changed.
    """

    def __init__(self, key: str, function: tuple[str, str, str], version: str) -> None:
        self.key = key
        self.function = function  # account, region, name
        self.version = version  # "$LATEST" or a number
        self.idle: list[Sandbox] = []
        self.busy = 0
        self.starting = 0
        self.waiting = 0  # invocations that will start or take a sandbox of this pool as soon as there is room
        self.retired = False

    def __repr__(self) -> str:
        return f"<Pool {self.key} idle={len(self.idle)} busy={self.busy} starting={self.starting}>"

    def take(self) -> Sandbox | None:
        """The idle sandbox that was used last; None if there is none.

        One whose runtime has hung up is passed over: that it is gone is told only later, and no call should meet it.
        """
        while self.idle:
            sandbox = self.idle.pop()
            if sandbox.reusable:
                return sandbox
            sandbox.end()
        return None

    @property
    def size(self) -> int:
        """Zero when nobody would miss the pool."""
        return len(self.idle) + self.busy + self.starting + self.waiting


class Step(Enum):
    """What to do for one invocation that wants a sandbox."""

    REUSE = auto()  # the most recently used idle one: its caches are warm, and the others may expire
    START = auto()
    EVICT = auto()  # make room by ending the least recently used idle sandbox of the node, then start
    WAIT = auto()  # every place is taken by a running call


def decide(pool: Pool, alive: int, limit: int, idle_elsewhere: bool) -> Step:
    """`alive` counts all sandboxes of the node, `limit` is how many it may have."""
    if pool.idle:
        return Step.REUSE
    if alive < limit:
        return Step.START
    return Step.EVICT if idle_elsewhere else Step.WAIT


def expired(pools: Iterable[Pool], now: float, idle_expiry_s: float) -> list[tuple[Pool, Sandbox]]:
    """Idle sandboxes that nobody has used for `idle_expiry_s`. `now` is monotonic."""
    return [(pool, sandbox) for pool in pools for sandbox in pool.idle if now - sandbox.idle_since >= idle_expiry_s]


def least_recently_used(pools: Iterable[Pool]) -> tuple[Pool, Sandbox] | None:
    """The idle sandbox whose loss hurts least."""
    oldest = [(pool.idle[0].idle_since, pool) for pool in pools if pool.idle]
    if not oldest:
        return None
    _, pool = min(oldest, key=lambda pair: pair[0])
    return pool, pool.idle[0]
