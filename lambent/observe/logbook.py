"""The logs of functions: taken in on the hot path as bytes, written to disk by a thread, read back by date.

    <root>/<account>/<region>/<function>/<number>.log     JSON lines [at, stream, text], rotated by size

An entry is what arrived at one moment and may hold several lines: splitting it is left to readers.

Bounded both ways: the oldest segments of a function go first, and what is not yet written is counted, so that a flood
can be slowed at its source (`congested`) instead of filling memory.
"""

import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from lambent.observe.background import Background

SEGMENTS = 4  # a function's allowance is kept in this many pieces; one piece goes at a time
CONGESTED_BYTES = 16 << 20
FLUSH_EVERY_S = 0.05
WRITTEN_WITHIN_S = 2.0  # a disk that is slower than that is not waited for
LONGEST_MESSAGE = 256 * 1024  # CloudWatch Logs: 256 KB an event
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[float, str, str]).decode


class LogStream(msgspec.Struct, frozen=True):
    """Whose log it is, and the stream's name: one stream for each sandbox."""

    account: str
    region: str
    function: str
    name: str


class LogLine(msgspec.Struct, frozen=True):
    at: float  # epoch seconds
    stream: str
    message: str


class Logbook(Background[tuple[LogStream, float, bytes]]):
    """`append` never blocks and never fails; the writer thread owns every file."""

    def __init__(self, root: Path, keep_bytes: int) -> None:
        super().__init__("lambent-logbook", FLUSH_EVERY_S)
        self.root = root
        self.keep_bytes = keep_bytes
        # Two counts, each changed by one thread only: one count changed by both would drift, and a log that seems
        # congested for ever blocks its function for ever.
        self._taken_bytes = 0
        self._written_bytes = 0
        self._files: dict[Path, _Segments] = {}
        self._thread.start()

    def append(self, stream: LogStream, at: float, data: bytes) -> None:
        """Whole lines of one moment, as the function wrote them."""
        self._pending.append((stream, at, data))
        self._taken_bytes += len(data)
        if self._asleep:
            self._rouse()

    @property
    def congested(self) -> bool:
        return self._taken_bytes - self._written_bytes > CONGESTED_BYTES

    def read(
        self, account: str, region: str, function: str, since: float = 0.0, limit: int = 10_000, *,
        upto: "Follower | None" = None,
    ) -> list[LogLine]:  # fmt: skip
        """The last `limit` lines not older than `since` (epoch seconds), oldest first.

        With `upto` only what that follower will not give: together they have every line once. Without, all that was
        appended before: whoever has the answer of a call finds its lines. Blocks for that, so it is for a thread.
        """
        if upto is None:
            self._wait_until_written(self._taken_bytes)
        directory = self.root / account / region / function
        lines: deque[LogLine] = deque(maxlen=limit)
        for path in sorted(directory.glob("*.log")):
            for line in _lines(path, upto.starts.get(path, 0) if upto else None):
                lines.extend(entry for entry in _split(line) if entry.at >= since)
        return list(lines)

    def _wait_until_written(self, taken_bytes: int) -> None:
        deadline = time.monotonic() + WRITTEN_WITHIN_S
        while self._written_bytes < taken_bytes and time.monotonic() < deadline:
            time.sleep(FLUSH_EVERY_S / 10)

    def follow(self, account: str, region: str, function: str) -> "Follower":
        """A reader of what is written from now on."""
        return Follower(self.root / account / region / function)

    def close(self) -> None:
        super().close()
        for segments in self._files.values():
            segments.close()

    # -- the writer thread

    def _write_pending(self) -> None:
        parts: dict[tuple[str, str, str], list[bytes]] = {}
        size = 0
        for _ in range(len(self._pending)):
            stream, at, data = self._pending.popleft()
            size += len(data)
            whose = (stream.account, stream.region, stream.function)
            parts.setdefault(whose, []).append(_encode((at, stream.name, data.decode("utf-8", "replace"))))
        for whose, entries in parts.items():
            path = self.root.joinpath(*whose)
            try:
                self._segments(path).write(b"\n".join(entries) + b"\n")
            except OSError:  # a full disk loses log lines, never an invocation
                if path in self._files:
                    self._files.pop(path).close()
        self._written_bytes += size

    def _segments(self, path: Path) -> "_Segments":
        if path not in self._files:
            if len(self._files) >= 64:
                self._files.pop(next(iter(self._files))).close()
            self._files[path] = _Segments(path, self.keep_bytes)
        return self._files[path]


class Follower:
    """Remembers how far each segment was read; starts at their present ends."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.starts = {path: _size(path) for path in directory.glob("*.log")}
        self._read_to = dict(self.starts)

    def fresh(self) -> list[LogLine]:
        """Whole lines written since the last call."""
        lines = []
        for path in sorted(self._directory.glob("*.log")):
            start = self._read_to.get(path, 0)
            if _size(path) > start:
                whole, newline, _ = _from(path, start).rpartition(b"\n")
                self._read_to[path] = start + len(whole) + len(newline)
                lines += [entry for line in whole.splitlines() for entry in _split(line)]
        return lines


class _Segments:
    """The open end of one function's log, and the removal of its old beginning."""

    def __init__(self, directory: Path, keep_bytes: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.size_limit = max(1, keep_bytes // SEGMENTS)
        numbers = sorted(int(path.stem) for path in directory.glob("*.log"))
        self.number = numbers[-1] if numbers else 1
        self.file: IO[Any] = self._open()

    def _open(self) -> IO[Any]:
        file = open(self.directory / f"{self.number:012d}.log", "a+b", buffering=0)  # noqa: SIM115 - it stays open
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")  # a crash cut the last entry off: the next one must not be lost with it
        return file

    def write(self, data: bytes) -> None:
        if self.file.tell() >= self.size_limit:
            self.file.close()
            self.number += 1
            self.file = self._open()
            for old in sorted(self.directory.glob("*.log"))[:-SEGMENTS]:
                os.unlink(old)
        if self.file.write(data) < len(data):
            raise OSError("the disk took only a part")

    def close(self) -> None:
        self.file.close()


def _split(line: bytes) -> Iterator[LogLine]:
    """The lines of one entry; none if a crash cut it off."""
    try:
        at, stream, text = _decode(line)
    except msgspec.DecodeError:
        return
    for message in text.removesuffix("\n").split("\n"):
        yield LogLine(at, stream, message[:LONGEST_MESSAGE])


def _lines(path: Path, end: int | None) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            at = 0
            for line in file:
                at += len(line)
                if end is not None and at > end:
                    return
                yield line
    except FileNotFoundError:
        return  # rotated away while we looked


def _from(path: Path, start: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return b""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
