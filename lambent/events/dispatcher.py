"""Runs what was accepted: in turn for all functions, within their concurrency, and again when that is due.

Only events that have just been started count against what is run at a time. One that takes long (its function sleeps,
or waits for somebody) gives its place to another as long as the processors have time left: so trivial events go through
a few sandboxes one after the other, and slow ones get as many as their concurrency allows.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from lambent.clock import Clock
from lambent.events import fate
from lambent.events.alarms import EARLY_S, Alarms
from lambent.events.attempt import Attempts, Result
from lambent.events.gate import Gate
from lambent.events.ledger import Ledger
from lambent.events.lines import LOW, Line, Lines
from lambent.events.supply import Supply
from lambent.model import Event
from lambent.sandbox.watch import Watch
from lambent.store.queue import Again, FunctionKey, Over, Queue
from lambent.work import Work

log = logging.getLogger("lambent")

YOUNG_S = 0.03
LOOK_EVERY_S = 0.05  # at lines that were held back; others than events take and give back permits
LOOK_AT_ALL_S = 30.0  # real seconds: timers know nothing of a machine's clock that is set anew
THROTTLE_PAUSE_S = 1.0

# The rows that take the place of an event that has ended.
Settle = Callable[[Event, Result], tuple[tuple[str, dict[str, Any]], ...]]


class Runner:
    """One task that tries events, one after the other."""

    def __init__(self, dispatcher: "Dispatcher") -> None:
        self._dispatcher = dispatcher
        self.long = False

    def takes_long(self, for_s: float) -> None:
        self.long = True
        self._dispatcher.grew_old()


class Dispatcher:
    """State changes on the event loop only."""

    def __init__(
        self,
        queue: Queue,
        attempts: Attempts,
        clock: Clock,
        settle: Settle,
        posted: Callable[[], None] = lambda: None,
        *,
        young_s: float = YOUNG_S,
    ) -> None:
        self.lines = Lines()
        self._posted = posted  # told when something has taken the place of an event
        self._queue = queue
        self._attempts = attempts
        self._clock = clock
        self._settle = settle
        self.young_s = young_s  # of real time
        self._work = Work(clock, _complain)
        self._ledger = Ledger(queue, self._work.begin, self.pump)
        self._supply = Supply(queue, self.lines, self._now, self._work.begin, self._brought)
        self.gate = Gate(attempts.room, self._now)
        self._watch: Watch | None = None
        self._trying: set[int] = set()  # events that may have run, and have not come to anything yet
        self._started = False
        self._closing = False
        self._look_at_all: asyncio.TimerHandle | None = None
        self._alarms = Alarms(clock, self._wake)
        self._looking = False
        self.interrupted = 0  # events that were taken when the last server ended; each may have run twice

    # -- intake's Dispatch

    def expect(self, event: Event) -> bool:
        if not self._started or self._closing or event.due > self._clock.epoch() or not self.lines.keeps(event):
            return False
        self.lines.line(event.function).storing += 1
        return True

    def arrived(self, event: Event, taken: bool, *, stored: bool) -> None:
        line = self.lines.line(event.function)
        if taken:
            line.storing -= 1
        if not stored:
            self.lines.forget(line)
        elif taken:
            self.lines.make_ready(line, event)
        else:
            self.added(line.function, event.due)
        self.pump()

    # -- life

    async def start(self) -> list[Any]:
        """Take up what is on disk; what the last server had taken is returned, for the journal."""
        interrupted = list(await self._queue.interrupted())
        self.interrupted += len(interrupted)
        for backlog in self._queue.backlogs():  # with what was accepted before this
            line = self.lines.line(backlog.function)
            line.stored, line.due = backlog.waiting, backlog.due
        self._started = True
        self._wake_now_and_then()
        return interrupted

    async def close(self, patience_s: float) -> None:
        """Start nothing more; let what runs come to its end, and write that down."""
        self._closing = True
        self._alarms.close()
        if self._look_at_all is not None:
            self._look_at_all.cancel()
        await self._work.finish(patience_s)
        await self._queue.give_back(self._trying | self._ledger.ids())

    def counts(self) -> dict[str, int]:
        return {
            "running": self.gate.running,
            "waiting": sum(line.waiting for line in self.lines.all.values()),
            "interrupted": self.interrupted,
        }

    # -- at work

    def pump(self) -> None:
        """Start what may be started."""
        self._supply.go_on()
        while (event := self._next()) is not None:
            self.gate.hand_out(self.lines.line(event.function))
            self._work.begin(self._run(Runner(self), event))
        if (self.lines.held or self.lines.turns) and not self._looking and not self._closing:
            self._looking = True
            asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look_again)

    def grew_old(self) -> None:
        self.gate.young -= 1
        self.pump()

    def added(self, function: FunctionKey, due: float) -> None:
        """Somebody else has put an event into the queue, which nobody has taken."""
        if not self._started:
            return  # `start` finds it on disk
        line = self.lines.line(function)
        line.stored = max(0, line.stored) + 1
        line.due = min(line.due, due)
        self._refill(line)

    # -- details

    def _now(self) -> float:
        return self._clock.epoch() + EARLY_S

    async def _run(self, runner: Runner, first: Event) -> None:
        """This event, and then whatever is next, while there may be that many at a time."""
        watch = self._watch = self._watch or Watch(asyncio.get_running_loop(), self.young_s)
        self.gate.handed_out(self.lines.line(first.function))
        event: Event | None = first
        while event is not None:
            line = self.lines.line(event.function)
            runner.long = False
            watch.begin(runner)
            try:
                await self._try(line, event)
            finally:
                watch.end(runner)
                line.running -= 1
                self.gate.end(long=runner.long)
            if line in self.lines.held:
                self.lines.take_turn(line)
            event = self._next()
            self._refill(line)
        self.pump()

    def _next(self) -> Event | None:
        """Whatever may be begun now."""
        may_start = None if self._closing or self._ledger.full else self.gate.who()
        event = self.lines.next(may_start) if may_start is not None else None
        if event is not None:
            self.gate.begin()
        return event

    async def _try(self, line: Line, event: Event) -> None:
        """However that ends, it is in the ledger then."""
        self._trying.add(event.id)
        try:
            self._conclude(line, event, await self._attempts.make(event))
        except Exception as error:
            log.exception("event %s could not be tried", event.request_id)
            self._try_later(line, event, error)
        self._trying.discard(event.id)

    def _try_later(self, line: Line, event: Event, error: Exception) -> None:
        try:
            self._conclude(line, event, self._attempts.broken(event, error))
        except Exception:  # perhaps what failed first: to find out how it is to be treated
            self._again(line, fate.postponed(event, self._clock.epoch()))

    def _conclude(self, line: Line, event: Event, result: Result) -> None:
        if result.again is not None and result.throttle is not None:
            line.paused_until = self._clock.epoch() + THROTTLE_PAUSE_S
            self._wake_at(line, line.paused_until)
        rows = self._settle(event, result)
        if result.again is not None:
            self._again(line, result.again)
        else:
            self._ledger.put(Over(event.id, rows), self._posted if rows else None)

    def _again(self, line: Line, event: Event) -> None:
        self._ledger.put(Again(event), lambda: self.added(line.function, event.due))

    def _refill(self, line: Line) -> None:
        """Take more of its events from disk if there are few in memory, or come back when the next is due."""
        if line.wants(self._now()) and not self._closing:
            self._supply.bring(line)
        elif not (line.waiting or line.running):
            self.lines.forget(line)
        elif line.stored and not line.taking and len(line.ready) < LOW:
            self._wake_at(line, max(line.due, line.paused_until))

    def _brought(self, line: Line) -> None:
        self._refill(line)
        self.pump()

    def _wake_at(self, line: Line, due: float) -> None:
        if not self._closing:
            self._alarms.set(line.function, due)

    def _wake(self, functions: Iterable[FunctionKey]) -> None:
        for function in functions:
            line = self.lines.all.get(function)
            if line is not None:
                self.lines.take_turn(line)
                self._refill(line)
        self.pump()

    def _wake_now_and_then(self) -> None:
        if not self._closing:
            self._look_at_all = asyncio.get_running_loop().call_later(LOOK_AT_ALL_S, self._wake_now_and_then)
            self.lines.look_again()
            self._wake(list(self.lines.all))

    def _look_again(self) -> None:
        self._looking = False
        self.lines.look_again()
        self.pump()


def _complain(error: BaseException) -> None:
    log.error("an event could not be dealt with; it is tried again at the next start", exc_info=error)
