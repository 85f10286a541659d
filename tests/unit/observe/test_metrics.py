"""CloudWatch's metrics as minutes: what counts, in which minute, for whom, and in how much memory."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.clock import FixedClock
from lambent.model import Record
from lambent.observe import metrics as module
from lambent.observe.metrics import KEEP_MINUTES, Metrics, Minute, total

HELLO = ("111111111111", "eu-west-1", "hello")
ALL = ("111111111111", "eu-west-1", "")
ARN = "arn:aws:lambda:eu-west-1:111111111111:function:hello"
NOON = 1_700_000_040.0  # a whole minute


def record(at: float = NOON, **changes) -> Record:
    plain = Record(at, "r1", f"{ARN}:7", "s1", "success", None, False, 0.5, None, 4.0, 4, 128, 31, 1.2, 15, 7)
    return msgspec.structs.replace(plain, **changes)


@pytest.fixture
def clock():
    return FixedClock(NOON)


@pytest.fixture
def metrics(clock):
    return Metrics(clock)


def test_a_call_counts_for_its_function_for_the_qualifier_that_was_named_and_for_all(metrics):
    metrics.hear(record(), f"{ARN}:prod")
    metrics.hear(record(duration_ms=6.0), ARN)
    for function in (HELLO, ALL):
        assert metrics.minutes("Duration", function) == [Minute(NOON, 2, 10.0, 4.0, 6.0)]
    assert metrics.minutes("Duration", HELLO, "prod") == [Minute(NOON, 1, 4.0, 4.0, 4.0)]
    assert metrics.minutes("Duration", HELLO, "7") == [], "that is what ran, not what was named"


def test_errors_are_the_functions_own_and_throttles_are_no_invocations(metrics):
    for changes in (
        {}, {"outcome": "error"}, {"outcome": "timeout"}, {"outcome": "failure"},
        {"outcome": "throttled", "sandbox": ""}, {"outcome": "failure", "sandbox": "", "error_type": "AgentGone"},
    ):  # fmt: skip
        metrics.hear(record(**changes), ARN)
    sums = {name: total(metrics.minutes(name, HELLO)) for name in ("Invocations", "Errors", "Throttles", "Duration")}
    assert {name: each and each.sum for name, each in sums.items()} == {
        "Invocations": 4, "Errors": 3, "Throttles": 1, "Duration": 16.0,
    }  # fmt: skip


def test_a_call_in_a_provisioned_environment_counts_as_one(metrics):
    metrics.hear(record(initialization="provisioned-concurrency"), f"{ARN}:prod")
    assert metrics.minutes("ProvisionedConcurrencyInvocations", HELLO, "prod") == [Minute(NOON, 1, 1.0, 1.0, 1.0)]


def test_whatever_was_called_ran_at_least_once_at_a_time_though_no_sample_saw_it(metrics):
    metrics.hear(record(), ARN)
    metrics.hear(record(), ARN)
    assert metrics.minutes("ConcurrentExecutions", HELLO) == [Minute(NOON, 1, 1.0, 1.0, 1.0)]
    metrics.sample("ConcurrentExecutions", HELLO, 3)
    metrics.hear(record(), ARN)
    assert metrics.minutes("ConcurrentExecutions", HELLO) == [Minute(NOON, 2, 4.0, 1.0, 3.0)]
    assert metrics.minutes("ConcurrentExecutions", ALL) == [Minute(NOON, 1, 1.0, 1.0, 1.0)]


def test_what_extensions_took_after_the_answer_counts_where_there_are_any(metrics):
    metrics.hear(record(), ARN)
    assert metrics.minutes("PostRuntimeExtensionsDuration", HELLO) == []
    metrics.hear(record(extensions_ms=3.0), ARN)
    assert metrics.minutes("PostRuntimeExtensionsDuration", HELLO) == [Minute(NOON, 1, 3.0, 3.0, 3.0)]


def test_a_call_counts_in_the_minute_in_which_it_came_though_it_is_told_of_later(metrics):
    metrics.hear(record(NOON + 120), ARN)
    metrics.hear(record(NOON + 59.9), ARN)
    metrics.hear(record(NOON + 60.0), ARN)
    assert [each.at - NOON for each in metrics.minutes("Invocations", HELLO)] == [0, 60, 120]
    assert [each.at - NOON for each in metrics.minutes("Invocations", HELLO, since=NOON + 61)] == [60, 120]


def test_an_attempt_at_an_event_counts_when_it_was_made(metrics):
    metrics.hear(record(attempt=2, tried=NOON + 60), ARN)
    assert [each.at - NOON for each in metrics.minutes("Invocations", HELLO)] == [60]


def test_what_is_added_counts_upwards_and_what_is_sampled_only_where_it_was_seen(metrics, clock):
    metrics.add("AsyncEventsDropped", HELLO, 1.0, "prod")
    metrics.sample("ConcurrentExecutions", HELLO, 3)
    clock.advance(1)
    metrics.sample("ConcurrentExecutions", HELLO, 1)
    for function, qualifier in ((HELLO, "prod"), (HELLO, ""), (ALL, "")):
        assert metrics.minutes("AsyncEventsDropped", function, qualifier) == [Minute(NOON, 1, 1.0, 1.0, 1.0)]
    assert metrics.minutes("ConcurrentExecutions", HELLO) == [Minute(NOON, 2, 4.0, 1.0, 3.0)]
    assert metrics.minutes("ConcurrentExecutions", ALL) == []


def test_three_hours_are_kept(metrics, clock):
    for _ in range(2 * KEEP_MINUTES):
        metrics.add("Throttles", HELLO, 1.0)
        clock.advance(60)
    kept = metrics.minutes("Throttles", HELLO)
    assert len(kept) == KEEP_MINUTES + 1
    assert kept[-1].at == NOON + (2 * KEEP_MINUTES - 1) * 60
    assert metrics._minutes == 2 * len(kept)


def test_of_too_many_functions_those_that_rest_are_forgotten_first(metrics, clock, monkeypatch):
    monkeypatch.setattr(module, "MOST_SERIES", 50)
    for number in range(200):
        metrics.add("Throttles", (*HELLO[:2], f"f{number}"), 1.0)
        clock.advance(600)
        metrics.digest()
        assert len(metrics.series()) <= 50
    assert metrics.minutes("Throttles", (*HELLO[:2], "f199")) != []
    assert metrics.minutes("Throttles", (*HELLO[:2], "f0")) == []


def test_of_too_many_minutes_the_oldest_are_forgotten_first(metrics, clock, monkeypatch):
    monkeypatch.setattr(module, "MOST_MINUTES", 100)
    for _ in range(KEEP_MINUTES):
        metrics.add("Throttles", HELLO, 1.0)
        clock.advance(60)
        metrics.digest()
        assert metrics._minutes <= 100
    assert metrics.minutes("Throttles", HELLO)[-1].at == clock.epoch() - 60


def test_functions_that_all_come_at_once_are_bounded_too(metrics, monkeypatch):
    monkeypatch.setattr(module, "MOST_SERIES", 50)
    for number in range(500):
        metrics.add("Throttles", (*HELLO[:2], f"f{number}"), 1.0)
    assert len(metrics.series()) <= 50
    assert metrics._minutes == len(metrics.series())


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(-1e6, 1e6)), max_size=60))
def test_minutes_are_what_counting_by_hand_gives_in_any_order(told):
    metrics = Metrics(FixedClock(NOON))
    for minute, duration in told:
        metrics.hear(record(NOON + 60 * minute, duration_ms=duration), ARN)
    newest = max((minute for minute, _ in told), default=0)
    by_hand = {}
    for minute, duration in told:
        by_hand.setdefault(minute, []).append(duration)
    found = {round((each.at - NOON) / 60): each for each in metrics.minutes("Duration", HELLO)}
    assert [each.at for each in found.values()] == sorted(each.at for each in found.values())
    assert set(found) <= set(by_hand)
    for minute, values in by_hand.items():
        if minute >= newest - KEEP_MINUTES and minute in found:
            assert (found[minute].min, found[minute].max) == (min(values), max(values))
            assert found[minute].sum == pytest.approx(sum(values), abs=1e-3)
    last = {minute for minute in by_hand if minute >= newest - KEEP_MINUTES}
    assert last <= set(found)


def test_the_total_of_no_minutes_is_none():
    assert total([]) is None
    assert total([Minute(0.0, 1, 5.0, 5.0, 5.0), Minute(60.0, 2, 4.0, 1.0, 3.0)]) == Minute(0.0, 3, 9.0, 1.0, 5.0)
