"""What all connections of one listener share, and the watch over them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from lambent.clock import Clock
from lambent.edge.http_answer import date_line
from lambent.edge.http_limits import HttpLimits, Verdict, Wait, judge
from lambent.wire.http import Request, Response

Handler = Callable[[Request], Awaitable[Response]]


class Watched(Protocol):
    """A connection, as far as the watch sees it."""

    seen: tuple[Wait, int, int]
    seen_at: float

    def state(self) -> tuple[Wait, int, int]: ...
    def carry_out(self, verdict: Verdict) -> None: ...
    def drain(self) -> None: ...
    def abort(self) -> None: ...


class ListenerState:
    """The handler and limits of a listener, its connections, and the time as of the last tick.

    `connections` and `running` change only on the event loop. A task stays in `running` when its client leaves, since
    the loop itself would let it be collected; a function runs to its end whoever waits for it.
    """

    def __init__(self, handler: Handler, limits: HttpLimits, clock: Clock, *, cap: int) -> None:
        self.handler = handler
        self.limits = limits
        self.clock = clock
        self.cap = cap
        self.connections: set[Watched] = set()
        self.running: set[asyncio.Task[None]] = set()
        self.draining = False
        self.changed = asyncio.Event()  # set when a connection or an abandoned task ended
        self.date = date_line(clock.epoch())

    def tick(self) -> None:
        """Look at every connection once. No request pays for a timer: time passes for all of them here."""
        self.date = date_line(self.clock.epoch())
        now = self.clock.monotonic()
        for connection in tuple(self.connections):
            self._look_at(connection, now)

    def _look_at(self, connection: Watched, now: float) -> None:
        state = connection.state()
        if state != connection.seen:
            connection.seen, connection.seen_at = state, now
            return
        verdict = judge(state[0], now - connection.seen_at, self.limits)
        if verdict is not Verdict.WAIT:
            connection.carry_out(verdict)
