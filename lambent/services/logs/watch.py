"""Reads the logs of functions as they grow, for subscription filters and live tails, away from whoever writes them.

Only groups that somebody watches are read. Each has a task of its own, which reads on once the last events are entered:
a flood in one keeps nobody else waiting, and is lost beyond what the logbook keeps.
"""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

from lambent.observe import log_groups
from lambent.observe.log_groups import START, LogEvent, Mark
from lambent.services.logs.engine import Logs
from lambent.services.logs.nouns import Key
from lambent.store.ledger import Entry

log = logging.getLogger("lambent")

MOST_BYTES = 1 << 20  # of one directory in one turn
PAUSE_S = 0.1  # lets a burst gather into one delivery


class Watch:
    """One group. Mutable: `_marks` say how far each directory was read."""

    def __init__(self, logs: Logs, key: Key, marks: dict[Path, Mark] | None) -> None:
        """`marks`: where an earlier server stopped; None: only what comes from now on counts."""
        self.signal = asyncio.Event()
        self.signal.set()
        self._logs = logs
        self._key = key
        self._marks = marks
        self.ready = asyncio.Event()  # what is logged from here on is seen
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except Exception:
                log.exception("the log group %s could not be read on; it is tried again", self._key[2])
                await asyncio.sleep(10 * PAUSE_S)

    async def _follow(self) -> None:
        if self._marks is None:
            self._marks = await self._logs.apart(self._ends)
            await self._keep(self._marks)
        self.ready.set()
        while True:
            await self.signal.wait()
            self.signal.clear()
            while await self._turn(self._marks):
                pass
            await asyncio.sleep(PAUSE_S)

    def _places(self) -> list[Path]:
        return log_groups.places(self._logs.logbook.root, *self._key)

    def _ends(self) -> dict[Path, Mark]:
        self._logs.logbook.settle()
        return {directory: log_groups.end(directory) for directory in self._places()}

    async def _turn(self, marks: dict[Path, Mark]) -> bool:
        """Whether there was something."""
        found = await self._logs.apart(self._read, marks)
        for directory, (events, mark) in found.items():
            with self._logs.clock.working():
                await self._pass_on(directory, events, mark)
            marks[directory] = mark
        return bool(found)

    def _read(self, marks: dict[Path, Mark]) -> dict[Path, tuple[list[LogEvent], Mark]]:
        found = {}
        for directory in self._places():
            events, mark = log_groups.fresh(directory, marks.get(directory, START), MOST_BYTES)
            if events:
                found[directory] = events, mark
        return found

    async def _pass_on(self, directory: Path, events: list[LogEvent], mark: Mark) -> None:
        group = await self._logs.find(self._key)
        if group is not None and group.settings.filters:
            out = await self._logs.subscribers.deliveries(group, events)
            await self._logs.ledger.enter(Entry([self._mark_row(directory, mark)]), *out)
        await self._logs.tails.offer(self._key, events)

    async def _keep(self, marks: dict[Path, Mark]) -> None:
        """A server that follows goes on there."""
        group = await self._logs.find(self._key)
        if group is not None and group.settings.filters and marks:
            await self._logs.ledger.enter(Entry([self._mark_row(*each) for each in marks.items()]))

    def _mark_row(self, directory: Path, mark: Mark) -> tuple[str, dict[str, Any]]:
        account, region, name = self._key
        return "log_mark_put", {
            "account": account, "region": region, "group_name": name, "segment": mark.segment, "byte": mark.byte,
            "directory": directory.relative_to(self._logs.logbook.root).as_posix(),
        }  # fmt: skip


class Watches:
    """One for each group that has a subscription filter or a live tail; without any, the logbook tells nobody."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._running: dict[Key, Watch] = {}

    def start(self) -> None:
        marks: dict[Key, dict[Path, Mark]] = {}
        for row in self._logs.store.marks():
            key = (row["account"], row["region"], row["group_name"])
            path = self._logs.logbook.root / row["directory"]
            marks.setdefault(key, {})[path] = Mark(row["segment"], row["byte"])
        self._adapt(marks)
        self._logs.changed = lambda: self._adapt({})

    async def ready(self, key: Key) -> None:
        """What is logged after this is seen."""
        if key in self._running:
            await self._running[key].ready.wait()

    def _adapt(self, marks: dict[Key, dict[Path, Mark]]) -> None:
        wanted = {group.key for group in self._logs.watched()} | self._logs.tails.keys()
        for key in self._running.keys() - wanted:
            self._running.pop(key).task.cancel()
        for key in wanted - self._running.keys():
            self._running[key] = Watch(self._logs, key, marks.get(key))
        loop = asyncio.get_running_loop()

        def heard() -> None:
            loop.call_soon_threadsafe(self._wake)

        self._logs.logbook.heard = heard if self._running else None

    def _wake(self) -> None:
        for watch in self._running.values():
            watch.signal.set()

    async def close(self) -> None:
        self._logs.logbook.heard = None
        self._logs.changed = lambda: None
        tasks = [watch.task for watch in self._running.values()]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
