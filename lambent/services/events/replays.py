"""Replays: events of an archive come to the rules of its bus again, page by page. How far a replay has come is written
in the step in which its events are accepted, so that it goes on there after a crash."""

import asyncio
import logging
from typing import Any

from msgspec.structs import replace

from lambent.clock import Clock
from lambent.services.events.catalog import Catalog
from lambent.services.events.nouns import Replay, event_from
from lambent.services.events.router import Router
from lambent.store.connection import Row
from lambent.store.eventbridge import Span
from lambent.store.ledger import Entry, Ledger
from lambent.work import Work

log = logging.getLogger("lambent")

PAGE = 100
GOING = ("STARTING", "RUNNING")
CANCELLABLE = GOING


class Replays:
    """Those that run, each in a task of its own. Time that is moved by hand waits for them."""

    def __init__(self, catalog: Catalog, router: Router, ledger: Ledger, clock: Clock) -> None:
        self._catalog = catalog
        self._router = router
        self._ledger = ledger
        self._clock = clock
        self._work = Work(clock, self._failed)

    def start(self) -> None:
        """Go on with those that a stop of the server has interrupted."""
        for replay in self._catalog.replays():
            if replay.state in (*GOING, "CANCELLING"):
                self.run(replay)

    async def close(self) -> None:
        """Broken off: what is left comes at the next start."""
        await self._work.finish(0)

    def run(self, replay: Replay) -> None:
        self._work.begin(self._run(replay))

    async def _run(self, replay: Replay) -> None:
        try:
            while await self._turn(replay):
                pass
        except Exception as error:
            log.exception("%s has failed", replay.arn)
            await self._end(replay, "FAILED", StateReason=str(error) or "Internal failure.")

    def _failed(self, error: BaseException) -> None:
        log.error("how a replay has ended could not be written: %s", error)

    async def _turn(self, replay: Replay) -> bool:
        """The next page of events; False when there is none, or it is not to go on."""
        now = self._catalog.replay(replay.key)
        if now is None or now.state not in GOING:
            await self._end(replay, "CANCELLED")
            return False
        rows = await asyncio.to_thread(self._catalog.store.archived, _span(now), PAGE)
        if not rows:
            await self._end(replay, "COMPLETED")
            return False
        # between here and the entering nobody else has a turn: a cancellation comes before this page or after it
        now = self._catalog.replay(replay.key) or now
        if now.state in GOING:
            await self._ledger.enter(*self._page(now, rows))
        return True

    def _page(self, replay: Replay, rows: list[Row]) -> list[Entry]:
        destination = replay.settings["Destination"]
        bus = self._catalog.bus_of(destination["Arn"])
        if bus is None:
            raise LookupError(f"Event bus {destination['Arn']} does not exist.")
        only = destination.get("FilterArns") or []
        entries = [
            entry
            for row in rows
            for entry in self._router.replayed(bus, event_from(row["body"], replay.name), only)
        ]  # fmt: skip
        settings = replay.settings | {"State": "RUNNING", "EventLastReplayedTime": rows[-1]["at"]}
        reached = replace(replay, settings=settings, last_at=rows[-1]["at"], last_id=rows[-1]["id"])
        return [*entries, self._catalog.replay_entry(reached)]

    async def _end(self, replay: Replay, state: str, **more: Any) -> None:
        now = self._catalog.replay(replay.key) or replay
        settings = now.settings | {"State": state, "ReplayEndTime": self._clock.epoch()} | more
        await self._ledger.enter(self._catalog.replay_entry(replace(now, settings=settings)))


def _span(replay: Replay) -> Span:
    settings = replay.settings
    return Span(
        settings["EventSourceArn"], settings["EventStartTime"], settings["EventEndTime"], replay.last_at,
        replay.last_id,
    )  # fmt: skip
