"""The poller of one mapping: takes messages from its queue, has the function run on them, and deletes what is done.

One task gathers batches and starts them, as many at a time as `Scale` allows; each batch is a task of its own, so that
a slow one holds up no other.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol

import msgspec

from lambent.clock import Clock
from lambent.clock import sleep as clock_sleep
from lambent.errors import AwsError, LambentError, TooManyRequests
from lambent.model import Outcome
from lambent.services.sources.answers import Verdict, verdict
from lambent.services.sources.filters import Filter
from lambent.services.sources.records import M, Record, event, first_batch
from lambent.services.sources.scale import Limits, Scale, retry_s
from lambent.services.sources.source import Source

log = logging.getLogger("lambent")

WAIT_S = 300.0  # for a message; whoever waits costs nothing
MISSING_S = 10.0  # between looks for a queue that is not there
AT_ONCE = 100  # messages that are looked at before others get their turn

# Runs the function of a mapping: its payload, and the trace header that came with it.
Invoke = Callable[[bytes, str], Awaitable[Outcome]]
# The queue of a mapping as it is now; None if there is none.
Find = Callable[[], Source[M] | None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a mapping asks for, as its poller obeys it."""

    arn: str  # of the queue
    region: str
    batch: int
    window_s: float
    partial: bool  # ReportBatchItemFailures
    limits: Limits
    counted: bool = False  # MetricsConfig: EventCount


class Told(Protocol):
    """Who hears what a poller does: counts by AWS's names, and what became of the last batch."""

    def count(self, metric: str, number: int) -> None: ...

    def result(self, text: str) -> None: ...

    def passed_over(self, record: Record[Any]) -> None: ...


class Poller(Generic[M]):
    """State changes on the event loop only. `_running` are its batches."""

    def __init__(self, plan: Plan, find: Find[M], invoke: Invoke, wanted: Filter, *, told: Told, clock: Clock) -> None:
        self.plan = plan
        self._find = find
        self._invoke = invoke
        self._wanted = wanted
        self._told = told
        self._clock = clock
        self._scale = Scale(plan.limits)
        self._running: set[asyncio.Task[None]] = set()
        self._free = asyncio.Event()
        self._gathering: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Poller {self.plan.arn} with {len(self._running)} batches>"

    def start(self) -> None:
        self._gathering = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Take no more. What was taken and has not begun goes back at once; batches that run come to their end."""
        if self._gathering is not None:
            self._gathering.cancel()
            await asyncio.gather(self._gathering, return_exceptions=True)

    async def finish(self) -> None:
        """Until nothing is under way any more."""
        await self.stop()
        while self._running:
            await asyncio.wait(self._running)

    # -- gathering

    async def _work(self) -> None:
        while True:
            try:
                await self._gather_for_ever()
            except LambentError as error:
                self._told.result(f"PROBLEM: {error.message}")
            except Exception:
                log.exception("the poller of %s has failed, and begins anew", self.plan.arn)
            await clock_sleep(self._clock, MISSING_S, background=True)

    async def _gather_for_ever(self) -> None:
        while (source := self._find()) is not None and not source.closed:
            while not source.closed:
                await self._has_room()
                taken = await self._take(source)
                if taken:
                    self._begin(source, taken)
        if source is None:
            self._told.result(f"PROBLEM: The queue {self.plan.arn} does not exist.")

    async def _has_room(self) -> None:
        pause_s = self._scale.pause_s()
        if pause_s:
            await clock_sleep(self._clock, pause_s)
        while len(self._running) >= int(self._scale.allowed):
            self._scale.pressed(self._clock.monotonic())
            if len(self._running) >= int(self._scale.allowed):
                self._free.clear()
                await self._free.wait()

    async def _take(self, source: Source[M]) -> list[Record[M]]:
        """The records of the next batch: until there are enough of them, too large a batch, or the window is over."""
        plan, found = self.plan, list[Record[M]]()
        try:
            self._read(source, await source.poll(min(plan.batch, AT_ONCE), WAIT_S), found)
            deadline = self._clock.monotonic() + plan.window_s
            while found and first_batch(found, plan.batch) == len(found) < plan.batch:
                most = min(plan.batch - len(found), AT_ONCE)
                more = source.receive(most)
                if not more:
                    left_s = deadline - self._clock.monotonic()
                    if left_s <= 0 or not (more := await self._wait(source, most, left_s)):
                        break
                self._read(source, more, found)
        except BaseException:
            source.give_back(found)
            raise
        number = first_batch(found, plan.batch)
        source.give_back(found[number:])
        return found[:number]

    async def _wait(self, source: Source[M], most: int, left_s: float) -> list[Record[M]]:
        """More messages, until the window is over on the product's clock."""
        polling = asyncio.ensure_future(source.poll(most, WAIT_S))
        timer = self._clock.call_later(left_s, polling.cancel)
        try:
            return await polling
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return []
        finally:
            timer.cancel()

    def _read(self, source: Source[M], taken: Sequence[Record[M]], found: list[Record[M]]) -> None:
        """What the filters let through; the others are deleted."""
        if not taken:
            self._scale.calm(self._clock.monotonic())
        self._told.count("PolledEventCount", len(taken))
        for one in taken:
            if self._wanted(one.document):
                found.append(one)
            else:
                self._told.count("FilteredOutEventCount", 1)
                self._told.passed_over(one)
                source.drop_unseen(one)

    # -- a batch

    def _begin(self, source: Source[M], records: list[Record[M]]) -> None:
        task = asyncio.get_running_loop().create_task(self._run(source, records))
        self._running.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._free.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a batch of %s failed", self.plan.arn, exc_info=error)

    async def _run(self, source: Source[M], records: list[Record[M]]) -> None:
        with self._clock.working():
            said = await self._try(records)
        if said is None:
            return
        self._scale.ended(well=not said.whole)
        self._told.result(f"PROBLEM: {said.why}" if said.whole else "OK")
        done = [each for each in records if each.message.message_id not in said.failed]
        self._told.count("DeletedEventCount", len(done))
        if done:
            await source.drop(done)

    async def _try(self, records: list[Record[M]]) -> Verdict | None:
        """What the function says of the batch. A throttled one is tried again for as long as its messages are hidden;
        None: they come back by themselves."""
        payload, ids = event(records), [each.message.message_id for each in records]
        trace = str(records[0].document["attributes"].get("AWSTraceHeader", ""))
        tries = 0
        while True:
            try:
                outcome = await self._invoke(payload, trace)
                self._told.count("InvokedEventCount", len(records))
                return verdict(outcome, ids, partial=self.plan.partial)
            except (TooManyRequests, AwsError) as error:
                if isinstance(error, TooManyRequests):
                    self._scale.throttled(len(self._running))
                elif (error.status or 400) != 409:  # 409: the function is not Active yet
                    return Verdict(frozenset(ids), True, error.message)
            except LambentError as error:
                return Verdict(frozenset(ids), True, error.message)
            pause_s = retry_s(tries)
            tries += 1
            if self._clock.epoch() + pause_s >= min(each.message.due for each in records):
                return None
            await clock_sleep(self._clock, pause_s)
