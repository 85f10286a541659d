"""The operations of the data plane: Invoke, InvokeAsync, InvokeWithResponseStream. From a Call to an Invocation, or an
Event, and back."""

import base64
import binascii
from collections.abc import Set
from typing import Any, Protocol

import msgspec

from lambent.clock import Clock
from lambent.errors import AwsError, InvalidParameterValue, InvalidRequestContent
from lambent.invoke import durable
from lambent.invoke import payload as payloads
from lambent.invoke.idempotency import Idempotency
from lambent.invoke.keys import HEADER, Term, asked_by, asked_of
from lambent.invoke.path import Invoker
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Found, Resolver
from lambent.invoke.sampling import Sampler
from lambent.invoke.streaming import Streams
from lambent.invoke.tenancy import version_for
from lambent.model import Event, Invocation, InvocationKind, Outcome, Version
from lambent.store.answers import StoredAnswer
from lambent.store.queue import Rows
from lambent.wire.parse import Call

SYNC_LIMIT = 6_291_456  # bytes: 6 MB request
ASYNC_LIMIT = 1_048_576  # bytes: 1 MB
CLIENT_CONTEXT_LIMIT = 3_583  # bytes of base64

_ACTIONS = {"Invoke": "InvokeFunction", "InvokeAsync": "InvokeAsync"}  # what AWS calls them in its messages
Answer = tuple[dict[str, Any], str]  # the result, and the trace header
Keyed = tuple[Idempotency, str, Term]


class Intake(Protocol):
    """Who takes events: `accept` returns when it is on disk."""

    async def accept(self, event: Event, rows: Rows = ()) -> None: ...


class Gate(Protocol):
    """Who may invoke. `denying` is empty as long as everybody may invoke what is their own account's."""

    denying: Set[tuple[str, str, str]]

    def check(self, call: Call) -> None:
        """Raises AwsError (AccessDeniedException) if the caller may not do that to what the call names."""
        ...


class OpenGate:
    """Everybody may: for tests of what comes after."""

    denying: Set[tuple[str, str, str]] = frozenset()

    def check(self, call: Call) -> None:
        return


