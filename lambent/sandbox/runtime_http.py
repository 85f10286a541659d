"""HTTP between the Runtime API and one custom runtime: requests in, one answer each, nothing of Lambda.

The peer is a function's own code and may send anything, so all that it can make us keep is bounded.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

import httptools
import msgspec

from lambent.sandbox.streamed import Sink

# Runtimes send an X-Ray cause of up to 1 MB in a header.
MOST_HEADER_BYTES = 1536 * 1024
MOST_QUEUED_REQUESTS = 16
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Serve = Callable[["ApiConnection", "ApiRequest"], None]


class ApiRequest(msgspec.Struct):
    """One request of the runtime. Header names are in lower case; trailers are kept apart from headers."""

    method: str = ""
    path: str = ""
    headers: dict[str, str] = {}
    trailers: dict[str, str] = {}
    body: bytearray = msgspec.field(default_factory=bytearray)
    size: int = 0  # bytes of body that were sent; `body` holds the first `limit` of them
    keep_alive: bool = True
    complete: bool = False  # False: the connection broke while the body was coming
    sink: Sink | None = None  # where the body goes as it comes, in place of `body`


class ApiConnection(asyncio.Protocol):
    """One connection. Mutable state: the request being read, and those read but not yet answered, in order.

    `serve` is called with one request at a time and must lead to one `respond` for it, now or later; it is called with
    an incomplete request when the connection breaks within a body, to which there is no answer. `opened` sees a request
    before its body, unless an earlier one is still unanswered, and may give it a sink.
    """

    opened: Callable[["ApiConnection", ApiRequest], None] | None = None

    def __init__(self, serve: Serve, lost: Callable[["ApiConnection"], None], body_limit: int, welcome: bool) -> None:
        self._serve = serve
        self._lost = lost
        self._limit = body_limit
        self._welcome = welcome
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._reading: ApiRequest | None = None
        self._in_body = False
        self._header_bytes = 0
        self._queue: deque[ApiRequest] = deque()
        self._answering: ApiRequest | None = None

    @property
    def alive(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer the request that `serve` was last called with, then go on to the next one."""
        request, self._answering = self._answering, None
        keep_alive = request is not None and request.keep_alive
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(_head(status, headers, len(body), keep_alive) + body)
        if keep_alive:
            self._serve_next()
        else:
            self._transport.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def hold(self) -> None:
        if self.alive and self._transport is not None:
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self.alive and self._transport is not None:
            self._transport.resume_reading()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not of that class
        if not self._welcome:
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._lost(self)
        if self._reading is not None and self._in_body:
            self._serve(self, self._reading)

    def data_received(self, data: bytes) -> None:
        try:
            if not self._in_body:
                self._count_header_bytes(len(data))
                data = _without_upgrade(data)
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, _TooMuch):
            self._refuse()

    # -- callbacks of httptools

    def on_message_begin(self) -> None:
        self._reading = ApiRequest(headers={}, trailers={})
        self._in_body = False
        if len(self._queue) >= MOST_QUEUED_REQUESTS:
            raise _TooMuch

    def on_url(self, url: bytes) -> None:
        assert self._reading is not None
        self._reading.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._reading is not None
        if self._in_body:
            self._count_header_bytes(len(name) + len(value))
        kept = self._reading.trailers if self._in_body else self._reading.headers
        kept[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        request = self._reading
        assert request is not None
        request.method = self._parser.get_method().decode("latin-1")
        request.path = _path(request.path)
        request.keep_alive = self._parser.should_keep_alive()
        self._in_body = True
        if request.headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(CONTINUE)
        if self.opened is not None and self._answering is None:
            self.opened(self, request)

    def on_body(self, data: bytes) -> None:
        request = self._reading
        assert request is not None
        request.size += len(data)
        if request.sink is not None:
            request.sink.put(data)
            return
        room = self._limit - len(request.body)
        request.body += data if len(data) <= room else data[: max(0, room)]

    def on_message_complete(self) -> None:
        request, self._reading = self._reading, None
        assert request is not None
        request.complete = True
        self._in_body = False
        self._header_bytes = 0
        self._queue.append(request)
        self._serve_next()

    # -- details

    def _serve_next(self) -> None:
        if self._answering is None and self._queue:
            self._answering = self._queue.popleft()
            self._serve(self, self._answering)

    def _count_header_bytes(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > MOST_HEADER_BYTES:
            raise _TooMuch

    def _refuse(self) -> None:
        """Answer what is no HTTP, or too much of it, and hang up: the rest of the stream cannot be understood."""
        broken, self._reading = self._reading, None
        self._queue.clear()
        if broken is not None and broken.sink is not None:
            self._serve(self, broken)  # nobody can send the same stream again
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_head(400, [], 0, keep_alive=False))
            self._transport.close()


class _TooMuch(Exception):
    """The peer sends more than a runtime has reason to."""


def _without_upgrade(data: bytes) -> bytes:
    """The same request without the offer of HTTP/2 that Java's client makes: the parser would skip its body."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nX-Offered:", head) + end + rest if b"pgrade" in head else data


def _path(url: str) -> str:
    """The path of a request target, without query; also of the absolute form that proxies are sent."""
    if url.startswith("http://"):
        url = "/" + url[len("http://") :].partition("/")[2]
    return url.partition("?")[0]


def _head(status: int, headers: list[tuple[str, str]], length: int, keep_alive: bool) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines.append(f"Content-Length: {length}")
    if not keep_alive:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
