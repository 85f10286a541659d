"""/_lambent/events: what it lists and shows, and that replay and purge neither lose nor double anything."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lambent.clock import FixedClock
from lambent.edge.events import EventsDoor
from lambent.errors import AwsError, InvalidParameterValue, ResourceNotFound
from lambent.events.delivery import Delivery
from lambent.events.end import RETRIES_EXHAUSTED, End
from lambent.events.letters import kept_letter, letters_for
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.model import Event, InvokeConfig, Outcome
from lambent.settings import Settings
from lambent.store import kept as kept_store
from lambent.store.kept import kept_columns
from lambent.store.letters import letter_columns
from lambent.store.queue import Queue, open_queue
from lambent.wire.http import Request

NOW = 1_700_000_000.0
QUEUE = "arn:aws:sqs:us-east-1:000000000000:failures"


class QuietEngine:
    """The engine's database and queue; it runs nothing, and remembers what it was told of."""

    def __init__(self, directory: Path) -> None:
        self.database = open_queue(directory)
        self.queue = Queue(self.database)
        self.dispatcher = self
        self.added_to: list[str] = []
        self.posted: Any = None

    async def accept(self, event: Event, rows: Any = ()) -> None:
        await self.queue.add([(self.queue.numbered(event), False)])

    def added(self, function: tuple[str, str, str], due: float) -> None:
        self.added_to.append(function[2])


