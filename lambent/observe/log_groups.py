"""The logs of functions as log groups: what CloudWatch Logs shows of what the logbook wrote. Blocks: for threads.

An event's id says where it stands, so that it is the same at every look, and the ids of a group sort by time:
14 digits of milliseconds, 8 of the directory, 12 of the segment, 14 of the byte, 8 of the line in the entry.
"""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from lambent.observe.log_files import byte_before, first_at, is_used, lines_of, segments_of, sifted, size_of
from lambent.observe.logbook import USUAL_GROUP, split, subdirectory
from lambent.observe.sieve import Sieve

SLACK_S = 2.0  # how far a clock that was set back may have put entries out of order
EVERYTHING = Sieve()


class LogEvent(msgspec.Struct, frozen=True):
    """One event of a log group; times in epoch milliseconds."""

    id: str
    at: int
    stream: str
    message: str
    taken: int


class Mark(NamedTuple):
    """How far a directory was read: a segment's number, and the byte in it."""

    segment: int
    byte: int


START = Mark(0, 0)


class Summary(msgspec.Struct):
    """What is known of one stream of a directory; times in epoch milliseconds."""

    first: int
    last: int
    size: int = 0


def groups(root: Path, account: str, region: str) -> dict[str, list[Path]]:
    """Every group with something in it, and where that lies."""
    found: dict[str, list[Path]] = {}
    for function in _directories(root / account / region):
        if is_used(function):
            found.setdefault(USUAL_GROUP + function.name, []).append(function)
        for other in function.glob("@*/group"):
            if is_used(other.parent):
                found.setdefault(other.read_text(), []).append(other.parent)
    return found


def places(root: Path, account: str, region: str, group: str) -> list[Path]:
    """Where that group lies: nowhere if nothing is in it."""
    home = root / account / region
    found = list(home.glob(f"*/{subdirectory(group)}"))
    name = group.removeprefix(USUAL_GROUP)
    if name != group and "/" not in name and name not in ("", ".", ".."):
        found.append(home / name)
    return [directory for directory in found if is_used(directory)]


class About(NamedTuple):
    """When the oldest event that is left came (epoch milliseconds), and what the files take."""

    began: int
    size: int


def about(directories: list[Path]) -> About:
    segments = [path for directory in directories for path in segments_of(directory)]
    firsts = [first_at(segments_of(directory)[0]) for directory in directories if segments_of(directory)]
    began = min((first for first in firsts if first is not None), default=0.0)
    return About(int(began * 1000), sum(map(size_of, segments)))


def forward(directory: Path, since: int, sieve: Sieve = EVERYTHING) -> Iterator[LogEvent]:
    """From that moment (epoch milliseconds) on, oldest first."""
    segments = segments_of(directory)
    for place, path in enumerate(segments):
        if place + 1 < len(segments) and (first_at(segments[place + 1]) or 0.0) < since / 1000 - SLACK_S:
            continue  # all that is in here is older
        for event in _events(path, byte_before(path, since / 1000 - SLACK_S), sieve):
            if event.at >= since:
                yield event


def backward(directory: Path, since: int, until: int, sieve: Sieve = EVERYTHING) -> Iterator[LogEvent]:
    """What lies from one moment to before another, newest first."""
    for path in reversed(segments_of(directory)):
        first = first_at(path)
        if first is not None and first <= until / 1000 + SLACK_S:
            start = byte_before(path, since / 1000 - SLACK_S)
            yield from reversed([event for event in _events(path, start, sieve) if since <= event.at < until])
            if first < since / 1000 - SLACK_S:
                return


def end(directory: Path) -> Mark:
    """The mark of what is to come."""
    segments = segments_of(directory)
    return Mark(int(segments[-1].stem), size_of(segments[-1])) if segments else START


def fresh(directory: Path, mark: Mark, most_bytes: int) -> tuple[list[LogEvent], Mark]:
    """What was written after a mark, about so many bytes of it at most, and the next mark."""
    found: list[LogEvent] = []
    left = most_bytes
    for path in segments_of(directory):
        number = int(path.stem)
        if number < mark.segment:
            continue
        start, place = mark.byte if number == mark.segment else 0, _place_of(path)
        for byte, line in lines_of(path, start, whole_only=True):
            if left <= 0:
                return found, mark
            found += _events_of(place, byte, line)
            mark = Mark(number, byte + len(line))
            left -= len(line)
    return found, mark


def expire(directory: Path, before: float) -> None:
    """Remove the segments in which everything is older (epoch seconds). The last one is the writer's, and stays."""
    segments = segments_of(directory)
    for path, following in pairwise(segments):
        first = first_at(following)
        if first is None or first >= before:
            return
        path.unlink(missing_ok=True)


class Streams:
    """The streams of directories, brought up to date by reading only what is new. For one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, dict[str, Summary]]] = {}  # by segment: bytes read, what was found

    def of(self, directory: Path) -> dict[str, Summary]:
        segments = segments_of(directory)
        for gone in [path for path in self._known if path.parent == directory and path not in segments]:
            del self._known[gone]
        found: dict[str, Summary] = {}
        for path in segments:
            for name, part in self._in(path).items():
                whole = found.setdefault(name, Summary(part.first, part.last))
                whole.first, whole.last = min(whole.first, part.first), max(whole.last, part.last)
                whole.size += part.size
        return found

    def _in(self, path: Path) -> dict[str, Summary]:
        read_to, found = self._known.get(path, (0, {}))
        for byte, line in lines_of(path, read_to, whole_only=True):
            read_to = byte + len(line)
            for entry in split(line):
                at = round(entry.at * 1000)
                known = found.setdefault(entry.stream, Summary(at, at))
                known.first, known.last = min(known.first, at), max(known.last, at)
                known.size += len(entry.message)
        self._known[path] = (read_to, found)
        return found


# -- details


def _directories(home: Path) -> list[Path]:
    return sorted(path for path in home.iterdir() if path.is_dir()) if home.is_dir() else []


def _events(path: Path, start: int, sieve: Sieve) -> Iterator[LogEvent]:
    place = _place_of(path)
    for byte, line in sifted(path, start, sieve) if sieve.needles else lines_of(path, start):
        yield from _events_of(place, byte, line)


def _place_of(path: Path) -> str:
    return f"{_number_of(path.parent):08d}{int(path.stem):012d}"


def _events_of(place: str, byte: int, line: bytes) -> Iterator[LogEvent]:
    for index, entry in enumerate(split(line)):
        if entry.message:
            at = round(entry.at * 1000)
            yield LogEvent(f"{at:014d}{place}{byte:014d}{index:08d}", at, entry.stream, entry.message, at)


def _number_of(directory: Path) -> int:
    """Of functions that share a group, so that their ids differ. 0 is no directory's: that is what clients put."""
    name = "/".join(directory.parts[-2:])
    return 1 + int.from_bytes(hashlib.blake2s(name.encode(), digest_size=6).digest()) % 99_999_999
