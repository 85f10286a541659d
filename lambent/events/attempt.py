"""One attempt at one event: from what is known of it to what becomes of it."""

from typing import NamedTuple, Protocol

from msgspec.structs import replace

from lambent.clock import Clock
from lambent.errors import (
    AwsError,
    InvalidParameterValue,
    LambentError,
    ResourceNotFound,
    ServiceException,
    TooManyRequests,
)
from lambent.events import fate
from lambent.events.end import FUNCTION_GONE, RECURSION, SUCCESS, TENANT_MISMATCH, End
from lambent.invoke import durable
from lambent.invoke.path import Invoker
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.invoke.tenancy import version_for
from lambent.model import Event, Invocation, InvocationKind, InvokeConfig, Outcome, Version


class Configs(Protocol):
    """How asynchronous invocations of a function are to be treated."""

    def get(self, account: str, region: str, name: str, qualifier: str) -> InvokeConfig: ...


class Result(NamedTuple):
    """What became of an event: it is tried `again`, or has come to its `end`; why the attempt did not succeed."""

    again: Event | None
    end: End | None
    throttle: TooManyRequests | None = None
    trouble: str = ""


class Attempts:
    """Runs attempts on the path of all invocations."""

    def __init__(self, invoker: Invoker, resolver: Resolver, configs: Configs, clock: Clock, loops: Loops) -> None:
        self._invoker = invoker
        self._resolver = resolver
        self._configs = configs
        self._clock = clock
        self._loops = loops
        self.executions: durable.Executions = durable.NoExecutions()  # to be set before there are any events

    async def make(self, event: Event) -> Result:
        """Cases: 1 not to be tried at all, 2 nothing there to run it, 3 refused for now, 4 the function answered."""
        config = self._configs.get(event.account, event.region, event.name, event.qualifier)
        reserved = self._invoker.admission.reserved(event.account, event.region, event.name)
        condition = fate.before(event, config, reserved, self._clock.epoch())
        try:
            version, arn = self.version(event)
        except ResourceNotFound as error:
            return Result(None, self._end(event, condition or FUNCTION_GONE, config, error=error))
        except InvalidParameterValue as error:
            return Result(None, self._end(event, condition or TENANT_MISMATCH, config, error=error))
        except LambentError as error:
            return self._refused(event, config, error, None)
        if condition is not None:
            return Result(None, self._end(event, condition, config, version))
        lineage = self._loops.judge(event.trace, event.function_arn, event.request_id, self._clock.epoch())
        if lineage.stopped:
            return Result(None, self._end(event, RECURSION, config, version))
        if version.durable is not None:
            return await self._start(event, config, version, lineage.trace)
        try:
            outcome = await self._invoker.invoke(_invocation(event, version, arn, lineage.trace, self._clock.epoch()))
        except LambentError as error:
            return self._refused(event, config, error, version)
        tried, what = fate.after(event, outcome, config, self._clock.epoch())
        trouble = "" if what == SUCCESS else outcome.error_type or outcome.status
        if isinstance(what, Event):
            return Result(what, None, trouble=trouble)
        return Result(None, self._end(tried, what, config, version, outcome=outcome), trouble=trouble)

    async def _start(self, event: Event, config: InvokeConfig, version: Version, trace: str) -> Result:
        """Of a durable function the event is but the start: the execution has a history and an end of its own. Its name
        is the event's request id, so that it starts once though the event may be tried twice.
        """
        start = durable.Start(
            version, event.qualifier or durable.LATEST, event.payload, event.request_id, trace, name=event.request_id,
            tenant=event.tenant,
        )  # fmt: skip
        try:
            await self.executions.accept(start)
        except LambentError as error:
            return self._refused(event, config, error, version)
        return Result(None, self._end(replace(event, attempts=event.attempts + 1), SUCCESS, InvokeConfig(), version))

    def broken(self, event: Event, bug: Exception) -> Result:
        """The same after an error that nobody has foreseen: the service's, not the function's."""
        config = self._configs.get(event.account, event.region, event.name, event.qualifier)
        return self._refused(event, config, ServiceException(f"{type(bug).__name__}: {bug}"), None)

    def version(self, event: Event) -> tuple[Version, str]:
        """What would run it now. Raises LambentError."""
        version, arn = self._resolver.resolve(event.account, event.region, event.name, event.qualifier or None)
        if version.per_tenant or event.tenant:
            version = version_for(version, event.tenant)
        return version, arn

    def room(self, event: Event) -> tuple[int, bool]:
        """How many more of its kind would be let in now, and whether nobody else may take their places."""
        try:
            version, arn = self.version(event)
        except LambentError:
            return 1, True  # the attempt will tell what is wrong
        admission = self._invoker.admission
        reserved = admission.reserved(event.account, event.region, event.name)
        return admission.room(version, arn), reserved is not None or bool(version.provisioned)

    def _refused(self, event: Event, config: InvokeConfig, error: LambentError, version: Version | None) -> Result:
        later, what = fate.refused(event, config, self._clock.epoch())
        throttle = error if isinstance(error, TooManyRequests) else None
        if isinstance(what, Event):
            return Result(what, None, throttle, error.message)
        return Result(None, self._end(later, what, config, version, error=error), throttle, error.message)

    def _end(
        self, event: Event, condition: str, config: InvokeConfig, version: Version | None = None, *,
        outcome: Outcome | None = None, error: LambentError | None = None,
    ) -> End:  # fmt: skip
        status = 200
        if error is not None:
            status = (error.status or 500) if isinstance(error, AwsError) else 500
        return End(
            event=event, condition=condition, now=self._clock.epoch(), config=config, outcome=outcome,
            dead_letter=version.dead_letter if version else "", executed_version=version.version if version else "",
            status=status, error=error.message if error else "",
        )  # fmt: skip


def _invocation(event: Event, version: Version, arn: str, trace: str, now: float) -> Invocation:
    return Invocation(
        request_id=event.request_id, version=version, invoked_arn=arn, payload=event.payload, received=event.received,
        kind=InvocationKind.EVENT, trace=trace, attempt=event.attempts + 1, tried=now,
    )  # fmt: skip
