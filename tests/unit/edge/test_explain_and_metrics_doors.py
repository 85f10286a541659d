"""/_lambent/explain and /_lambent/metrics: what they find, and what they say when there is nothing."""

import json
from typing import Any

import pytest

from lambent.clock import FixedClock
from lambent.edge.explain import NO_LONGER, ExplainDoor, Present, sentences_of
from lambent.edge.metrics import MetricsDoor
from lambent.errors import AwsError, InvalidParameterValue, ResourceNotFound
from lambent.model import Ended, Event, Letter, Record
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.observe.records import Records
from lambent.settings import Settings
from lambent.store.kept import Kept
from lambent.store.outbox import Sent
from lambent.wire.http import Request, Response

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:failures"
WHOSE: dict[str, Any] = {"account": "000000000000", "region": "us-east-1", "name": "hello", "qualifier": "prod"}
EVENT = Event(id=1, request_id="r1", **WHOSE, payload=b"{}", received=60.0, due=180.0, attempts=1, throttles=3)
LETTER = Letter(
    request_id="r1", **WHOSE, kind="dead-letter", target=QUEUE, body=b"", ended=Ended(received=60.0, failed=70.0),
    created=70.0, due=80.0, tries=2,
)  # fmt: skip
KEPT = Kept(
    id=5, request_id="r1", **WHOSE, payload=b"", trace="", received=60.0, failed=70.0, condition="RetriesExhausted",
    attempts=3, status=200, error_type="ValueError", answer=b"", undelivered="",
)  # fmt: skip
SENT = Sent(
    id=9, request_id="r1", **WHOSE, kind="destination", success=True, target=QUEUE, operation="SendMessage", body=b"",
    parameters={}, delivered=75.0,
)  # fmt: skip


def request(path: str, query: str = "", method: str = "GET") -> Request:
    return Request(method, path, query, {}, b"")


def document(response: Response) -> dict[str, Any]:
    assert isinstance(response.body, bytes)
    found: dict[str, Any] = json.loads(response.body)
    return found


class House:
    """Records, a journal, and an event wherever a test puts it."""

    def __init__(self, root) -> None:
        self.records, self.journal = Records(root / "records", 1 << 20), Journal(root / "journal", 1 << 20)
        self.present = Present()
        self.door = ExplainDoor(self.records, self.journal, self)  # type: ignore[arg-type]

    def of(self, request_id: str) -> Present:
        return self.present if request_id == "r1" else Present()

    async def explain(self, request_id: str) -> dict[str, Any]:
        return document(await self.door.answer(request(f"/_lambent/explain/{request_id}")))


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.records.close()
    house.journal.close()


async def test_records_journal_and_the_present_are_one_life(house):
    house.records.append(
        Record(60.0, "r1", f"{ARN}:7", "s1", "error", "ValueError", False, 0.1, None, 1.0, 1, 128, 9, None, 2, 3, None,
               1, "on-demand", 60.5)
    )  # fmt: skip
    house.journal.tell(62.0, "r1", "retry-at", due=180.0, attempt=2)
    house.present = Present(event=EVENT)
    found = await house.explain("r1")
    assert [chapter["kind"] for chapter in found["life"]] == ["accepted", "ran", "retry-at"]
    assert found["life"][0]["at"] == 60.0
    assert found["life"][0]["time"] == "1970-01-01T00:01:00.000Z"
    assert found["function"] == f"{ARN}:prod"
    assert found["now"] == [
        "in the queue, after 1 failed attempt, put off 3 times; due at 1970-01-01T00:03:00.000Z, or under way"
    ]
    assert found["attempts"][0]["error_type"] == "ValueError"


async def test_what_was_purged_is_kept_no_longer(house):
    house.journal.tell(62.0, "r1", "kept", condition="RetriesExhausted", attempts=1, trouble="ValueError")
    assert (await house.explain("r1"))["now"] == [NO_LONGER]
    house.present = Present(event=EVENT)
    assert NO_LONGER not in (await house.explain("r1"))["now"]


@pytest.mark.parametrize(
    ("present", "sentence"),
    [
        (
            Present(letters=(LETTER,)),
            f"its dead letter is on its way to {QUEUE}: 2 tries so far, next at 1970-01-01T00:01:20.000Z",
        ),
        (
            Present(kept=(KEPT,)),
            "kept since 1970-01-01T00:01:10.000Z (RetriesExhausted, ValueError): see `lambent events show r1`, try it "
            "again with `lambent events replay r1`",
        ),
        (Present(sent=(SENT,)), f"in the outbox since 1970-01-01T00:01:15.000Z: SendMessage to {QUEUE}"),
    ],
)
async def test_an_event_of_which_only_its_place_is_known_is_known(house, present, sentence):
    house.present = present
    found = await house.explain("r1")
    assert found["function"] == f"{ARN}:prod"
    assert found["now"] == [sentence] == sentences_of(present)


