"""Whatever happens to attempts and to the disk: everything ends once, and nothing is left counted."""

import asyncio
import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from event_samples import CONFIG, NOW, event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.clock import VirtualClock
from lambent.errors import StoreError, TooManyRequests
from lambent.events import fate
from lambent.events.attempt import Result
from lambent.events.dispatcher import Dispatcher
from lambent.events.end import End
from lambent.events.intake import Intake
from lambent.model import Event
from lambent.store.queue import Queue, open_queue

HAPPENINGS = ("success", "success", "throttle", "bug", "unreadable")


class Unruly:
    """Attempts and a disk that fail by dice, until `calm`."""

    def __init__(self, queue: Queue, clock: VirtualClock, seed: int) -> None:
        self.clock, self.queue = clock, queue
        self.dice = random.Random(seed)
        self.calm = False
        self.running: Counter[str] = Counter()
        self._good = {name: getattr(queue, name) for name in ("add", "take", "settle", "next_due")}
        for name in ("add", "take", "settle"):
            setattr(queue, name, self._failing(name))
        queue.next_due = self._next_due  # type: ignore[method-assign]

    async def make(self, event: Event) -> Result:
        self.running[event.name] += 1
        try:
            for _ in range(self.dice.randrange(4)):
                await asyncio.sleep(0)
            return self._result(event)
        finally:
            self.running[event.name] -= 1

    def broken(self, event: Event, bug: Exception) -> Result:
        if isinstance(bug, StoreError):
            raise bug
        return Result(fate.postponed(event, self.clock.epoch()), None, None, str(bug))

    def room(self, event: Event) -> tuple[int, bool]:
        return 4 - self.running[event.name], bool(self.dice.randrange(2))

    def _result(self, event: Event) -> Result:
        what = "success" if self.calm else self.dice.choice(HAPPENINGS)
        if what == "throttle":
            return Result(fate.postponed(event, self.clock.epoch()), None, TooManyRequests())
        if what != "success":
            raise StoreError("cannot read") if what == "unreadable" else ValueError("a bug")
        return Result(None, End(event=event, condition="Success", now=self.clock.epoch(), config=CONFIG))

    def _refuse(self) -> None:
        if not self.calm and self.dice.random() < 0.2:
            raise StoreError("disk I/O error")

    def _failing(self, name: str):  # type: ignore[no-untyped-def]
        async def call(*args, **named):  # type: ignore[no-untyped-def]
            self._refuse()
            return await self._good[name](*args, **named)

        return call

    def _next_due(self, function):  # type: ignore[no-untyped-def]
        self._refuse()
        return self._good["next_due"](function)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("ledger.PAUSE_S", "supply.PAUSE_S"):
        monkeypatch.setattr(f"lambent.events.{pause}", 0)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), functions=st.integers(1, 4), waves=st.lists(st.integers(1, 60), max_size=4))
def test_whatever_fails_every_accepted_event_ends_once_and_nothing_stays_counted(seed, functions, waves):
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_live(Path(directory), seed, functions, waves))


async def _live(directory: Path, seed: int, functions: int, waves: list[int]) -> None:
    db, clock = open_queue(directory), VirtualClock(NOW)
    unruly = Unruly(Queue(db), clock, seed)
    ended: Counter[str] = Counter()

    def settle(event: Event, result: Result) -> tuple[()]:
        ended.update([event.request_id] if result.end else [])
        return ()

    dispatcher = Dispatcher(unruly.queue, unruly, clock, settle)  # type: ignore[arg-type]
    intake, accepted = Intake(unruly.queue, dispatcher), set()

    async def accept(name: str, function: str) -> None:
        try:
            await intake.accept(event(request_id=name, name=function, received=clock.epoch(), due=clock.epoch()))
        except StoreError:
            return
        accepted.add(name)

    await dispatcher.start()
    for wave, number in enumerate(waves):
        names = [f"{wave}-{at}" for at in range(number)]
        await asyncio.gather(*(accept(name, f"f{unruly.dice.randrange(functions)}") for name in names))
        await clock.travel(unruly.dice.choice((0, 0.5, 3)))
    unruly.calm = True
    await clock.run_until_idle(3600)
    assert ended == Counter(accepted)
    assert _counted(dispatcher) == (0, 0, 0, 0, 0, 0, set())
    assert Queue(db).backlogs() == []
    assert not dispatcher.lines.all
    await dispatcher.close(30)
    db.close()


def _counted(of: Dispatcher) -> tuple[object, ...]:
    held = of.lines.held_bytes, of.lines.awaited_bytes
    return of.gate.running, of.gate.young, of.gate.fresh, of._ledger._bytes, *held, of._trying
