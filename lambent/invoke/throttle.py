"""How a call is refused that would be one too many: AWS's error, and why in a sentence that names the holders."""

import math

from lambent.errors import TooManyRequests
from lambent.invoke.quota import Quota, Scope

ACCOUNT = "ConcurrentInvocationLimitExceeded"
RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
RATE = "FunctionInvocationRateLimitExceeded"
RESERVED_RATE = "ReservedFunctionInvocationRateLimitExceeded"

STOPPED_S = 60  # to try again where somebody has set reserved concurrency to 0, and must think better of it
NAMED = 3  # holders in the sentence


class Throttle(TooManyRequests):
    """`Rate Exceeded.` with Type User, a Reason and Retry-After (whole seconds)."""

    def __init__(self, reason: str, quota: Quota, wait_s: float = 1.0, *, scaling: bool = False) -> None:
        after = "1" if wait_s <= 1 else str(math.ceil(wait_s))
        super().__init__("Rate Exceeded.", Reason=reason, Type="User", retryAfterSeconds=after)
        self._quota = quota
        self._scaling = scaling

    @property
    def why(self) -> str:
        """Who holds the permits now; made when somebody asks, since a refusal must cost little."""
        quota, reason = self._quota, self.members["Reason"]
        if reason == ACCOUNT:
            return _account(quota.scope)
        if self._scaling:
            return (
                f"{quota.name} has scaled up to {quota.level} environments, and may have no more than 1,000 new ones "
                "in 10 seconds."
            )
        if reason == RESERVED:
            return _reserved(quota)
        return f"{quota.name} was called more than 10 times a second for each execution that it may have at once."


def holders(scope: Scope) -> list[tuple[str, int]]:
    """Functions and their executions, most first."""
    running = [(quota.name, quota.running + quota.warm) for quota in scope.quotas.values()]
    return sorted((each for each in running if each[1]), key=lambda each: (-each[1], each[0]))


def _account(scope: Scope) -> str:
    found = holders(scope)
    named = ", ".join(f"{name} ({count})" for name, count in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    kept = scope.used - scope.running
    aside = f"; {kept} are kept for reserved or provisioned concurrency" if kept > 0 else ""
    return f"All {scope.limit} executions of the account are taken: by {named or 'nobody'}{more}{aside}."


def _reserved(quota: Quota) -> str:
    if not quota.reserved:
        return f"{quota.name} is stopped: its reserved concurrency is 0."
    inside = f", {quota.provided} of them for provisioned concurrency" if quota.provided else ""
    return (
        f"{quota.name} uses all of its reserved concurrency of {quota.reserved}{inside}: {quota.running} run on "
        f"demand, {quota.warm} in provisioned environments."
    )
