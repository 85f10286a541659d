"""Who may run now: permits of an account's concurrency. A decision over counts and time; no I/O, no clock.

Source: lambda-semantics.md §2 (order of admission) and §7; decision 15. Times are monotonic seconds.
"""

from collections.abc import Callable, Sequence

from lambent.arns import function_arn
from lambent.errors import TooManyRequests
from lambent.invoke import throttle
from lambent.invoke.quota import SCALING, Quota, Scope, Slot
from lambent.invoke.throttle import Throttle
from lambent.model import Invocation, Version

IDLE_S = 600.0  # after which environments that nobody needed are gone

Key = tuple[str, str, str, str]  # account, region, name, qualifier
# Hears of each call by a qualifier that has provisioned concurrency: was it turned away to run on demand?
Meter = Callable[[Slot, bool], None]


class Permit:
    """The right to run one invocation; given back when its `with` block ends, however it ends.

    A class of its own since contextlib's generators cost 2 µs on the hot path.
    """

    __slots__ = ("holder", "version")

    def __init__(self, holder: Quota | Slot, version: Version) -> None:
        self.holder = holder
        self.version = version  # what to run: that of the invocation, or its provisioned twin

    def __enter__(self) -> Version:
        return self.version

    def __exit__(self, *_: object) -> None:
        self.holder.leave()


