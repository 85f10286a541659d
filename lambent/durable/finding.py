"""Finding the execution that a request names, for whoever may."""

from typing import Protocol

from lambent.arns import FunctionRef
from lambent.durable import records
from lambent.durable.nouns import Execution
from lambent.errors import ResourceNotFound
from lambent.store.durable_executions import DurableExecutions
from lambent.wire.parse import Call

_NOT_THERE = "Durable Execution does not exist"  # of AWS's own local runner


class Guard(Protocol):
    """Who knows resource policies, and what of a request they may ask for."""

    def demand(self, call: Call, ref: FunctionRef) -> None:
        """Raises AccessDeniedException if the caller may not do that to what belongs to the function."""
        ...


class Finder:
    """Looks executions up by their ARNs. Without `guard`, everybody may everything."""

    def __init__(self, store: DurableExecutions, guard: Guard | None = None) -> None:
        self._store = store
        self._guard = guard

    def execution(self, call: Call) -> Execution:
        """The one that DurableExecutionArn names, which the model has seen to be such an ARN.

        Raises ResourceNotFound; AccessDeniedException where the execution's function is of an account that says so.
        """
        arn: str = call.parameters["DurableExecutionArn"]
        function, _, rest = arn.partition("/")
        _, _, _, region, account, _, name, version = function.split(":")
        self.demand(call, FunctionRef(account, region, name, version))
        document = self._store.of_id(rest.rpartition("/")[2])
        found = records.execution_from(document) if document else None
        if found is None or found.arn != arn or found.region != call.region:
            raise ResourceNotFound(_NOT_THERE)
        return found

    def demand(self, call: Call, ref: FunctionRef) -> None:
        """Raises AccessDeniedException."""
        if self._guard is not None:
            self._guard.demand(call, ref)
