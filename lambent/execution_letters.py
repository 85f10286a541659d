"""Dead letters of durable executions that failed and for whose end nobody waited. A piece of app: durable functions and
events meet here.

Source: "Invoking durable Lambda functions", AWS Lambda Developer Guide: dead-letter queues are served, destinations of
asynchronous invocation are not.
"""

from lambent.durable.engine import finished
from lambent.durable.nouns import FAILED, TIMED_OUT, State
from lambent.errors import LambentError
from lambent.events.end import RETRIES_EXHAUSTED, End
from lambent.events.letters import letters_for
from lambent.invoke.resolve import Resolver
from lambent.model import Event, InvokeConfig, Outcome
from lambent.store.letters import letter_columns
from lambent.store.queue import Rows


class ExecutionLetters:
    """`rows` is what is stored together with the end of an execution."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def rows(self, before: State, state: State) -> Rows:
        execution = state.execution
        failed = execution.status in {FAILED, TIMED_OUT} and not before.execution.over
        if not failed or execution.synchronous or execution.parent:
            return ()
        key = execution.account, execution.region, execution.function
        try:
            version, _ = self._resolver.resolve(*key, execution.version)
        except LambentError:
            return ()  # the function is gone, and its dead-letter queue with it
        if not version.dead_letter:
            return ()
        return [("letter_add", letter_columns(letter)) for letter in letters_for(_end(state, version.dead_letter))]


def _end(state: State, dead_letter: str) -> End:
    """The end of an execution, as that of an event."""
    execution = state.execution
    ended, given = finished(execution), state.operations[execution.id].payload or ""
    event = Event(
        id=0, request_id=execution.request_id, account=execution.account, region=execution.region,
        name=execution.function, qualifier=execution.qualifier, payload=given.encode(), trace=execution.trace,
        received=execution.started, due=execution.started, attempts=1, tenant=execution.tenant,
    )  # fmt: skip
    error_type = execution.error.error_type if execution.error is not None else None
    outcome = Outcome(payload=ended.payload, function_error="Unhandled", error_type=error_type, status="error")
    return End(
        event=event, condition=RETRIES_EXHAUSTED, now=execution.ended or 0.0, config=InvokeConfig(),
        dead_letter=dead_letter, outcome=outcome, executed_version=execution.version,
    )  # fmt: skip
