"""Logs are kept line by line, bounded, and readable after any crash."""

import contextlib
import os
from pathlib import Path

import pytest

from lambent.observe import logbook
from lambent.observe.logbook import Logbook, LogStream

WHOSE = ("111111111111", "eu-west-1", "hello")
STREAM = LogStream(*WHOSE, "2026/11/21/[$LATEST]0123456789abcdef0123456789abcdef")
MB = 1 << 20


class HandWritten(Logbook):
    """A logbook without its thread: it writes when the test says so."""

    def _write_for_ever(self) -> None:
        return

    def flush(self) -> None:
        self._write_pending()


@pytest.fixture
def start(tmp_path):
    """A logbook over this test's directory; again and again, as after restarts."""
    started = []

    def start(keep_bytes: int = 64 * MB) -> HandWritten:
        started.append(HandWritten(tmp_path, keep_bytes))
        return started[-1]

    yield start
    for book in started:
        for open_segments in book._files.values():
            open_segments.close()


@pytest.fixture
def book(start) -> HandWritten:
    return start()


def put(book: HandWritten, *texts: bytes, at: float = 1.0, stream: LogStream = STREAM) -> None:
    for text in texts:
        book.append(stream, at, text)
    book.flush()


def messages(book: Logbook, **query) -> list[str]:
    return [line.message for line in book.read(*WHOSE, **query)]


def segments(root: Path) -> list[Path]:
    return sorted(root.joinpath(*WHOSE).glob("*.log"))


def test_what_the_writer_thread_is_given_is_on_disk_after_closing(tmp_path):
    book = Logbook(tmp_path, 64 * MB)
    book.append(STREAM, 1.0, b"one\n")
    book.append(STREAM, 2.0, b"two\n")
    book.close()
    assert messages(book) == ["one", "two"]


def test_lines_are_split_as_the_recorded_events_of_aws_are(book):
    """test_multi_line_prints: a line feed ends an event, a carriage return does not."""
    put(book, b"multi\nline\nstring\nanother\rline\n")
    assert messages(book) == ["multi", "line", "string", "another\rline"]


def test_empty_lines_are_lines(book):
    put(book, b"a\n\nb\n")
    assert messages(book) == ["a", "", "b"]


def test_bytes_that_are_no_text_are_kept_readable(book):
    put(book, b"caf\xff\n")
    assert messages(book) == ["caf\ufffd"]


def test_one_message_is_at_most_what_cloudwatch_takes(book):
    put(book, b"x" * (logbook.LONGEST_MESSAGE + 10) + b"\n")
    assert [len(message) for message in messages(book)] == [logbook.LONGEST_MESSAGE]


def test_a_line_knows_its_time_and_its_stream(book):
    put(book, b"hello\n", at=1_700_000_000.25)
    (line,) = book.read(*WHOSE)
    assert (line.at, line.stream, line.message) == (1_700_000_000.25, STREAM.name, "hello")


def test_reading_gives_the_last_lines_that_are_not_too_old(book):
    for second in range(10):
        put(book, b"line %d\n" % second, at=float(second))
    assert messages(book, since=7.0) == ["line 7", "line 8", "line 9"]
    assert messages(book, limit=2) == ["line 8", "line 9"]


def test_functions_accounts_and_regions_do_not_share_a_log(book):
    put(book, b"mine\n")
    for other in (("222222222222", *WHOSE[1:]), (WHOSE[0], "us-east-1", "hello"), (*WHOSE[:2], "other")):
        put(book, b"not mine\n", stream=LogStream(*other, "s"))
    assert messages(book) == ["mine"]


def test_a_function_that_never_logged_has_an_empty_log(book):
    assert book.read(*WHOSE) == []
    assert book.follow(*WHOSE).fresh() == []


def test_the_oldest_segment_goes_first_and_the_size_stays_bounded(start, tmp_path):
    book = start(4_000)
    for number in range(200):
        put(book, b"%03d %s\n" % (number, b"x" * 100))
    kept = [int(message[:3]) for message in messages(book)]
    assert kept == list(range(kept[0], 200))
    assert kept[0] > 0
    assert sum(path.stat().st_size for path in segments(tmp_path)) <= 4_000 + logbook.SEGMENTS * 200
    assert len(segments(tmp_path)) == logbook.SEGMENTS


