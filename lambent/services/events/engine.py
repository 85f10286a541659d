"""EventBridge, put together: what there is, where events go, what is due, what is replayed."""

from lambent.clock import Clock, Timer
from lambent.services.events.catalog import Catalog
from lambent.services.events.replays import Replays
from lambent.services.events.router import Router
from lambent.services.events.timetable import Timetable
from lambent.services.post import Post
from lambent.store.eventbridge import EventBridgeStore
from lambent.store.ledger import Ledger

SWEEP_S = 3_600.0  # archives let go of old events


class EventBridge:
    """Mutable, on the event loop only."""

    def __init__(self, store: EventBridgeStore, ledger: Ledger, post: Post, clock: Clock) -> None:
        self.clock = clock
        self.ledger = ledger
        self.post = post
        self.catalog = Catalog(store, ledger)
        self.router = Router(self.catalog, post, clock)
        self.timetable = Timetable(self.catalog, self.router, ledger, clock)
        self.replays = Replays(self.catalog, self.router, ledger, clock)
        self._sweeper: Timer | None = None

    def __repr__(self) -> str:
        return f"<EventBridge with {self.catalog!r}>"

    def start(self) -> None:
        self.catalog.start()
        self.timetable.start()
        self.replays.start()
        self._sweep()

    async def close(self) -> None:
        self.timetable.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self.replays.close()

    def _sweep(self) -> None:
        self.catalog.sweep(self.clock.epoch())
        self._sweeper = self.clock.call_later(SWEEP_S, self._sweep, background=True)
