"""Responses to bytes: status line, headers and framing, composed in one go."""

import email.utils
import http
import json
from enum import Enum

import msgspec

from lambent.edge.http_exchange import Exchange, Refusal
from lambent.wire.http import Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {status.value: status.phrase for status in http.HTTPStatus}
# Framing is the edge's own: what a handler says of it is read below, never copied. (Response splitting, smuggling.)
_OWN = frozenset(("connection", "content-length", "transfer-encoding", "keep-alive"))


class Framing(Enum):
    """How the client knows where the body ends."""

    NONE = "none"  # HEAD, 204, 304: there is no body
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"  # HTTP/1.0 and no length known


class Answer(msgspec.Struct):
    """A composed head, and what remains to be said about the body."""

    head: bytes
    framing: Framing
    keep_alive: bool
    length: int | None = None  # of a streamed body whose handler declared it


def compose(response: Response, exchange: Exchange, *, closing: bool, date: str) -> Answer:
    """The head of the answer to `exchange`; `closing` ends the connection after it.

    Raises ValueError for a status or header that HTTP cannot carry.
    """
    status, body = response.status, response.body
    if not 200 <= status <= 999:
        raise ValueError(f"a handler answered with status {status}")
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}"]
    declared: str | None = None
    dated = False
    for name, value in response.headers:
        lower = name.lower()
        if lower not in _OWN:
            lines.append(f"{name}: {value}")
            dated = dated or lower == "date"
        elif lower == "content-length":
            declared = value
        elif lower == "connection" and value.lower() == "close":
            closing = True
    if not dated:
        lines.append(f"Date: {date}")
    framing, length = _frame(response, exchange, declared)
    keep_alive = exchange.keep_alive and not closing and framing is not Framing.CLOSE
    _add_framing(lines, framing, length, bare=status in (204, 304))
    if not keep_alive:
        lines.append("Connection: close")
    elif not exchange.http11:
        lines.append("Connection: keep-alive")
    return Answer(_encode(lines), framing, keep_alive, None if isinstance(body, bytes) else length)


def _frame(response: Response, exchange: Exchange, declared: str | None) -> tuple[Framing, int | None]:
    """The framing, and the length to declare."""
    body = response.body
    known = int(declared) if declared is not None and declared.isdecimal() else None
    if response.status in (204, 304):
        return Framing.NONE, None
    if exchange.request.method == "HEAD":
        # A handler may tell the length of what a GET would bring without making it.
        return Framing.NONE, known if known is not None or not isinstance(body, bytes) else len(body)
    if isinstance(body, bytes):
        return Framing.LENGTH, len(body)
    if known is not None:
        return Framing.LENGTH, known
    return (Framing.CHUNKED if exchange.http11 else Framing.CLOSE), None


def _add_framing(lines: list[str], framing: Framing, length: int | None, *, bare: bool) -> None:
    if bare:
        return
    if length is not None:
        lines.append(f"Content-Length: {length}")
    elif framing is Framing.CHUNKED:
        lines.append("Transfer-Encoding: chunked")


def _encode(lines: list[str]) -> bytes:
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise ValueError("a handler answered with a line break or NUL in a header")
    return f"{text}\r\n\r\n".encode("latin-1")


def refusal_response(refusal: Refusal) -> Response:
    """A refusal in the shape in which AWS's front doors answer."""
    body = json.dumps({"__type": refusal.code, "message": refusal.message}).encode()
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", refusal.code)]
    return Response(refusal.status, headers, body)


def internal_error() -> Response:
    """What the client sees of a mistake of ours: nothing of its inside."""
    return refusal_response(Refusal(500, "ServiceException", "The service encountered an internal error."))


def http_date(epoch: float) -> str:
    """`epoch` (seconds) as HTTP writes dates."""
    return email.utils.formatdate(epoch, usegmt=True)