class Admission:
    """All scopes and quotas. However calls and changes of limits follow each other, nothing is let in beyond a cap."""

    def __init__(self, limit: int, idle_s: float = IDLE_S) -> None:
        self._limit = limit
        self._idle_s = idle_s or IDLE_S
        self._scopes: dict[tuple[str, str], Scope] = {}
        self._quotas: dict[str, Quota] = {}  # by the function's ARN
        self.throttled = 0
        self.meter: Meter | None = None

    # -- calls

    def hold(self, invocation: Invocation, now: float) -> Permit:
        """A permit for as long as its block runs. Raises TooManyRequests with AWS's Reason when there is none.

        Cases: 1 a provisioned environment of the qualifier is free, 2 the function's reserved concurrency has room,
        3 the account's has. Then: 4 there may be that many calls a second, 5 that many new environments.
        """
        version = invocation.version
        quota = self._quotas.get(version.function_arn)
        if quota is None:
            quota = self._quota(version.account, version.region, version.name)
        scope = quota.scope
        slot = self._slot(quota, invocation) if quota.slots else None
        if slot is not None and self._enter(slot, now):
            return Permit(slot, slot.twin)
        running = quota.running
        if (pace := quota.own_pace) is None:
            if scope.used >= scope.limit:
                raise self._refuse(throttle.ACCOUNT, quota)
            pace = scope.pace
        elif running >= quota.kept:
            raise self._refuse(throttle.RESERVED, quota, 1.0 if quota.reserved else throttle.STOPPED_S)
        elif scope.running >= scope.limit:  # others ran before this much was reserved
            raise self._refuse(throttle.ACCOUNT, quota)
        due = quota.due
        if not invocation.attempt and due - now > pace.slack_s:  # events are bound by concurrency alone
            raise self._refuse(_rate(quota), quota, pace.wait_s(due, now))
        if now >= quota.turn:
            quota.turn_over(now, self._idle_s)
        if running >= quota.peak:
            self._scale(quota, now)
        if not invocation.attempt:
            quota.due = (due if due > now else now) + pace.gap_s
        quota.enter()
        if slot is not None:
            self._spill(slot)
        return Permit(quota, version)

    def extend(self, permit: Permit) -> Permit:
        """A permit of the same kind for what is left to do of an invocation that had one until now; never refused."""
        permit.holder.enter()
        return Permit(permit.holder, permit.version)

    def _slot(self, quota: Quota, invocation: Invocation) -> Slot | None:
        """The provisioned environments that are meant for this call."""
        group = quota.slots.get(invocation.invoked_arn)
        return group.get(invocation.version.version) if group is not None else None

    def _enter(self, slot: Slot, now: float) -> bool:
        """Take one of them, if one is free and may be called that often."""
        quota = slot.quota
        if slot.running >= slot.count or slot.due - now > slot.pace.slack_s:
            return False
        if quota.reserved == 0 or quota.scope.running >= quota.scope.limit:
            return False
        slot.due = slot.pace.next_due(slot.due, now)
        slot.served += 1
        slot.enter()
        if self.meter is not None:
            self.meter(slot, False)
        return True

    def _spill(self, slot: Slot) -> None:
        slot.spilled += 1
        if self.meter is not None:
            self.meter(slot, True)

    def _scale(self, quota: Quota, now: float) -> None:
        """More than have run at once in this window: an environment that it has had before, or a new one."""
        if quota.running >= quota.level:
            if quota.grown - now > SCALING.slack_s:
                raise self._refuse(_rate(quota), quota, SCALING.wait_s(quota.grown, now), scaling=True)
            quota.grown = SCALING.next_due(quota.grown, now)
            quota.level = quota.running + 1
        quota.peak = quota.running + 1

    def _refuse(self, reason: str, quota: Quota, wait_s: float = 1.0, *, scaling: bool = False) -> TooManyRequests:
        self.throttled += 1
        return Throttle(reason, quota, wait_s, scaling=scaling)

    # -- limits

    @property
    def limit(self) -> int:
        """Executions that each account may have in each region."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        for scope in self._scopes.values():
            scope.set_limit(limit)

    def set_reserved(self, account: str, region: str, name: str, reserved: int | None) -> None:
        """Guarantee that many executions to a function, and let it have no more; None: neither. What runs, runs on."""
        if reserved is not None or function_arn(account, region, name) in self._quotas:
            self._quota(account, region, name).reserve(reserved)

    def provide(self, key: Key, twins: Sequence[tuple[Version, int]]) -> None:
        """From now on so many initialised environments of these versions take the calls that name the qualifier."""
        account, region, name, qualifier = key
        quota = self._quota(account, region, name)
        group = quota.slots.setdefault(f"{function_arn(account, region, name)}:{qualifier}", {})
        wanted = {twin.version for twin, _ in twins}
        for number in [number for number in group if number not in wanted]:
            quota.provide(group.pop(number), 0)
        for twin, count in twins:
            slot = group.get(twin.version)
            if slot is None:
                slot = group[twin.version] = Slot(quota, qualifier, twin)
            slot.twin = twin
            quota.provide(slot, count)

    def withdraw(self, key: Key) -> None:
        """The qualifier's calls run on demand from now on."""
        account, region, name, qualifier = key
        if (quota := self._quotas.get(function_arn(account, region, name))) is not None:
            for slot in quota.slots.pop(f"{function_arn(account, region, name)}:{qualifier}", {}).values():
                quota.provide(slot, 0)

    def environments_gone(self, account: str = "", region: str = "", name: str = "") -> None:
        """A function was changed, or (without a name) the agent died: what runs next needs new environments."""
        quotas = [self._quotas.get(function_arn(account, region, name))] if name else self._quotas.values()
        for quota in quotas:
            if quota is not None:
                quota.scale_down()

    def forget(self, account: str, region: str, name: str) -> None:
        """A function was deleted. What it still runs counts until it ends."""
        quota = self._quotas.get(function_arn(account, region, name))
        if quota is None:
            return
        for arn in list(quota.slots):
            for slot in quota.slots.pop(arn).values():
                quota.provide(slot, 0)
        quota.reserve(None)
        quota.scale_down()
        if not (quota.running or quota.warm):
            del self._quotas[function_arn(account, region, name)]
            del quota.scope.quotas[name]

    # -- questions

    def reserved(self, account: str, region: str, name: str) -> int | None:
        quota = self._quotas.get(function_arn(account, region, name))
        return quota.reserved if quota is not None else None

    def reserved_total(self, account: str, region: str) -> int:
        return self._scope(account, region).reserved

    def claimed(self, account: str, region: str) -> int:
        """AWS's ClaimedAccountConcurrency: what is reserved or provisioned, and what else runs."""
        return self._scope(account, region).used

    def busy(self, account: str, region: str) -> int:
        """Executions of an account, of every kind."""
        scope = self._scopes.get((account, region))
        return scope.running if scope is not None else 0

    def scopes(self) -> list[tuple[str, str]]:
        """The accounts and regions in which anything was ever called or kept."""
        return list(self._scopes)

    def holders(self, account: str, region: str) -> list[tuple[str, int]]:
        """Functions and their executions, most first."""
        return throttle.holders(self._scope(account, region))

    def room(self, version: Version, invoked_arn: str = "") -> int:
        """How many more invocations of `version` would be let in now, as far as concurrency goes."""
        quota = self._quota(version.account, version.region, version.name)
        scope = quota.scope
        left = scope.limit - scope.used if quota.reserved is None else quota.kept - quota.running
        slot = quota.slots.get(invoked_arn, {}).get(version.version)
        free = max(0, slot.count - slot.running) if slot is not None else 0
        return max(0, min(max(0, left) + free, scope.limit - scope.running))

    def slots(self) -> list[Slot]:
        """All provisioned concurrency that is in use, for whoever shows it."""
        groups = (group for quota in self._quotas.values() for group in quota.slots.values())
        return [slot for group in groups for slot in group.values()]

    def notable(self, most: int) -> list[Quota]:
        """Functions that have claimed concurrency, and those of all accounts that use the most, at most so many."""
        found = [each for each in self._quotas.values() if each.running or each.provided or each.reserved is not None]
        return sorted(found, key=lambda each: (-each.running - each.warm, each.name))[:most]

    # -- details

    def _scope(self, account: str, region: str) -> Scope:
        scope = self._scopes.get((account, region))
        if scope is None:
            scope = self._scopes[account, region] = Scope(self._limit)
        return scope

    def _quota(self, account: str, region: str, name: str) -> Quota:
        arn = function_arn(account, region, name)
        quota = self._quotas.get(arn)
        if quota is None:
            scope = self._scope(account, region)
            quota = self._quotas[arn] = scope.quotas[name] = Quota(account, region, name, scope)
        return quota


def _rate(quota: Quota) -> str:
    return throttle.RATE if quota.reserved is None else throttle.RESERVED_RATE
