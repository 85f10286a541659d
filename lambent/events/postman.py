"""Delivers letters: those of one target in their order as far as they can be delivered, all targets at the same time.

A letter lies on disk until it is delivered; then it goes. What cannot be delivered for good makes its event kept.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from lambent.clock import Clock, Timer
from lambent.errors import LambentError, Undeliverable
from lambent.events.letters import DEAD_LETTER
from lambent.events.targets import Targets
from lambent.model import AGE_S, FORWARD, RETRIES, Letter
from lambent.store.letters import Letters
from lambent.work import Work

log = logging.getLogger("lambent")

PAGE = 32  # letters of one target that are under way at a time
LANES = 32  # targets that are delivered to at a time; each may have a page in memory
PATIENCE_S = 30.0  # real seconds that a target gets for one letter, so that a slow one frees its lane for others
LONGEST_PAUSE_S = 300.0
GIVE_UP_AFTER_S = 21_600.0  # as long as AWS tries an event
WRITE_AGAIN_S = 0.5  # real seconds after a write that failed
LOOK_AGAIN_S = 5.0  # real seconds after letters could not be read

Tell = Callable[..., None]  # the journal's
# Hears of what a service passed on and no endpoint takes for good, and why, before that goes.
Lost = Callable[[Letter, str], Awaitable[None]]
Count = Callable[[str, tuple[str, str, str], float, str], None]  # the metrics'


class Tried(NamedTuple):
    """What became of one try: delivered (""), or why not, and whether another would be in vain.

    `gone`: the letter is no longer on disk.
    """

    letter: Letter
    trouble: str
    final: bool = False
    gone: bool = False


def pause_s(tries: int) -> float:
    """How long to wait after so many failures in a row."""
    return min(2.0 ** min(max(tries - 1, 0), 16), LONGEST_PAUSE_S)


def later(tried: Tried, now: float) -> Letter | None:
    """The letter as it is to be tried again; None if it is given up."""
    tries = tried.letter.tries + 1
    due = now + pause_s(tries)
    retries, age_s = patience(tried.letter)
    if tried.final or tries > retries or due - tried.letter.created > age_s:
        return None
    if in_order(tried.letter.target):
        due = tried.letter.due  # nothing overtakes it: its target pauses
    return replace(tried.letter, tries=tries, due=due)


def patience(letter: Letter) -> tuple[float, float]:
    """How often it is tried again, and until what age (seconds)."""
    if letter.kind != FORWARD:
        return math.inf, GIVE_UP_AFTER_S
    return float(letter.attributes[RETRIES]), float(letter.attributes[AGE_S])


def in_order(target: str) -> bool:
    """One letter at a time?"""
    return target.endswith(".fifo")


class Postman:
    """State changes on the event loop only. `_lanes` are the targets that are being delivered to, with the failures of
    each in a row; `_timers` those that have to wait, either for a pause to be over or for a letter to be due."""

    def __init__(self, letters: Letters, targets: Targets, clock: Clock, tell: Tell, count: Count) -> None:
        self._letters = letters
        self._targets = targets
        self._clock = clock
        self._tell = tell
        self._count = count
        self._lanes: set[str] = set()
        self._timers: dict[str, tuple[float, Timer]] = {}
        self._pauses: dict[str, tuple[float, int]] = {}  # epoch seconds, failures in a row
        self._slots = asyncio.Semaphore(LANES)
        self._work = Work(clock, self._failed)
        self._looking = False
        self._again: asyncio.TimerHandle | None = None  # one of those who will look again after a failure
        self._closing = False
        self.lost: Lost = _nobody

    def __repr__(self) -> str:
        return f"<Postman lanes={len(self._lanes)} waiting={len(self._timers)}>"

    def start(self) -> None:
        """Go on where the last server stopped."""
        self.posted()

    def posted(self) -> None:
        """There are new letters. However often that is said in one turn of the event loop, it is looked once."""
        if not self._looking and not self._closing:
            self._looking = True
            self._work.begin(self._look())

    async def close(self) -> None:
        """What is under way comes to its end; the rest waits on disk for the next start."""
        self._closing = True
        for _, timer in self._timers.values():
            timer.cancel()
        if self._again is not None:
            self._again.cancel()
        await self._work.finish()

    # -- details

    async def _look(self) -> None:
        """Should that fail, or a lane: nobody else might ever post, so it is looked again."""
        self._looking = False
        for target, due in self._letters.targets():
            if target not in self._lanes:
                self._wait_or_run(target, due)

    def _wait_or_run(self, target: str, due: float) -> None:
        now = self._clock.epoch()
        due = max(due, self._pauses.get(target, (0.0, 0))[0])
        if due <= now:
            self._run(target)
        elif target not in self._timers or due < self._timers[target][0]:
            self._stop_waiting(target)
            self._timers[target] = due, self._clock.call_later(due - now, lambda: self._run(target))

    def _stop_waiting(self, target: str) -> None:
        waiting = self._timers.pop(target, None)
        if waiting is not None:
            waiting[1].cancel()

    def _run(self, target: str) -> None:
        self._stop_waiting(target)
        if not self._closing and target not in self._lanes:
            self._lanes.add(target)
            self._work.begin(self._deliver_all(target))

    async def _deliver_all(self, target: str) -> None:
        """Page after page, until nothing is due, or a failure asks for a pause."""
        try:
            while await self._deliver_page(target):
                pass
        finally:
            self._lanes.discard(target)
        due = self._letters.next_due(target)
        if due is None:
            self._pauses.pop(target, None)
        elif not self._closing:
            self._wait_or_run(target, due)

    async def _deliver_page(self, target: str) -> bool:
        """Whether there may be another. Between two pages those stand in line who wait for a lane."""
        async with self._slots:
            if self._closing or self._pauses.get(target, (0.0, 0))[0] > self._clock.epoch():
                return False
            page = self._letters.due(target, self._clock.epoch(), 1 if in_order(target) else PAGE)
            if page:
                await self._conclude(target, await asyncio.gather(*map(self._try, page)))
            return bool(page)

    async def _try(self, letter: Letter) -> Tried:
        try:
            target = self._targets.of(letter.target)
            async with asyncio.timeout(PATIENCE_S):
                gone = await target.deliver(letter)
        except Undeliverable as error:
            return Tried(letter, error.message, final=True)
        except LambentError as error:
            return Tried(letter, error.message)
        except TimeoutError:
            return Tried(letter, f"no answer within {PATIENCE_S:.0f} s")
        except Exception as error:
            log.exception("a letter to %s could not be delivered", letter.target)
            return Tried(letter, f"{type(error).__name__}: {error}")
        return Tried(letter, "", gone=gone)

    async def _conclude(self, target: str, page: list[Tried]) -> None:
        """Write down what became of a page, then tell it. One more failure in a row makes the pause longer."""
        now = self._clock.epoch()
        failed = [tried for tried in page if tried.trouble]
        again = [letter for tried in failed if (letter := later(tried, now)) is not None]
        waiting = {letter.id for letter in again}
        given_up = [(tried.letter, f"{target}: {tried.trouble}") for tried in failed if tried.letter.id not in waiting]
        delivered = [tried.letter for tried in page if not (tried.trouble or tried.gone)]
        for letter, why in given_up:
            if letter.kind == FORWARD:
                await self.lost(letter, why)
        if delivered or failed:
            await self._write(delivered, again, given_up)
        failures = self._pauses.get(target, (0.0, 0))[1] + 1 if any(not tried.final for tried in failed) else 0
        self._pauses[target] = (now + pause_s(failures) if failures else 0.0, failures)
        for tried in page:
            self._report(tried, now, waiting)

    async def _write(self, delivered: list[Letter], again: list[Letter], given_up: list[tuple[Letter, str]]) -> None:
        complained = False
        while True:
            try:
                return await self._letters.settle(delivered, again, given_up)
            except LambentError as error:
                if self._closing:
                    raise
                if not complained:
                    log.error("what became of letters cannot be written yet: %s", error.message)
                    complained = True
                await asyncio.sleep(WRITE_AGAIN_S)

    def _report(self, tried: Tried, now: float, waiting: set[int]) -> None:
        letter, tell = tried.letter, self._tell
        facts: dict[str, Any] = {"target": letter.target, "as": letter.kind, "tries": letter.tries + 1}
        if not tried.trouble:
            tell(now, letter.request_id, "delivered", **facts)
            return
        if letter.kind != FORWARD:
            self._count_failure(letter)
        facts["trouble"] = tried.trouble
        if letter.id in waiting:
            tell(now, letter.request_id, "retry-at", due=now + pause_s(letter.tries + 1), **facts)
            return
        tell(now, letter.request_id, "undeliverable", **facts)
        if letter.kind != FORWARD:
            log.warning("event %s of %s is kept: %s: %s", letter.request_id, letter.name, letter.target, tried.trouble)
            tell(now, letter.request_id, "kept", condition=letter.ended.condition, attempts=letter.ended.attempts)

    def _count_failure(self, letter: Letter) -> None:
        metric = "DeadLetterErrors" if letter.kind == DEAD_LETTER else "DestinationDeliveryFailures"
        self._count(metric, (letter.account, letter.region, letter.name), 1.0, letter.qualifier)

    def _failed(self, error: BaseException) -> None:
        if not self._closing:
            log.error("letters cannot be delivered now", exc_info=error)
            self._again = asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self.posted)


async def _nobody(letter: Letter, why: str) -> None:
    log.error("%s is lost: %s", letter.name, why)
