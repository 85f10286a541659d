"""What goes to a dead-letter queue when an execution has failed, and what Invoke answers of its end."""

from typing import Any

import msgspec
import pytest

from lambent.durable import ends, machine
from lambent.durable.engine import finished
from lambent.durable.nouns import ErrorObject, Execution, State
from lambent.errors import ResourceNotFound
from lambent.execution_letters import ExecutionLetters
from lambent.model import Version

START, QUEUE = 1_768_000_000.0, "arn:aws:sqs:eu-west-1:111111111111:dead"


class Functions:
    """A resolver of one function; None: it is gone."""

    def __init__(self, dead_letter: str | None = QUEUE) -> None:
        self.dead_letter = dead_letter

    def resolve(self, account: str, region: str, name: str, qualifier: str) -> tuple[Version, str]:
        if self.dead_letter is None:
            raise ResourceNotFound()
        version = Version(
            account=account, region=region, name=name, version=qualifier, revision="r", runtime="python3.13",
            handler="app.handler", code_digest="0", dead_letter=self.dead_letter,
        )  # fmt: skip
        return version, version.arn


def ended(output: ends.Output, **changes: Any) -> tuple[State, State]:
    """An execution before and after its end."""
    execution = Execution(
        **{"number": 1, "account": "111111111111", "region": "eu-west-1", "function": "hello", "version": "1"}
        | {"name": "n", "id": "x1", "started": START, "timeout_s": 60, "retention_days": 1, "deadline": START + 60}
        | {"request_id": "request-1", "qualifier": "live"}
        | changes
    )
    state, _ = machine.start(execution, '{"order":1}')
    state = machine.begin(state, "i1", START).onto(state)
    return state, machine.finish(state, machine.Ran("i1", "r", START, output), START + 5).onto(state)


FAILED = ends.Output("FAILED", error=ErrorObject(error_message="no luck", error_type="Oops", stack_trace=("a",)))


def test_a_failed_execution_that_nobody_waited_for_goes_to_the_dead_letter_queue_with_its_input() -> None:
    before, after = ended(FAILED)
    ((query, letter),) = ExecutionLetters(Functions()).rows(before, after)  # type: ignore[arg-type]
    assert query == "letter_add"
    assert (letter["target"], letter["kind"], letter["body"]) == (QUEUE, "dead-letter", b'{"order":1}')
    assert msgspec.json.decode(letter["attributes"]) == {
        "RequestID": "request-1", "ErrorCode": "200", "ErrorMessage": "no luck",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("output", "changes", "queue"),
    [
        (FAILED, {"synchronous": True}, QUEUE),
        (FAILED, {"parent": 7, "parent_operation": "op"}, QUEUE),
        (ends.Output("SUCCEEDED", "1"), {}, QUEUE),
        (FAILED, {}, ""),
        (FAILED, {}, None),
    ],
)
def test_nothing_is_sent_of_others(output: ends.Output, changes: dict[str, Any], queue: str | None) -> None:
    before, after = ended(output, **changes)
    assert not ExecutionLetters(Functions(queue)).rows(before, after)  # type: ignore[arg-type]
    assert not ExecutionLetters(Functions(queue)).rows(after, after)  # type: ignore[arg-type]


def test_invoke_answers_an_error_as_functions_errors_are_answered() -> None:
    _, after = ended(FAILED, synchronous=True)
    told = finished(after.execution)
    assert told.function_error == "Unhandled"
    assert msgspec.json.decode(told.payload) == {"errorMessage": "no luck", "errorType": "Oops", "stackTrace": ["a"]}
    _, after = ended(ends.Output("SUCCEEDED"), synchronous=True)
    assert (finished(after.execution).payload, finished(after.execution).function_error) == (b"null", None)
