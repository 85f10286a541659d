"""Where an event goes: to the archives of its bus and to the targets of the rules that it fits, in one step (decision
34). What a target does not take goes to its dead-letter queue, in the same step.
"""

import logging
from functools import partial

from msgspec.structs import replace

from lambent.clock import Clock
from lambent.errors import AwsError, Undeliverable
from lambent.iam.credentials import assumed_role
from lambent.principal import Principal, root_of
from lambent.services.events import access
from lambent.services.events.catalog import Catalog
from lambent.services.events.inputs import input_of
from lambent.services.events.nouns import Bus, Event, Rule, Target
from lambent.services.post import Outgoing, Post, patient
from lambent.store.ledger import Entry

log = logging.getLogger("lambent")

MOST_HOPS = 5  # from bus to bus: rules that send to each other in a circle must come to an end
MOST_DELIVERIES = 10_000  # of one event, on all buses: rules of many buses that send to each other multiply it
_FORBIDDEN = 403


class Journey:
    """What has become of one event so far: `made` counts its deliveries on all buses. Mutable."""

    def __init__(self) -> None:
        self.hops = 0
        self.made = 0


class Router:
    """Decides; the caller enters what it gives."""

    def __init__(self, catalog: Catalog, post: Post, clock: Clock) -> None:
        self._catalog = catalog
        self._post = post
        self._clock = clock

    def entries(self, bus: Bus, event: Event, journey: Journey | None = None) -> list[Entry]:
        """What is to be entered, at once, for the event to be accepted."""
        journey = journey or Journey()
        found = self._catalog.archived(bus, event, self._clock.epoch())
        for rule in self._catalog.matching(bus.key, event):
            found += self.to_targets(rule, event, journey)
        return found

    def replayed(self, bus: Bus, event: Event, only: list[str]) -> list[Entry]:
        """An event from an archive, for those rules of the bus; none named: for all."""
        rules = [rule for rule in self._catalog.matching(bus.key, event) if not only or rule.arn in only]
        return [entry for rule in rules for entry in self.to_targets(rule, event)]

    def to_targets(self, rule: Rule, event: Event, journey: Journey | None = None) -> list[Entry]:
        """For all targets of a rule, whatever its pattern says."""
        journey = journey or Journey()
        found: list[Entry] = []
        for target in rule.targets.values():
            journey.made += 1
            if journey.made > MOST_DELIVERIES:
                if journey.made == MOST_DELIVERIES + 1:
                    log.error(
                        "%s: event %s was delivered %s times, and is no further", rule.arn, event.id, MOST_DELIVERIES
                    )
                break
            found += self._to_target(rule, target, event, journey)
        return found

    def _to_target(self, rule: Rule, target: Target, event: Event, journey: Journey) -> list[Entry]:
        dead = partial(self._dead_letter, rule, target, event)
        try:
            is_bus = target["Arn"].split(":")[2] == "events"
            if is_bus and not self._post.is_abroad(target["Arn"]):
                return self._to_bus(rule, target, event, journey)
            body = event.detail if is_bus else input_of(target, event, rule, self._clock.epoch())
        except Undeliverable as error:
            return self._post.refused(rule.arn, target["Arn"], error, dead)
        return self._post.send(patient(outgoing(rule, target, event, body), target.get("RetryPolicy")), dead)

    def _to_bus(self, rule: Rule, target: Target, event: Event, journey: Journey) -> list[Entry]:
        """The same event on another bus."""
        bus = self._catalog.bus_of(target["Arn"])
        if bus is None:
            raise Undeliverable(f"there is no event bus {target['Arn']}")
        if journey.hops >= MOST_HOPS:
            raise Undeliverable(f"the event has come through {journey.hops + 1} buses already")
        sender = sender_of(rule, target)
        caller = sender if sender.role else root_of(rule.account)
        try:
            access.demand(caller, sender.account, bus, {"aws:SourceArn": rule.arn, "aws:SourceAccount": rule.account})
        except AwsError as error:
            raise Undeliverable(error.message) from error
        journey.hops += 1
        try:
            return self.entries(bus, event, journey)
        finally:
            journey.hops -= 1

    def _dead_letter(self, rule: Rule, target: Target, event: Event, why: Undeliverable) -> Outgoing | None:
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            return None
        told = {
            "RULE_ARN": rule.arn, "TARGET_ARN": target["Arn"], "ERROR_CODE": _code(why),
            "ERROR_MESSAGE": why.message[:1024],
        }  # fmt: skip
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in told.items()}
        return replace(
            outgoing(rule, target | {"RoleArn": ""}, event, event.body), target=queue, attributes=attributes, group=""
        )


def outgoing(rule: Rule, target: Target, event: Event, body: bytes) -> Outgoing:
    return Outgoing(
        target=target["Arn"], body=body, sender=sender_of(rule, target), source=rule.arn, trace=event.trace,
        group=(target.get("SqsParameters") or {}).get("MessageGroupId", ""), detail_type=event.detail_type,
        event_source=event.source, resources=event.resources,
    )  # fmt: skip


def sender_of(rule: Rule, target: Target) -> Principal:
    """The role that the target names, or the service for the rule's account."""
    role = target.get("RoleArn")
    if not role:
        return Principal(service="events.amazonaws.com", account=rule.account)
    return assumed_role(role, "events", rule.account)


def _code(why: Undeliverable) -> str:
    """EventBridge's word for it. Source: User Guide, "Using dead-letter queues"."""
    cause = why.__cause__
    if "may not invoke" in why.message or (
        isinstance(cause, AwsError) and (cause.status == _FORBIDDEN or "AccessDenied" in cause.code)
    ):
        return "NO_PERMISSIONS"
    gone = "there is no" in why.message or "does not exist" in why.message or "not found" in why.message.lower()
    return "NO_RESOURCE" if gone or (isinstance(cause, AwsError) and "NotFound" in cause.code) else "SDK_CLIENT_ERROR"
