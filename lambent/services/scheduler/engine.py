"""All groups and schedules of this server, in memory as they are on disk, and what is sent when a schedule is due."""

import asyncio
import logging
import random
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import asdict

from lambent.clock import Clock
from lambent.services.due import Due
from lambent.services.post import Post
from lambent.services.scheduler import firing
from lambent.services.scheduler.nouns import DEFAULT, Group, Key, Schedule, is_over, planned
from lambent.store.ledger import Entry, Ledger
from lambent.store.scheduler import SchedulerStore

log = logging.getLogger("lambent")

GroupKey = tuple[str, str, str]  # account, region, name


class Scheduler:
    """Mutable, on the event loop only. What is put here counts from the moment in which it is on disk."""

    def __init__(
        self, store: SchedulerStore, ledger: Ledger, post: Post, clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self.clock = clock
        self.ledger = ledger
        self.changing = asyncio.Lock()  # held by whoever reads something here in order to change it
        self._store = store
        self._post = post
        self._chance = chance
        self._groups: dict[GroupKey, Group] = {}
        self._schedules: dict[Key, Schedule] = {}
        self.due: Due[Schedule] = Due(clock, ledger, self._schedules.get, self._fire)

    def __repr__(self) -> str:
        return f"<Scheduler of {len(self._schedules)} schedules>"

    def start(self) -> None:
        for row in self._store.groups():
            columns = {name: row[name] for name in Group.__struct_fields__}
            group = Group(**columns | {"tags": msgspec.json.decode(row["tags"])})
            self._groups[group.account, group.region, group.name] = group
        for row in self._store.schedules():
            columns = {name: row[name] for name in Schedule.__struct_fields__}
            schedule = Schedule(**columns | {"settings": msgspec.json.decode(row["settings"])})
            self._schedules[schedule.key] = schedule
        self.due.start(self._schedules.values())

    def close(self) -> None:
        self.due.close()

    # -- groups

    def group(self, account: str, region: str, name: str) -> Group | None:
        """The default one is there without having been made."""
        found = self._groups.get((account, region, name))
        if found is None and name == DEFAULT:
            return Group(account=account, region=region, name=name, created=0.0, modified=0.0)
        return found

    def groups(self, account: str, region: str) -> list[Group]:
        """By name."""
        own = [group for key, group in self._groups.items() if key[:2] == (account, region)]
        default = self.group(account, region, DEFAULT)
        return sorted([*(each for each in own if each.name != DEFAULT), *([default] if default else [])], key=_name)

    async def put_group(self, group: Group) -> None:
        key = (group.account, group.region, group.name)
        columns = asdict(group) | {"tags": msgspec.json.encode(group.tags).decode()}
        await self.ledger.enter(
            Entry([("schedule_group_put", columns)], written=lambda: self._groups.update({key: group}))
        )

    async def delete_group(self, group: Group) -> None:
        """With all its schedules."""
        key = {"account": group.account, "region": group.region, "name": group.name}

        def written() -> None:
            self._groups.pop((group.account, group.region, group.name), None)
            for each in [each for each in self._schedules if each[:3] == (group.account, group.region, group.name)]:
                del self._schedules[each]

        await self.ledger.enter(
            Entry([("schedule_group_drop", key), ("schedules_of_group_drop", key)], written=written)
        )

    # -- schedules

    def schedule(self, key: Key) -> Schedule | None:
        return self._schedules.get(key)

    def schedules(self, account: str, region: str) -> list[Schedule]:
        """By group and name."""
        found = [each for key, each in self._schedules.items() if key[:2] == (account, region)]
        return sorted(found, key=lambda each: each.key)

    async def put(self, schedule: Schedule) -> None:
        """A new one, or one that was changed. Raises ValueError for an expression that is none."""
        schedule = planned(schedule, self.clock.epoch(), self._chance())
        rows = [("schedule_put", _columns(schedule))]
        await self.due.change(
            schedule.key, Entry(rows, written=lambda: self._schedules.update({schedule.key: schedule}))
        )

    async def delete(self, key: Key) -> None:
        await self.ledger.enter(Entry([_drop(key)], written=lambda: self._forget(key)))

    # -- firing

    def _fire(self, schedule: Schedule, now: float) -> list[Entry]:
        after = self._schedules[schedule.key] = planned(schedule, max(now, schedule.planned), self._chance())
        entries, key = self._deliveries(schedule), schedule.key
        if is_over(after) and schedule.settings.get("ActionAfterCompletion") == "DELETE":
            return [*entries, Entry([_drop(key)], written=lambda: self._forget(key))]
        return [*entries, Entry([("schedule_due", _due(after))])]

    def _forget(self, key: Key) -> None:
        self._schedules.pop(key, None)

    def _deliveries(self, schedule: Schedule) -> list[Entry]:
        execution = str(uuid.uuid4())
        return self._post.send(
            firing.outgoing(schedule, execution), lambda why: firing.dead_letter(schedule, execution, why.message)
        )


def _name(group: Group) -> str:
    return group.name


def _drop(key: Key) -> tuple[str, dict[str, Any]]:
    return "schedule_drop", dict(zip(("account", "region", "group_name", "name"), key, strict=True))


def _due(schedule: Schedule) -> dict[str, Any]:
    account, region, group_name, name = schedule.key
    return {
        "account": account, "region": region, "group_name": group_name, "name": name, "planned": schedule.planned,
        "due": schedule.due,
    }  # fmt: skip


def _columns(schedule: Schedule) -> dict[str, Any]:
    return asdict(schedule) | {"settings": msgspec.json.encode(schedule.settings).decode()}
