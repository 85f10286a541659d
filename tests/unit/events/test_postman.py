"""The postman: letters are delivered, tried again and given up, without a server and without waiting."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from event_samples import NOW, event
from hypothesis import given
from hypothesis import strategies as st
from letter_samples import FUNCTION, QUEUE, TOPIC, dead_letter, letter

from lambent.clock import FixedClock
from lambent.errors import LambentError, StoreError, Undeliverable
from lambent.events import postman as postmen
from lambent.events.postman import GIVE_UP_AFTER_S, PAGE, Postman, Tried, later, pause_s
from lambent.events.targets import Targets
from lambent.model import AGE_S, FORWARD, RETRIES, Ended, Letter
from lambent.store.database import Database
from lambent.store.kept import KeptEvents
from lambent.store.letters import Letters, letter_columns
from lambent.store.queue import open_queue


class FakeTarget:
    """Takes letters, unless `refusal` is set; holds them up while `open` is not."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.asked = 0
        self.refusal: Exception | None = None
        self.never: set[str] = set()
        self.open = asyncio.Event()
        self.open.set()

    async def deliver(self, letter: Letter) -> bool:
        self.asked += 1
        await self.open.wait()
        if self.refusal is not None:
            raise self.refusal
        if letter.request_id in self.never:
            raise Undeliverable
        self.taken.append(letter.request_id)
        return False


class Stage:
    """A postman with two targets, over a real database."""

    def __init__(self, db: Database) -> None:
        self.db, self.letters, self.kept = db, Letters(db), KeptEvents(db)
        self.clock = FixedClock(NOW + 1000)
        self.queue, self.topic = FakeTarget(), FakeTarget()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.counted: list[str] = []
        self.postman = self.another()

    def another(self) -> Postman:
        targets = Targets({"sqs": self.queue, "sns": self.topic})
        return Postman(self.letters, targets, self.clock, self.tell, self.count)

    def tell(self, at: float, request_id: str, kind: str, **facts: Any) -> None:
        self.told.append((kind, facts))

    def count(self, metric: str, function: tuple[str, str, str], value: float, qualifier: str) -> None:
        self.counted.append(metric)

    async def post(self, *letters: Letter) -> None:
        for each in letters:
            await self.db.write("letter_add", **letter_columns(each))
        self.postman.posted()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110  real work of threads is waited for
                await asyncio.sleep(0)

    async def idle(self) -> None:
        await self.until(lambda: not self.postman._work.tasks)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = open_queue(tmp_path / "queue")
    yield database
    database.close()


@pytest.fixture
async def stage(db: Database) -> Any:
    stage = Stage(db)
    yield stage
    for target in (stage.queue, stage.topic):
        target.open.set()
    await stage.postman.close()


def numbered(count: int, target: str = QUEUE) -> list[Letter]:
    return [letter(target, event=event(request_id=str(number), attempts=3)) for number in range(count)]


async def test_a_letter_is_delivered_and_gone(stage):
    await stage.post(letter())
    await stage.idle()
    assert stage.queue.taken == [event().request_id]
    assert stage.letters.count() == 0
    assert stage.told == [("delivered", {"target": QUEUE, "as": "destination", "tries": 1})]
    assert stage.counted == []


async def test_more_letters_than_a_page_are_all_delivered_once(stage):
    await stage.post(*numbered(3 * PAGE + 1))
    await stage.idle()
    assert sorted(stage.queue.taken, key=int) == [str(number) for number in range(3 * PAGE + 1)]


async def test_no_more_than_a_page_is_under_way_at_a_time(stage):
    stage.queue.open.clear()
    await stage.post(*numbered(3 * PAGE))
    await stage.until(lambda: stage.queue.asked)
    for _ in range(50):
        await asyncio.sleep(0)
    assert stage.queue.asked == PAGE


async def test_a_slow_target_delays_no_other(stage):
    stage.queue.open.clear()
    await stage.post(*numbered(PAGE), *numbered(5, TOPIC))
    await stage.until(lambda: len(stage.topic.taken) == 5)
    assert stage.queue.taken == []


async def test_a_target_that_does_not_answer_is_given_up_for_now(stage, monkeypatch):
    monkeypatch.setattr(postmen, "PATIENCE_S", 0.001)
    stage.queue.open.clear()
    await stage.post(letter())
    await stage.idle()
    assert stage.told[-1][0] == "retry-at"
    assert "no answer" in stage.told[-1][1]["trouble"]


