"""How far a virtual clock has come survives the server, whole or not at all."""

from pathlib import Path

import pytest

from lambent.errors import StoreError
from lambent.store.moment import Moment


def test_what_was_written_last_is_read_by_the_next_server(tmp_path: Path) -> None:
    assert Moment(tmp_path).read() is None
    Moment(tmp_path).write(1_700_000_000.25)
    Moment(tmp_path).write(1795282360.8771029)
    assert Moment(tmp_path).read() == 1795282360.8771029


def test_what_a_crash_left_half_written_does_not_count(tmp_path: Path) -> None:
    Moment(tmp_path).write(5.0)
    (tmp_path / "clock.new").write_text("9")
    assert Moment(tmp_path).read() == 5.0
    Moment(tmp_path).write(6.0)
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]


@pytest.mark.parametrize("content", [b"", b"yesterday", b"nan", b"inf", b"-1", b"\xff\xfe"])
def test_a_file_that_tells_no_time_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clock").write_bytes(content)
    with pytest.raises(StoreError, match=r"clock does not say how far .* remove it"):
        Moment(tmp_path).read()


def test_a_time_that_cannot_be_written_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    moment = Moment(tmp_path / "gone")
    with pytest.raises(StoreError, match="gone/clock: No such file"):
        moment.write(1.0)
