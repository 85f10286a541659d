"""Where letters go: to functions of this server, and to the services that are added to those."""

from collections.abc import Callable, Mapping
from typing import Protocol

from lambent.arns import FunctionRef, parse_function
from lambent.clock import Clock
from lambent.errors import InvalidParameterValue, ResourceNotFound, Undeliverable
from lambent.events.messages import id_of, service_of
from lambent.invoke.authority import INVOKE, May, refusal, role_of, same_account
from lambent.invoke.operations import ASYNC_LIMIT, Intake
from lambent.invoke.resolve import Resolver
from lambent.invoke.tenancy import version_for
from lambent.model import Event, Letter


class Target(Protocol):
    """Takes letters. Where delivering and noting that are two steps, one that it has already may come again."""

    async def deliver(self, letter: Letter) -> bool:
        """Returns when the target has it for good: True if the letter went in the same step, so that it cannot come
        again. Raises Undeliverable if the target will never take it, and other errors if it does not now."""
        ...


class Targets:
    """The target of each service that there is one for."""

    def __init__(self, services: Mapping[str, Target]) -> None:
        self._services = services
        self.abroad: Callable[[str], Target | None] = lambda arn: None

    def __repr__(self) -> str:
        return f"<Targets {', '.join(sorted(self._services))}>"

    def add(self, services: Mapping[str, Target]) -> None:
        """Those take letters too."""
        self._services = {**self._services, **services}

    def of(self, arn: str) -> Target:
        """Raises Undeliverable for a service that nothing is delivered to."""
        found = self.abroad(arn) or self._services.get(service_of(arn))
        if found is None:
            known = ", ".join(sorted(self._services))
            raise Undeliverable(f"nothing can be delivered to {arn}: the services that take letters are {known}")
        return found


class LambdaTarget:
    """The record becomes a new event of the function, which has a life of its own from then on.

    The letter goes in the transaction in which the event comes, so that there is one of them, never none or both.
    `stopped` says whether an event has come round too often; `may`, whether the role of the function that it comes from
    may invoke this one.
    """

    def __init__(
        self, intake: Intake, resolver: Resolver, clock: Clock, stopped: Callable[[Event], bool] = lambda _: False, *,
        may: May = same_account,
    ) -> None:  # fmt: skip
        self._intake = intake
        self._resolver = resolver
        self._clock = clock
        self._stopped = stopped
        self._may = may

    async def deliver(self, letter: Letter) -> bool:
        event = self._event(letter)
        if len(event.payload) > ASYNC_LIMIT:
            size = len(event.payload)
            raise Undeliverable(f"the record of {size} bytes is larger than the {ASYNC_LIMIT} that a function takes")
        if self._stopped(event):
            raise Undeliverable(f"{letter.target} has run too often for this event: Lambda stops recursive invocations")
        await self._intake.accept(event, (("letter_end", {"id": letter.id}),))
        return True

    def _event(self, letter: Letter) -> Event:
        parts = letter.target.split(":")
        try:
            ref = parse_function(letter.target, None, account=parts[4], region=parts[3])
            self._check(letter, ref)
            version, arn = self._resolver.resolve(ref.account, parts[3], ref.name, ref.qualifier)
            version = version_for(version, "")  # a record names no tenant
        except (ResourceNotFound, InvalidParameterValue) as error:
            raise Undeliverable(error.message) from error
        now = self._clock.epoch()
        return Event(
            id=0, request_id=id_of(letter), account=version.account, region=version.region, name=version.name,
            qualifier=arn[len(version.function_arn) + 1 :], payload=letter.body, trace=letter.ended.onward,
            received=now, due=now,
        )  # fmt: skip

    def _check(self, letter: Letter, ref: FunctionRef) -> None:
        """Raises Undeliverable if the function that the letter comes from may not invoke that one."""
        principal = role_of(self._resolver, letter.account, letter.region, letter.name, letter.qualifier)
        if not self._may(principal, INVOKE, ref):
            raise Undeliverable(refusal(principal, ref))
