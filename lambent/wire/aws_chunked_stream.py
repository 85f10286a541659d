"""`aws-chunked` bodies read as they come, for those that are too large to wait for (see aws_chunked)."""

from collections.abc import Iterator
from typing import NamedTuple

from lambent.wire.faults import incomplete

MOST_LINE = 512  # of a chunk's size and signature
MOST_TRAILERS = 16_384
SMALLEST_SIGNED = 8192  # a smaller chunk that is signed can only be the last one with data (S3, InvalidChunkSizeError)


class ChunkEnd(NamedTuple):
    """A chunk has come whole; its signature, "" if it has none."""

    signature: bytes


Item = memoryview | ChunkEnd


class Unchunker:
    """`feed` gives data and the ends of chunks, in order. `left` bytes of the current chunk are still to come; -1: its
    first line is; -2: the line break behind it; -3: trailers.
    """

    def __init__(self) -> None:
        self.trailers = b""
        self._left = -1
        self._line = b""
        self._signature = b""
        self.done = False

    def feed(self, piece: bytes) -> Iterator[Item]:
        """Raises AwsError for what is no chunk."""
        view, at = memoryview(piece), 0
        while at < len(view):
            if self._left > 0:
                data = view[at : at + self._left]
                at += len(data)
                self._left -= len(data)
                yield data
                if self._left == 0:
                    self._left = -2
            elif self._left == -3:
                self._take_trailers(view[at:])
                return
            else:
                at = self._read_line(piece, at)
                if self._left == -2 and self._line == b"\r\n":
                    self._line, self._left = b"", -1
                    yield ChunkEnd(self._signature)
                elif self._line.endswith(b"\r\n"):
                    self._begin()
                    if self._left == -3:
                        yield ChunkEnd(self._signature)

    def _read_line(self, piece: bytes, at: int) -> int:
        end = piece.find(b"\n", at)
        stop = len(piece) if end < 0 else end + 1
        self._line += piece[at:stop]
        whole = self._line.endswith(b"\r\n")
        if len(self._line) > MOST_LINE or (end >= 0 and not whole) or (self._left == -2 and whole and self._line[:-2]):
            raise _broken()
        return stop

    def _begin(self) -> None:
        size, _, rest = self._line[:-2].partition(b";")
        digits = size.strip()
        if self._left != -1 or not 0 < len(digits) <= 16 or digits.strip(b"0123456789abcdefABCDEF"):
            raise _broken()
        self._signature = rest.partition(b"chunk-signature=")[2].strip()
        self._line = b""
        self._left = int(digits, 16) or -3
        self.done = self._left == -3

    def _take_trailers(self, rest: memoryview) -> None:
        self.trailers += bytes(rest)
        if len(self.trailers) > MOST_TRAILERS:
            raise _broken()


def _broken() -> Exception:
    return incomplete("The request body terminated unexpectedly")
