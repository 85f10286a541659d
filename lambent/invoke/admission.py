"""Who may run now: the account's concurrency, as permits. A decision over counts; no I/O, no clock.

Source: lambda-semantics.md §2 (order of admission) and §7. Reserved and provisioned concurrency come with issue C.
"""

from lambent.errors import TooManyRequests
from lambent.model import Invocation, Version

RETRY_AFTER_S = "1"


class Permit:
    """The right to run one invocation; given back when its `with` block ends, however it ends.

    A class of its own since contextlib's generators cost 2 µs on the hot path.
    """

    __slots__ = ("_admission", "key", "version")

    def __init__(self, admission: "Admission", key: tuple[str, str], version: Version) -> None:
        self._admission = admission
        self.key = key
        self.version = version  # what to run: that of the invocation, or its provisioned twin

    def __enter__(self) -> Version:
        return self.version

    def __exit__(self, *_: object) -> None:
        self._admission.running[self.key] -= 1


class Admission:
    """Running executions by account and region. Invariant: 0 <= running <= limit, whatever happens in a block."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running: dict[tuple[str, str], int] = {}
        self.throttled = 0

    def hold(self, invocation: Invocation, now: float) -> "Permit":
        """A permit for as long as its block runs. Raises TooManyRequests with AWS's Reason when the quota is used."""
        version = invocation.version
        key = (version.account, version.region)
        running = self.running.get(key, 0)
        if running >= self.limit:
            self.throttled += 1
            raise throttle("ConcurrentInvocationLimitExceeded")
        self.running[key] = running + 1
        return Permit(self, key, invocation.version)

    def extend(self, invocation: Invocation) -> "Permit":
        """A permit for what is left to do of an invocation that had one until this moment; never refused."""
        key = (invocation.version.account, invocation.version.region)
        self.running[key] += 1
        return Permit(self, key, invocation.version)

    def room(self, version: Version) -> int:
        """How many more invocations of `version` would be let in now, as far as concurrency goes."""
        return self.limit - self.running.get((version.account, version.region), 0)

    def busy(self, account: str, region: str) -> int:
        return self.running.get((account, region), 0)


def throttle(reason: str) -> TooManyRequests:
    """429 as the Invoke API says it: `Rate Exceeded.` with Type User, a Reason and Retry-After."""
    return TooManyRequests("Rate Exceeded.", Reason=reason, Type="User", retryAfterSeconds=RETRY_AFTER_S)
