"""The logs of functions: taken in on the hot path as bytes, written to disk by a thread, read back by date.

    <root>/<account>/<region>/<function>/<number>.log     JSON lines [at, stream, text], rotated by size
    …/<function>/@<digest>/<number>.log                   the same, of a log group of another name, which `group` holds

An entry is what arrived at one moment and may hold several lines: splitting it is left to readers.

Bounded both ways: the oldest segments of a function go first, and what is not yet written is counted, so that a flood
can be slowed at its source (`congested`) instead of filling memory.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import msgspec

from lambent.observe.background import Background
from lambent.observe.log_segments import SEGMENTS, LogSegments

__all__ = ["SEGMENTS", "Follower", "LogLine", "LogStream", "Logbook"]

CONGESTED_BYTES = 16 << 20
FLUSH_EVERY_S = 0.05
WRITTEN_WITHIN_S = 2.0  # a disk that is slower than that is not waited for
LONGEST_MESSAGE = 256 * 1024  # CloudWatch Logs: 256 KB an event
USUAL_GROUP = "/aws/lambda/"  # and the function's name
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[float, str, str]).decode


class LogStream(msgspec.Struct, frozen=True):
    """Whose log it is, and the stream's name: one stream for each sandbox. `group` "": the function's usual one."""

    account: str
    region: str
    function: str
    name: str
    group: str = ""

    def within(self, root: Path) -> Path:
        """Where it lies: each function's log in each group has its own allowance."""
        directory = root / self.account / self.region / self.function
        usual = self.group in ("", USUAL_GROUP + self.function)
        return directory if usual else directory / subdirectory(self.group)


def subdirectory(group: str) -> str:
    """Of a log group that has not the function's name; its own may be longer than a file's can be."""
    return "@" + hashlib.sha256(group.encode()).hexdigest()[:32]


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
        self._files: dict[Path, LogSegments] = {}
        self._removals: deque[tuple[list[Path], Future[None]]] = deque()
        self.heard: Callable[[], None] | None = None  # called by the writer thread when something has been written
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
            self.settle()
        directory = self.root / account / region / function
        lines: deque[LogLine] = deque(maxlen=limit)
        for path in _segments_of(directory):
            for line in _lines(path, upto.starts.get(path, 0) if upto else None):
                lines.extend(entry for entry in split(line) if entry.at >= since)
        return list(lines)

    def remove(self, directories: list[Path]) -> "Future[None]":
        """Whatever was appended there until now goes; what comes later stays. Done when the writer has done it."""
        done: Future[None] = Future()
        self._removals.append((directories, done))
        self._wake.set()
        return done

    def settle(self) -> None:
        """Wait until what was appended before is on disk. Blocks, so it is for a thread."""
        taken_bytes = self._taken_bytes
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
        removals = len(self._removals)  # before: what comes after them stays
        parts: dict[tuple[str, str, str, str], list[bytes]] = {}
        size = 0
        for _ in range(len(self._pending)):
            stream, at, data = self._pending.popleft()
            size += len(data)
            whose = (stream.account, stream.region, stream.function, stream.group)
            parts.setdefault(whose, []).append(_encode((at, stream.name, data.decode("utf-8", "replace"))))
        for (account, region, function, group), entries in parts.items():
            self._write_entries(LogStream(account, region, function, "", group), b"\n".join(entries) + b"\n")
        self._written_bytes += size
        for _ in range(removals):
            self._remove_next()
        if parts and self.heard is not None:
            self.heard()

    def _write_entries(self, stream: LogStream, data: bytes) -> None:
        path = stream.within(self.root)
        try:
            self._segments(path, stream.group).write(data)
        except OSError:  # a full disk loses log lines, never an invocation
            if path in self._files:
                self._files.pop(path).close()

    def _segments(self, path: Path, group: str = "") -> LogSegments:
        if path not in self._files:
            if len(self._files) >= 64:
                self._files.pop(next(iter(self._files))).close()
            self._files[path] = LogSegments(path, self.keep_bytes)
            if path.name.startswith("@"):
                (path / "group").write_text(group)
        return self._files[path]

    def _remove_next(self) -> None:
        directories, done = self._removals.popleft()
        done.set_running_or_notify_cancel()
        try:
            for directory in filter(Path.is_dir, directories):
                self._segments(directory, _group_in(directory)).start_anew()
        except OSError as error:
            if not done.cancelled():
                done.set_exception(error)
        else:
            if not done.cancelled():
                done.set_result(None)


class Follower:
    """Remembers how far each segment was read; starts at their present ends."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.starts = {path: _size(path) for path in _segments_of(directory)}
        self._read_to = dict(self.starts)

    def fresh(self) -> list[LogLine]:
        """Whole lines written since the last call."""
        lines = []
        for path in _segments_of(self._directory):
            start = self._read_to.get(path, 0)
            if _size(path) > start:
                whole, newline, _ = _from(path, start).rpartition(b"\n")
                self._read_to[path] = start + len(whole) + len(newline)
                lines += [entry for line in whole.splitlines() for entry in split(line)]
        return lines


def _segments_of(directory: Path) -> list[Path]:
    """Of a function, in all its log groups."""
    others = list(directory.glob("@*/*.log"))
    own = sorted(directory.glob("*.log"))
    return sorted([*others, *own], key=_last_written) if others else own


def _last_written(path: Path) -> tuple[int, str]:
    try:
        return path.stat().st_mtime_ns, str(path)
    except FileNotFoundError:
        return 0, ""


def _group_in(directory: Path) -> str:
    return (directory / "group").read_text() if directory.name.startswith("@") else ""


def split(line: bytes) -> Iterator[LogLine]:
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
