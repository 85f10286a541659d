"""Running what was accepted, over a real queue and attempts that do as they are told; time is moved by hand."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from event_samples import CONFIG, NOW, answered, event, failed

from lambent.clock import VirtualClock
from lambent.errors import ServiceException, StoreError, TooManyRequests
from lambent.events import fate
from lambent.events.attempt import Result
from lambent.events.dispatcher import YOUNG_S, Dispatcher
from lambent.events.end import End
from lambent.events.gate import FEW, YOUNG
from lambent.events.intake import Intake
from lambent.model import Event, Outcome
from lambent.store.database import Database
from lambent.store.queue import Queue, open_queue


class FakeAttempts:
    """`answers` says what each attempt comes to; `gate` holds attempts up."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.tried: list[tuple[str, float]] = []
        self.answers: Callable[[Event], Outcome | Exception] = lambda event: answered()
        self.gate = asyncio.Event()
        self.gate.set()
        self.free = 1000
        self.at_once = 0
        self.running: Counter[str] = Counter()

    async def make(self, event: Event) -> Result:
        self.tried.append((event.request_id, self.clock.epoch() - NOW))
        self.running[event.name] += 1
        self.at_once = max(self.at_once, self.running.total())
        await self.gate.wait()
        self.running[event.name] -= 1
        answer = self.answers(event)
        if isinstance(answer, Outcome):
            tried, what = fate.after(event, answer, CONFIG, self.clock.epoch())
        elif isinstance(answer, TooManyRequests | ServiceException):
            tried, what = fate.refused(event, CONFIG, self.clock.epoch())
        else:
            raise answer
        if isinstance(what, Event):
            return Result(what, None, answer if isinstance(answer, TooManyRequests) else None, "trouble")
        return Result(None, End(event=tried, condition=what, now=self.clock.epoch(), config=CONFIG))

    def broken(self, event: Event, bug: Exception) -> Result:
        _, what = fate.refused(event, CONFIG, self.clock.epoch())
        assert isinstance(what, Event)
        return Result(what, None, None, str(bug))

    def room(self, event: Event) -> tuple[int, bool]:
        return self.free - self.running.total(), False


class Stage:
    """A server's events engine without a server."""

    def __init__(self, db: Database) -> None:
        self.clock = VirtualClock(NOW)
        self.queue = Queue(db)
        self.attempts = FakeAttempts(self.clock)
        self.ended: list[End] = []
        self.dispatcher = Dispatcher(
            self.queue, self.attempts, self.clock, self.settle,  # type: ignore[arg-type]
            young_s=3600,  # nothing grows old by itself, however slow this machine is
        )  # fmt: skip
        self.dispatcher.gate.processors.idle = lambda: 1.0  # type: ignore[method-assign]
        self.dispatcher.gate.processors.own = lambda: 0.0  # type: ignore[method-assign]
        self.intake = Intake(self.queue, self.dispatcher)

    def settle(self, event: Event, result: Result) -> tuple[()]:
        if result.end is not None:
            self.ended.append(result.end)
        return ()

    async def accept(self, *names: str, **changes: object) -> None:
        now = self.clock.epoch()
        for name in names:
            await self.intake.accept(event(request_id=name, received=now, due=now, **changes))

    async def settled(self) -> None:
        await self.clock.travel(0)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_queue(tmp_path / "queue")
    yield database
    database.close()


@pytest.fixture
async def stage(db: Database) -> AsyncIterator[Stage]:
    stage = Stage(db)
    await stage.dispatcher.start()
    yield stage
    stage.attempts.gate.set()
    await stage.dispatcher.close(30)


async def test_an_accepted_event_runs_and_is_gone_when_it_succeeded(stage):
    await stage.accept("a")
    await stage.settled()
    assert [end.condition for end in stage.ended] == ["Success"]
    assert stage.queue.find("a") is None
    assert stage.queue.backlogs() == []


async def test_a_failing_event_is_tried_three_times_a_minute_and_then_two_apart(stage):
    stage.attempts.answers = lambda event: failed()
    await stage.accept("a")
    await stage.clock.travel(59)
    assert len(stage.attempts.tried) == 1
    await stage.clock.travel(600)
    assert [round(at) for _, at in stage.attempts.tried] == [0, 60, 180]
    assert [(end.condition, end.event.attempts) for end in stage.ended] == [("RetriesExhausted", 3)]


async def test_running_until_idle_takes_every_retry(stage):
    stage.attempts.answers = lambda event: failed()
    await stage.accept("a", "b")
    await stage.clock.run_until_idle(86_400)
    assert len(stage.attempts.tried) == 6
    assert len(stage.ended) == 2


