"""All buses, rules, archives and replays of this server: in memory as they are on disk."""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec.structs import asdict

from lambent.services.events.index import Index
from lambent.services.events.nouns import DEFAULT, Archive, Bus, BusKey, Event, Replay, Rule, RuleKey
from lambent.store.connection import Row
from lambent.store.eventbridge import EventBridgeStore
from lambent.store.ledger import Entry, Ledger

Noun = TypeVar("Noun", Bus, Rule, Archive, Replay)
_JSON = ("settings", "targets", "tags")


class Catalog:
    """Mutable, on the event loop only. What is put here counts from the moment in which it is on disk."""

    def __init__(self, store: EventBridgeStore, ledger: Ledger) -> None:
        self.store = store
        self.changing = asyncio.Lock()  # held by whoever reads something here in order to change it
        self._ledger = ledger
        self._buses: dict[BusKey, Bus] = {}
        self._rules: dict[BusKey, dict[str, Rule]] = {}  # by bus, then by name
        self._indexes: dict[BusKey, Index] = {}
        self._archives: dict[BusKey, Archive] = {}
        self._replays: dict[BusKey, Replay] = {}
        self._numbers = itertools.count(1)  # of archived events

    def __repr__(self) -> str:
        return f"<Catalog of {sum(map(len, self._rules.values()))} rules>"

    def start(self) -> None:
        for row in self.store.buses():
            bus = _noun(Bus, row)
            self._buses[bus.key] = bus
        for row in self.store.rules():
            self._take_rule(_noun(Rule, row))
        for row in self.store.archives():
            archive = _noun(Archive, row)
            self._archives[archive.key] = archive
        for row in self.store.replays():
            replay = _noun(Replay, row)
            self._replays[replay.key] = replay
        self._numbers = itertools.count(self.store.last_archived() + 1)

    # -- buses

    def bus(self, key: BusKey) -> Bus | None:
        """The default one is there without having been made."""
        found = self._buses.get(key)
        if found is None and key[2] == DEFAULT:
            return Bus(account=key[0], region=key[1], name=DEFAULT)
        return found

    def bus_of(self, arn: str) -> Bus | None:
        """The bus of an ARN, if it is one and there."""
        parts = arn.split(":", 5)
        if len(parts) < 6 or parts[2] != "events" or not parts[5].startswith("event-bus/"):
            return None
        return self.bus((parts[4], parts[3], parts[5].removeprefix("event-bus/")))

    def buses(self, account: str, region: str) -> list[Bus]:
        """By name."""
        own = {key: bus for key, bus in self._buses.items() if key[:2] == (account, region)}
        default = (account, region, DEFAULT)
        own.setdefault(default, Bus(account=account, region=region, name=DEFAULT))
        return [own[key] for key in sorted(own)]

    async def put_bus(self, bus: Bus) -> None:
        await self._put("event_bus_put", bus, lambda: self._buses.update({bus.key: bus}))

    async def delete_bus(self, bus: Bus) -> None:
        def written() -> None:
            self._buses.pop(bus.key, None)
            self._rules.pop(bus.key, None)
            self._indexes.pop(bus.key, None)

        key = _key(bus.key)
        await self._ledger.enter(Entry([("event_bus_drop", key), ("event_rules_of_bus_drop", key)], written=written))

    # -- rules

    def rule(self, key: RuleKey) -> Rule | None:
        return self._rules.get(key[:3], {}).get(key[3])

    def rules(self, bus: BusKey) -> list[Rule]:
        """By name."""
        rules = self._rules.get(bus, {})
        return [rules[name] for name in sorted(rules)]

    def scheduled(self) -> Iterable[Rule]:
        return [rule for rules in self._rules.values() for rule in rules.values() if rule.due]

    def matching(self, bus: BusKey, event: Event) -> list[Rule]:
        """The rules of a bus that an event fits."""
        index = self._indexes.get(bus)
        return index.matching(event) if index is not None else []

    def rule_entry(self, rule: Rule) -> Entry:
        """What makes it so. Timetable.put enters it."""
        return Entry([("event_rule_put", _columns(rule))], written=lambda: self._take_rule(rule))

    async def delete_rule(self, rule: Rule) -> None:
        def written() -> None:
            self._rules.get(rule.key[:3], {}).pop(rule.name, None)
            if index := self._indexes.get(rule.key[:3]):
                index.drop(rule.name)

        row = ("event_rule_drop", _rule_key(rule))
        await self._ledger.enter(Entry([row], written=written))

    def next_time(self, rule: Rule) -> Entry:
        """A scheduled rule with its next time, which counts at once: whatever becomes of the step, it is not fired
        twice meanwhile."""
        self._take_rule(rule)
        return Entry([("event_rule_due", _rule_key(rule) | {"due": rule.due})])

    def _take_rule(self, rule: Rule) -> None:
        self._rules.setdefault(rule.key[:3], {})[rule.name] = rule
        self._indexes.setdefault(rule.key[:3], Index()).put(rule)

    # -- archives

    def archive(self, key: BusKey) -> Archive | None:
        return self._archives.get(key)

    def archives(self) -> list[Archive]:
        """By name."""
        return [self._archives[key] for key in sorted(self._archives)]

    def archived(self, bus: Bus, event: Event, now: float) -> list[Entry]:
        """The event, for the archives of its bus that want it. What comes from an archive goes into none."""
        if event.replay or not self._archives:
            return []
        return [
            Entry([("event_archived_add", self._archived_row(archive, event, now))], size=len(event.body))
            for archive in self._archives.values()
            if archive.bus == bus.arn and (archive.pattern is None or archive.pattern.matches(event.document))
        ]

    def _archived_row(self, archive: Archive, event: Event, now: float) -> dict[str, Any]:
        number = next(self._numbers)
        return {"id": number, "archive": archive.arn, "at": event.at, "accepted": now, "body": event.body}

    async def put_archive(self, archive: Archive) -> None:
        await self._put("event_archive_put", archive, lambda: self._archives.update({archive.key: archive}))

    async def delete_archive(self, archive: Archive) -> None:
        """With all its events."""
        rows: list[tuple[str, dict[str, Any]]] = [
            ("event_archive_drop", _key(archive.key)),
            ("event_archived_drop", {"archive": archive.arn}),
        ]
        self._archives.pop(archive.key, None)  # at once: nothing more is to come in behind the rows
        await self._ledger.enter(Entry(rows, failed=lambda: self._archives.update({archive.key: archive})))

    def sweep(self, now: float) -> None:
        """Let go of events that are older than their archives keep them."""
        rows = [
            ("event_archived_expire", {"archive": archive.arn, "before": now - archive.days * 86_400.0})
            for archive in self._archives.values()
            if archive.days
        ]
        if rows:
            self._ledger.enter_unseen(Entry(rows))

    # -- replays

    def replay(self, key: BusKey) -> Replay | None:
        return self._replays.get(key)

    def replays(self) -> list[Replay]:
        """By name."""
        return [self._replays[key] for key in sorted(self._replays)]

    def replay_entry(self, replay: Replay) -> Entry:
        """What makes it so; in memory it is so at once."""
        self._replays[replay.key] = replay
        return Entry([("event_replay_put", _columns(replay))])

    async def _put(self, query: str, noun: Bus | Archive, written: Callable[[], None]) -> None:
        await self._ledger.enter(Entry([(query, _columns(noun))], written=written))


def _key(key: BusKey) -> dict[str, Any]:
    return dict(zip(("account", "region", "name"), key, strict=True))


def _rule_key(rule: Rule) -> dict[str, Any]:
    return dict(zip(("account", "region", "bus", "name"), rule.key, strict=True))


def _columns(noun: Bus | Rule | Archive | Replay) -> dict[str, Any]:
    columns = asdict(noun)
    return columns | {name: msgspec.json.encode(columns[name]).decode() for name in _JSON if name in columns}


def _noun(kind: type[Noun], row: Row) -> Noun:
    columns = {name: row[name] for name in kind.__struct_fields__}
    return kind(**columns | {name: msgspec.json.decode(columns[name]) for name in _JSON if name in columns})
