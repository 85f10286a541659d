"""Application Auto Scaling put together: its scaler, and provisioned concurrency as that sees it. A piece of app."""

from collections.abc import Callable
from functools import partial

from lambent.arns import FunctionRef
from lambent.control import lookup, provisioned
from lambent.control.control import Control
from lambent.errors import ResourceNotFound
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.services.application_autoscaling.decisions import Capacity
from lambent.services.application_autoscaling.registry import handle
from lambent.services.application_autoscaling.scaler import Scaler
from lambent.store.database import Database
from lambent.store.scaling import Key, Scaling


class Provisioned:
    """The Fleet of the scaler: what PutProvisionedConcurrencyConfig and its Delete do."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def require(self, key: Key) -> None:
        ref = FunctionRef(*key)
        lookup.version(self._control, ref)
        if lookup.is_alias(ref.qualifier) and lookup.alias(self._control, ref) is None:
            raise ResourceNotFound(f"Cannot find alias arn: {ref.arn}")

    def capacity(self, key: Key) -> Capacity:
        account, region, name, qualifier = key
        for config in self._control.concurrency.provisioned(account, region, name):
            if config.qualifier == qualifier:
                how = self._control.capacity.allocation(*key)
                trouble = how.reason if how.status == "FAILED" else ""
                return Capacity(config.requested, config.last_modified, how.status == "READY", trouble)
        return Capacity(0)

    async def provision(self, key: Key, count: int) -> None:
        if count:
            await provisioned.provision(self._control, FunctionRef(*key), count)
            return
        async with self._control.turn(*key[:3]):
            had_any = await self._control.concurrency.withdraw(*key)
        if had_any:
            self._control.capacity.limits_changed(*key[:3])


class Autoscaling:
    """`answer` does the operations of the service, `scaler` what they ask for."""

    def __init__(
        self, database: Database, control: Control, metrics: Metrics, journal: Journal, sample: Callable[[], None]
    ) -> None:
        store = Scaling(database)
        self.scaler = Scaler(store, Provisioned(control), control.clock, metrics, journal=journal, sample=sample)
        self.answer = partial(handle, self.scaler)
