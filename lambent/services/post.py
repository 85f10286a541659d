"""What services pass on to each other: to a function, a queue, a topic, a bus. Entries, so that whoever accepts a thing
writes it together with everything that follows from it, in one step of the ledger.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import msgspec
from msgspec.structs import replace

from lambent.arns import FunctionRef, parse_function
from lambent.clock import Clock
from lambent.errors import AwsError, ResourceNotFound, Undeliverable
from lambent.model import Event
from lambent.principal import Principal
from lambent.store.ledger import Entry
from lambent.wire import ids

log = logging.getLogger("lambent")


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that one service gives to another. Members that its taker has no use for are passed over."""

    target: str  # ARN
    body: bytes
    sender: Principal  # the service: Principal(service="sns.amazonaws.com", account=…)
    source: str  # ARN of what it comes from, as conditions of policies name it (aws:SourceArn)
    trace: str = ""  # X-Amzn-Trace-Id
    attributes: Mapping[str, Mapping[str, object]] = {}  # MessageAttributes: DataType, StringValue or BinaryValue
    subject: str = ""
    group: str = ""  # MessageGroupId
    dedup: str = ""  # MessageDeduplicationId
    detail_type: str = ""  # for a bus
    event_source: str = ""  # the same: what the event says that it comes from
    resources: tuple[str, ...] = ()
    request_id: str = ""  # of the event of a function; "": a new one
    key: str = ""  # of the object that it becomes in a bucket
    dead: "Outgoing | None" = None  # what is sent instead, should another endpoint not take it for good
    retries: int = 185  # how often another endpoint is tried again, and for how long; as EventBridge does
    age_s: int = 86_400


class Taker(Protocol):
    """Whoever takes what is for one service."""

    def entries(self, outgoing: Outgoing) -> tuple[Entry, ...]:
        """What is to be entered, at once, for it to be accepted: none for what is there already.

        Raises Undeliverable if it will never be taken, and says why.
        """
        ...


@runtime_checkable
class Checked(Protocol):
    """A taker that can be asked beforehand."""

    def check(self, outgoing: Outgoing) -> object:
        """Raises Undeliverable if it would not take that."""
        ...


def patient(outgoing: Outgoing, policy: Mapping[str, int] | None) -> Outgoing:
    """As the RetryPolicy of a target says: a target of this server never needs it."""
    asked = policy or {}
    return replace(
        outgoing, retries=asked.get("MaximumRetryAttempts", outgoing.retries),
        age_s=asked.get("MaximumEventAgeInSeconds", outgoing.age_s),
    )  # fmt: skip


# What goes to the dead-letter queue of a sender instead, for that reason; None: it has no such queue.
Dead = Callable[[Undeliverable], Outgoing | None]


class Abroad(Taker, Protocol):
    """Takes what lies elsewhere."""

    def has(self, arn: str) -> bool: ...


class Post:
    """`takers` by service, as ARNs name it ("lambda", "sqs", …): each service adds itself. `abroad` comes first."""

    def __init__(self) -> None:
        self.takers: dict[str, Taker] = {}
        self.abroad: Abroad | None = None

    def __repr__(self) -> str:
        return f"<Post to {', '.join(sorted(self.takers))}>"

    def entries(self, outgoing: Outgoing) -> tuple[Entry, ...]:
        """Raises Undeliverable."""
        if self.abroad is not None and self.abroad.has(outgoing.target):
            return self.abroad.entries(outgoing)
        parts = outgoing.target.split(":")
        taker = self.takers.get(parts[2]) if len(parts) >= 6 and parts[0] == "arn" else None
        if taker is None:
            known = ", ".join(sorted(self.takers))
            raise Undeliverable(f"nothing can be delivered to {outgoing.target}: what takes something is {known}")
        return taker.entries(outgoing)

    def is_abroad(self, arn: str) -> bool:
        """Does it lie elsewhere, so that nobody here can say anything of it?"""
        return self.abroad is not None and self.abroad.has(arn)

    def send(self, outgoing: Outgoing, dead: Dead) -> list[Entry]:
        """What is to be entered for it to go where it is to go, or else to its sender's dead-letter queue."""
        if self.is_abroad(outgoing.target):
            outgoing = replace(outgoing, dead=dead(Undeliverable("no endpoint has taken it")))
        try:
            return list(self.entries(outgoing))
        except Undeliverable as error:
            return self.refused(outgoing.source, outgoing.target, error, dead)

    def refused(self, source: str, target: str, why: Undeliverable, dead: Dead) -> list[Entry]:
        """The same for what cannot even be sent. What no dead-letter queue takes is lost, which is logged."""
        log.warning("%s cannot be delivered to %s: %s", source, target, why.message)
        letter = dead(why)
        return self.last(letter) if letter is not None else []

    def last(self, outgoing: Outgoing) -> list[Entry]:
        """The same for a dead-letter queue: what even that does not take is lost, which is logged."""
        try:
            return list(self.entries(outgoing))
        except Undeliverable as error:
            log.error("what %s sent is lost: %s", outgoing.source, error.message)
            return []


# Whether somebody may invoke a function: the principal, the function, the conditions that hold.
May = Callable[[Principal, str, FunctionRef, Mapping[str, str]], bool]
# What a name stands for. Raises ResourceNotFound.
Resolve = Callable[[str, str, str, str | None], tuple[object, str]]


class FunctionTaker:
    """Each becomes an event of the function, with the retries and destinations of any asynchronous invocation."""

    def __init__(self, accept: Callable[[Event], Entry], resolve: Resolve, may: May, clock: Clock) -> None:
        self._accept = accept
        self._resolve = resolve
        self._may = may
        self._clock = clock

    def entries(self, outgoing: Outgoing) -> tuple[Entry, ...]:
        ref = self.check(outgoing)
        now = self._clock.epoch()
        event = Event(
            id=0, request_id=outgoing.request_id or ids.request_id(), account=ref.account, region=ref.region,
            name=ref.name, qualifier=ref.qualifier or "", payload=outgoing.body, trace=outgoing.trace, received=now,
            due=now,
        )  # fmt: skip
        return (self._accept(event),)

    def check(self, outgoing: Outgoing) -> FunctionRef:
        """The function, if it is there and its policy lets the service invoke it. Raises Undeliverable."""
        parts = outgoing.target.split(":")
        try:
            ref = parse_function(outgoing.target, None, account=parts[4], region=parts[3])
            self._resolve(ref.account, ref.region, outgoing.target, None)
        except ResourceNotFound as error:
            raise Undeliverable(error.message) from error
        except AwsError as error:
            if (error.status or 400) != 409:  # it is not Active yet: the event waits for that
                raise Undeliverable(error.message) from error
        conditions = {"aws:SourceArn": outgoing.source, "aws:SourceAccount": outgoing.sender.account}
        if not self._may(outgoing.sender, "lambda:InvokeFunction", ref, conditions):
            raise Undeliverable(
                f"{outgoing.sender.service} may not invoke {ref.arn} for {outgoing.source}: AddPermission lets it"
            )
        return ref
