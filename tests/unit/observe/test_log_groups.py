"""The logs of functions as groups, read while and after the logbook writes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lambent.observe import log_groups
from lambent.observe.log_groups import START
from lambent.observe.logbook import Logbook, LogStream

STREAM = LogStream("1", "us-east-1", "hello", "s[1]aa", "/aws/lambda/hello")
OTHER = LogStream("1", "us-east-1", "hello", "s[1]bb", "shared/" + "x" * 400)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Logbook]:
    book = Logbook(tmp_path, keep_bytes=24_000)
    yield book
    book.close()


def fill(book: Logbook, count: int, *, first: int = 0, stream: LogStream = STREAM) -> None:
    for number in range(first, first + count):
        book.append(stream, 1_000.0 + number, f"line {number}\n".encode())
        if number % 50 == 49:
            book.settle()
    book.settle()


def messages(events: "Iterator[log_groups.LogEvent] | list[log_groups.LogEvent]") -> list[str]:
    return [event.message for event in events]


def test_each_group_of_a_function_lies_apart_and_the_function_s_own_view_has_both(book, tmp_path):
    fill(book, 1)
    fill(book, 1, first=1, stream=OTHER)
    found = log_groups.groups(tmp_path, "1", "us-east-1")
    assert sorted(found) == ["/aws/lambda/hello", OTHER.group]
    for group, line in (("/aws/lambda/hello", "line 0"), (OTHER.group, "line 1")):
        (directory,) = log_groups.places(tmp_path, "1", "us-east-1", group)
        assert [directory] == found[group]
        assert messages(log_groups.forward(directory, 0)) == [line]
    assert messages(book.read("1", "us-east-1", "hello")) == ["line 0", "line 1"]


@pytest.mark.parametrize("since", [0, 1_000_000, 1_250_000, 1_499_000, 1_500_000, 9_000_000])
def test_reading_from_a_moment_finds_what_reading_everything_finds(book, since):
    fill(book, 500)
    directory = STREAM.within(book.root)
    everything = list(log_groups.forward(directory, 0))
    assert everything[-1].message == "line 499"
    assert len(list(directory.glob("*.log"))) > 1
    wanted = [event for event in everything if event.at >= since]
    assert list(log_groups.forward(directory, since)) == wanted
    assert list(log_groups.backward(directory, since, 10**14)) == wanted[::-1]
    assert messages(log_groups.backward(directory, 0, since)) == messages(everything)[: 500 - len(wanted)][::-1]


def test_ids_sort_as_the_lines_do_and_are_the_same_at_every_look(book):
    for _ in range(3):
        book.append(STREAM, 5.0, b"one\ntwo\n\nthree\n")
        book.settle()
    directory = STREAM.within(book.root)
    events = list(log_groups.forward(directory, 0))
    assert messages(events) == ["one", "two", "three"] * 3
    ids = [event.id for event in events]
    assert ids == sorted(set(ids))
    assert {len(each) for each in ids} == {56}
    assert events == list(log_groups.forward(directory, 0))


def test_what_is_fresh_is_seen_once_over_rotations(book):
    directory = STREAM.within(book.root)
    mark, seen = START, []
    for number in range(0, 300, 50):
        fill(book, 50, first=number)
        while True:
            events, mark = log_groups.fresh(directory, mark, 500)
            if not events:
                break
            seen += messages(events)
    assert seen == [f"line {number}" for number in range(300)]
    assert mark == log_groups.end(directory)
    assert mark.segment > 1


def test_streams_are_known_without_reading_again_what_was_read(book):
    streams = log_groups.Streams()
    directory = STREAM.within(book.root)
    fill(book, 2)
    assert (streams.of(directory)[STREAM.name].first, streams.of(directory)[STREAM.name].last) == (1_000_000, 1_001_000)
    fill(book, 1, first=2)
    summary = streams.of(directory)[STREAM.name]
    assert (summary.first, summary.last, summary.size) == (1_000_000, 1_002_000, 3 * len("line 0"))


def test_removing_takes_what_was_there_and_keeps_what_comes(book):
    fill(book, 10)
    directory = STREAM.within(book.root)
    last = log_groups.end(directory)
    book.append(STREAM, 1.0, b"before\n")
    book.remove([directory]).result(30)
    assert log_groups.groups(book.root, "1", "us-east-1") == {}
    assert log_groups.places(book.root, "1", "us-east-1", "/aws/lambda/hello") == []
    fill(book, 1, first=11)
    assert messages(log_groups.forward(directory, 0)) == ["line 11"]
    assert messages(log_groups.fresh(directory, last, 10_000)[0]) == ["line 11"]


def test_segments_in_which_everything_is_too_old_are_expired(book):
    fill(book, 500)
    directory = STREAM.within(book.root)
    segments = len(list(directory.glob("*.log")))
    log_groups.expire(directory, 1_400.0)
    assert 1 <= len(list(directory.glob("*.log"))) < segments
    left = messages(log_groups.forward(directory, 0))
    assert left[-1] == "line 499"
    assert [f"line {number}" for number in range(400, 500)] == left[-100:]
