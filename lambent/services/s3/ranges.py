"""Which bytes of an object a request wants (RFC 9110, section 14), and in which of its files they are. No I/O."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from lambent.errors import AwsError
from lambent.services.s3.nouns import Part

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Span(NamedTuple):
    """From `begin` up to, but not with, `end`."""

    begin: int
    end: int

    def header(self, size: int) -> str:
        return f"bytes {self.begin}-{self.end - 1}/{size}"

    @property
    def length(self) -> int:
        return self.end - self.begin


def span_of(header: str | None, size: int) -> Span | None:
    """What a Range header asks of so many bytes; None for all of them, which is also for what is no single range.

    Raises InvalidRange.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found.groups()
    begin, end = (int(first), min(size, int(last) + 1) if last else size) if first else (max(0, size - int(last)), size)
    if first and last and int(last) < int(first):
        return None
    if begin >= size or (not first and int(last) == 0):
        raise invalid(header or "", size)
    return Span(begin, end)


def invalid(header: str, size: int) -> AwsError:
    message = "The requested range is not satisfiable"
    return AwsError(message, code="InvalidRange", status=416, RangeRequested=header, ActualObjectSize=size)


def pieces(parts: list[Part], span: Span) -> Iterator[tuple[str, int, int]]:
    """File, offset and length of each piece, in order."""
    at = 0
    for part in parts:
        begin, end = max(span.begin, at), min(span.end, at + part.size)
        if begin < end:
            yield part.file, begin - at, end - begin
        at += part.size