async def test_throttled_events_come_again_after_growing_pauses(stage):
    stage.attempts.answers = lambda event: TooManyRequests() if event.throttles < 4 else answered()
    await stage.accept("a")
    await stage.clock.run_until_idle(3600)
    assert [round(at) for _, at in stage.attempts.tried] == [0, 1, 3, 7, 15]
    assert stage.ended[0].event.attempts == 1


async def test_a_bug_of_ours_loses_no_event(stage):
    stage.attempts.answers = lambda event: answered() if event.throttles else ValueError("a bug")
    await stage.accept("a")
    await stage.clock.run_until_idle(3600)
    assert [end.condition for end in stage.ended] == ["Success"]


async def test_events_that_are_due_later_wait_on_disk(stage):
    await stage.intake.accept(event(request_id="later", due=NOW + 100))
    await stage.clock.travel(99)
    assert stage.attempts.tried == []
    await stage.clock.travel(2)
    assert stage.attempts.tried == [("later", 100.0)]


async def test_a_backlog_runs_whole_with_few_at_a_time(stage):
    await asyncio.gather(*(stage.accept(str(number)) for number in range(2000)))
    await stage.settled()
    assert len(stage.ended) == 2000
    assert len({request for request, _ in stage.attempts.tried}) == 2000
    assert stage.attempts.at_once <= YOUNG
    assert stage.dispatcher.counts() == {"running": 0, "waiting": 0, "interrupted": 0}


async def test_what_takes_long_gives_its_place_to_others(stage):
    stage.attempts.gate.clear()
    await asyncio.gather(*(stage.accept(f"slow-{number}", name=f"f{number}") for number in range(YOUNG + 5)))
    await _turns()
    assert stage.attempts.running.total() == YOUNG
    stage.dispatcher.gate.processors.idle = lambda: 1.0  # type: ignore[method-assign]
    for _ in range(3):
        stage.dispatcher.grew_old()
    await _turns()
    assert stage.attempts.running.total() == YOUNG + 3


async def test_a_machine_that_has_no_time_left_is_given_no_more_at_a_time(stage):
    stage.attempts.gate.clear()
    stage.dispatcher.gate.processors.idle = lambda: 0.0  # type: ignore[method-assign]
    await asyncio.gather(*(stage.accept(f"slow-{number}", name=f"f{number}") for number in range(YOUNG + 5)))
    await _turns()
    assert stage.attempts.running.total() == FEW
    while stage.dispatcher.gate.young:
        stage.dispatcher.grew_old()
        await _turns()
    assert stage.attempts.running.total() == YOUNG


async def test_one_function_takes_at_most_half_of_what_all_share(stage):
    stage.attempts.gate.clear()
    stage.attempts.free = 6
    await asyncio.gather(*(stage.accept(f"{number}", name="slow") for number in range(20)))
    await stage.accept("other", name="other")
    await _turns()
    assert stage.attempts.running == {"slow": 3, "other": 1}


async def test_after_a_crash_everything_that_was_accepted_runs_and_what_may_have_run_is_counted(db, stage):
    queue = Queue(db)
    await queue.add([(event(id=1, request_id="ran"), True), (event(id=2, request_id="waited"), False)])
    told = await stage.dispatcher.start()
    await stage.settled()
    assert [row["request_id"] for row in told] == ["ran"]
    assert sorted(request for request, _ in stage.attempts.tried) == ["ran", "waited"]
    assert stage.dispatcher.interrupted == 1


async def test_an_orderly_stop_leaves_nothing_behind_that_looks_interrupted(db, stage):
    stage.attempts.gate.clear()
    await asyncio.gather(*(stage.accept(str(number)) for number in range(100)))
    closing = asyncio.get_running_loop().create_task(stage.dispatcher.close(30))
    await _turns()
    stage.attempts.gate.set()
    await closing
    assert await Queue(db).interrupted() == []
    (left,) = Queue(db).backlogs()
    assert left.waiting == 100 - len(stage.ended)


async def test_a_disk_that_takes_nothing_delays_the_end_of_events_and_loses_none(stage, monkeypatch):
    monkeypatch.setattr("lambent.events.ledger.PAUSE_S", 0)
    good, refusals = stage.queue.settle, iter([StoreError("full"), StoreError("full")])

    async def settle(changes):
        for error in refusals:
            raise error
        await good(changes)

    stage.queue.settle = settle
    await stage.accept("a")
    await stage.settled()
    assert stage.queue.find("a") is None
    assert len(stage.attempts.tried) == 1


async def test_events_of_before_the_start_run_once_and_do_not_count_as_interrupted(db):
    stage = Stage(db)
    await stage.accept("early", "bird")
    assert await stage.dispatcher.start() == []
    await stage.settled()
    assert sorted(request for request, _ in stage.attempts.tried) == ["bird", "early"]
    assert stage.dispatcher.counts() == {"running": 0, "waiting": 0, "interrupted": 0}
    await stage.dispatcher.close(30)


