"""Decisions about sandboxes: start, reuse, evict, freeze, expire. No I/O and no clock; the keeper carries them out."""

from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

from lambent.sandbox.sandbox import Sandbox

SOON_S = 1.0  # with an idle expiry of 0, how long one may lie about before it is looked at


class Pool:
    """The sandboxes of one version.

    State: `idle`, `busy` and `estates`, which share no sandbox; `starting` and `waiting`, counts. It changes only in
    the keeper's methods. A retired pool takes nobody back: its version has changed.
    """

    def __init__(self, key: str, function: tuple[str, str, str], version: str, memory_mb: int = 128) -> None:
        self.key = key
        self.function = function  # account, region, name
        self.version = version  # "$LATEST" or a number
        self.memory_mb = memory_mb  # what one may use at most
        self.tenant = ""  # whose alone its sandboxes are; "": the function has no tenants
        self.code: frozenset[str] = frozenset()  # digests of what its sandboxes read
        self.idle: list[Sandbox] = []  # least recently used first
        self.busy: set[Sandbox] = set()
        # Sandboxes that ended by themselves or by a time-out, oldest first: the environment goes on in the next sandbox
        # of the pool, which takes over /tmp, log stream and age.
        self.estates: list[Sandbox] = []
        self.starting = 0
        self.waiting = 0  # invocations that will start or take a sandbox of this pool as soon as there is room
        self.retired = False
        # Provisioned concurrency: how many sandboxes are kept here, whoever is idle for how long. 0: on demand.
        self.pinned = 0
        self.most_mb = 0  # the most memory that one was seen to use; 0: nothing is known yet

    def __repr__(self) -> str:
        return (
            f"<Pool {self.key} idle={len(self.idle)} busy={len(self.busy)} starting={self.starting} "
            f"estates={len(self.estates)}>"
        )

    def take(self) -> Sandbox | None:
        """The idle sandbox that was used last, awake; None if there is none.

        One whose runtime has hung up is passed over: that it is gone is told only later, and no call should meet it.
        """
        while self.idle:
            sandbox = self.idle.pop()
            if sandbox.reusable and (not sandbox.frozen or sandbox.thaw()):
                return sandbox
            self.estates.append(sandbox)
            sandbox.end("failure")
        return None

    @property
    def heirloom(self) -> Sandbox | None:
        """The estate that can be taken over now: that of the last who ended, and is through with its SHUTDOWN phase."""
        return next((sandbox for sandbox in reversed(self.estates) if sandbox.farewell is None), None)

    @property
    def size(self) -> int:
        """Zero when nobody would miss the pool."""
        return len(self.idle) + len(self.busy) + len(self.estates) + self.starting + self.waiting

    @property
    def ready(self) -> int:
        """Sandboxes that are through with their init, and there."""
        return len(self.idle) + sum(not sandbox.gone for sandbox in self.busy)

    @property
    def short(self) -> bool:
        """Are there fewer than are to be kept?"""
        return len(self.idle) + len(self.busy) < self.pinned

    @property
    def claim_mb(self) -> int:
        """What one more running sandbox is expected to use: as much as any has, or all it may if none was seen."""
        return self.most_mb or self.memory_mb


class Step(Enum):
    """What to do for one invocation that wants a sandbox."""

    REUSE = auto()  # the most recently used idle one: its caches are warm, and the others may expire
    START = auto()
    EVICT = auto()  # make room by ending the least recently used idle sandbox of the node, then decide again
    WAIT = auto()  # running calls have every place, or all the memory


class Node(NamedTuple):
    """How much of the node is taken, and how much there is."""

    alive: int  # sandboxes that are there to stay; those on their way out do not count
    sandboxes: int  # how many there may be
    expected_mb: int  # as `expected_mb` says
    budget_mb: int
    spare: bool  # there is an idle sandbox somewhere
    measured_mb: int = 0  # what all of them have used by now


def is_full(pool: Pool, alive: int, sandboxes: int) -> bool:
    """Is every place taken? A reset needs no place of its own: it has that of the sandbox that ended."""
    return alive >= sandboxes and pool.heirloom is None


def decide(pool: Pool, node: Node, *, fresh: bool = False) -> Step:
    """Cases: 1 an idle sandbox is there, and no `fresh` one wanted, 2 there is room, 3 idle ones elsewhere have it, 4
    running ones have it.

    Memory is promised on what sandboxes are expected to use, and refused only on what they do use: a burst of a
    function that nobody knows yet must not wait because each of its sandboxes could grow to its limit.
    """
    if pool.idle and not fresh:
        return Step.REUSE
    full = is_full(pool, node.alive, node.sandboxes)
    if not full and node.expected_mb + pool.claim_mb <= node.budget_mb:
        return Step.START
    if node.spare:
        return Step.EVICT
    return Step.WAIT if full or node.measured_mb >= node.budget_mb else Step.START


