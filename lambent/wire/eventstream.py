"""Event streams (`application/vnd.amazon.eventstream`): frames with headers, a payload and two checksums."""

from collections.abc import AsyncIterator, Callable, Sequence
from struct import pack
from typing import Any
from zlib import crc32

from lambent.errors import LambentError
from lambent.wire.formats import Format
from lambent.wire.formats.tree import as_it_is
from lambent.wire.shapes import Shape

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7  # the header type that AWS uses for all of the headers below


def frame(headers: Sequence[tuple[str, str]], payload: bytes) -> bytes:
    """One frame: total and header length, their CRC-32, headers, payload, and the CRC-32 of all of it."""
    block = b"".join(_header(name, value) for name, value in headers)
    prelude = pack(">II", len(block) + len(payload) + 16, len(block))
    head = prelude + pack(">I", crc32(prelude)) + block
    return b"".join((head, payload, pack(">I", crc32(payload, crc32(head)))))


def _header(name: str, value: str) -> bytes:
    raw_name, raw = name.encode(), value.encode()
    return pack(">B", len(raw_name)) + raw_name + pack(">BH", _STRING, len(raw)) + raw


def member_of(shape: Shape) -> str | None:
    """The member of an output shape that is an event stream."""
    return next((name for name, ref in shape.members.items() if ref.traits.get("eventstream")), None)


class _Kind:
    """One kind of event of a stream, compiled: the headers that never change, and how its payload is made."""

    def __init__(self, name: str, shape: Shape, form: Format) -> None:
        exception = bool(shape.traits.get("exception"))
        kind = ":exception-type" if exception else ":event-type"
        self.payload_member = next((n for n, ref in shape.members.items() if ref.traits.get("eventpayload")), None)
        inner = shape.members[self.payload_member] if self.payload_member else shape
        raw = inner.type in ("blob", "string")
        content_type = form.content_type if not raw else "application/octet-stream"
        self.encode = as_it_is if raw else form.encode_body(inner, inner.name)
        self.headers = [
            (":message-type", "exception" if exception else "event"),
            (kind, name),
            (":content-type", content_type),
        ]
        # An event without members has no payload at all.
        self.empty = not shape.members

    def frame(self, value: Any) -> bytes:
        if self.empty:
            return frame(self.headers[:2], b"")
        if self.payload_member and isinstance(value, dict):
            value = value.get(self.payload_member, b"")
        payload = self.encode(value)
        return frame(self.headers, payload.encode() if isinstance(payload, str) else payload)


class Events:
    """Makes the frames of one stream: each event by its name, with its members, or the bytes of its payload."""

    def __init__(self, shape: Shape, form: Format) -> None:
        self._form = form
        self._kinds = {name: _Kind(name, ref, form) for name, ref in shape.members.items()}

    def encode(self, name: str, value: Any) -> bytes:
        """One event's frame, for example `encode("PayloadChunk", b"…")` or `encode("InvokeComplete", {…})`."""
        if name not in self._kinds:
            raise LambentError(f"this stream has no event {name!r}; it has: {', '.join(self._kinds)}")
        return self._kinds[name].frame(value)

    def initial_response(self, body: bytes) -> bytes:
        headers = [(":message-type", "event"), (":event-type", "initial-response")]
        return frame([*headers, (":content-type", self._form.content_type)], body)

    def stream(self, events: AsyncIterator[tuple[str, Any]] | None, first: bytes = b"") -> "Frames":
        """The frames of events as they come."""
        return Frames(self.encode, events, first)


class Frames:
    """The frames of one stream; closing it closes the iterator that the events come from."""

    def __init__(
        self, encode: Callable[[str, Any], bytes], events: AsyncIterator[tuple[str, Any]] | None, first: bytes
    ) -> None:
        self._encode = encode
        self._events = events
        self._first = first

    def __aiter__(self) -> "Frames":
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, b""
        if first:
            return first
        if self._events is None:
            raise StopAsyncIteration
        name, value = await anext(self._events)
        return self._encode(name, value)

    async def aclose(self) -> None:
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()