async def test_when_a_machine_has_time_again_others_start_though_nothing_has_ended(stage):
    idle = [0.0]
    await _fill_with_slow_ones(stage, lambda: idle[0])
    await stage.accept("other", name="other")
    await _turns()
    assert stage.attempts.running["other"] == 0
    idle[0] = 1.0
    await _until(lambda: stage.attempts.running["other"] == 1)


async def test_slow_functions_keep_no_other_from_running_on_a_machine_that_never_has_time(stage, monkeypatch):
    monkeypatch.setattr("lambent.events.gate.PATIENCE_S", 0.01)
    await _fill_with_slow_ones(stage, lambda: 0.0)
    await stage.accept("more", name="slow")
    await stage.accept("other", name="other")
    await _until(lambda: stage.attempts.running["other"] == 1)
    assert stage.attempts.running["slow"] == YOUNG  # only functions of which nothing runs


async def test_an_event_is_tried_again_even_if_nobody_can_tell_how_it_is_to_be_treated(stage):
    answers = iter([StoreError("cannot read"), answered()])
    stage.attempts.answers = lambda event: next(answers)
    stage.attempts.broken = _unreadable  # type: ignore[method-assign]
    await stage.accept("a")
    await stage.clock.run_until_idle(3600)
    assert [end.condition for end in stage.ended] == ["Success"]
    assert stage.dispatcher.counts()["running"] == 0


async def test_a_change_that_can_never_be_written_holds_up_no_other(stage, monkeypatch):
    monkeypatch.setattr("lambent.events.ledger.PAUSE_S", 0)
    good, refused = stage.queue.settle, []

    async def settle(changes):
        if any(change.id == 2 for change in changes) and len(refused) < 10:
            refused.append(1)
            raise ValueError("no such thing can be written")
        await good(changes)

    stage.queue.settle = settle
    await asyncio.gather(*(stage.accept(str(number)) for number in range(1, 20)))
    await stage.settled()
    assert stage.dispatcher.counts()["waiting"] == 0
    assert Queue(stage.queue._db).backlogs() == []


async def test_a_stop_that_breaks_off_calls_gives_back_what_has_not_been_tried(db):
    stage = Stage(db)
    await stage.dispatcher.start()
    stage.attempts.gate.clear()
    await asyncio.gather(*(stage.accept(str(number)) for number in range(YOUNG + 20)))
    await _turns()
    await stage.dispatcher.close(0)
    interrupted = {row["request_id"] for row in await Queue(db).interrupted()}
    assert interrupted == {request for request, _ in stage.attempts.tried}


async def test_a_count_that_has_gone_wrong_is_put_right_by_what_is_on_disk(stage):
    for wrong in (-1, 3):
        stage.dispatcher.lines.line((event().account, event().region, "f")).stored = wrong
        await stage.accept(f"a{wrong}", name="f")
        await stage.settled()
    assert len(stage.ended) == 2
    assert stage.dispatcher.counts() == {"running": 0, "waiting": 0, "interrupted": 0}
    assert not stage.dispatcher.lines.all


async def test_a_backlog_of_many_functions_fits_into_the_memory_that_there_is_for_it(db, stage, monkeypatch):
    for name, size in {"MOST_BYTES": 60_000, "SPARE_BYTES": 20_000, "TAKE_BYTES": 12_000, "LARGEST": 3_000}.items():
        monkeypatch.setattr(f"lambent.events.lines.{name}", size)
    numbers = range(1, 481)
    await Queue(db).add(
        [(event(id=at, request_id=str(at), name=f"f{at % 40}", payload=b"x" * 1_900), False) for at in numbers]
    )
    lines, most = stage.dispatcher.lines, [0]
    make_ready = lines.make_ready

    def watched(line, event):
        make_ready(line, event)
        most[0] = max(most[0], lines.held_bytes)

    lines.make_ready = watched
    await stage.dispatcher.start()
    await stage.settled()
    assert len(stage.ended) == 480
    assert 40_000 < most[0] <= 80_000
    assert (lines.held_bytes, lines.awaited_bytes) == (0, 0)


async def _fill_with_slow_ones(stage: Stage, idle: Callable[[], float]) -> None:
    stage.dispatcher.young_s = YOUNG_S  # here they do grow old by themselves
    stage.attempts.gate.clear()
    stage.dispatcher.gate.processors.idle = idle  # type: ignore[method-assign]
    await asyncio.gather(*(stage.accept(f"slow-{number}", name="slow") for number in range(YOUNG)))
    await _until(lambda: stage.attempts.running["slow"] == YOUNG and stage.dispatcher.gate.young == 0)


def _unreadable(event: Event, bug: Exception) -> Result:
    raise StoreError("cannot read")


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  nobody tells of it
            await asyncio.sleep(0.005)


async def _turns() -> None:
    for _ in range(30):
        await asyncio.sleep(0)
