"""Responses to bytes: status line, headers and framing, composed in one go."""

import email.utils
import http
import json
from typing import Final, Literal

import msgspec

from lambent.edge.http_exchange import Exchange, Refusal
from lambent.wire.http import Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in http.HTTPStatus if status >= 200}
# Framing is the edge's own: what a handler says of it is read below, never copied. (Response splitting, smuggling.)
_BODILESS = frozenset((204, 304))
_OWN = frozenset(("connection", "content-length", "date", "keep-alive", "transfer-encoding"))


# How the client knows where the body ends; BARE is the answer to HEAD, 204 and 304, which have none, and CLOSE what is
# left for HTTP/1.0 when no length is known.
Framing = Literal["bare", "length", "chunked", "close"]
BARE: Final = "bare"
LENGTH: Final = "length"
CHUNKED: Final = "chunked"
CLOSE: Final = "close"


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
    lines = [_STATUS.get(status) or _status_line(status)]
    declared: str | None = None
    dated = False
    for name, value in response.headers:
        lower = name.lower()
        if lower not in _OWN:
            lines.append(f"{name}: {value}")
        elif lower == "date":
            lines.append(f"{name}: {value}")
            dated = True
        elif lower == "content-length":
            declared = value
        elif lower == "connection" and value.lower() == "close":
            closing = True
    if not dated:
        lines.append(date)
    framing, length = _frame(response, exchange, declared)
    if length is not None:
        lines.append(f"Content-Length: {length}")
    elif framing == CHUNKED:
        lines.append("Transfer-Encoding: chunked")
    keep_alive = exchange.keep_alive and not closing and framing != CLOSE
    if not keep_alive:
        lines.append("Connection: close")
    elif not exchange.http11:
        lines.append("Connection: keep-alive")
    return Answer(_encode(lines), framing, keep_alive, None if isinstance(body, bytes) else length)


def _status_line(status: int) -> str:
    if not 200 <= status <= 999:
        raise ValueError(f"a handler answered with status {status}")
    return f"HTTP/1.1 {status} "


def _frame(response: Response, exchange: Exchange, declared: str | None) -> tuple[Framing, int | None]:
    """The framing, and the length to declare."""
    body = response.body
    if isinstance(body, bytes) and response.status not in _BODILESS and exchange.request.method != "HEAD":
        return LENGTH, len(body)
    known = int(declared) if declared is not None and declared.isdecimal() else None
    if response.status in _BODILESS:
        return BARE, None
    if exchange.request.method == "HEAD":
        # A handler may tell the length of what a GET would bring without making it.
        return BARE, known if known is not None or not isinstance(body, bytes) else len(body)
    if known is not None:
        return LENGTH, known
    return (CHUNKED if exchange.http11 else CLOSE), None


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


def date_line(epoch: float) -> str:
    """The Date header for `epoch` seconds."""
    return f"Date: {email.utils.formatdate(epoch, usegmt=True)}"
