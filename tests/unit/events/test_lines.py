"""Whose event is next: fairness between functions, and how much of a backlog is in memory."""

import math

from event_samples import NOW, event
from hypothesis import given
from hypothesis import strategies as st

from lambent.events.lines import (
    LARGEST,
    MOST_BYTES,
    MOST_READY,
    SPARE_BYTES,
    TAKE_BYTES,
    Line,
    Lines,
    may_start,
)
from lambent.store.queue import EVENT_BYTES


def put(lines: Lines, name: str, number: int = 1) -> Line:
    line = lines.line(("1", "r", name))
    for at in range(number):
        lines.make_ready(line, event(id=at, account="1", region="r", name=name))
    return line


def test_functions_take_turns_however_many_events_each_has():
    lines = Lines()
    put(lines, "flood", 100)
    put(lines, "a")
    put(lines, "b", 2)
    served = [found.name for _ in range(5) if (found := lines.next(lambda line: True))]
    assert served == ["flood", "a", "b", "flood", "b"]


def test_the_events_of_one_function_come_in_their_order():
    lines = Lines()
    put(lines, "a", 5)
    assert [found.id for _ in range(5) if (found := lines.next(lambda line: True))] == [0, 1, 2, 3, 4]
    assert lines.next(lambda line: True) is None


def test_a_line_that_may_not_start_holds_up_no_other_and_is_asked_again_only_when_told_to():
    lines = Lines()
    held, free = put(lines, "held", 2), put(lines, "free", 2)
    asked: list[str] = []

    def may(line: Line) -> bool:
        asked.append(line.function[2])
        return line is free

    assert [lines.next(may), lines.next(may), lines.next(may)][2] is None
    assert asked.count("held") == 1
    lines.look_again()
    found = lines.next(lambda line: line is held)
    assert found is not None
    assert found.name == "held"


def test_a_new_event_stays_in_memory_only_if_none_of_its_function_is_on_disk_before_it():
    lines = Lines()
    line = put(lines, "a")
    new = event(account="1", region="r", name="a")
    assert lines.keeps(new)
    line.stored = 1
    assert not lines.keeps(new)


def test_memory_holds_so_many_events_of_a_function_and_so_many_bytes_of_all():
    lines = Lines()
    full = put(lines, "many", MOST_READY)
    assert not lines.keeps(event(account="1", region="r", name="many"))
    empty = lines.line(("1", "r", "other"))
    assert lines.room(full) == lines.room(empty) == TAKE_BYTES
    lines.held_bytes = MOST_BYTES
    assert not lines.keeps(event(account="1", region="r", name="other"))
    assert (lines.room(full), lines.room(empty)) == (0, LARGEST)
    lines.awaited_bytes = SPARE_BYTES
    assert lines.room(empty) == 0


def test_events_without_a_payload_count_too():
    lines = Lines()
    put(lines, "a", 100)
    assert lines.held_bytes == 100 * (EVENT_BYTES + len(event().payload))


def test_large_events_of_one_function_leave_room_in_memory_for_others():
    lines, large = Lines(), event(account="1", region="r", name="a", payload=b"x" * 1_000_000)
    while lines.keeps(large):
        lines.make_ready(lines.line(("1", "r", "a")), large)
    line = lines.line(("1", "r", "a"))
    line.stored, line.due = 100, NOW
    assert line.bytes <= TAKE_BYTES
    assert not line.wants(NOW)
    assert lines.room(line) == TAKE_BYTES


def test_what_is_taken_out_is_counted_out():
    lines = Lines()
    put(lines, "a", 3)
    while lines.next(lambda line: True):
        pass
    assert lines.held_bytes == 0


def test_nothing_is_taken_from_disk_before_it_is_due_or_while_throttled():
    line = Line(("1", "r", "a"))
    line.stored, line.due = 5, NOW + 1
    assert not line.wants(NOW)
    assert line.wants(NOW + 1)
    line.paused_until = NOW + 2
    assert not line.wants(NOW + 1)
    line.paused_until, line.taking = 0, True
    assert not line.wants(NOW + 1)


def test_a_function_with_nothing_left_is_forgotten():
    lines = Lines()
    line = put(lines, "a")
    lines.forget(line)
    assert lines.all
    lines.next(lambda line: True)
    line.running = 0
    lines.forget(line)
    assert not lines.all


def test_the_first_event_is_tried_whatever_room_there_is_so_that_it_is_throttled_as_on_aws():
    assert may_start(Line(("1", "r", "a")), NOW, 0, guaranteed=True)
    assert may_start(Line(("1", "r", "a")), NOW, 0, guaranteed=False)


def test_a_function_uses_all_of_its_reserved_concurrency():
    line = Line(("1", "r", "a"))
    line.running = 9
    assert may_start(line, NOW, 1, guaranteed=True)
    assert not may_start(line, NOW, 0, guaranteed=True)


@given(st.integers(1, 1000), st.integers(1, 12))
def test_of_what_all_share_slow_functions_always_leave_something_to_the_next(limit, functions):
    lines, free = [Line(("1", "r", str(number))) for number in range(functions)], limit
    for line in lines:  # each takes all that it may, one after the other, and gives nothing back
        while free and may_start(line, NOW, free, guaranteed=False):
            line.running += 1
            free -= 1
        assert line.running >= min(1, free)
        assert math.isfinite(free)
    assert free >= limit // 2**functions - 1
