"""The frames of a streamed answer: CHUNK after CHUNK, then END. Bytes in, what they say to a sink; no I/O.

The meta of the first CHUNK may have `content_type`; that of END has `type` if the function failed, with the error
document as its body, and `last` if the runtime ends behind it.
"""

import asyncio
import struct
from typing import Any

import msgspec

from lambent.sandbox.streamed import Gathered, Sink, Source

HEADER = struct.Struct(">B3xII16s")
CHUNK, END = 21, 22
LARGEST_CHUNK = 1 << 20  # bytes; our guests send a quarter of it at most
LARGEST_META = 1 << 20
_from_json = msgspec.json.Decoder(dict[str, Any]).decode

Frame = tuple[int, bytes, bytes]  # type, meta, body


class BadFrame(Exception):
    """The runtime said what does not belong into its stream."""


class StreamFrames:
    """One streamed answer as it comes in. Mutable state: `_parts`, what came of a frame that is not complete."""

    def __init__(self, token: bytes, sink: Sink | None, source: Source, waiting: "asyncio.Future[Frame]") -> None:
        self.sink = sink if sink is not None else Gathered()
        self.waiting = waiting  # for END
        self._token = token
        self._source = source
        self._wanted = HEADER.size  # bytes that must be there before it is worth another look
        self._parts: list[bytes] = []
        self._size = 0
        self._begun = False

    def feed(self, data: bytes) -> Frame | None:
        """Pass on the chunks in `data`; the END frame if it is there. Raises BadFrame."""
        self._parts.append(data)
        self._size += len(data)
        if self._size < self._wanted:
            return None
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        start = 0
        while len(data) - start >= HEADER.size:
            kind, meta_size, body_size, token = HEADER.unpack_from(data, start)
            self._check(kind, meta_size, body_size, token)
            body_at = start + HEADER.size + meta_size
            end = body_at + body_size
            if len(data) < end:
                self._keep(data[start:], end - start)
                return None
            meta = data[start + HEADER.size : body_at]
            if kind == END:
                return self._ended(data, end, (END, meta, data[body_at:end]))
            self._chunk(meta, data[body_at:end])
            start = end
        self._keep(data[start:], HEADER.size)
        return None

    # -- details

    def _check(self, kind: int, meta_size: int, body_size: int, token: bytes) -> None:
        if token != self._token:
            raise BadFrame("a frame that belongs to no invocation, within a stream")
        if kind != CHUNK and (kind != END or not self._begun):
            raise BadFrame(f"a frame of type {kind} within a stream")
        if meta_size > LARGEST_META or body_size > LARGEST_CHUNK:
            raise BadFrame("a frame too large for a stream")

    def _chunk(self, meta: bytes, body: bytes) -> None:
        if not self._begun:
            self._begun = True
            self.sink.begin(_content_type(meta), self._source)
        self.sink.put(body)

    def _ended(self, data: bytes, end: int, frame: Frame) -> Frame:
        if len(data) > end:
            raise BadFrame("more behind the end of a stream")
        self.sink.end()
        return frame

    def _keep(self, rest: bytes, wanted: int) -> None:
        self._parts = [rest] if rest else []
        self._size = len(rest)
        self._wanted = wanted


def _content_type(meta: bytes) -> str:
    try:
        found = _from_json(meta).get("content_type") if meta else None
    except msgspec.DecodeError:
        return ""
    return found if isinstance(found, str) else ""
