"""What the scaler asks of whoever provisions."""

from typing import Protocol

from lambent.services.application_autoscaling.decisions import Capacity
from lambent.store.scaling import Key


class Fleet(Protocol):
    """Provisioned concurrency, as seen from here."""

    def require(self, key: Key) -> None:
        """Raises ResourceNotFound if there is no such version or alias."""
        ...

    def capacity(self, key: Key) -> Capacity: ...

    async def provision(self, key: Key, count: int) -> None:
        """As PutProvisionedConcurrencyConfig does it, with 0 as its Delete. Raises what they raise."""
        ...
