"""Bodies that are sent as they come."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from lambent.edge.http_answer import CHUNKED, Answer, Framing

_JOIN = 16_384  # a piece below this is copied between its chunk's ends
_TURN = 262_144  # bytes after which the other connections have their turn, even if the body never waits for anything


class Sink(Protocol):
    """Where a streamed body goes."""

    gone: bool  # the client has left

    def write(self, parts: tuple[bytes, ...]) -> None: ...
    async def writable(self) -> None: ...


class WrongLength(Exception):
    """A streamed body was not as long as its handler had declared."""


class BrokenOff(Exception):
    """Whoever makes a streamed body cannot go on, and it is no mistake of ours."""


async def send_stream(sink: Sink, body: AsyncIterator[bytes], answer: Answer) -> None:
    """Send `body` piece by piece, no faster than the client takes it; stops when the client has left.

    Raises WrongLength, or whatever the iterator raises; the client must then not take the body for complete.
    """
    sent = turn = 0
    async for piece in body:
        sent += len(piece)
        if sink.gone:
            return
        if answer.length is not None and sent > answer.length:
            raise WrongLength(f"the body has more than the declared {answer.length} bytes")
        if piece:  # an empty chunk would end the body
            sink.write(_wrap(piece, answer.framing))
            await sink.writable()
            turn += len(piece)
            if turn >= _TURN:
                turn = 0
                await asyncio.sleep(0)
    if answer.length is not None and sent < answer.length:
        raise WrongLength(f"the body ended after {sent} of the declared {answer.length} bytes")
    if answer.framing == CHUNKED and not sink.gone:
        sink.write((b"0\r\n\r\n",))


def _wrap(piece: bytes, framing: Framing) -> tuple[bytes, ...]:
    if framing != CHUNKED:
        return (piece,)
    size = b"%x\r\n" % len(piece)
    return (b"%b%b\r\n" % (size, piece),) if len(piece) <= _JOIN else (size, piece, b"\r\n")
