"""The files of one function's log in one group, read by whole lines. Blocks: for threads."""

from collections.abc import Iterator
from pathlib import Path

from lambent.observe.logbook import split
from lambent.observe.sieve import Sieve

_HOP = 1 << 16
_USUAL_LINE = 100  # bytes


def segments_of(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.log"))


def is_used(directory: Path) -> bool:
    return any(size_of(path) for path in directory.glob("*.log"))


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def lines_of(path: Path, start: int, *, whole_only: bool = False) -> Iterator[tuple[int, bytes]]:
    """Lines with where they begin; the last one may still be growing."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            for line in file:
                if whole_only and not line.endswith(b"\n"):
                    return
                yield start, line
                start += len(line)
    except FileNotFoundError:
        return  # rotated away while we looked


def blocks_of(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines, many at once, with where they begin."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            while block := file.read(_HOP) + file.readline():
                yield start, block
                start += len(block)
    except FileNotFoundError:
        return


def sifted(path: Path, start: int, sieve: Sieve) -> Iterator[tuple[int, bytes]]:
    """Those of the lines that may be wanted."""
    for byte, block in blocks_of(path, start):
        sieve.leave_out(len(block) // _USUAL_LINE)
        for place, line in sieve.lines(block):
            yield byte + place, line


def first_at(path: Path) -> float | None:
    for _, line in lines_of(path, 0):
        for entry in split(line):
            return entry.at
    return None


def byte_before(path: Path, moment: float) -> int:
    """A line's beginning before which everything is older than that (epoch seconds), by halving."""
    low, high = 0, size_of(path)
    while high - low > _HOP:
        middle = (low + high) // 2
        found = next(_dated(path, middle), None)
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0]
    return low


def _dated(path: Path, start: int) -> Iterator[tuple[int, float]]:
    """The lines that begin after a byte, with their moments."""
    lines = lines_of(path, start)
    next(lines, None)  # we are somewhere in it
    for byte, line in lines:
        for entry in split(line):
            yield byte, entry.at
            break
