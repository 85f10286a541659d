"""The journal: what is told is found again by its id, bounded, across restarts, crashes and full disks."""

import os
import struct
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.observe import journal as module
from lambent.observe.journal import Entry, Journal
from lambent.observe.segments import SEGMENTS, bodies, framed, holding, whole


class HandWrittenJournal(Journal):
    """Without its thread: it writes when the test says so."""

    def _write_for_ever(self) -> None:
        return

    def flush(self) -> None:
        self._closing.set()
        self._wake.set()
        super()._write_for_ever()


@pytest.fixture
def journal(tmp_path):
    journal = HandWrittenJournal(tmp_path, 1 << 20)
    yield journal
    journal.close()


def segments(root: Path) -> list[Path]:
    return sorted(root.glob("*.jnl"))


def kinds(journal: Journal, request_id: str) -> list[str]:
    return [entry.kind for entry in journal.about(request_id)]


def test_what_the_thread_is_given_is_on_disk_after_closing(tmp_path):
    first = Journal(tmp_path, 1 << 20)
    first.tell(1.0, "r1", "throttled", reason="Why", count=3, share=0.5, sure=True, who=None)
    first.close()
    again = HandWrittenJournal(tmp_path, 1 << 20)
    assert again.about("r1") == [
        Entry(1.0, "r1", "throttled", {"reason": "Why", "count": 3, "share": 0.5, "sure": True, "who": None})
    ]
    again.close()


def test_what_happened_twice_at_one_moment_of_a_clock_that_stands_still_is_told_twice(journal):
    for kind in ("kept", "replayed", "kept"):
        journal.tell(1.0, "r1", kind)
    assert kinds(journal, "r1") == ["kept", "replayed", "kept"]
    journal.flush()
    assert kinds(journal, "r1") == ["kept", "replayed", "kept"]
    journal.recent.clear()
    assert kinds(journal, "r1") == ["kept", "replayed", "kept"]


def test_an_entry_that_nobody_has_written_yet_counts_as_the_oldest(journal):
    assert journal.since() is None
    journal.tell(62.0, "r1", "accepted")
    assert journal.since() == 62.0
    journal.flush()
    assert journal.since() == 62.0


def test_an_entry_is_found_at_once_and_once_only_before_and_after_it_is_written(journal):
    journal.tell(1.0, "r1", "accepted")
    assert kinds(journal, "r1") == ["accepted"]
    journal.flush()
    assert kinds(journal, "r1") == ["accepted"]
    journal.recent.clear()
    assert kinds(journal, "r1") == ["accepted"]


def test_entries_come_in_order_of_time_and_of_one_id_only(journal):
    for at, request_id, kind in ((2.0, "r1", "retry-at"), (1.0, "r1", "accepted"), (1.5, "r11", "accepted")):
        journal.tell(at, request_id, kind)
        journal.flush()
    assert kinds(journal, "r1") == ["accepted", "retry-at"]
    assert kinds(journal, "r") == []


def test_an_id_that_only_stands_among_the_facts_is_not_that_entrys(journal):
    journal.tell(1.0, "r1", "answered-from-key", ran_as="r2")
    journal.flush()
    journal.recent.clear()
    assert journal.about("r2") == []


def test_the_oldest_segment_goes_first_and_the_size_stays_bounded(tmp_path):
    journal = HandWrittenJournal(tmp_path, SEGMENTS * 4096)
    for number in range(1_500):
        journal.tell(float(number), f"r{number}", "waited", why="all places were taken" * 3)
        journal.flush()
    journal.recent.clear()
    assert kinds(journal, "r1499") == ["waited"]
    assert kinds(journal, "r1") == []
    assert (journal.since() or 0) > 1
    assert len(segments(tmp_path)) == SEGMENTS
    assert sum(path.stat().st_size for path in segments(tmp_path)) < SEGMENTS * (4096 + 200)
    journal.close()


def test_a_flood_beyond_what_the_disk_takes_costs_entries_and_no_memory(journal, monkeypatch):
    monkeypatch.setattr(module, "MOST_PENDING", 10)
    for number in range(25):
        journal.tell(1.0, f"r{number}", "throttled")
    assert len(journal._pending) == 10
    assert journal.lost == 15


