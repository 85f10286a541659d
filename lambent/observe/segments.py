"""Files of entries, each behind its length, kept in segments and bounded: the ground of the records and of the journal.

<root>/<number>.<suffix>     two bytes of length, then so many bytes, again and again; the oldest segment goes first
"""

import contextlib
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from lambent.observe.background import Background

SEGMENTS = 16
FLUSH_EVERY_S = 0.1
LARGEST = 65_535  # bytes of one entry; an ordinary one has 100 to 200
_SIZE = struct.Struct(">H")

Item = TypeVar("Item")
Decoded = TypeVar("Decoded")


def framed(data: bytes) -> bytes:
    """An entry behind its length; nothing if it is too large to be one."""
    return _SIZE.pack(len(data)) + data if len(data) <= LARGEST else b""


class Segmented(Background[Item]):
    """A thread that frames what is pending and appends it. A full disk loses entries and harms nobody."""

    def __init__(self, name: str, root: Path, suffix: str, keep_bytes: int) -> None:
        super().__init__(name, FLUSH_EVERY_S)
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.segment_bytes = max(4096, keep_bytes // SEGMENTS)
        self._suffix = suffix
        self._number = max((int(path.stem) for path in root.glob(f"*.{suffix}")), default=1)
        self._file: IO[Any] = self._open(self._number)

    def close(self) -> None:
        super().close()
        self._file.close()

    def paths(self) -> list[Path]:
        """All segments, the oldest first."""
        return sorted(self.root.glob(f"*.{self._suffix}"))

    def decoded(self, decode: Callable[[bytes], Decoded]) -> Iterator[Decoded]:
        """Every entry on disk, oldest first; one that a crash cut short, or that is none, ends its segment."""
        for path in self.paths():
            with contextlib.suppress(msgspec.DecodeError):
                for body in bodies(contents(path)):
                    yield decode(body)

    def holding(self, text: str, decode: Callable[[bytes], Decoded]) -> list[Decoded]:
        """The entries on disk in which that text stands. Only segments that have it anywhere are taken apart."""
        found: list[Decoded] = []
        for path in self.paths():
            with contextlib.suppress(msgspec.DecodeError):
                found.extend(decode(body) for body in holding(contents(path), text.encode("utf-8", "replace")))
        return found

    # -- the writer thread

    def _frame(self, item: Item) -> bytes:
        """The bytes of one entry behind their length; none for what cannot be kept. It must not raise."""
        raise NotImplementedError

    def _write_pending(self) -> None:
        frames = []
        for _ in range(len(self._pending)):
            frames.append(self._frame(self._pending[0]))
            self._pending.popleft()  # only now: who looks for it meanwhile must find it somewhere
        with contextlib.suppress(OSError):
            self._write(b"".join(frames))

    def _open(self, number: int) -> IO[Any]:
        path = self.root / f"{number:012d}.{self._suffix}"
        file = open(path, "ab", buffering=0)  # noqa: SIM115 - it stays open
        file.truncate(whole(path.read_bytes()))  # what follows half an entry could never be read
        file.seek(0, os.SEEK_END)
        return file

    def _write(self, data: bytes) -> None:
        if self._file.tell() >= self.segment_bytes:
            self._next_segment()
        start = self._file.tell()
        try:
            written = self._file.write(data)
        except OSError:
            written = 0
        if written < len(data):
            self._file.truncate(start)
            self._file.seek(start)

    def _next_segment(self) -> None:
        file = self._open(self._number + 1)
        self._file.close()
        self._file = file
        self._number += 1
        for old in self.paths()[:-SEGMENTS]:
            os.unlink(old)


def contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""  # it went while we looked


def whole(data: bytes) -> int:
    """How many bytes of a segment are whole entries; a crash may have cut the last one off."""
    at = 0
    while at + _SIZE.size <= len(data):
        end = at + _SIZE.size + int(_SIZE.unpack_from(data, at)[0])
        if end > len(data):
            break
        at = end
    return at


def bodies(data: bytes) -> Iterator[bytes]:
    """The whole entries of a segment."""
    at = 0
    while at + _SIZE.size <= len(data):
        (size,) = _SIZE.unpack_from(data, at)
        body = data[at + _SIZE.size : at + _SIZE.size + size]
        if len(body) < size:
            return
        yield body
        at += _SIZE.size + size


def holding(data: bytes, wanted: bytes) -> Iterator[bytes]:
    """The whole entries of a segment in which `wanted` stands: the same as looking into each, but far quicker."""
    start = end = 0  # of the entry that was reached; none yet
    hit = data.find(wanted)
    while hit >= 0:
        while end <= hit:
            start = end + _SIZE.size
            if start > len(data):
                return
            end = start + int(_SIZE.unpack_from(data, end)[0])
            if end > len(data):
                return
        if start <= hit and hit + len(wanted) <= end:
            yield data[start:end]
            hit = data.find(wanted, end)
        else:  # chance: lengths are bytes too
            hit = data.find(wanted, hit + 1)