async def test_an_id_may_be_percent_encoded(house):
    house.journal.tell(62.0, "a/b c", "accepted")
    assert (await house.explain("a%2Fb%20c"))["request_id"] == "a/b c"


async def test_of_an_unknown_id_it_says_what_was_searched_and_how_far_back_that_goes(house):
    house.journal.tell(62.0, "r2", "accepted")
    with pytest.raises(ResourceNotFound) as caught:
        await house.explain("nobody")
    for words in ("'nobody'", "invocations (empty so far)", "journal (back to 1970-01-01T00:01:02.000Z", "outbox"):
        assert words in caught.value.message


@pytest.mark.parametrize("path", ["/_lambent/explain", "/_lambent/explain/", "/_lambent/explain/" + "x" * 257])
async def test_what_is_no_id_is_refused(house, path):
    with pytest.raises(InvalidParameterValue):
        await house.door.answer(request(path))


async def test_both_doors_are_for_reading_only(house):
    for door in (house.door, MetricsDoor(Metrics(FixedClock()), Settings(), FixedClock())):
        with pytest.raises(AwsError) as caught:
            await door.answer(request(door.prefix, method="POST"))
        assert caught.value.status == 405


class Counted:
    """Metrics of two functions and of two accounts."""

    def __init__(self) -> None:
        self.clock = FixedClock(1_700_000_040.0)
        self.metrics = Metrics(self.clock)
        self.door = MetricsDoor(self.metrics, Settings(), self.clock)
        for account, name, qualifier in (
            ("000000000000", "hello", "prod"), ("000000000000", "other", ""), ("111111111111", "hello", ""),
        ):  # fmt: skip
            self.metrics.add("Throttles", (account, "us-east-1", name), 2.0, qualifier)
            self.metrics.add("AsyncEventsDropped", (account, "us-east-1", name), 1.0, qualifier)

    async def ask(self, query: str) -> list[tuple[str, str, str]]:
        found = document(await self.door.answer(request("/_lambent/metrics", query)))
        return [(each["metric"], each["function"], each["qualifier"]) for each in found["metrics"]]


async def test_metrics_are_found_by_function_metric_and_qualifier():
    counted = Counted()
    assert await counted.ask("function=hello&metric=Throttles") == [
        ("Throttles", "hello", ""), ("Throttles", "hello", "prod"),
    ]  # fmt: skip
    assert await counted.ask("function=hello&qualifier=&metric=Throttles") == [("Throttles", "hello", "")]
    assert await counted.ask("function=&metric=Throttles") == [("Throttles", "", "")]
    assert len(await counted.ask("")) == 8
    assert len(await counted.ask("account=111111111111")) == 4
    assert await counted.ask("region=eu-west-1") == await counted.ask("function=nobody") == []


async def test_metrics_are_told_by_minutes_or_as_totals():
    counted = Counted()
    counted.clock.advance(60)
    counted.metrics.add("Throttles", ("000000000000", "us-east-1", "hello"), 5.0)
    only = "function=hello&metric=Throttles&qualifier="
    (minutes,) = document(await counted.door.answer(request("/_lambent/metrics", only)))["metrics"]
    assert [(each["at"], each["sum"]) for each in minutes["minutes"]] == [
        (1_700_000_040.0, 2.0),
        (1_700_000_100.0, 5.0),
    ]
    (totals,) = document(await counted.door.answer(request("/_lambent/metrics", f"{only}&totals=1")))["metrics"]
    assert totals["total"] == {"at": 1_700_000_040.0, "count": 2, "sum": 7.0, "min": 2.0, "max": 5.0}
    (late,) = document(await counted.door.answer(request("/_lambent/metrics", f"{only}&since=1700000101")))["metrics"]
    assert [each["sum"] for each in late["minutes"]] == [5.0]


@pytest.mark.parametrize("query", ["since=soon", "since=-1", "since=nan", "since=inf", "functions=hello"])
async def test_what_cannot_be_asked_is_refused(query):
    with pytest.raises(InvalidParameterValue):
        await Counted().ask(query)


async def test_there_is_nothing_below_metrics():
    with pytest.raises(ResourceNotFound):
        await Counted().door.answer(request("/_lambent/metrics/hello"))
