"""Leaves out events that cannot be wanted, before they are decoded: most of a log, for most who search in one."""

import re
from collections.abc import Iterator, Sequence

import msgspec

_encode = msgspec.json.Encoder().encode
CHEAPER = 20  # so many events are left out in the time in which one is decoded and looked at


class Sieve:
    """Mutable: `looked` says how much was looked through, in events that are decoded."""

    def __init__(self, needles: Sequence[str] = ()) -> None:
        """`needles`: any of them is in every message that is wanted; none: that is not known of any."""
        self.needles = tuple(needles)
        self.looked = 0
        escaped = [re.escape(_encode(needle)[1:-1]) for needle in needles]  # as they are in a line of JSON
        self._found = re.compile(b"|".join(escaped))

    def leave_out(self, number: int) -> None:
        """So many events, at most, were left out."""
        self.looked += number // CHEAPER

    def lines(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """The lines that may be wanted, with where they begin. The last one is always among them, so that whoever
        searches learns how far that has come."""
        last, place = block.rfind(b"\n", 0, -1) + 1, 0
        while (found := self._found.search(block, place, last)) is not None:
            begin = block.rfind(b"\n", 0, found.start()) + 1
            place = block.index(b"\n", found.start()) + 1
            yield begin, block[begin:place]
        yield last, block[last:]
