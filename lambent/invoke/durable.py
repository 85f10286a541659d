"""Invocations of durable functions, as far as the data plane knows of them: what starts one, and what it is told."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from lambent.errors import InvalidParameterValue
from lambent.model import Outcome, Version

LONGEST_WAIT_S = 900  # that somebody waits for an execution
LATEST = "$LATEST"

UNQUALIFIED = "You cannot invoke a durable function using an unqualified ARN."
TOO_LONG = "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes."

NOT_DURABLE = "The invoked function is not a durable function."
NO_STREAMS = (
    "InvokeWithResponseStream is not supported for durable functions: their executions outlast an invocation. Use "
    "Invoke."
)
_NO_KEYS = (
    "Idempotency-Key is not supported for durable functions. Give the execution a name: the header "
    "X-Amz-Durable-Execution-Name, DurableExecutionName in the SDKs."
)
_NO_CONTEXT = (
    "ClientContext is not supported for durable functions: an execution has many invocations. Put it into the payload."
)


class Start(NamedTuple):
    """A call that starts an execution."""

    version: Version
    qualifier: str  # as it was given, or as it is to be shown
    payload: bytes
    request_id: str
    trace: str
    name: str = ""  # of the execution; "": one of its own
    tenant: str = ""
    want_log_tail: bool = False


class Finished(NamedTuple):
    """An execution for whose end somebody has waited, as Invoke tells of it."""

    arn: str
    payload: bytes
    function_error: str | None = None
    log_tail: bytes = b""


class Executions(Protocol):
    """Who runs durable executions."""

    async def run(self, start: Start) -> Finished:
        """Start it, or find the one of that name, and wait for its end."""
        ...

    async def accept(self, start: Start) -> str:
        """The same without waiting: its ARN, once it is on disk."""
        ...


async def outcome(executions: Executions, start: Start) -> Outcome:
    """An execution in the place of one invocation, for those who poll."""
    ended = await executions.run(start)
    status = "success" if ended.function_error is None else "error"
    return Outcome(payload=ended.payload, function_error=ended.function_error, status=status, log_tail=ended.log_tail)


class NoExecutions:
    """Nobody does: for tests of what comes before."""

    async def run(self, start: Start) -> Finished:
        raise NotImplementedError

    async def accept(self, start: Start) -> str:
        raise NotImplementedError


def qualifier(version: Version, invoked_arn: str) -> str:
    """The one that the caller gave. Raises InvalidParameterValue if there was none: a later invocation of the same
    execution could run other code.
    """
    given = invoked_arn[len(version.function_arn) + 1 :]
    if not given:
        raise InvalidParameterValue(UNQUALIFIED)
    return given


def check_options(parameters: Mapping[str, Any], *, idempotency_key: bool) -> None:
    """Raises InvalidParameterValue for what an execution would not obey."""
    if idempotency_key:
        raise InvalidParameterValue(_NO_KEYS)
    if parameters.get("ClientContext"):
        raise InvalidParameterValue(_NO_CONTEXT)


def check_wait(version: Version) -> None:
    """Raises InvalidParameterValue if an execution may take longer than anybody may wait."""
    if version.durable is not None and version.durable.timeout_s > LONGEST_WAIT_S:
        raise InvalidParameterValue(TOO_LONG)
