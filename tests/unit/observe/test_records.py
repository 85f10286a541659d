"""The record of each invocation survives a restart, a crash, a full disk and odd names; the oldest go first."""

import os
import struct
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.model import Record
from lambent.observe import records as module
from lambent.observe.records import Records


class HandWritten(Records):
    """Without its thread: it writes when the test says so."""

    def _write_for_ever(self) -> None:
        return

    def flush(self) -> None:
        self._closing.set()
        self._wake.set()
        super()._write_for_ever()


def record(request_id: str = "r1", **changes) -> Record:
    plain = Record(
        1.0, request_id, "arn:aws:lambda:eu-west-1:111111111111:function:hello:$LATEST", "s1", "success", None, False,
        0.1, None, 1.5, 2, 128, 31, 1.2, 15, 7,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


@pytest.fixture
def records(tmp_path):
    records = HandWritten(tmp_path, 1 << 20)
    yield records
    records.close()


def ids(records: Records) -> list[str]:
    return [each.request_id for each in records.read()]


def put(records: HandWritten, *some: Record) -> None:
    for each in some:
        records.append(each)
    records.flush()


def segments(root: Path) -> list[Path]:
    return sorted(root.glob("*.rec"))


def test_what_the_writer_thread_is_given_is_on_disk_after_closing(tmp_path):
    records = Records(tmp_path, 1 << 20)
    records.append(record("r1"))
    records.append(record("r2"))
    records.close()
    assert list(records.read()) == [record("r1"), record("r2")]


def test_every_field_is_read_back_as_it_was(records):
    odd = record("r1", error_type="ValueError", cold=True, init_ms=80.5, cpu_ms=None, reason="no idle sandbox")
    put(records, odd)
    assert list(records.read()) == [odd]


def test_a_record_written_before_a_field_was_added_is_still_read(tmp_path):
    old = msgspec.msgpack.encode(list(msgspec.structs.astuple(record("old")))[:-1])
    (tmp_path / "000000000001.rec").write_bytes(struct.pack(">H", len(old)) + old)
    records = HandWritten(tmp_path, 1 << 20)
    put(records, record("new"))
    assert ids(records) == ["old", "new"]
    records.close()


def test_the_oldest_segment_goes_first_and_the_size_stays_bounded(tmp_path):
    records = HandWritten(tmp_path, 16 * 4096)
    for number in range(2_000):
        put(records, record(f"r{number}"))
    kept = [int(each[1:]) for each in ids(records)]
    assert kept == list(range(kept[0], 2_000))
    assert kept[0] > 0
    assert len(segments(tmp_path)) == module.SEGMENTS
    assert sum(path.stat().st_size for path in segments(tmp_path)) < 16 * (4096 + 300)
    records.close()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_record_cut_anywhere_takes_no_other_with_it(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("records")
    first = HandWritten(root, 1 << 20)
    put(first, record("r1"), record("r2"), record("r3"))
    first.close()
    (path,) = segments(root)
    size = path.stat().st_size // 3
    os.truncate(path, data.draw(st.integers(size, 3 * size)))
    whole = ids(first)
    again = HandWritten(root, 1 << 20)
    put(again, record("r4"))
    again.close()
    assert whole in (["r1"], ["r1", "r2"], ["r1", "r2", "r3"])
    assert ids(again) == [*whole, "r4"]


def test_bytes_that_are_no_record_end_their_segment_only(tmp_path):
    (tmp_path / "000000000001.rec").write_bytes(struct.pack(">H", 4) + b"\xff\xff\xff\xff")
    good = msgspec.msgpack.encode(record("r2"))
    (tmp_path / "000000000002.rec").write_bytes(struct.pack(">H", len(good)) + good)
    records = HandWritten(tmp_path, 1 << 20)
    assert ids(records) == ["r2"]
    records.close()


def test_a_disk_that_takes_only_a_part_leaves_no_half_record(records, monkeypatch):
    put(records, record("r1"))
    real = records._file

    class Full:
        tell, truncate, seek, close = real.tell, real.truncate, real.seek, real.close

        @staticmethod
        def write(data: bytes) -> int:
            return real.write(data[:10])

    with monkeypatch.context() as disk:
        disk.setattr(records, "_file", Full())
        put(records, record("lost"))
    put(records, record("r3"))
    assert ids(records) == ["r1", "r3"]


def test_a_full_disk_never_ends_the_writer(records, monkeypatch):
    def refuse(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(records, "_write", refuse)
        put(records, record("lost"))
    put(records, record("kept"))
    assert ids(records) == ["kept"]


@pytest.mark.parametrize("name", ["x" * 70_000, "\ud800"])
def test_a_name_that_cannot_be_kept_costs_its_own_record_only(records, name):
    put(records, record("r1"), record("odd", error_type=name), record("r3"))
    assert ids(records) == ["r1", "r3"]


def test_a_record_is_found_by_its_request_id_in_memory_and_on_disk(tmp_path):
    first = HandWritten(tmp_path, 1 << 20)
    put(first, record("r1"), record("r2", duration_ms=9.0), record("r2", duration_ms=10.0))
    assert first.find("r1") == record("r1")
    first.close()
    again = HandWritten(tmp_path, 1 << 20)
    assert len(again.recent) == 0
    found = again.find("r2")
    assert found is not None
    assert found.duration_ms == 10.0, "the newest, if an id was used again"
    assert again.find("nobody") is None
    again.close()
