"""What an HTTP message is to Lambent, whoever carries it: two nouns and nothing else."""

from collections.abc import AsyncIterator

import msgspec


class Request(msgspec.Struct):
    """One request, read completely."""

    method: str
    path: str  # raw: percent-encoded as the client sent it
    query: str  # raw, without the "?"
    headers: dict[str, str]  # names in lower case; the values of a repeated name are joined with ","
    body: bytes
    client: str = ""  # address of the other end of the connection; "" if it has none


class Response(msgspec.Struct):
    """One answer: all of its body at once, or as an iterator that the edge sends piece by piece and then closes."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[bytes]