def test_a_storm_is_told_of_up_to_its_allowance(journal, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    allowance = module._Allowance(3, 10.0)
    assert [allowance.take() for _ in range(5)] == [True, True, True, False, False]
    now[0] += 0.2
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    now[0] += 1e6
    assert sum(allowance.take() for _ in range(10)) == 3


class Nasty:
    def __str__(self) -> str:
        raise ValueError("no words")


def test_facts_are_cut_to_a_size_and_whatever_they_are_never_end_the_writer(journal):
    journal.tell(1.0, "r1", "failed", long="x" * 100_000, broken="\ud800", huge=1 << 80, other=Path("/x"))
    journal.tell(1.0, "r2", "failed", **{f"fact{number}": number for number in range(100)})
    journal.tell(1.0, "r3", "failed", nasty=Nasty())
    journal.tell(1.0, "r4", "failed")
    journal.flush()
    journal.recent.clear()
    (entry,) = journal.about("r1")
    assert len(str(entry.facts["long"])) == module.LONGEST_FACT
    assert (entry.facts["broken"], entry.facts["huge"], entry.facts["other"]) == ("?", str(1 << 80), "/x")
    (entry,) = journal.about("r2")
    assert len(entry.facts) == module.MOST_FACTS
    assert kinds(journal, "r4") == ["failed"]
    assert journal.about("r3") == []


def test_a_full_disk_loses_entries_and_nothing_else(journal, monkeypatch):
    def refuse(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(journal, "_write", refuse)
        journal.tell(1.0, "lost", "accepted")
        journal.flush()
    journal.tell(2.0, "kept", "accepted")
    journal.flush()
    assert kinds(journal, "lost") == ["accepted"], "memory has it still"
    journal.recent.clear()
    assert (kinds(journal, "lost"), kinds(journal, "kept")) == ([], ["accepted"])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_torn_end_is_cut_at_the_next_start_and_takes_no_other_entry_with_it(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("journal")
    first = HandWrittenJournal(root, 1 << 20)
    for name in ("r1", "r2", "r3"):
        first.tell(1.0, name, "accepted")
    first.flush()
    first.close()
    (path,) = segments(root)
    size = path.stat().st_size
    cut = data.draw(st.integers(0, size))
    os.truncate(path, cut)
    again = HandWrittenJournal(root, 1 << 20)
    again.tell(2.0, "r4", "accepted")
    again.flush()
    again.recent.clear()
    left = [name for name in ("r1", "r2", "r3") if again.about(name)]
    assert left == ["r1", "r2", "r3"][: cut * 3 // size]
    assert kinds(again, "r4") == ["accepted"]
    again.close()


@given(st.binary(max_size=400), st.binary(min_size=1, max_size=3))
def test_searching_the_raw_bytes_finds_what_looking_into_each_entry_finds(data, wanted):
    assert list(holding(data, wanted)) == [body for body in bodies(data) if wanted in body]


@given(st.lists(st.binary(max_size=60), max_size=12), st.binary(min_size=1, max_size=2), st.binary(max_size=5))
def test_the_same_of_entries_that_are_whole_and_a_torn_one_behind_them(entries, wanted, torn):
    data = b"".join(map(framed, entries)) + torn
    assert list(bodies(data))[: len(entries)] == entries
    assert list(holding(data, wanted)) == [body for body in bodies(data) if wanted in body]


@given(st.binary(max_size=300))
def test_of_any_bytes_the_whole_entries_are_a_prefix(data):
    end = whole(data)
    assert b"".join(map(framed, bodies(data))) == data[:end]
    assert whole(data[:end]) == end


def test_bytes_that_are_no_entry_end_their_segment_only(tmp_path):
    (tmp_path / "000000000001.jnl").write_bytes(struct.pack(">H", 4) + b"r2\xff\xff")
    good = msgspec.msgpack.encode(Entry(1.0, "r2", "accepted"))
    (tmp_path / "000000000002.jnl").write_bytes(struct.pack(">H", len(good)) + good)
    journal = HandWrittenJournal(tmp_path, 1 << 20)
    assert kinds(journal, "r2") == ["accepted"]
    assert journal.since() == 1.0
    journal.close()
