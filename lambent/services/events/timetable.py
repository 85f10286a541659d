"""Fires rules that have a schedule: what is sent and when the next time is are written in one step (decision 34), so
that a crash at any instant neither forgets a time nor makes two of one."""

import asyncio
import heapq
import logging
import uuid

from msgspec.structs import replace

from lambent.clock import Clock, Timer
from lambent.services.events.catalog import Catalog
from lambent.services.events.nouns import Event, Rule, RuleKey
from lambent.services.events.router import Router
from lambent.services.schedules import due_after
from lambent.store.ledger import Entry, Ledger

log = logging.getLogger("lambent")


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
    """`_agenda` holds (due, key) of all rules that have a next time; entries that are no longer true are passed
    over."""

    def __init__(self, catalog: Catalog, router: Router, ledger: Ledger, clock: Clock) -> None:
        self._catalog = catalog
        self._router = router
        self._ledger = ledger
        self._clock = clock
        self._agenda: list[tuple[float, RuleKey]] = []
        self._timer: Timer | None = None

    def start(self) -> None:
        """What was due while nobody was here is due now, once."""
        for rule in self._catalog.scheduled():
            heapq.heappush(self._agenda, (rule.due, rule.key))
        self._set_timer()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def take(self, rule: Rule) -> None:
        """One that has been put into the catalog."""
        if rule.due:
            heapq.heappush(self._agenda, (rule.due, rule.key))
            self._set_timer()

    def _first(self) -> Rule | None:
        while self._agenda:
            due, key = self._agenda[0]
            rule = self._catalog.rule(key)
            if rule is not None and rule.due == due:
                return rule
            heapq.heappop(self._agenda)
        return None

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        first = self._first()
        if first is not None:
            self._timer = self._clock.call_later(max(0.0, first.due - self._clock.epoch()), self._fire_due)

    def _fire_due(self) -> None:
        now = self._clock.epoch()
        while (first := self._first()) is not None and first.due <= now:
            heapq.heappop(self._agenda)
            self._fire(first, now)
        self._set_timer()

    def _fire(self, rule: Rule, now: float) -> None:
        after = planned(rule, max(now, rule.due))
        entries = [self._catalog.next_time(after), *self._router.to_targets(rule, event_of(rule))]
        self.take(after)
        self._enter(entries, rule)

    def _enter(self, entries: list[Entry], rule: Rule) -> None:
        """Time that is moved by hand stands still until this is on disk."""
        working = self._clock.working()
        working.__enter__()

        def done(written: "asyncio.Future[None]") -> None:
            working.__exit__(None, None, None)
            if not written.cancelled() and (error := written.exception()) is not None:
                log.error("%s was due, and could not be written: %s", rule.arn, error)

        self._ledger.enter(*entries).add_done_callback(done)