def test_a_new_start_continues_the_newest_segment(start, book, tmp_path):
    put(book, b"before\n")
    again = start()
    put(again, b"after\n")
    assert messages(again) == ["before", "after"]
    assert len(segments(tmp_path)) == 1


@pytest.mark.parametrize("cut", range(1, 30))
def test_an_entry_that_a_crash_cut_off_takes_no_other_with_it(start, tmp_path, cut):
    put(start(MB), b"before\n", b"cut off\n")
    (path,) = segments(tmp_path)
    os.truncate(path, path.stat().st_size - cut)
    again = start(MB)
    follower = again.follow(*WHOSE)
    put(again, b"after\n")
    assert messages(again)[0] == "before"
    assert messages(again)[-1] == "after"
    assert [line.message for line in follower.fresh()][-1] == "after"


def test_a_disk_that_takes_only_a_part_loses_that_part_only(book, monkeypatch, tmp_path):
    put(book, b"before\n")
    (open_segments,) = book._files.values()
    real = open_segments.file

    class Full:
        tell = real.tell
        close = real.close

        @staticmethod
        def write(data: bytes) -> int:
            return real.write(data[:10])

    monkeypatch.setattr(open_segments, "file", Full())
    put(book, b"lost\n")
    put(book, b"after\n")
    assert messages(book) == ["before", "after"]


def test_a_full_disk_never_reaches_the_caller(book, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(logbook, "LogSegments", refuse)
        put(book, b"lost\n")
    put(book, b"kept\n")
    assert messages(book) == ["kept"]


def test_a_follower_gives_each_line_once_and_only_what_is_new(book):
    put(book, b"old\n")
    follower = book.follow(*WHOSE)
    assert follower.fresh() == []
    put(book, b"one\ntwo\n")
    assert [line.message for line in follower.fresh()] == ["one", "two"]
    assert follower.fresh() == []


def test_a_follower_goes_on_through_rotation(start):
    book = start(2_000)
    follower = book.follow(*WHOSE)
    heard = []
    for number in range(50):
        put(book, b"%03d %s\n" % (number, b"x" * 90))
        heard += [int(line.message[:3]) for line in follower.fresh()]
    assert heard == list(range(50))


def test_reading_up_to_a_follower_and_following_gives_every_line_once(book):
    put(book, b"one\n")
    follower = book.follow(*WHOSE)
    put(book, b"two\n")
    assert messages(book, upto=follower) == ["one"]
    assert [line.message for line in follower.fresh()] == ["two"]


def test_an_entry_that_is_still_being_written_is_given_when_it_is_whole(book, tmp_path):
    put(book, b"one\n")
    follower = book.follow(*WHOSE)
    put(book, b"two\n")
    (path,) = segments(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert follower.fresh() == []
    path.write_bytes(whole)
    assert [line.message for line in follower.fresh()] == ["two"]


def test_a_segment_that_vanishes_under_a_reader_is_no_error(book, tmp_path, monkeypatch):
    put(book, b"one\n")
    (path,) = segments(tmp_path)
    follower = book.follow(*WHOSE)
    put(book, b"two\n")
    monkeypatch.setattr(logbook.Path, "glob", lambda *_: [path])
    path.unlink()
    assert follower.fresh() == []
    assert book.read(*WHOSE) == []


def test_a_flood_is_congested_until_it_is_written(book):
    assert not book.congested
    book.append(STREAM, 1.0, b"x" * (logbook.CONGESTED_BYTES + 1))
    assert book.congested
    book.flush()
    assert not book.congested


def test_many_functions_do_not_hold_many_files_open(book):
    for number in range(100):
        put(book, b"hello\n", stream=LogStream("111111111111", "eu-west-1", f"f{number}", "s"))
    assert len(book._files) <= 64
    with contextlib.suppress(KeyError):
        assert book.read("111111111111", "eu-west-1", "f0")[0].message == "hello"