async def test_a_failure_is_tried_again_when_its_pause_is_over_and_not_before(stage):
    stage.queue.refusal = StoreError("the disk is full")
    await stage.post(letter())
    await stage.idle()
    stage.queue.refusal = None
    stage.clock.advance(0.9)
    await stage.idle()
    assert stage.queue.taken == []
    stage.clock.advance(0.2)
    await stage.idle()
    assert stage.queue.taken == [event().request_id]
    assert stage.counted == ["DestinationDeliveryFailures"]
    assert stage.told[0] == (
        "retry-at",
        {"target": QUEUE, "as": "destination", "tries": 1, "trouble": "the disk is full", "due": NOW + 1001},
    )
    assert stage.told[-1][1]["tries"] == 2


async def test_a_failing_target_is_not_asked_for_each_new_letter(stage):
    stage.queue.refusal = StoreError()
    await stage.post(letter())
    await stage.idle()
    for _ in range(5):
        await stage.post(letter(now=NOW + 900))
        await stage.idle()
    assert stage.queue.asked == 1


async def test_the_pause_of_a_target_grows_and_is_forgotten_when_it_takes_letters_again(stage):
    stage.queue.refusal = StoreError()
    await stage.post(letter())
    for _ in range(4):
        await stage.idle()
        stage.clock.advance(pause_s(stage.queue.asked))
    assert stage.queue.asked == 4
    stage.queue.refusal = None
    await stage.idle()
    stage.clock.advance(8)
    await stage.idle()
    await stage.post(letter(now=NOW + 900))
    await stage.idle()
    assert len(stage.queue.taken) == 2


async def test_a_letter_that_will_never_be_taken_makes_its_event_kept(stage):
    stage.queue.refusal = Undeliverable("it is too large")
    await stage.post(letter())
    await stage.idle()
    (kept,) = stage.kept.of_request(event().request_id)
    assert kept.payload == event().payload
    assert kept.undelivered == f"{QUEUE}: it is too large"
    assert (kept.condition, kept.attempts) == ("RetriesExhausted", 3)
    assert stage.letters.count() == 0
    assert [kind for kind, _ in stage.told] == ["undeliverable", "kept"]
    assert stage.counted == ["DestinationDeliveryFailures"]


async def test_an_event_is_kept_once_though_neither_destination_nor_dead_letter_queue_took_it(stage):
    stage.queue.refusal = stage.topic.refusal = Undeliverable("no")
    await stage.post(letter(), dead_letter(TOPIC))
    await stage.idle()
    (kept,) = stage.kept.of_request(event().request_id)
    assert kept.undelivered in (f"{QUEUE}: no; {TOPIC}: no", f"{TOPIC}: no; {QUEUE}: no")
    assert sorted(stage.counted) == ["DeadLetterErrors", "DestinationDeliveryFailures"]


async def test_a_target_that_nobody_knows_makes_the_event_kept(stage):
    await stage.post(letter(FUNCTION))
    await stage.idle()
    (kept,) = stage.kept.of_request(event().request_id)
    assert "the services that take letters are sns, sqs" in kept.undelivered


async def test_a_refused_letter_holds_up_no_other_of_its_target(stage):
    first, *others = numbered(2 * PAGE)
    stage.queue.never = {first.request_id}
    await stage.post(first, *others)
    await stage.idle()
    assert len(stage.queue.taken) == len(others)
    assert len(stage.kept.of_request(first.request_id)) == 1


async def test_what_cannot_be_delivered_for_six_hours_is_kept(stage):
    stage.queue.refusal = LambentError("not now")
    await stage.post(letter(now=NOW + 1000))
    for _ in range(200):
        await stage.idle()
        stage.clock.advance(300)
    (kept,) = stage.kept.of_request(event().request_id)
    assert "not now" in kept.undelivered
    assert stage.told[-1][0] == "kept"


async def test_an_error_of_ours_is_not_the_end_of_the_postman(stage):
    stage.queue.refusal = ZeroDivisionError("oops")
    await stage.post(letter())
    await stage.idle()
    stage.queue.refusal = None
    stage.clock.advance(1)
    await stage.idle()
    assert stage.queue.taken == [event().request_id]


async def test_the_next_start_goes_on_where_the_last_one_stopped(stage):
    stage.queue.refusal = StoreError()
    await stage.post(letter(), letter(TOPIC))
    await stage.idle()
    await stage.postman.close()
    assert stage.letters.count() == 1
    stage.queue.refusal = None
    stage.postman = stage.another()
    stage.postman.start()
    await stage.idle()
    assert stage.queue.taken == []  # its pause lasts through a restart
    stage.clock.advance(1)
    await stage.idle()
    assert stage.queue.taken == [event().request_id]
    assert stage.topic.taken == [event().request_id]


