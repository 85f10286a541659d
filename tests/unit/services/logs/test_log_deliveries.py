"""What functions get for subscription filters, and what live tails show."""

import base64
import gzip
import json

from lambent.observe.log_groups import LogEvent
from lambent.services.logs.deliveries import MOST_BYTES, payloads
from lambent.services.logs.nouns import Filter
from lambent.services.logs.tails import MOST_EVENTS, Tail

KEY = ("000000000000", "us-east-1", "shop")


def event(number: int, stream: str = "s", message: str = "") -> LogEvent:
    return LogEvent(f"{number:056d}", number, stream, message or f"line {number}", number)


def unpacked(body: bytes) -> dict:
    return json.loads(gzip.decompress(base64.b64decode(json.loads(body)["awslogs"]["data"])))


def rule(pattern: str) -> Filter:
    return Filter(name="f", pattern=pattern, destination="arn:aws:lambda:us-east-1:000000000000:function:f", created=0)


def test_a_delivery_has_the_events_of_one_stream_that_the_filter_wants_in_order():
    events = [event(1, "b"), event(2, "a"), event(3, "b"), event(4, "b", "unwanted")]
    found = [unpacked(body) for body in payloads(KEY, rule("line"), events)]
    assert [(each["logStream"], [one["message"] for one in each["logEvents"]]) for each in found] == [
        ("a", ["line 2"]),
        ("b", ["line 1", "line 3"]),
    ]
    assert payloads(KEY, rule("nothing"), events) == []


def test_no_delivery_is_larger_than_a_function_takes_and_nothing_is_left_out():
    events = [event(number, message=f"{number}" + "x" * 100_000) for number in range(20)]
    found = [unpacked(body)["logEvents"] for body in payloads(KEY, rule(""), events)]
    assert [one["timestamp"] for part in found for one in part] == list(range(20))
    assert len(found) > 1
    assert all(sum(len(one["message"]) for one in part) <= MOST_BYTES for part in found)


def test_a_tail_that_is_flooded_shows_the_most_there_is_and_says_that_it_missed_some():
    tail = Tail({"logGroupIdentifiers": ["shop"], "logStreamNamePrefixes": ["s"]}, {KEY: "shop"})
    tail.take(KEY, tail.wanted([event(number) for number in range(2 * MOST_EVENTS)]))
    tail.take(KEY, tail.wanted([event(0, "other")]))
    update = tail.update()
    assert len(update["sessionResults"]) == MOST_EVENTS
    assert update["sessionMetadata"] == {"sampled": True}
    tail.take(KEY, tail.wanted([event(1), event(2, "other")]))
    update = tail.update()
    assert [each["message"] for each in update["sessionResults"]] == ["line 1"]
    assert update["sessionMetadata"] == {"sampled": False}
