"""When rules that have a schedule are due, and what their targets get then."""

import uuid

from msgspec.structs import replace

from lambent.clock import Clock
from lambent.services.due import Due
from lambent.services.events.catalog import Catalog
from lambent.services.events.nouns import Event, Rule
from lambent.services.events.router import Router
from lambent.services.schedules import due_after
from lambent.store.ledger import Entry, Ledger


def planned(rule: Rule, after: float) -> Rule:
    """The rule with its next time after a moment (epoch seconds). Raises ValueError for an expression that is none."""
    if not rule.schedule:
        return replace(rule, due=0.0)
    moment = due_after(rule.schedule, anchor=rule.anchor)(after)
    return replace(rule, due=(moment or 0.0) if rule.enabled else 0.0)


def event_of(rule: Rule) -> Event:
    """What the targets of a rule get when it is due."""
    return Event(
        id=str(uuid.uuid4()), detail_type="Scheduled Event", source="aws.events", account=rule.account, at=rule.due,
        region=rule.region, resources=(rule.arn,),
    )  # fmt: skip


class Timetable:
    """Fires them."""

    def __init__(self, catalog: Catalog, router: Router, ledger: Ledger, clock: Clock) -> None:
        self._catalog = catalog
        self._router = router
        self.due: Due[Rule] = Due(clock, ledger, catalog.rule, self._fire)

    def start(self) -> None:
        self.due.start(self._catalog.scheduled())

    def close(self) -> None:
        self.due.close()

    async def put(self, rule: Rule) -> None:
        """A new one, or one that was changed: its time may come while that is being written."""
        await self.due.change(rule.key, self._catalog.rule_entry(rule))

    def _fire(self, rule: Rule, now: float) -> list[Entry]:
        after = planned(rule, max(now, rule.due))
        return [self._catalog.next_time(after), *self._router.to_targets(rule, event_of(rule))]
