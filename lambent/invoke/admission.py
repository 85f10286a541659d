"""Who may run now: the account's concurrency, as permits. A decision over counts; no I/O, no clock.

Source: lambda-semantics.md §2 (order of admission) and §7. Reserved and provisioned concurrency come with issue C.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from lambent.errors import TooManyRequests
from lambent.model import Invocation

RETRY_AFTER_S = "1"


class Permit(msgspec.Struct, frozen=True):
    """The right to run one invocation, and out of which quota it came."""

    invocation: Invocation
    quota: str = "account"


class Admission:
    """Running executions by account and region. Invariant: 0 <= running <= limit, whatever happens in a permit's block."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running: dict[tuple[str, str], int] = {}
        self.throttled = 0

    @contextmanager
    def hold(self, invocation: Invocation) -> Iterator[Permit]:
        """A permit for as long as the block runs. Raises TooManyRequests with AWS's Reason when the quota is used up."""
        version = invocation.version
        key = (version.account, version.region)
        running = self.running.get(key, 0)
        if running >= self.limit:
            self.throttled += 1
            raise throttle("ConcurrentInvocationLimitExceeded")
        self.running[key] = running + 1
        try:
            yield Permit(invocation)
        finally:
            self.running[key] -= 1

    def busy(self, account: str, region: str) -> int:
        return self.running.get((account, region), 0)


def throttle(reason: str) -> TooManyRequests:
    """429 as the Invoke API says it: `Rate Exceeded.` with Type User, a Reason and Retry-After."""
    return TooManyRequests("Rate Exceeded.", Reason=reason, Type="User", retryAfterSeconds=RETRY_AFTER_S)
