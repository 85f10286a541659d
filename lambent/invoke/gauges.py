"""How much of the concurrency is in use, each second, as CloudWatch's metrics: what no single call can tell."""

import asyncio

from lambent.invoke.admission import Admission
from lambent.invoke.quota import Slot
from lambent.observe.metrics import Function, Metrics

EVERY_S = 1.0  # of real time: calls are real; the samples are dated by the product's clock


class Gauges:
    """Samples an Admission, and counts the calls that found no provisioned environment."""

    def __init__(self, admission: Admission, metrics: Metrics) -> None:
        self._admission = admission
        self._metrics = metrics
        self._calls: dict[tuple[Function, str], int] = {}  # of each qualifier, when it was last sampled
        admission.meter = self._metered

    async def sample_for_ever(self) -> None:
        while True:
            self.sample()
            if self._metrics.waiting:
                await asyncio.to_thread(self._metrics.digest)  # when nobody calls, the records' thread does not do it
            await asyncio.sleep(EVERY_S)

    def sample(self) -> None:
        """What runs now. Where nothing ran since the last time, there is no sample, as on AWS."""
        for account, region in self._admission.scopes():
            self._sample_account(account, region)
        self._sample_provisioned()

    def _sample_account(self, account: str, region: str) -> None:
        put, admission = self._metrics.sample, self._admission
        unreserved = 0
        for name, running in admission.holders(account, region):
            put("ConcurrentExecutions", (account, region, name), running)
            if admission.reserved(account, region, name) is None:
                unreserved += running
        everything: Function = (account, region, "")
        if busy := admission.busy(account, region):
            put("ConcurrentExecutions", everything, busy)
        if unreserved:
            put("UnreservedConcurrentExecutions", everything, unreserved)
        if claimed := admission.claimed(account, region):
            put("ClaimedAccountConcurrency", everything, claimed)

    def _sample_provisioned(self) -> None:
        found: dict[tuple[Function, str], tuple[int, int, int]] = {}
        for slot in self._admission.slots():
            key = _function(slot), slot.qualifier
            running, count, calls = found.get(key, (0, 0, 0))
            found[key] = running + slot.running, count + slot.count, calls + slot.served + slot.spilled
        before, self._calls = self._calls, {key: calls for key, (_, _, calls) in found.items()}
        for key, (running, count, calls) in found.items():
            past = before.get(key, 0)
            if running or calls > (past if calls >= past else 0):  # its slots are new: they count from 0 again
                self._sample_qualifier(*key, running, count)

    def _sample_qualifier(self, function: Function, qualifier: str, running: int, count: int) -> None:
        self._metrics.sample("ProvisionedConcurrentExecutions", function, running, qualifier)
        if count:
            self._metrics.sample("ProvisionedConcurrencyUtilization", function, running / count, qualifier)

    def _metered(self, slot: Slot, spilled: bool) -> None:
        if spilled:
            self._metrics.add("ProvisionedConcurrencySpilloverInvocations", _function(slot), 1.0, slot.qualifier)


def _function(slot: Slot) -> Function:
    return slot.twin.account, slot.twin.region, slot.twin.name
