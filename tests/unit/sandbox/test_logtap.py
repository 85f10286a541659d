"""The log pipe of a sandbox, read in this process: nothing is lost, nothing is endless."""

import asyncio
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.sandbox import logtap
from lambent.sandbox.logtap import LogTap


class Pipe:
    """A tap and the write end of its pipe."""

    def __init__(self) -> None:
        read, self.write_fd = os.pipe()
        os.set_blocking(self.write_fd, False)
        self.emitted: list[bytes] = []
        self.congested = False
        self.tap = LogTap(read, self.emitted.append, lambda: self.congested)

    def write(self, data: bytes) -> None:
        assert os.write(self.write_fd, data) == len(data)

    def text(self) -> bytes:
        return b"".join(self.emitted)

    def hang_up(self) -> None:
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def close(self) -> None:
        self.tap.close()
        self.hang_up()


@pytest.fixture
async def pipe():
    pipe = Pipe()
    yield pipe
    pipe.close()


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_whole_lines_are_given_as_they_come(pipe):
    pipe.write(b"one\ntw")
    await turns()
    assert pipe.emitted == [b"one\n"]
    pipe.write(b"o\n")
    await turns()
    assert pipe.emitted == [b"one\n", b"two\n"]


async def test_the_end_of_an_invocation_takes_in_what_was_written_just_before(pipe):
    pipe.write(b"late\nunfinished")
    pipe.tap.finish()
    assert pipe.text() == b"late\nunfinished\n"
    pipe.tap.finish()
    assert pipe.text() == b"late\nunfinished\n"


async def test_the_tail_is_of_this_invocation_and_its_last_four_kilobytes(pipe):
    pipe.tap.begin(b"START RequestId: 1\n")
    pipe.write(b"before\n")
    pipe.tap.finish()
    assert pipe.tap.tail() == b"START RequestId: 1\nbefore\n"
    pipe.tap.begin(b"")
    assert pipe.tap.tail() == b""
    for number in range(2_000):
        pipe.write(b"%06d\n" % number)
        pipe.tap.finish()
    pipe.tap.add(b"END\n")
    expected = b"".join(b"%06d\n" % number for number in range(2_000)) + b"END\n"
    assert pipe.tap.tail() == expected[-4096:]


async def test_the_line_that_begins_a_call_is_given_with_what_follows_it(pipe):
    pipe.tap.begin(b"START 1\n")
    assert pipe.emitted == []
    pipe.tap.add(b"END 1\n")
    pipe.tap.begin(b"START 2\n")
    pipe.write(b"from the function\n")
    pipe.tap.finish()
    pipe.tap.begin(b"START 3\n")
    pipe.tap.release()
    pipe.tap.release()
    assert pipe.emitted == [b"START 1\nEND 1\n", b"START 2\nfrom the function\n", b"START 3\n"]


async def test_a_line_that_never_ends_is_cut_and_not_gathered_in_memory(pipe):
    for _ in range(40):
        pipe.write(b"x" * 10_000)
        await turns()
    assert len(pipe.text()) > 300_000
    assert all(line.count(b"\n") == 1 for line in pipe.emitted)


async def test_a_congested_log_is_not_read_so_that_the_writer_has_to_wait(pipe):
    pipe.congested = True
    pipe.write(b"flood\n")
    await turns()
    assert pipe.emitted == []
    pipe.congested = False
    pipe.tap._resume()
    await turns()
    assert pipe.emitted == [b"flood\n"]


async def test_a_congested_log_does_not_hold_up_the_end_of_an_invocation(pipe):
    pipe.congested = True
    pipe.write(b"x" * 60_000 + b"\n")
    pipe.tap.finish()
    assert len(pipe.text()) <= logtap.READ_BYTES


async def test_when_every_writer_is_gone_the_rest_is_still_given(pipe):
    pipe.write(b"last words")
    pipe.hang_up()
    await turns()
    pipe.tap.finish()
    assert pipe.text() == b"last words\n"


async def test_a_closed_tap_stays_closed(pipe):
    pipe.tap.close()
    pipe.tap.close()
    pipe.tap.finish()
    pipe.tap._resume()
    assert pipe.text() == b""


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text("ab\n", max_size=20), st.sampled_from(["turn", "finish", "nothing"])), max_size=12))
def test_bytes_are_neither_lost_nor_doubled_nor_reordered(steps):
    async def run() -> bytes:
        pipe = Pipe()
        for text, then in steps:
            if text:
                pipe.write(text.encode())
            if then == "turn":
                await turns(2)
            elif then == "finish":
                pipe.tap.finish()
        pipe.tap.finish()
        pipe.close()
        return pipe.text()

    written = "".join(text for text, _ in steps)
    # An unfinished line gets an end: that is the only thing that a tap adds.
    assert asyncio.run(run()).replace(b"\n", b"").decode() == written.replace("\n", "")