class DataPlane:
    """What the operations need, and nothing else."""

    def __init__(
        self, resolver: Resolver, invoker: Invoker, intake: Intake, loops: Loops | None = None,
        idempotency: Idempotency | None = None, *, clock: Clock | None = None, gate: Gate | None = None,
        executions: durable.Executions | None = None,
    ) -> None:  # fmt: skip
        """`clock` is the product's, which dates what comes in; without it that is the invoker's."""
        self.clock = clock or invoker.clock
        self.resolver = resolver
        self.invoker = invoker
        self.intake = intake
        self.loops = loops or Loops()
        self.idempotency = idempotency  # None: its header is ignored
        self.streams = Streams(invoker)
        self.sampler = Sampler()
        self.gate = gate or OpenGate()
        self.executions = executions or durable.NoExecutions()

    async def invoke(self, call: Call) -> Answer:
        """Invoke: the result and the trace header. Source: lambda-semantics.md §2."""
        parameters = call.parameters
        kind = parameters.get("InvocationType", "RequestResponse")
        if kind == InvocationKind.EVENT:
            return await self._accept(call, parameters.get("Payload"), {"StatusCode": 202})
        invocation = self._invocation(call, "InvokeFunction")
        if invocation.version.durable is not None:
            return await self._execute(call, invocation, kind)
        if kind == InvocationKind.DRY_RUN:
            return {"StatusCode": 204}, invocation.trace
        if HEADER in call.request.headers and (keyed := self._keyed(call, invocation.version)):
            return await self._invoke_once(*keyed, invocation)
        outcome = await self.invoker.invoke(invocation)
        return _result(invocation, invocation.version.version, outcome), invocation.trace

    async def stream(self, call: Call) -> Answer:
        """InvokeWithResponseStream, RequestResponse or DryRun; a function that does not stream answers in one chunk."""
        invocation = self._invocation(call, "InvokeWithResponseStream")
        if invocation.version.durable is not None:
            raise InvalidParameterValue(durable.NO_STREAMS)
        if HEADER in call.request.headers and self._keyed(call, invocation.version):
            raise InvalidParameterValue(
                "Idempotency-Key is not supported for InvokeWithResponseStream: a stream is not kept. Use Invoke."
            )
        if call.parameters.get("InvocationType") == InvocationKind.DRY_RUN:
            return {"StatusCode": 204}, invocation.trace
        return await self.streams.start(invocation), invocation.trace

    async def invoke_async(self, call: Call) -> Answer:
        """InvokeAsync, which AWS still answers: Invoke of the type Event by another name."""
        return await self._accept(call, call.parameters.get("InvokeArgs"), {"Status": 202})

    # -- details

    async def _accept(self, call: Call, body: bytes | None, result: dict[str, Any]) -> Answer:
        """Take an event in; answered once it is on disk. Checked like an invocation, but for its size."""
        parameters = call.parameters
        version, arn = self._resolve(call)
        body = body or b"{}"
        _check(parameters, body, ASYNC_LIMIT, call.operation, version)
        tenant = parameters.get("TenantId", "")
        if version.per_tenant or tenant:
            version_for(version, tenant)
        now = self.clock.epoch()
        event = Event(
            id=0, request_id=call.request_id, account=version.account, region=version.region, name=version.name,
            qualifier=arn[len(version.function_arn) + 1 :], payload=body, trace=self._trace(call, version, now),
            received=now, due=now, tenant=tenant,
        )  # fmt: skip
        if version.durable is not None:
            start = _start(call, version, arn, event.payload, event.trace)
            made = await self.executions.accept(start)
            # InvokeAsync is older than executions: its answer has no place for one.
            return (result | {"DurableExecutionArn": made} if call.operation == "Invoke" else result), event.trace
        if HEADER in call.request.headers and (keyed := self._keyed(call, version)):
            keys, key, term = keyed
            given = await keys.accept(asked_by(key, event, term), event, self.intake.accept)
            return given.told(result), given.answer.trace
        await self.intake.accept(event)
        return result, event.trace

    async def _execute(self, call: Call, invocation: Invocation, kind: str) -> Answer:
        """Invoke of a durable function, which waits for the end of the whole execution."""
        version = invocation.version
        start = _start(call, version, invocation.invoked_arn, invocation.payload, invocation.trace)
        durable.check_wait(version)
        if kind == InvocationKind.DRY_RUN:
            return {"StatusCode": 204}, invocation.trace
        ended = await self.executions.run(start)
        result = _result(invocation, version.version, ended)
        return result | {"DurableExecutionArn": ended.arn}, invocation.trace

    def _resolve(self, call: Call) -> Found:
        """What the call names, if the caller may invoke it. Whoever may not learns nothing of what is there."""
        parameters = call.parameters
        try:
            found = self.resolver.resolve(
                call.account, call.region, parameters["FunctionName"], parameters.get("Qualifier")
            )
        except AwsError:
            self.gate.check(call)
            raise
        if found[0].account != call.account or self.gate.denying:
            self.gate.check(call)
        return found

    def _trace(self, call: Call, version: Version, now: float) -> str:
        return self.sampler.header(call.request.headers.get("x-amzn-trace-id"), version, now)

    def _keyed(self, call: Call, version: Version) -> Keyed | None:
        """Who answers a call with an Idempotency-Key, the key, and how long it lives; None if its function has not
        opted in to that.
        """
        term = self.idempotency.term(version) if self.idempotency else None
        return (self.idempotency, call.request.headers[HEADER], term) if self.idempotency and term else None

    async def _invoke_once(self, keys: Idempotency, key: str, term: Term, invocation: Invocation) -> Answer:
        whole = msgspec.structs.replace(invocation, want_log_tail=True)  # a later call may ask for it
        version = invocation.version.version
        given = await keys.run(asked_of(key, invocation, term), lambda: self.invoker.invoke(whole), version)
        answer = given.answer
        return given.told(_result(invocation, answer.executed_version, answer)), answer.trace

    def _invocation(self, call: Call, operation: str) -> Invocation:
        """Frozen data, checked in the order in which AWS checks: the function, the size, the payload."""
        parameters = call.parameters
        version, arn = self._resolve(call)
        body = parameters.get("Payload") or b"{}"
        _check(parameters, body, SYNC_LIMIT, operation, version)
        if version.per_tenant or "TenantId" in parameters:
            version = version_for(version, parameters.get("TenantId", ""))
        now = self.clock.epoch()
        context = parameters.get("ClientContext")
        return Invocation(
            request_id=call.request_id,
            version=version,
            invoked_arn=arn,
            payload=body,
            received=now,
            want_log_tail=parameters.get("LogType") == "Tail",
            client_context=_client_context(context) if context else None,
            trace=self.loops.pass_on(self._trace(call, version, now), version.function_arn, call.request_id, now),
        )


def _result(
    invocation: Invocation, executed_version: str, of: Outcome | StoredAnswer | durable.Finished
) -> dict[str, Any]:
    result = {"StatusCode": 200, "ExecutedVersion": executed_version, "Payload": of.payload}
    if of.function_error:
        result["FunctionError"] = of.function_error
    if invocation.want_log_tail:
        result["LogResult"] = base64.b64encode(of.log_tail).decode()
    return result


def _start(call: Call, version: Version, arn: str, payload: bytes, trace: str) -> durable.Start:
    """What starts an execution. Raises InvalidParameterValue for what such a call cannot have."""
    given = durable.qualifier(version, arn)
    durable.check_options(call.parameters, idempotency_key=HEADER in call.request.headers)
    parameters = call.parameters
    return durable.Start(
        version, given, payload, call.request_id, trace, name=parameters.get("DurableExecutionName", ""),
        tenant=parameters.get("TenantId", ""), want_log_tail=parameters.get("LogType") == "Tail",
    )  # fmt: skip


def _check(parameters: dict[str, Any], body: bytes, limit: int, operation: str, version: Version) -> None:
    if len(body) > limit:
        message = f"Request must be smaller than {limit} bytes for the {_ACTIONS.get(operation, operation)} operation"
        raise AwsError(message, code="RequestEntityTooLargeException", status=413)
    if "DurableExecutionName" in parameters and version.durable is None:
        raise InvalidParameterValue(durable.NOT_DURABLE)
    payloads.check(body)


def _client_context(text: str) -> str:
    """The JSON text inside a ClientContext. Raises InvalidRequestContent."""
    if len(text) > CLIENT_CONTEXT_LIMIT:
        raise InvalidRequestContent(f"Client context must be at most {CLIENT_CONTEXT_LIMIT} bytes of base64")
    try:
        data = base64.b64decode(text, validate=True)
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        return data.decode()
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise InvalidRequestContent("Client context must be a valid Base64-encoded JSON object.") from None
