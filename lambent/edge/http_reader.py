"""Bytes to requests: what one connection sends, read strictly and within limits, without I/O and without a clock."""

from collections import deque

import httptools

from lambent.edge.http_exchange import NAMES, Exchange, Refusal, learn_name, malformed, split_target
from lambent.edge.http_limits import HttpLimits, Spool
from lambent.wire.http import Request

_METHODS = {m.encode(): m for m in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")}
_UNUSUAL = frozenset(("expect", "transfer-encoding", "upgrade"))


# Where in a message the reader stands. Not an Enum: looking one up costs as much as decoding a header.
IDLE, HEAD, BODY = 0, 1, 2


class RequestReader:
    """Collects what the parser finds into `ready`: exchanges in order, and as the last item perhaps a Refusal.

    `finished` says that the connection will bring nothing more that counts: the client said close, or was refused.
    """

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._small = limits.body if limits.spooler is None else min(limits.body, limits.spool_from)
        self.spool: Spool | None = None  # where the body goes that is being read
        self._parser = httptools.HttpRequestParser(self)
        self.client = ""  # address of the other end
        self.ready: deque[Exchange | Refusal] = deque()
        self._headers: dict[str, str]
        self._body: bytearray | None
        self.waiting_bytes = 0  # of the bodies in `ready`
        self.begun = 0  # messages begun so far
        self.continue_due = False  # the client waits for "100 Continue" before it sends the body
        self.finished = False
        self._reset()

    def _reset(self) -> None:
        """Forget the message that was read, for the next."""
        if self.spool is not None:
            self.spool.discard()
            self.spool = None
        self.phase = IDLE
        self.size = 0  # of the body so far
        self._target, self._piece = b"", b""
        self._headers = {}
        self._lines: list[tuple[bytes, bytes]] = []  # headers as they come; of the trailers, which are ignored, too
        self._body = None
        self._barren = self._fruit = 0
        self._upgrade = False  # an offer to upgrade came, and a body that the parser overlooks

    def feed(self, data: bytes | memoryview) -> None:
        """Read the next bytes of the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._give_up(error)
        if self.phase:
            self._count_barren(len(data))

    def take(self) -> Exchange | Refusal:
        """The next item of `ready`, which must not be empty."""
        item = self.ready.popleft()
        if isinstance(item, Exchange):
            self.waiting_bytes -= len(item.request.body)
        return item

    def refuse(self, refusal: Refusal) -> None:
        """End the reading with an answer that comes after those to all complete requests."""
        if not self.finished:
            self._reset()
            self.finished, self.continue_due = True, False
            self.ready.append(refusal)

    def close(self) -> None:
        """Let go of the parser, which holds this reader in a circle that only the garbage collector would break."""
        self.finished = True
        for item in self.ready:
            if isinstance(item, Exchange) and item.request.spool is not None:
                item.request.spool.discard()
        self._reset()
        del self._parser

    # What the parser calls, in this order

    def on_message_begin(self) -> None:
        self._reset()
        self.phase = HEAD
        self.begun += 1

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines.append((name, value))  # no more here: this is called a dozen times for each request

    def on_headers_complete(self) -> None:
        self.phase = BODY
        headers = self._headers = self._take_headers()
        parser = self._parser
        raw_method = parser.get_method()
        self._method = _METHODS.get(raw_method) or raw_method.decode()
        # A connection that is kept without a word about it speaks HTTP/1.1; asking the parser takes longer.
        self._http11 = True
        if "connection" in headers or not parser.should_keep_alive():
            self._check_version(parser.get_http_version())
        if self._http11 and "host" not in headers:
            raise malformed("The request has no Host header.")
        length = headers.get("content-length")
        if length is not None and int(length) > self._small:
            self._find_room(headers, int(length))
        if self._method == "CONNECT":
            raise Refusal(405, "BadRequestException", "This is not a proxy: CONNECT is not served.")
        if not headers.keys().isdisjoint(_UNUSUAL):
            self._read_unusual(headers, length)

    def on_body(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.spool is not None:
            self.spool.feed(piece)
            return
        if self.size > self._limits.body:
            raise self._too_large()
        if self._body is not None:
            self._body += piece
        elif not self._piece:
            self._piece = piece
        else:
            # One growing buffer, not a list: a body in chunks of one byte must not cost fifty times its size.
            self._body = bytearray(self._piece)
            self._body += piece

    def on_message_complete(self) -> None:
        if self._upgrade:
            return  # the parser believes that no body follows an upgrade; `_go_on` knows better
        path, query = split_target(self._target)
        body = self._piece if self._body is None else bytes(self._body)
        keep_alive = self._parser.should_keep_alive()
        request = Request(self._method, path, query, self._headers, body, self.client)
        if self.spool is not None:
            self.spool.end()
            request.spool, self.spool = self.spool, None
        self.ready.append(Exchange(request, keep_alive, self._http11))
        self.waiting_bytes += len(body)
        self.finished = not keep_alive
        self.continue_due = False
        self.phase, self.size, self._piece, self._body = IDLE, 0, b"", None

    # The unusual

    @property
    def congested(self) -> bool:
        """The body is coming faster than the disk takes it."""
        return self.spool is not None and self.spool.congested

    def _find_room(self, headers: dict[str, str], length: int) -> None:
        """A large body goes to disk if somebody wants it there, or into memory if it is not too large for that."""
        limits = self._limits
        if limits.spooler is not None:
            self.spool = limits.spooler(self._method, *split_target(self._target), headers)
        if self.spool is None and length > limits.body:
            raise self._too_large()

    def _read_unusual(self, headers: dict[str, str], length: str | None) -> None:
        coding = headers.get("transfer-encoding")
        if coding is not None and not self._http11:
            raise malformed("An HTTP/1.0 request cannot be chunked.")  # RFC 9112 6.1: its framing is not to be trusted
        if coding is not None and coding.lower() != "chunked":
            message = f"Transfer-Encoding {coding!r} is not understood here; use chunked."
            raise Refusal(501, "NotImplementedException", message)
        has_body = coding is not None or (length is not None and int(length) > 0)
        if self._http11 and "expect" in headers:
            if headers["expect"].lower() != "100-continue":
                raise Refusal(417, "ExpectationFailed", f"The expectation {headers['expect']!r} cannot be met.")
            self.continue_due = has_body
        self._upgrade = has_body and self._parser.should_upgrade()

    def _go_on(self, rest: bytes | memoryview) -> None:
        """Read on as plain HTTP after an offer to upgrade, which may always be ignored (RFC 9110 7.8). Java's client
        offers h2c with every first request, and its body must not be lost."""
        if self._upgrade:
            self._read_body_apart()
        if len(rest):
            self.feed(rest)

    def _read_body_apart(self) -> None:
        """Go on with a parser that knows only this body; the connection then closes, as it cannot see what follows."""
        chunked = "transfer-encoding" in self._headers
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {self._headers['content-length']}"
        self._upgrade = False
        self._parser = httptools.HttpRequestParser(_BodyOnly(self))
        self._parser.feed_data(f"POST / HTTP/1.1\r\nConnection: close\r\n{framing}\r\n\r\n".encode())

    def _give_up(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__
        if isinstance(cause, Refusal):
            self.refuse(cause)
        elif isinstance(error, httptools.HttpParserCallbackError):
            raise error  # a mistake of ours, which must not be blamed on the client
        else:
            self.refuse(malformed(f"The request is not valid HTTP/1.1: {error}."))

    def _count_barren(self, fed: int) -> None:
        """Bound what the parser holds before it tells of it: a name, value or chunk extension without an end."""
        if self.size != self._fruit:
            self._fruit, self._barren = self.size, 0
            return
        self._barren += fed
        # Some of these bytes may belong to the message before: hence the double limit. The exact one comes later.
        if self._barren > 2 * self._limits.head or len(self._lines) > 2 * self._limits.headers:
            self.refuse(self._head_too_large())

    def _check_version(self, version: str) -> None:
        self._http11 = version == "1.1"
        if not self._http11 and version != "1.0":
            raise Refusal(505, "BadRequestException", f"HTTP/{version} is not spoken here; use HTTP/1.1.")

    def _take_headers(self) -> dict[str, str]:
        """The headers by name; what came more than once is joined, but a second Host is refused (RFC 9112 3.2)."""
        lines = self._lines
        size = len(self._target) + 4 * len(lines)
        headers: dict[str, str] = {}
        repeated: list[tuple[str, str]] = []
        for raw_name, raw_value in lines:
            size += len(raw_name) + len(raw_value)
            name = NAMES.get(raw_name) or learn_name(raw_name)
            if name in headers:
                repeated.append((name, raw_value.decode("latin-1").rstrip(" \t")))
            else:
                headers[name] = raw_value.decode("latin-1").rstrip(" \t")
        if size > self._limits.head or len(lines) > self._limits.headers:
            raise self._head_too_large()
        if repeated:
            _join(headers, repeated)
        return headers

    def _head_too_large(self) -> Refusal:
        limits = self._limits
        message = f"Request line and headers must be smaller than {limits.head} bytes, and at most {limits.headers}."
        return Refusal(431, "RequestHeaderFieldsTooLarge", message)

    def _too_large(self) -> Refusal:
        message = f"Request must be smaller than {self._limits.body} bytes"
        return Refusal(413, "RequestEntityTooLargeException", message)


class _BodyOnly:
    """The callbacks for a parser that reads nothing but a body; it announces its own head, which is dropped."""

    def __init__(self, reader: RequestReader) -> None:
        self.on_body = reader.on_body
        self.on_header = reader.on_header
        self.on_message_complete = reader.on_message_complete


def _join(headers: dict[str, str], repeated: list[tuple[str, str]]) -> None:
    # Joined once at the end: joining at each repetition would cost a hostile head its length squared.
    values: dict[str, list[str]] = {}
    for name, value in repeated:
        values.setdefault(name, [headers[name]]).append(value)
    if "host" in values:
        raise malformed("The request has more than one Host header.")
    for name, several in values.items():
        headers[name] = ",".join(several)