def expected_mb(pools: Iterable[Pool]) -> int:
    """Memory that the sandboxes of these pools may be expected to hold: idle ones what they have used so far, running
    ones what their pool's largest has used."""
    return sum(
        pool.claim_mb * (len(pool.busy) + pool.starting) + sum(sandbox.used_mb for sandbox in pool.idle)
        for pool in pools
    )


def expired(pools: Iterable[Pool], now: float, idle_expiry_s: float, max_age_s: float) -> list[tuple[Pool, Sandbox]]:
    """Idle sandboxes and estates that nobody has used for `idle_expiry_s`, or that are `max_age_s` old. `now` is
    monotonic, of the product's clock. Those that are pinned stay until another takes their place."""
    return [
        (pool, sandbox)
        for pool in pools
        for sandbox in ((*pool.idle, *pool.estates) if not pool.pinned else pool.estates)
        if expires_at(sandbox, idle_expiry_s, max_age_s) <= now
    ]


def outlived(pool: Pool, now: float, max_age_s: float) -> list[Sandbox]:
    """Sandboxes of a pinned pool that are too old; `now` as for `expired`."""
    return [sandbox for sandbox in (*pool.idle, *pool.busy) if now - sandbox.born >= max_age_s]


def surplus(pool: Pool, now: float, max_age_s: float) -> list[Sandbox]:
    """Idle sandboxes of a pinned pool that are too many, the oldest first: old ones at work are no more than guests."""
    old = outlived(pool, now, max_age_s)
    young = pool.ready - sum(not sandbox.gone for sandbox in old)
    spare = young - pool.pinned + sum(sandbox in pool.idle for sandbox in old)
    return sorted(pool.idle, key=lambda sandbox: sandbox.born)[: max(0, spare)]


def expires_at(sandbox: Sandbox, idle_expiry_s: float, max_age_s: float) -> float:
    return min(sandbox.idle_since + idle_expiry_s, sandbox.born + max_age_s)


def next_expiry(pools: Iterable[Pool], now: float, idle_expiry_s: float, max_age_s: float) -> float | None:
    """Seconds until the next sandbox can expire, whoever comes to rest before; None if there is no sandbox.

    For who has just ended all that were due. Those that run now may come to rest at once, and some day be too old.
    """
    dates: list[float] = []
    for pool in pools:
        going = pool.estates if pool.pinned else (*pool.idle, *pool.estates)
        dates += [expires_at(sandbox, idle_expiry_s, max_age_s) for sandbox in going]
        if pool.pinned:
            dates += [sandbox.born + max_age_s for sandbox in pool.idle if sandbox.born + max_age_s > now]
        if pool.busy or pool.starting:
            dates.append(now + max(SOON_S, min(idle_expiry_s, max_age_s)))
            dates += [sandbox.born + max_age_s for sandbox in pool.busy if sandbox.born + max_age_s > now]
    return min(dates) - now if dates else None


def least_recently_used(pools: Iterable[Pool], *, estates: bool) -> tuple[Pool, Sandbox] | None:
    """The idle sandbox whose loss hurts least. With `estates`, these too: they have a place, but hold no memory."""
    pools = list(pools)
    oldest = [(sandbox.rested_at, pool, sandbox) for pool in pools if not pool.pinned for sandbox in pool.idle[:1]]
    if estates:
        oldest += [(sandbox.rested_at, pool, sandbox) for pool in pools for sandbox in pool.estates[:1]]
    if not oldest:
        return None
    _, pool, sandbox = min(oldest, key=lambda each: each[0])
    return pool, sandbox


def drowsy(pools: Iterable[Pool], now: float, after_s: float) -> tuple[list[Sandbox], float | None]:
    """Idle sandboxes to freeze, in that order, and the seconds until the next is due; None if there is none. `now` is
    monotonic, of the real clock."""
    due: list[Sandbox] = []
    next_s: float | None = None
    for pool in pools:
        here: list[Sandbox] = []
        for sandbox in reversed(pool.idle):
            if sandbox.frozen:
                break  # and so are all that have been idle for longer
            if sandbox.gone:
                continue  # it needs to move in order to end
            rest_s = sandbox.rested_at + after_s - now
            if rest_s <= 0:
                here.append(sandbox)
            else:
                next_s = rest_s if next_s is None else min(next_s, rest_s)
        due += reversed(here)  # the oldest first, or not all would have been idle for longer than a frozen one
    return due, next_s
