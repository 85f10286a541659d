"""One compact record of every invocation, kept in segments on disk and bounded; metrics, cost and advice read them.

    <root>/<number>.rec     length-prefixed msgpack of model.Record, oldest segment removed first
"""

import os
import struct
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from lambent.model import Record

SEGMENTS = 16
FLUSH_EVERY_S = 0.1
RECENT = 10_000  # kept in memory too: enough for a status page without touching the disk
_SIZE = struct.Struct(">H")


class Records:
    """`append` is one deque append; a thread encodes and writes."""

    def __init__(self, root: Path, keep_bytes: int) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.segment_bytes = max(4096, keep_bytes // SEGMENTS)
        self.recent: deque[Record] = deque(maxlen=RECENT)
        self._pending: deque[Record] = deque()
        self._wake = threading.Event()
        self._stop = False
        self._number = max((int(path.stem) for path in root.glob("*.rec")), default=1)
        self._file: IO[Any] = self._open()
        self._thread = threading.Thread(target=self._write_for_ever, name="lambent-records", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> None:
        self.recent.append(record)
        self._pending.append(record)
        if not self._wake.is_set():
            self._wake.set()

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
        self._stop = True
        self._wake.set()
        self._thread.join()
        self._file.close()

    # -- the writer thread

    def _open(self) -> IO[Any]:
        return open(self.root / f"{self._number:012d}.rec", "ab", buffering=0)

    def _write_for_ever(self) -> None:
        encode = msgspec.msgpack.Encoder().encode
        pause = threading.Event()
        while True:
            self._wake.wait()
            stopping = self._stop
            self._wake.clear()
            parts = []
            for _ in range(len(self._pending)):
                data = encode(self._pending.popleft())
                parts += (_SIZE.pack(len(data)), data)
            try:
                self._write(b"".join(parts))
            except OSError:
                pass  # a full disk loses records, never an invocation
            if stopping:
                return
            pause.wait(FLUSH_EVERY_S)

    def _write(self, data: bytes) -> None:
        if self._file.tell() >= self.segment_bytes:
            self._file.close()
            self._number += 1
            self._file = self._open()
            for old in sorted(self.root.glob("*.rec"))[:-SEGMENTS]:
                os.unlink(old)
        self._file.write(data)


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
        yield decode(body)
        at += _SIZE.size + size