class Told:
    """A journal, and metrics, that remember."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str]] = []

    def tell(self, at: float, request_id: str, kind: str, **facts: Any) -> None:
        self.entries.append((request_id, kind))

    def add(self, *_: Any) -> None: ...


class Stage:
    def __init__(self, directory: Path) -> None:
        self.engine, self.told = QuietEngine(directory), Told()
        engine: Any = self.engine
        told: Any = self.told
        self.delivery = Delivery(
            engine, Resolver(None), Loops(), clock=FixedClock(NOW), journal=told, metrics=told, keep_days=14,
            keep_bytes=1 << 30,
        )  # fmt: skip
        self.db = self.engine.database
        self.door = EventsDoor(self.delivery, self.engine.queue, Settings())

    async def ask(self, method: str, path: str = "", query: str = "") -> Any:
        response = await self.door.answer(Request(method, f"/_lambent/events{path}", query, {}, b""))
        assert isinstance(response.body, bytes)
        return json.loads(response.body)

    async def keep(self, request_id: str, name: str = "hello", **changes: Any) -> None:
        await self.db.write("kept_add", **kept_columns(kept_letter(end(request_id, name, **changes))))


def end(request_id: str, name: str = "hello", **changes: Any) -> End:
    event = Event(
        id=0, request_id=request_id, account="000000000000", region="us-east-1", name=name,
        payload=b'{"a": "\xc3\xa9"}', trace="Root=1-a", received=NOW - 200, due=NOW, attempts=3,
    )  # fmt: skip
    outcome = Outcome(payload=b"\xff", function_error="Unhandled", error_type="ValueError")
    usual = {"event": event, "condition": RETRIES_EXHAUSTED, "now": NOW, "config": InvokeConfig(), "outcome": outcome}
    return End(**(usual | changes))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path / "queue")
    yield stage
    stage.db.close()


async def test_kept_events_are_listed_page_by_page_without_their_payloads(stage):
    for number in range(5):
        await stage.keep(str(number))
    first = await stage.ask("GET", query="limit=3")
    assert [row["request_id"] for row in first["events"]] == ["0", "1", "2"]
    rest = await stage.ask("GET", query=f"limit=3&after={first['next']}")
    assert [row["request_id"] for row in rest["events"]] == ["3", "4"]
    assert rest["next"] is None
    assert "payload" not in first["events"][0]
    assert first["events"][0]["size"] == len(b'{"a": "\xc3\xa9"}')


async def test_the_list_is_filtered_by_function_condition_age_account_and_region(stage):
    await stage.keep("a", "one")
    await stage.keep("b", "two", condition="EventAgeExceeded")
    await stage.keep("c", "two", now=NOW + 50)

    async def found(query: str) -> list[str]:
        return [row["request_id"] for row in (await stage.ask("GET", query=query))["events"]]

    assert await found("function=two") == ["b", "c"]
    assert await found("function=arn:aws:lambda:us-east-1:000000000000:function:one") == ["a"]
    assert await found("condition=EventAgeExceeded") == ["b"]
    assert await found(f"since={NOW + 1}") == ["c"]
    assert await found("region=eu-west-1") == await found("account=111111111111") == []


async def test_what_waits_is_told_by_function(stage):
    for _ in range(3):
        await stage.engine.accept(end("1").event)
    found = await stage.ask("GET", query="kind=waiting")
    assert found == {"kind": "waiting", "functions": [{"name": "hello", "waiting": 3, "due": NOW}]}
    assert (await stage.ask("GET", query="kind=waiting&function=other"))["functions"] == []


async def test_an_event_is_shown_with_all_that_is_known_of_it(stage, in_outbox):
    await stage.keep("x")
    (letter,) = letters_for(end("x", config=InvokeConfig(on_failure=QUEUE)))
    await stage.db.write("letter_add", **letter_columns(letter))
    in_outbox(stage.db, letter, NOW)
    await stage.engine.accept(end("x").event)
    found = await stage.ask("GET", "/x")
    assert found["kept"][0]["payload"] == '{"a": "é"}'
    assert found["kept"][0]["answer_base64"] == "/w=="  # it is no text
    assert found["waiting"]["trace"] == "Root=1-a"
    assert found["letters"][0]["target"] == found["outbox"][0]["target"] == QUEUE
    assert json.loads(found["outbox"][0]["body"])["requestContext"]["requestId"] == "x"
    for kind in ("letters", "outbox"):
        assert [row["request_id"] for row in (await stage.ask("GET", query=f"kind={kind}"))["events"]] == ["x"]


async def test_a_replayed_event_is_a_new_one_with_the_old_request_id(stage):
    await stage.keep("x", event=replace(end("x").event, qualifier="live"))
    assert await stage.ask("POST", "/x/replay") == {"replayed": 1, "next": None}
    event = stage.engine.queue.find("x")
    assert (event.attempts, event.received, event.due, event.qualifier) == (0, NOW, NOW, "live")
    assert (event.payload, event.trace) == (end("x").event.payload, "Root=1-a")
    assert stage.engine.added_to == ["hello"]
    assert stage.told.entries == [("x", "replayed")]
    with pytest.raises(ResourceNotFound):
        await stage.ask("POST", "/x/replay")


async def test_all_events_of_a_function_are_replayed_in_steps_each_once(stage, monkeypatch):
    monkeypatch.setattr(kept_store, "PAGE_BYTES", 20)  # two payloads at a time
    for number in range(7):
        await stage.keep(str(number), "one" if number != 3 else "two")
    answers, query = [], "function=one"
    while True:
        answers.append(await stage.ask("POST", "/replay", query))
        await stage.keep("again", "one")  # fails anew while this goes on
        if answers[-1]["next"] is None:
            break
        query = f"function=one&after={answers[-1]['next']}&last={answers[-1]['last']}"
    assert sum(answer["replayed"] for answer in answers) == 6
    assert [backlog.waiting for backlog in stage.engine.queue.backlogs()] == [6]
    left = await stage.ask("GET")
    assert {row["request_id"] for row in left["events"]} == {"3", "again"}


async def test_one_event_or_all_of_a_function_are_purged(stage):
    for number in range(4):
        await stage.keep(str(number), "one" if number else "two")
    assert await stage.ask("DELETE", "/1") == {"purged": 1, "next": None}
    assert (await stage.ask("DELETE", query="function=one"))["purged"] == 2
    assert [row["request_id"] for row in (await stage.ask("GET"))["events"]] == ["0"]


async def test_everything_is_purged_only_if_that_is_said(stage):
    for number in range(kept_store.AT_ONCE + 5):
        await stage.keep(str(number))
    with pytest.raises(InvalidParameterValue, match="all=1"):
        await stage.ask("DELETE")
    first = await stage.ask("DELETE", query="all=1")
    assert first["purged"] == kept_store.AT_ONCE
    rest = await stage.ask("DELETE", query=f"all=1&after={first['next']}&last={first['last']}")
    assert (rest["purged"], rest["next"]) == (5, None)


async def test_the_outbox_is_purged_apart(stage, in_outbox):
    (letter,) = letters_for(end("x", config=InvokeConfig(on_failure=QUEUE)))
    in_outbox(stage.db, letter, NOW)
    await stage.keep("x")
    assert (await stage.ask("DELETE", query="kind=outbox&all=1"))["purged"] == 1
    assert len((await stage.ask("GET", "/x"))["kept"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "query", "error"),
    [
        ("GET", "", "kind=odd", InvalidParameterValue),
        ("GET", "", "since=yesterday", InvalidParameterValue),
        ("GET", "", "limit=-1", InvalidParameterValue),
        ("GET", "", "function=a%20b", InvalidParameterValue),
        ("GET", "/nothing", "", ResourceNotFound),
        ("GET", "/a%2Fb", "", InvalidParameterValue),
        ("DELETE", "/nothing", "", ResourceNotFound),
        ("DELETE", "", "kind=waiting&all=1", InvalidParameterValue),
        ("POST", "/replay", "", InvalidParameterValue),
        ("POST", "/nothing/replay", "", ResourceNotFound),
        ("PUT", "", "", AwsError),
        ("POST", "/x", "", AwsError),
        ("GET", "/a/b/c", "", ResourceNotFound),
    ],
)
async def test_what_makes_no_sense_is_refused_in_aws_words(stage, method, path, query, error):
    with pytest.raises(error):
        await stage.ask(method, path, query)
