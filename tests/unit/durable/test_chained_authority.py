"""A durable function invokes others as its own role, which a policy may let in or keep out."""

from typing import Any

import pytest
from durable_client import ACCOUNT, REGION, START

from lambent.clock import FixedClock
from lambent.durable.nouns import CHAINED_INVOKE, STARTED, Execution, Operation, State
from lambent.durable.starts import Starts
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.model import Version

ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"
THEIRS = f"arn:aws:lambda:{REGION}:222222222222:function:other"


def load(account: str, region: str, name: str, qualifier: str | None) -> Version:
    return Version(
        account=account, region=region, name=name, version=qualifier or "$LATEST", revision="r", runtime="python3.13",
        handler="app.handler", code_digest="0", role=ROLE,
    )  # fmt: skip


def chain(invokes: str, **options: Any) -> Any:
    starts = Starts(
        None, None, Resolver(load), Loops(), clock=FixedClock(START), born=lambda *_: 0.0, **options  # type: ignore[arg-type]
    )  # fmt: skip
    execution = Execution(
        number=1, account=ACCOUNT, region=REGION, function="hello", version="3", name="n", id="i", started=START,
        timeout_s=60, retention_days=1, deadline=START + 60,
    )  # fmt: skip
    operation = Operation(
        id="op", position=1, type=CHAINED_INVOKE, status=STARTED, started=START, invokes=invokes
    )  # fmt: skip
    return starts.chain(State(execution, {"op": operation}), operation)[0]


def test_what_is_of_the_own_account_may_be_invoked():
    assert chain("other").error is None


@pytest.mark.parametrize("options", [{}, {"may": lambda *_: False}])
def test_what_may_not_be_invoked_fails_the_operation_at_once(options):
    error = chain(THEIRS, **options).error
    assert error.error_type == "AccessDeniedException"
    assert error.error_message == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/worker/hello is not authorized to perform: lambda:InvokeFunction "
        f"on resource: {THEIRS} because no resource-based policy allows the lambda:InvokeFunction action"
    )


def test_what_a_policy_allows_may_be_invoked():
    asked: list[Any] = []

    def may(principal: Any, action: str, ref: Any) -> bool:
        asked.append((principal.role, action, ref.arn))
        return True

    assert chain(THEIRS, may=may).error is None
    assert asked == [(ROLE, "lambda:InvokeFunction", THEIRS)]
