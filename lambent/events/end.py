"""How an event came to its end: all that records, dead letters and the kept list are made of."""

import msgspec

from lambent.model import Event, InvokeConfig, Outcome

SUCCESS = "Success"
RETRIES_EXHAUSTED = "RetriesExhausted"
EVENT_AGE_EXCEEDED = "EventAgeExceeded"
ZERO_RESERVED_CONCURRENCY = "ZeroReservedConcurrency"
# Lambent's own words, for ends of which AWS's pages name no condition:
RECURSION = "RecursionDetected"
FUNCTION_GONE = "FunctionNotFound"
TENANT_MISMATCH = "TenantMismatch"  # it names none of a function with tenants, or one of a function without


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The last word on an event.

    `outcome` is of the last attempt that a sandbox was there for (None: there was none, or the last attempts found
    no place); `status` is what the Invoke API would have answered to the last attempt.
    """

    event: Event  # as it is at its end: `attempts` are all that were made
    condition: str
    now: float  # epoch seconds
    config: InvokeConfig
    dead_letter: str = ""  # ARN
    outcome: Outcome | None = None
    executed_version: str = ""
    status: int = 200
    error: str = ""  # in words, if there is no outcome

    @property
    def succeeded(self) -> bool:
        return self.condition == SUCCESS
