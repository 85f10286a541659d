"""What is counted of concurrency: of an account in a region, of a function, of a qualifier's provisioned environments.

State changes only here and in `admission`. With P provisioned, d running on demand and R reserved (0: nothing), the
share of a function is max(R, P + d); what is provisioned counts while it is kept, and longer if it still runs. The sum
of all shares is `Scope.used`: that may be more than the limit while what ran before a limit was changed drains.
"""

from lambent.model import Version

RATE = 10  # calls a second for each environment that there may be (AWS: "10 times your concurrency")
SCALING_RATE = 100  # new environments a second and function (AWS: 1,000 in 10 s, refilled continuously)
SCALING_BURST = 1000  # of them at once; what is not used does not pile up


class Pace:
    """So many a second, and `burst` at once. Whoever it binds keeps `due`: when the last that it let in was due."""

    __slots__ = ("gap_s", "slack_s")

    def __init__(self, per_second: float, burst: float) -> None:
        self.gap_s = 1 / max(per_second, 1)
        self.slack_s = (max(burst, 1) - 0.5) * self.gap_s  # half a gap less: sums of floats are not exact

    def wait_s(self, due: float, now: float) -> float:
        """How long until the next may come; 0 for now."""
        return max(0.0, due - now - self.slack_s)

    def next_due(self, due: float, now: float) -> float:
        return max(due, now) + self.gap_s


SCALING = Pace(SCALING_RATE, SCALING_BURST)


def calls_of(concurrency: int) -> Pace:
    """The request-rate rule: a second's worth of calls may come at once."""
    return Pace(RATE * concurrency, RATE * concurrency)


class Scope:
    """The concurrency of one account in one region. `running` never exceeds `limit` by what is let in."""

    __slots__ = ("limit", "pace", "quotas", "reserved", "running", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running = 0  # executions, of every kind
        self.used = 0  # the sum of all shares
        self.reserved = 0  # the sum of what functions have reserved
        self.pace = calls_of(limit)  # of each function that has reserved nothing
        self.quotas: dict[str, Quota] = {}  # by function

    def set_limit(self, limit: int) -> None:
        self.limit = limit
        self.pace = calls_of(limit - self.reserved)


class Quota:
    """What one function has of it, and uses."""

    __slots__ = ("account", "due", "grown", "kept", "level", "name", "own_pace", "peak", "provided", "region",
                 "reserved", "running", "scope", "slots", "turn", "warm")  # fmt: skip

    def __init__(self, account: str, region: str, name: str, scope: Scope) -> None:
        self.account = account
        self.region = region
        self.name = name
        self.scope = scope
        self.running = 0  # executions on demand
        self.warm = 0  # executions in provisioned environments
        self.reserved: int | None = None
        self.kept = 0  # max(0, R - P): executions on demand whose places are set aside
        self.provided = 0  # P
        self.own_pace: Pace | None = None  # of calls on demand, if it has reserved concurrency
        self.due = 0.0
        # By the ARN that the caller names and the version that it leads to.
        self.slots: dict[str, dict[str, Slot]] = {}
        # How many environments on demand it has scaled up to, which costs nothing to come back to: the most that ran
        # at once in this window of time or in the one before; `turn` is when this one ends.
        self.level = 0
        self.peak = 0
        self.turn = 0.0
        self.grown = 0.0  # the `due` of its scaling rate

    @property
    def share(self) -> int:
        return self.provided + max(self.kept, self.running)

    def reserve(self, reserved: int | None) -> None:
        before, scope = self.share, self.scope
        scope.reserved += (reserved or 0) - (self.reserved or 0)
        scope.pace = calls_of(scope.limit - scope.reserved)
        self.reserved = reserved
        self._set_aside(before)

    def provide(self, slot: "Slot", count: int) -> None:
        """Keep `count` environments in `slot`; more that run already go on, and count until they end."""
        before = self.share
        self.provided += max(count, slot.running) - max(slot.count, slot.running)
        slot.count = count
        slot.pace = calls_of(count)
        self._set_aside(before)

    def _set_aside(self, before: int) -> None:
        self.kept = max(0, (self.reserved or 0) - self.provided)
        self.own_pace = calls_of(self.kept) if self.reserved is not None else None
        self.scope.used += self.share - before

    def enter(self) -> None:
        """One more runs on demand."""
        scope = self.scope
        scope.running += 1
        if self.running >= self.kept:
            scope.used += 1
        self.running += 1

    def leave(self) -> None:
        scope = self.scope
        scope.running -= 1
        running = self.running = self.running - 1
        if running >= self.kept:
            scope.used -= 1

    def turn_over(self, now: float, window_s: float) -> None:
        """A window of time is over: what nobody has needed for that long has been ended for idleness."""
        before = self.peak if now < self.turn + window_s else 0
        self.peak = self.running
        self.level = max(before, self.running)
        self.turn = now + window_s

    def scale_down(self) -> None:
        """All its environments that are not at work are gone."""
        self.level = self.peak = self.running


class Slot:
    """The provisioned environments of one version behind one qualifier."""

    __slots__ = ("count", "due", "pace", "qualifier", "quota", "running", "served", "spilled", "twin")

    def __init__(self, quota: Quota, qualifier: str, twin: Version) -> None:
        self.quota = quota
        self.qualifier = qualifier
        self.twin = twin
        self.count = 0
        self.running = 0
        self.due = 0.0
        self.pace = calls_of(0)
        self.served = 0  # calls that were let in here
        self.spilled = 0  # calls that found no place here

    @property
    def utilization(self) -> float:
        """The share of them that is at work, 0 to 1."""
        return self.running / self.count if self.count else 0.0

    def enter(self) -> None:
        quota = self.quota
        self.running += 1
        quota.warm += 1
        quota.scope.running += 1
        if self.running > self.count:
            self._exceed(+1)

    def leave(self) -> None:
        quota = self.quota
        quota.warm -= 1
        quota.scope.running -= 1
        running = self.running = self.running - 1
        if running >= self.count:
            self._exceed(-1)

    def _exceed(self, change: int) -> None:
        quota = self.quota
        before = quota.share
        quota.provided += change
        quota._set_aside(before)
