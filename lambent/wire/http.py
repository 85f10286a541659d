"""What an HTTP message is to Lambent, whoever carries it: two nouns, and what a body is that memory need not hold."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec

from lambent.wire.form_data import FormReader


class Spooled(Protocol):
    """A large body, which went to disk while it arrived. What is said of it holds once it is settled."""

    @property
    def is_settled(self) -> bool:
        """Whoever asked for that has been told."""
        ...

    @property
    def size(self) -> int:
        """Bytes, without the framing of chunks that a client signs one by one."""
        ...

    @property
    def trailers(self) -> Mapping[str, str]:
        """Headers that came behind the last chunk."""
        ...

    @property
    def chunk_marks(self) -> bytes:
        """Of each signed chunk, and of the last, empty one: its signature (64 digits) and SHA-256 (32 bytes)."""
        ...

    @property
    def trailer_bytes(self) -> bytes:
        """What came behind the last chunk, as it was."""
        ...

    @property
    def form(self) -> FormReader | None:
        """The form that it is the file of."""
        ...

    def digest(self, algorithm: str) -> bytes:
        """Its checksum, by the names of S3 (SHA256, CRC32, …)."""
        ...

    async def settled(self) -> None:
        """Return once all of it is on disk. Raises AwsError for a body that is not whole, or found no room."""
        ...

    def discard(self) -> None:
        """Forget what nobody has taken."""
        ...


class Request(msgspec.Struct):
    """One request, read completely."""

    method: str
    path: str  # raw: percent-encoded as the client sent it
    query: str  # raw, without the "?"
    headers: dict[str, str]  # names in lower case; the values of a repeated name are joined with ","
    body: bytes
    client: str = ""  # address of the other end of the connection; "" if it has none
    spool: Spooled | None = None  # the body, where it is too large for memory; `body` is empty then


class Response(msgspec.Struct):
    """One answer: all of its body at once, or as an iterator that the edge sends piece by piece and then closes."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[bytes]


def netloc(host: str, port: int) -> str:
    """A host and its port as URLs have them: an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
