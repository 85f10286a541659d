"""Bodies that S3's clients sign piece by piece (`aws-chunked`), turned into the plain bodies that they stand for."""

from typing import NamedTuple

import msgspec

from lambent.wire.faults import incomplete
from lambent.wire.http import Request


def is_chunked(request: Request) -> bool:
    return request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-") or "aws-chunked" in (
        request.headers.get("content-encoding", "")
    )


def plain(request: Request) -> Request:
    """The request as if it had been sent whole: its body, with the trailing headers among the others."""
    body, trailers = (b"", request.spool.trailers) if request.spool is not None else decode(request.body)
    size = len(body) if request.spool is None else request.spool.size
    said = request.headers.get("x-amz-decoded-content-length")
    if said is not None and said != str(size):
        raise incomplete("You did not provide the number of bytes specified by the Content-Length HTTP header.")
    headers = {**request.headers, **trailers, "content-length": str(size)}
    encoding = _without_chunked(headers.pop("content-encoding", ""))
    if encoding:
        headers["content-encoding"] = encoding
    return msgspec.structs.replace(request, headers=headers, body=body)


def decode(body: bytes) -> tuple[bytes, dict[str, str]]:
    """The data of all chunks, and the trailing headers. Signatures of chunks are iam's to look at."""
    pieces: list[bytes] = []
    at = 0
    while True:
        piece = chunk(body, at)
        at = piece.end
        if not piece.data:
            return b"".join(pieces), trailers_of(body[at:])
        pieces.append(piece.data)


class Chunk(NamedTuple):
    """One piece of a body; the last has no data, and trailing headers may follow it."""

    data: bytes
    signature: str  # "" if it has none
    end: int  # where the next begins


def chunk(body: bytes, at: int) -> Chunk:
    """The chunk that begins at `at`. Raises AwsError if it does not end as it says."""
    line_end = body.find(b"\r\n", at)
    size, begin = _size(body, at)
    _, _, signature = body[at:line_end].partition(b"chunk-signature=")
    if size and body[begin + size : begin + size + 2] != b"\r\n":
        raise incomplete("The request body terminated unexpectedly")
    end = begin + size + 2 if size else begin
    return Chunk(body[begin : begin + size], signature.strip().decode("latin-1"), end)


def _size(body: bytes, at: int) -> tuple[int, int]:
    """A chunk's size, and where its data begins."""
    end = body.find(b"\r\n", at)
    digits = body[at:end].partition(b";")[0].strip()
    if end < 0 or not 0 < len(digits) <= 16 or not all(digit in b"0123456789abcdefABCDEF" for digit in digits):
        raise incomplete("The request body terminated unexpectedly")
    return int(digits, 16), end + 2


def trailers_of(tail: bytes) -> dict[str, str]:
    """The headers behind the last chunk."""
    lines = (line.partition(b":") for line in tail.split(b"\r\n") if b":" in line)
    return {name.decode("latin-1").strip().lower(): value.decode("latin-1").strip() for name, _, value in lines}


def _without_chunked(encoding: str) -> str:
    return ",".join(part.strip() for part in encoding.split(",") if part.strip() not in ("", "aws-chunked"))