async def test_nothing_is_forgotten_while_the_disk_takes_no_writes(stage, monkeypatch):
    monkeypatch.setattr(postmen, "WRITE_AGAIN_S", 0)
    settle, failures = stage.letters.settle, [StoreError("full"), StoreError("full")]

    async def failing(*changes: Any) -> None:
        if failures:
            raise failures.pop()
        await settle(*changes)

    monkeypatch.setattr(stage.letters, "settle", failing)
    await stage.post(letter())
    await stage.idle()
    assert stage.letters.count() == 0
    assert stage.queue.taken == [event().request_id]


async def test_a_postman_that_is_closed_starts_nothing_more(stage):
    await stage.postman.close()
    await stage.post(letter())
    await asyncio.sleep(0)
    assert stage.queue.asked == 0
    assert stage.letters.count() == 1


def test_pauses_double_from_a_second_to_five_minutes():
    assert [pause_s(tries) for tries in (0, 1, 2, 3, 8, 9, 10, 60)] == [1, 1, 2, 4, 128, 256, 300, 300]


@given(st.floats(0, 30_000), st.integers(0, 100))
def test_a_letter_is_tried_again_only_within_six_hours_of_its_making(age, tries):
    sent = letter(now=NOW)
    again = later(Tried(Letter(**fields(sent) | {"tries": tries}), "no"), NOW + age)
    if again is None:
        assert age + pause_s(tries + 1) > GIVE_UP_AFTER_S
    else:
        assert again.tries == tries + 1
        assert NOW + age < again.due <= NOW + GIVE_UP_AFTER_S


def fields(sent: Letter) -> dict[str, Any]:
    return {name: getattr(sent, name) for name in sent.__struct_fields__}


async def test_letters_that_could_not_be_read_are_delivered_though_nobody_posts_another(stage, monkeypatch):
    monkeypatch.setattr(postmen, "LOOK_AGAIN_S", 0.01)
    good, failures = stage.letters.due, iter([StoreError("disk I/O error")])

    def due(*args: Any) -> list[Letter]:
        for error in failures:
            raise error
        return good(*args)

    stage.letters.due = due
    await stage.post(letter())
    await stage.until(lambda: stage.queue.taken)
    await stage.until(lambda: not stage.letters.count())


async def test_a_look_that_fails_is_taken_again(stage, monkeypatch):
    monkeypatch.setattr(postmen, "LOOK_AGAIN_S", 0.01)
    good, failures = stage.letters.targets, iter([StoreError("disk I/O error")])

    def targets() -> Any:
        for error in failures:
            raise error
        return good()

    stage.letters.targets = targets
    await stage.post(letter())
    await stage.until(lambda: stage.queue.taken)


FIFO = QUEUE + ".fifo"


def forward(request_id: str, target: str = QUEUE, retries: int = 185) -> Letter:
    ended = Ended(received=NOW, failed=NOW)
    return Letter(
        request_id=request_id, account="1", region="r", name="topic", kind=FORWARD, target=target, body=b"",
        ended=ended, created=NOW, due=NOW, attributes={RETRIES: str(retries), AGE_S: "86400"},
    )  # fmt: skip


async def test_what_goes_to_a_fifo_queue_elsewhere_is_never_overtaken(stage):
    stage.queue.refusal = LambentError("not now")
    await stage.post(*(forward(str(number), FIFO) for number in range(5)))
    await stage.idle()
    assert stage.queue.asked == 1
    stage.queue.refusal = None
    again = stage.another()  # after a restart, too
    again.posted()
    await stage.until(lambda: len(stage.queue.taken) == 5)
    assert stage.queue.taken == ["0", "1", "2", "3", "4"]
    await again.close()


async def test_what_a_service_has_passed_on_and_nobody_takes_is_told_before_it_goes(stage):
    lost: list[tuple[str, str]] = []

    async def tell(letter: Letter, why: str) -> None:
        lost.append((letter.request_id, why))
        assert stage.letters.count() == 1

    stage.postman.lost = tell
    stage.queue.refusal = Undeliverable("there is no such queue")
    await stage.post(forward("a"))
    await stage.idle()
    assert lost == [("a", f"{QUEUE}: there is no such queue")]
    assert stage.letters.count() == 0
    assert not stage.kept.of_request("a")
    assert stage.counted == []


@pytest.mark.parametrize(("retries", "left"), [(0, False), (1, True)])
async def test_what_is_passed_on_is_tried_again_as_often_as_its_retry_policy_says(stage, retries, left):
    stage.queue.refusal = LambentError("not now")
    await stage.post(forward("a", retries=retries))
    await stage.idle()
    assert bool(stage.letters.count()) == left


def test_what_is_passed_on_is_tried_for_as_long_as_its_retry_policy_says():
    given = forward("a")
    assert later(Tried(given, "not now"), given.created + 86_390.0) is not None
    assert later(Tried(given, "not now"), given.created + 86_400.0) is None
