"""The operations on durable executions that clients use, apart from those of the function itself."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from lambent.arns import FunctionRef
from lambent.clock import Clock
from lambent.durable import checks, pausing, records, requests, tokens
from lambent.durable.api_lists import Lists, Owners
from lambent.durable.finding import Finder, Guard
from lambent.durable.nouns import Change, ErrorObject, Execution, State
from lambent.errors import InvalidParameterValue, ResourceNotFound
from lambent.model import Document
from lambent.store.durable_executions import DurableExecutions
from lambent.wire.parse import Call

Decide = Callable[[State, float], Change]  # the state and the time -> what becomes of it; may raise AwsError
Handler = Callable[[Call], Awaitable[Document]]


class Driver(Protocol):
    """Who changes executions, one change after the other, and does what follows from each."""

    async def change(self, number: int, decide: Decide) -> State:
        """The state after a change that is on disk. Raises what `decide` raises, ResourceNotFound if it is gone."""
        ...


class DurableApi:
    """`operations` is what answers each of them."""

    def __init__(
        self, store: DurableExecutions, driver: Driver, owners: Owners, clock: Clock, guard: Guard | None = None
    ) -> None:
        self._store = store
        self._driver = driver
        self._finder = Finder(store, guard)
        lists = Lists(store, self._finder, owners, clock)
        self.operations: dict[str, Handler] = {
            "DeleteDurableExecution": self._delete,
            "GetDurableExecution": lists.get,
            "GetDurableExecutionHistory": lists.history,
            "ListDurableExecutionsByFunction": lists.of_function,
            "PauseDurableExecution": self._pause,
            "ResumeDurableExecution": self._resume,
            "SendDurableExecutionCallbackFailure": self._callback_failed,
            "SendDurableExecutionCallbackHeartbeat": self._callback_lives,
            "SendDurableExecutionCallbackSuccess": self._callback_succeeded,
            "StopDurableExecution": self._stop,
        }

    async def _stop(self, call: Call) -> Document:
        found, why = self._finder.execution(call), _error(call.parameters)
        state = await self._driver.change(found.number, lambda state, now: requests.stop(state, now, why))
        return {"StopTimestamp": state.execution.ended}

    async def _pause(self, call: Call) -> Document:
        found = self._finder.execution(call)
        await self._driver.change(found.number, lambda state, now: pausing.pause(state, now, call.parameters))
        return {}

    async def _resume(self, call: Call) -> Document:
        found = self._finder.execution(call)
        await self._driver.change(found.number, lambda state, now: pausing.resume(state, now, call.parameters))
        return {}

    async def _delete(self, call: Call) -> Document:
        found, at = self._finder.execution(call), 0.0

        def decide(state: State, now: float) -> Change:
            nonlocal at
            at = now
            return requests.delete(state, now)

        await self._driver.change(found.number, decide)
        return {"DeletionRequestTimestamp": at}

    async def _callback_succeeded(self, call: Call) -> Document:
        found, name = self._callback(call)
        result = _text(call.parameters.get("Result"))
        await self._driver.change(found.number, lambda state, now: requests.succeed(state, now, name, result))
        return {}

    async def _callback_failed(self, call: Call) -> Document:
        found, name = self._callback(call)
        why = _error(call.parameters)
        await self._driver.change(found.number, lambda state, now: requests.fail(state, now, name, why))
        return {}

    async def _callback_lives(self, call: Call) -> Document:
        found, name = self._callback(call)
        await self._driver.change(found.number, lambda state, now: requests.heartbeat(state, now, name))
        return {}

    def _callback(self, call: Call) -> tuple[Execution, str]:
        """The execution and the operation of CallbackId. Raises InvalidParameterValue, ResourceNotFound."""
        said = tokens.callback(call.parameters["CallbackId"])
        if said is None:
            raise InvalidParameterValue("Invalid callback id")
        document = self._store.of_id(said[0])
        found = records.execution_from(document) if document else None
        if found is None or found.region != call.region:
            raise ResourceNotFound("The callback does not exist.")
        self._finder.demand(call, FunctionRef(found.account, found.region, found.function, found.version))
        return found, said[1]


def _error(parameters: Mapping[str, Any]) -> ErrorObject | None:
    """Raises InvalidParameterValue for one that is too large."""
    given = parameters.get("Error")
    if given is None:
        return None
    if len(msgspec.json.encode(given)) > checks.MOST_PAYLOAD:
        raise InvalidParameterValue(f"Error object size must be less than {checks.MOST_PAYLOAD} bytes.")
    return msgspec.convert(given, ErrorObject)


def _text(given: bytes | None) -> str | None:
    """A callback's result, which functions get as text. Raises InvalidParameterValue for what is not UTF-8."""
    try:
        return given.decode() if given is not None else None
    except UnicodeDecodeError:
        raise InvalidParameterValue("The Result of a callback must be UTF-8 text.") from None
