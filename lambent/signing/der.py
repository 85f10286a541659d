"""ASN.1 as far as signatures need it: reading BER, which AWS Signer writes, and writing DER (X.690)."""

from collections.abc import Iterable

import msgspec

INTEGER, OCTETS, OID, UTF8, SEQUENCE, SET, TIME = 0x02, 0x04, 0x06, 0x0C, 0x30, 0x31, 0x18
UTC_TIME = 0x17

_CONSTRUCTED = 0x20
_DEEPEST = 32


class Element(msgspec.Struct, frozen=True):
    """One element: its tag byte, what is in it, and the whole as it was written."""

    tag: int
    body: bytes
    raw: bytes
    depth: int = 0

    def children(self) -> list["Element"]:
        return read_all(self.body, self.depth + 1)


def read_one(data: bytes) -> Element:
    """The one element that these bytes are. Raises ValueError."""
    found = read_all(data)
    if len(found) != 1:
        raise ValueError("not one element")
    return found[0]


def read_all(data: bytes, depth: int = 0) -> list[Element]:
    """The elements that follow each other in these bytes. Raises ValueError."""
    found, at = [], 0
    while at < len(data):
        element, at = _read(data, at, depth)
        found.append(element)
    return found


def write(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def sequence(*parts: bytes) -> bytes:
    return write(SEQUENCE, b"".join(parts))


def set_of(parts: Iterable[bytes], tag: int = SET) -> bytes:
    """DER wants the members of a SET OF in order."""
    return write(tag, b"".join(sorted(parts)))


def integer(number: int) -> bytes:
    return write(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    return write(OID, b"".join(map(_base128, [first * 40 + second, *rest])))


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes(reversed(digits))


def _read(data: bytes, at: int, depth: int) -> tuple[Element, int]:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if at + 2 > len(data) or data[at] & 0x1F == 0x1F:
        raise ValueError("no element")
    tag, size, start = data[at], data[at + 1], at + 2
    if size == 0x80:
        return _read_indefinite(data, at, depth)
    if size > 0x80:
        more = size & 0x7F
        size, start = int.from_bytes(data[start : start + more], "big"), start + more
    end = start + size
    if end > len(data):
        raise ValueError("cut short")
    return Element(tag, data[start:end], data[at:end], depth), end


def _read_indefinite(data: bytes, at: int, depth: int) -> tuple[Element, int]:
    """An element that two zero bytes end."""
    if not data[at] & _CONSTRUCTED:
        raise ValueError("no end in sight")
    end = at + 2
    while data[end : end + 2] != b"\0\0":
        _, end = _read(data, end, depth + 1)
    return Element(data[at], data[at + 2 : end], data[at : end + 2], depth), end + 2
