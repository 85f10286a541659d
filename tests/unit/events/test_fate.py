"""What becomes of an event: every rule of lambda-semantics.md §4, without a clock."""

import pytest
from event_samples import CONFIG, NOW, answered, event, failed
from hypothesis import given
from hypothesis import strategies as st

from lambent.events import fate
from lambent.model import Event, InvokeConfig


def test_an_event_whose_function_answers_has_come_to_its_end():
    tried, what = fate.after(event(), answered(), CONFIG, NOW)
    assert (what, tried.attempts) == ("Success", 1)


def test_the_second_attempt_comes_a_minute_after_the_first_and_the_third_two_minutes_later():
    first, again = fate.after(event(), failed(), CONFIG, NOW)
    assert isinstance(again, Event)
    assert (first.attempts, again.due, again.attempts) == (1, NOW + 60, 1)
    second, last = fate.after(again, failed(), CONFIG, NOW + 61)
    assert isinstance(last, Event)
    assert (second.attempts, last.due) == (2, NOW + 61 + 120)


def test_after_two_retries_there_is_no_other():
    tried, what = fate.after(event(attempts=2), failed(), CONFIG, NOW + 200)
    assert (what, tried.attempts) == ("RetriesExhausted", 3)


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (2, 3)])
def test_there_are_as_many_retries_as_are_configured(retries, attempts):
    found, now = event(), NOW
    while isinstance(found, Event):
        tried, found = fate.after(found, failed(), InvokeConfig(max_retries=retries), now)
        now += 200
    assert (found, tried.attempts) == ("RetriesExhausted", attempts)


def test_a_retry_that_could_not_begin_before_the_maximum_age_ends_the_event_at_once():
    tried, what = fate.after(event(), failed(), InvokeConfig(max_age_s=60), NOW)
    assert (what, tried.attempts) == ("EventAgeExceeded", 1)


def test_throttles_wait_twice_as_long_each_time_up_to_five_minutes_and_use_up_no_retry():
    waits, found = [], event()
    for _ in range(12):
        _, again = fate.refused(found, CONFIG, NOW)
        assert isinstance(again, Event)
        waits.append(again.due - NOW)
        found = again
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert found.attempts == 0


def test_the_pauses_begin_anew_behind_an_attempt():
    tried, _ = fate.after(event(throttles=7), failed(), CONFIG, NOW)
    assert tried.throttles == 0


def test_an_event_that_is_throttled_for_longer_than_its_maximum_age_has_come_to_its_end():
    _, what = fate.refused(event(throttles=6), InvokeConfig(max_age_s=60), NOW)
    assert what == "EventAgeExceeded"


def test_without_reserved_concurrency_an_event_is_not_even_tried():
    assert fate.before(event(), CONFIG, 0, NOW) == "ZeroReservedConcurrency"
    assert fate.before(event(), CONFIG, 1, NOW) is None
    assert fate.before(event(), CONFIG, None, NOW) is None


def test_an_event_older_than_its_maximum_age_is_not_tried():
    assert fate.before(event(), InvokeConfig(max_age_s=60), None, NOW + 60.5) == "EventAgeExceeded"
    assert fate.before(event(), InvokeConfig(max_age_s=60), None, NOW + 60) is None


@given(
    config=st.builds(InvokeConfig, max_age_s=st.integers(60, 21_600), max_retries=st.integers(0, 2)),
    happenings=st.lists(st.sampled_from(["error", "throttle", "answer"]), min_size=200, max_size=200),
    took=st.floats(0, 900),
)
def test_whatever_happens_an_event_ends_within_its_age_or_is_tried_at_most_three_times(config, happenings, took):
    found, now, tried = event(), NOW, event()
    for happening in happenings:
        if (what := fate.before(found, config, None, now)) is not None:
            break
        if happening == "throttle":
            tried, what = fate.refused(found, config, now)
        else:
            now += took
            tried, what = fate.after(found, answered() if happening == "answer" else failed(), config, now)
        if not isinstance(what, Event):
            break
        assert what.due - what.received < config.max_age_s
        found, now = what, max(now, what.due)
    assert not isinstance(what, Event)
    assert tried.attempts <= config.max_retries + 1
