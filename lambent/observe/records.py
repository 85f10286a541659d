"""One compact record of every invocation, kept in segments on disk and bounded; metrics, cost and advice read them.

<root>/<number>.rec     length-prefixed msgpack of model.Record, oldest segment removed first
"""

import contextlib
import os
import struct
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from lambent.model import Record
from lambent.observe.background import Background

SEGMENTS = 16
FLUSH_EVERY_S = 0.1
LARGEST = 65_535  # bytes of one record; an ordinary one has 200
RECENT = 10_000  # kept in memory too: enough for a status page without touching the disk
_SIZE = struct.Struct(">H")
_encode = msgspec.msgpack.Encoder().encode


class Records(Background[Record]):
    """`append` is one deque append; a thread encodes and writes."""

    def __init__(self, root: Path, keep_bytes: int) -> None:
        super().__init__("lambent-records", FLUSH_EVERY_S)
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.segment_bytes = max(4096, keep_bytes // SEGMENTS)
        self.recent: deque[Record] = deque(maxlen=RECENT)
        self._number = max((int(path.stem) for path in root.glob("*.rec")), default=1)
        self._file: IO[Any] = self._open(self._number)
        self._thread.start()

    def append(self, record: Record) -> None:
        self.recent.append(record)
        self._pending.append(record)
        if self._asleep:
            self._rouse()

    def read(self) -> Iterator[Record]:
        """Every record on disk, oldest first; a record that a crash cut short ends its segment."""
        decode = msgspec.msgpack.Decoder(Record).decode
        for path in sorted(self.root.glob("*.rec")):
            yield from _segment(path, decode)

    def find(self, request_id: str) -> Record | None:
        """The record of one invocation; the newest if a request id was used again."""
        for record in reversed(self.recent):
            if record.request_id == request_id:
                return record
        found = None
        for record in self.read():
            if record.request_id == request_id:
                found = record
        return found

    def close(self) -> None:
        super().close()
        self._file.close()

    # -- the writer thread

    def _open(self, number: int) -> IO[Any]:
        path = self.root / f"{number:012d}.rec"
        file = open(path, "ab", buffering=0)  # noqa: SIM115 - it stays open
        file.truncate(_whole(path))  # what follows half a record could never be read
        file.seek(0, os.SEEK_END)
        return file

    def _write_pending(self) -> None:
        data = b"".join([_frame(self._pending.popleft()) for _ in range(len(self._pending))])
        with contextlib.suppress(OSError):  # a full disk loses records, never an invocation
            self._write(data)

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
        for old in sorted(self.root.glob("*.rec"))[:-SEGMENTS]:
            os.unlink(old)


def _frame(record: Record) -> bytes:
    """A record behind its size; nothing if it is too large to be one, which would end the writer and all records."""
    try:
        data = _encode(record)
    except ValueError:  # half of a surrogate pair in a name that a function chose
        return b""
    return _SIZE.pack(len(data)) + data if len(data) <= LARGEST else b""


def _whole(path: Path) -> int:
    """How many bytes of a segment are whole records; a crash may have cut the last one off."""
    data = path.read_bytes()
    at = 0
    while at + _SIZE.size <= len(data):
        end = at + _SIZE.size + int(_SIZE.unpack_from(data, at)[0])
        if end > len(data):
            break
        at = end
    return at


def _segment(path: Path, decode: Any) -> Iterator[Record]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    at = 0
    while at + _SIZE.size <= len(data):
        (size,) = _SIZE.unpack_from(data, at)
        body = data[at + _SIZE.size : at + _SIZE.size + size]
        if len(body) < size:
            return
        try:
            yield decode(body)
        except msgspec.DecodeError:
            return
        at += _SIZE.size + size
