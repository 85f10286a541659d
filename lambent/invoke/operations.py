"""The operations of the data plane: Invoke and InvokeWithResponseStream. From a Call to an Invocation and back."""

import base64
import binascii
import random
from typing import Any

import msgspec

from lambent.errors import AwsError, InvalidParameterValue, InvalidRequestContent, NotImplementedYet
from lambent.invoke import payload as payloads
from lambent.invoke.path import Invoker
from lambent.invoke.resolve import Resolver
from lambent.invoke.streaming import Streams
from lambent.model import Invocation, InvocationKind
from lambent.wire.parse import Call

SYNC_LIMIT = 6_291_456  # bytes: 6 MB request
CLIENT_CONTEXT_LIMIT = 3_583  # bytes of base64
_random = random.Random()

Answer = tuple[dict[str, Any], str]


class DataPlane:
    """What the operations need, and nothing else."""

    def __init__(self, resolver: Resolver, invoker: Invoker) -> None:
        self.resolver = resolver
        self.invoker = invoker
        self.streams = Streams(invoker)

    async def invoke(self, call: Call) -> Answer:
        """Invoke, RequestResponse or DryRun: the result and the trace header. Source: lambda-semantics.md §2."""
        parameters = call.parameters
        kind = parameters.get("InvocationType", "RequestResponse")
        if kind == InvocationKind.EVENT:
            raise NotImplementedYet(
                "Asynchronous invocation (InvocationType=Event) is not built yet: nothing was accepted. "
                "Use RequestResponse."
            )
        invocation = self._invocation(call, "InvokeFunction")
        if kind == InvocationKind.DRY_RUN:
            return {"StatusCode": 204}, invocation.trace
        outcome = await self.invoker.invoke(invocation)
        result = {
            "StatusCode": 200,
            "ExecutedVersion": invocation.version.version,
            "Payload": outcome.payload,
        }
        if outcome.function_error:
            result["FunctionError"] = outcome.function_error
        if invocation.want_log_tail:
            result["LogResult"] = base64.b64encode(outcome.log_tail).decode()
        return result, invocation.trace

    async def stream(self, call: Call) -> Answer:
        """InvokeWithResponseStream, RequestResponse or DryRun; a function that does not stream answers in one chunk."""
        invocation = self._invocation(call, "InvokeWithResponseStream")
        if call.parameters.get("InvocationType") == InvocationKind.DRY_RUN:
            return {"StatusCode": 204}, invocation.trace
        return await self.streams.start(invocation), invocation.trace

    # -- details

    def _invocation(self, call: Call, operation: str) -> Invocation:
        """Frozen data, checked in the order in which AWS checks: the function, the size, the payload."""
        parameters = call.parameters
        version, arn = self.resolver.resolve(
            call.account, call.region, parameters["FunctionName"], parameters.get("Qualifier")
        )
        body = parameters.get("Payload") or b"{}"
        if len(body) > SYNC_LIMIT:
            message = f"Request must be smaller than {SYNC_LIMIT} bytes for the {operation} operation"
            raise AwsError(message, code="RequestEntityTooLargeException", status=413)
        if "TenantId" in parameters or "DurableExecutionName" in parameters:
            _refuse_foreign(parameters)
        payloads.check(body)
        now = self.invoker.clock.epoch()
        context = parameters.get("ClientContext")
        return Invocation(
            request_id=call.request_id,
            version=version,
            invoked_arn=arn,
            payload=body,
            received=now,
            want_log_tail=parameters.get("LogType") == "Tail",
            client_context=_client_context(context) if context else None,
            trace=call.request.headers.get("x-amzn-trace-id") or new_trace(now),
        )


def new_trace(now: float) -> str:
    """A root of our own, not sampled: Root=1-<hex time>-<24 hex>;Parent=<16 hex>;Sampled=0."""
    bits = _random.getrandbits(160).to_bytes(20, "big").hex()
    return f"Root=1-{int(now):08x}-{bits[:24]};Parent={bits[24:]};Sampled=0"


def _refuse_foreign(parameters: dict[str, Any]) -> None:
    """Parameters that only functions of a kind that cannot be made here would take."""
    if "TenantId" in parameters:
        raise InvalidParameterValue(
            "The invoked function is not enabled for tenancy configuration. Remove the tenant ID from your request and "
            "try again."
        )
    if "DurableExecutionName" in parameters:
        raise InvalidParameterValue("The invoked function is not a durable function.")


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
