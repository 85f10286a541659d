"""CheckpointDurableExecution and GetDurableExecutionState: what the SDK inside a durable function asks."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from lambent.durable import inputs, machine, records, tokens
from lambent.durable.book import New
from lambent.durable.engine import Executions
from lambent.durable.machine import Answered, Asked
from lambent.durable.nouns import Change, Execution, Operation, State
from lambent.durable.updates import Chained
from lambent.errors import InvalidParameterValue
from lambent.model import Document
from lambent.wire.parse import Call

Handler = Callable[[Call], Awaitable[Document]]

INVALID = "Invalid checkpoint token"
USUAL_ITEMS = 100  # of a page; 0 asks for as many


class _Checkpoint:
    """One checkpoint, as the book asks about it."""

    def __init__(self, executions: Executions, asked: Asked) -> None:
        self.answered: Answered | None = None
        self.started: list[New] = []
        self._executions = executions
        self._asked = asked

    def decide(self, state: State, now: float) -> Change | None:
        self.started = []

        def chain(operation: Operation) -> Chained:
            chained, new = self._executions.starts.chain(state, operation)
            self.started += [] if new is None else [new]
            return chained

        self.answered = machine.checkpoint(state, self._asked, now, chain)
        return self.answered.change


def sdk_operations(executions: Executions) -> dict[str, Handler]:
    """What answers each of the two, by its name."""
    return {
        "CheckpointDurableExecution": partial(checkpoint_durable_execution, executions),
        "GetDurableExecutionState": partial(get_durable_execution_state, executions),
    }


async def checkpoint_durable_execution(executions: Executions, call: Call) -> Document:
    """Apply updates, all or none; the answer tells of every change since the last one."""
    parameters = call.parameters
    execution = _named(executions, parameters)
    asked = Asked(parameters["CheckpointToken"], parameters.get("Updates", ()), parameters.get("ClientToken", ""))
    work = _Checkpoint(executions, asked)
    state = await executions.book.change(execution.number, work.decide, also=lambda: work.started)
    answered = work.answered
    if answered is None:
        raise InvalidParameterValue(INVALID)
    executions.driver.chain(execution.number, _plain(asked, state))
    document: Document = {
        "NewExecutionState": {"Operations": [inputs.document(each, inputs.seconds) for each in answered.operations]}
    }
    return document | ({"CheckpointToken": answered.token} if answered.token else {})


async def get_durable_execution_state(executions: Executions, call: Call) -> Document:
    """The operations that a function needs to go on, page by page."""
    parameters = call.parameters
    execution = _named(executions, parameters)
    state = executions.book.read(execution.number)
    if state is None:
        raise InvalidParameterValue(INVALID)
    machine.check_token(state.execution, parameters["CheckpointToken"])
    marker = parameters.get("Marker")
    after = inputs.position(state, marker) if marker else -1
    most = parameters.get("MaxItems") or USUAL_ITEMS
    operations, following = inputs.page(inputs.replayed(state), after, most)
    document: Document = {"Operations": [inputs.document(each, inputs.seconds) for each in operations]}
    return document if following is None else document | {"NextMarker": inputs.marker(state, following)}


def _named(executions: Executions, parameters: dict[str, Any]) -> Execution:
    """The execution of the token, if it is the one of the ARN. Raises InvalidParameterValue."""
    said = tokens.checkpoint_token(parameters["CheckpointToken"])
    document = executions.store.of_id(said.execution) if said is not None else None
    execution = records.execution_from(document) if document is not None else None
    if execution is None or execution.arn != parameters["DurableExecutionArn"]:
        raise InvalidParameterValue(INVALID)
    return execution


def _plain(asked: Asked, state: State) -> list[str]:
    """Chained invokes that this checkpoint has started, of functions that are not durable."""
    ids = [update["Id"] for update in asked.updates if update["Type"] == "CHAINED_INVOKE"]
    return [each for each in ids if not state.operations[each].child and not state.operations[each].closed]
