"""The CBOR (RFC 8949) that Smithy's rpc-v2-cbor allows: no tags but 1 (epoch seconds), no simple values but three.

Of our own rather than cbor2's: see docs/decisions/0002-own-cbor.md.
"""

import struct
from datetime import datetime
from typing import Any

from lambent.wire.faults import malformed
from lambent.wire.timestamps import from_number, to_unix

_DEEPEST = 128
_BREAK = object()
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: (">e", 2), 26: (">f", 4), 27: (">d", 8)}


def decode(body: bytes) -> Any:
    """The one item that the bytes hold. Raises SerializationException."""
    reader = _Reader(body)
    item = reader.item(0)
    if item is _BREAK or reader.at != len(body):
        raise malformed("Invalid CBOR: bytes after the end of the item")
    return item


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def _take(self, count: int) -> bytes:
        piece = self._data[self.at : self.at + count]
        if len(piece) != count:
            raise malformed("Invalid CBOR: unexpected end of input")
        self.at += count
        return piece

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise malformed(f"Invalid CBOR: additional information {info}")
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def item(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise malformed("Invalid CBOR: nested too deeply")
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info)
        if info == 31:
            return self._indefinite(major, depth)
        return self._definite(major, self._argument(info), depth)

    def _definite(self, major: int, argument: int, depth: int) -> Any:
        if major == 0:
            return argument
        if major == 1:
            return -1 - argument
        if major == 2:
            return self._take(argument)
        if major == 3:
            return _text(self._take(argument))
        if major == 4:
            # Lengths are claims: items are read one by one, so a huge claim ends at the end of the input.
            return [self._value(depth) for _ in range(argument)]
        if major == 5:
            return {self._key(depth): self._value(depth) for _ in range(argument)}
        return self._tagged(argument, depth)

    def _indefinite(self, major: int, depth: int) -> Any:
        if major not in (2, 3, 4, 5):
            raise malformed("Invalid CBOR: this type has no indefinite length")
        items: list[Any] = []
        while (item := self.item(depth + 1)) is not _BREAK:
            items.append(item)
        if major == 4:
            return items
        if major == 5:
            if len(items) % 2 or not all(isinstance(key, str) for key in items[::2]):
                raise malformed("Invalid CBOR: a map needs text keys and a value for each")
            return dict(zip(items[::2], items[1::2], strict=True))
        kind: type = bytes if major == 2 else str
        if not all(isinstance(item, kind) for item in items):
            raise malformed("Invalid CBOR: a string of pieces of another type")
        return kind().join(items)

    def _value(self, depth: int) -> Any:
        item = self.item(depth + 1)
        if item is _BREAK:
            raise malformed("Invalid CBOR: unexpected break")
        return item

    def _key(self, depth: int) -> str:
        key = self.item(depth + 1)
        if not isinstance(key, str):
            raise malformed("Invalid CBOR: a map needs text keys")
        return key

    def _tagged(self, tag: int, depth: int) -> Any:
        item = self._value(depth)
        if tag != 1 or isinstance(item, bool) or not isinstance(item, int | float):
            raise malformed(f"Invalid CBOR: tag {tag}")
        return from_number(item)

    def _simple(self, info: int) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info in _FLOATS:
            layout, size = _FLOATS[info]
            return struct.unpack(layout, self._take(size))[0]
        if info == 31:
            return _BREAK
        raise malformed(f"Invalid CBOR: simple value {info}")


def _text(piece: bytes) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        raise malformed("Invalid CBOR: text that is not UTF-8") from None


def encode(value: Any) -> bytes:
    """The bytes of a value; datetimes as tag 1, floats in 8 bytes."""
    out = bytearray()
    _write(value, out)
    return bytes(out)


def _head(major: int, argument: int, out: bytearray) -> None:
    if argument < 24:
        out.append(major << 5 | argument)
        return
    size = next((power for power in range(4) if argument < 1 << (8 << power)), 3)
    out.append(major << 5 | 24 + size)
    out += argument.to_bytes(1 << size, "big")


def _write(value: Any, out: bytearray) -> None:
    if value is None or isinstance(value, bool):
        out.append({None: 0xF6, False: 0xF4, True: 0xF5}[value])
    elif isinstance(value, str):
        raw = value.encode()
        _head(3, len(raw), out)
        out += raw
    elif isinstance(value, int):
        _head(0 if value >= 0 else 1, value if value >= 0 else -1 - value, out)
    elif isinstance(value, float):
        out += b"\xfb" + struct.pack(">d", value)
    elif isinstance(value, bytes):
        _head(2, len(value), out)
        out += value
    else:
        _write_container(value, out)


def _write_container(value: Any, out: bytearray) -> None:
    if isinstance(value, datetime):
        _head(6, 1, out)
        _write(to_unix(value), out)
    elif isinstance(value, dict):
        _head(5, len(value), out)
        for key, item in value.items():
            _write(key, out)
            _write(item, out)
    else:
        _head(4, len(value), out)
        for item in value:
            _write(item, out)
