"""What a streaming function says, on its way out: passed on piece by piece, or gathered into one answer.

Everything here is bounded: when nobody takes what is there, the runtime is held, and it waits in its own `write`.
"""

import asyncio
import re
from collections import deque
from typing import Protocol

from lambent.sandbox import failures
from lambent.sandbox.link import Reply

STREAM_LIMIT = 200 * 1024 * 1024  # bytes: AWS's quota of a streamed response
HIGH = 256 * 1024  # bytes waiting for the client, from which on the runtime is held
LOW = 64 * 1024  # and at which it may go on
PIECE = 128 * 1024  # bytes: the largest piece that is passed on at once
_CONTENT_TYPE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,255}")


class Source(Protocol):
    """A runtime's connection, which can be told to wait."""

    def hold(self) -> None: ...
    def go_on(self) -> None: ...


class Sink(Protocol):
    """Where a stream goes: `begin` comes first, `put` for every piece, then `end`; `reply` tells what came of it."""

    def begin(self, content_type: str, source: Source) -> None: ...
    def put(self, data: bytes) -> None: ...
    def end(self) -> None: ...
    def reply(self, payload: bytes, error_type: str | None, last: bool = False) -> Reply: ...


class Gathered:
    """A stream as one answer, for Invoke. Beyond what an answer may have it is only counted."""

    def __init__(self, limit: int = failures.RESPONSE_LIMIT) -> None:
        self._limit = limit
        self._body = bytearray()
        self._size = 0

    def begin(self, content_type: str, source: Source) -> None:
        """Nobody has to be held: memory is bounded by the limit."""

    def put(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._limit:
            self._body += data

    def end(self) -> None:
        """The body is complete."""

    def reply(self, payload: bytes, error_type: str | None, last: bool = False) -> Reply:
        if error_type is None and self._size > self._limit:
            return _too_large(self._size, self._limit, last)
        return Reply(bytes(self._body) if error_type is None else payload, error_type, last)


class Flow:
    """A stream on its way to one client.

    State: `_pieces` wait for the client and have `_waiting` bytes; `_held` says that the runtime was told to wait. Once
    the client has left, pieces are only counted: the function runs to its end, since AWS bills it to its end.
    """

    def __init__(self, limit: int = STREAM_LIMIT) -> None:
        self.limit = limit
        self.begun = False
        self.content_type = ""  # as the function gave it; empty if it did not, or gave what no header can carry
        self.size = 0  # bytes that the function has streamed
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._source: Source | None = None
        self._held = False
        self._left = False
        self._closed = False
        self._news: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        state = "closed" if self._closed else "begun" if self.begun else "new"
        return f"<Flow {state} size={self.size} waiting={self._waiting}{' held' if self._held else ''}>"

    # -- from the runtime

    def begin(self, content_type: str, source: Source) -> None:
        self.begun = True
        self.content_type = content_type if _CONTENT_TYPE.fullmatch(content_type) else ""
        self._source = source
        self._tell()

    def put(self, data: bytes) -> None:
        room = self.limit - self.size
        self.size += len(data)
        if self._left or not data or room <= 0:
            return
        data = data[:room]
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting >= HIGH and not self._held and self._source is not None:
            self._held = True
            self._source.hold()
        self._tell()

    def end(self) -> None:
        """The runtime has said it all, and may be busy with something else soon."""
        self._go_on()
        self._source = None

    def reply(self, payload: bytes, error_type: str | None, last: bool = False) -> Reply:
        if error_type is None and self.size > self.limit:
            return _too_large(self.size, self.limit, last)
        return Reply(payload if error_type else b"", error_type, last)

    def close(self) -> None:
        """Nothing will come any more: the invocation is over."""
        self._closed = True
        self.end()
        self._tell()

    # -- to the client

    async def first(self) -> None:
        """Wait until it is known whether the function streams: it has begun to, or the invocation is over."""
        while not (self.begun or self._closed):
            await self._change()

    async def next(self) -> bytes | None:
        """The next piece, as large as what waits, up to PIECE; None at the end."""
        while not self._pieces:
            if self._closed:
                return None
            await self._change()
        piece = self._take()
        self._waiting -= len(piece)
        if self._waiting <= LOW:
            self._go_on()
        return piece

    def leave(self) -> None:
        """The client has gone."""
        self._left = True
        self._pieces.clear()
        self._waiting = 0
        self._go_on()

    # -- details

    def _take(self) -> bytes:
        piece = self._pieces.popleft()
        if len(piece) > PIECE:
            self._pieces.appendleft(piece[PIECE:])
            return piece[:PIECE]
        if not self._pieces or len(piece) + len(self._pieces[0]) > PIECE:
            return piece
        pieces, size = [piece], len(piece)
        while self._pieces and size + len(self._pieces[0]) <= PIECE:
            pieces.append(self._pieces.popleft())
            size += len(pieces[-1])
        return b"".join(pieces)

    def _go_on(self) -> None:
        if self._held:
            self._held = False
            if self._source is not None:
                self._source.go_on()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def _change(self) -> None:
        self._news = asyncio.get_running_loop().create_future()
        await self._news


def _too_large(size: int, limit: int, last: bool) -> Reply:
    failure = failures.too_large(size, limit)
    return Reply(failure.body, failure.error_type, last)
