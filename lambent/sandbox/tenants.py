"""How many environments may belong to tenants: active and idle ones, of all functions of an account. No I/O, no clock.

Source: "Lambda quotas", AWS Lambda Developer Guide: 2,500 for each 1,000 concurrent executions.
"""

from collections.abc import Iterable

from lambent.errors import TooManyRequests
from lambent.sandbox.pool import Pool

PER_EXECUTION = 2.5


class TooManyTenants(TooManyRequests):
    """AWS's refusal of one more; its own Reason for it is not known."""

    def __init__(self, limit: int, concurrency: int) -> None:
        reason = "ConcurrentInvocationLimitExceeded"
        super().__init__("Rate Exceeded.", Reason=reason, Type="User", retryAfterSeconds="1")
        self._why = (
            f"There are {limit} environments of tenants, active and idle, which is all that an account with "
            f"{concurrency} executions may have."
        )

    @property
    def why(self) -> str:
        return self._why


def check(pool: Pool, pools: Iterable[Pool], concurrency: int) -> None:
    """Raise TooManyTenants if `pool`, which is a tenant's, may not start another sandbox; those that idle count."""
    if not pool.tenant:
        return
    limit = int(concurrency * PER_EXECUTION)
    alike = (each for each in pools if each.tenant and each.function[:2] == pool.function[:2])
    if sum(len(each.idle) + len(each.busy) + each.starting for each in alike) >= limit:
        raise TooManyTenants(limit, concurrency)
