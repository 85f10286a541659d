"""The HTTP door of one environment, 127.0.0.1:9001 inside it; behind it lie the Runtime, Extensions and Telemetry APIs.

Each API adds its routes to the one router; the server owns the listening socket and the connections.
"""

import asyncio
import re
import socket
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from lambent.sandbox.runtime_http import ApiConnection, ApiRequest
from lambent.sandbox.runtime_replies import MOST_RESPONSE_BYTES, document

MOST_CONNECTIONS = 64  # a runtime needs one or two; the rest of our descriptors are not the function's to take
JSON = [("Content-Type", "application/json")]
TEXT = [("Content-Type", "text/plain; charset=utf-8")]
OK = b'{"status":"OK"}\n'
NOWHERE = "404"

Handler = Callable[[ApiConnection, ApiRequest], None]
Raw = Callable[[bytes], asyncio.Protocol | None]

_encode = msgspec.json.Encoder().encode


class Route(NamedTuple):
    method: str
    path: "re.Pattern[str]"
    handler: Handler


class Router:
    """Which handler answers which path; the first that matches. A handler owes its connection one `respond`."""

    def __init__(self) -> None:
        self._routes: list[Route] = []
        self.cut_off: Callable[[ApiRequest], None] = lambda request: None  # a body broke off: nobody to answer
        self.more: Callable[[], None] | None = None  # adds routes that are made only when somebody needs them
        self.opened: Handler | None = None  # sees each request before its body, and may give it a sink

    def add(self, method: str, path: "str | re.Pattern[str]", handler: Handler) -> None:
        """`path` is the whole path, or a pattern that it must match wholly."""
        self._routes.append(Route(method, re.compile(re.escape(path)) if isinstance(path, str) else path, handler))

    def serve(self, connection: ApiConnection, request: ApiRequest) -> None:
        if not request.complete:
            self.cut_off(request)
            return
        allowed = self._find(connection, request)
        if allowed == NOWHERE and self.more is not None:
            more, self.more = self.more, None
            more()
            allowed = self._find(connection, request)
        if allowed == NOWHERE:
            connection.respond(404, TEXT, b"404 page not found\n")
        elif allowed:
            connection.respond(405, [("Allow", allowed)], b"")

    def _find(self, connection: ApiConnection, request: ApiRequest) -> str:
        """Empty if there was a handler, or else the method that the path takes; NOWHERE if it is none."""
        allowed = NOWHERE
        for route in self._routes:
            if route.path.fullmatch(request.path):
                if route.method == request.method:
                    route.handler(connection, request)
                    return ""
                allowed = route.method
        return allowed


class ApiServer:
    """A listening socket that only one environment can reach, and the connections that came through it."""

    def __init__(self, listener: socket.socket, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.router = Router()
        self.shared = False  # extensions need it after the runtime's link has been closed
        self.raw: Raw | None = None  # who takes connections that do not begin with HTTP (extension_output.py)
        self._listener = listener
        self._loop = loop or asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._connections: set[ApiConnection] = set()
        self._others: set[asyncio.BaseTransport] = set()  # connections that have not said what they are, or are no HTTP
        self._lost_listeners: list[Callable[[ApiConnection], None]] = []
        self._watched = self._serving = False
        self.closed = False

    def on_lost(self, listener: Callable[[ApiConnection], None]) -> None:
        """Have `listener` told of every connection that ended."""
        self._lost_listeners.append(listener)

    def listen(self) -> None:
        """Serve as soon as somebody connects: most functions never do, and a watch costs less than a server."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener.fileno(), self._wake)
        self._watched = True

    async def serve(self) -> None:
        """Serve from now on."""
        self._unwatch()
        if self._serving or self.closed:
            return
        self._serving = True
        self._opened(await self._loop.create_server(self._accept, sock=self._listener))

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._unwatch()
        if self._opening is not None:
            self._opening.cancel()
        if self._server is not None:
            self._server.close()
        self._listener.close()
        for connection in list(self._connections):
            connection.close()
        for transport in list(self._others):
            transport.close()

    # -- details

    def _wake(self) -> None:
        self._unwatch()
        self._opening = self._loop.create_task(self.serve())

    def _opened(self, server: asyncio.Server) -> None:
        self._server = server
        if self.closed:
            server.close()

    def _unwatch(self) -> None:
        if self._watched:
            self._watched = False
            self._loop.remove_reader(self._listener.fileno())

    def _accept(self) -> asyncio.Protocol:
        return self._welcome() if self.raw is None else _Doorman(self)

    def _welcome(self) -> ApiConnection:
        welcome = self.has_room()
        connection = ApiConnection(self.router.serve, self._lost, MOST_RESPONSE_BYTES, welcome)
        connection.opened = self.router.opened
        self._connections.add(connection)
        return connection

    def _lost(self, connection: ApiConnection) -> None:
        self._connections.discard(connection)
        for listener in self._lost_listeners:
            listener(connection)

    def has_room(self) -> bool:
        return len(self._connections) + len(self._others) < MOST_CONNECTIONS and not self.closed

    def guide(self, first: bytes, transport: asyncio.BaseTransport) -> asyncio.Protocol:
        """The protocol for a connection that begins with `first`."""
        reader = self.raw(first) if self.raw is not None else None
        if reader is not None:
            return _Counted(reader, lambda: self._others.discard(transport))
        self._others.discard(transport)
        return self._welcome()

    def came(self, transport: asyncio.BaseTransport) -> None:
        if self.has_room():
            self._others.add(transport)
        else:
            transport.close()

    def went(self, transport: asyncio.BaseTransport) -> None:
        self._others.discard(transport)


class _Doorman(asyncio.Protocol):
    """Looks at the first bytes of a connection and hands it to whom they are meant for."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's are not of that class
        self._server.came(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.went(self._transport)

    def data_received(self, data: bytes) -> None:
        protocol = self._server.guide(data, self._transport)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(data)


class _Counted(asyncio.Protocol):
    """Another protocol, whose end is told."""

    def __init__(self, inner: asyncio.Protocol, ended: Callable[[], None]) -> None:
        self._inner = inner
        self._ended = ended
        self.connection_made = inner.connection_made  # type: ignore[method-assign]
        self.data_received = inner.data_received  # type: ignore[method-assign]

    def connection_lost(self, error: Exception | None) -> None:
        self._ended()
        self._inner.connection_lost(error)


def refuse(connection: ApiConnection, status: int, message: str, kind: str) -> None:
    connection.respond(status, JSON, document(kind, message) + b"\n")


def refuse_transition(connection: ApiConnection, wanted: str) -> None:
    """The call is not one that the runtime may make in its present state."""
    refuse(
        connection,
        403,
        f"State transition to {wanted} failed for runtime. Error: not allowed",
        "InvalidStateTransition",
    )


def answer_json(connection: ApiConnection, status: int, value: object, headers: list[tuple[str, str]] = []) -> None:  # noqa: B006
    connection.respond(status, JSON + headers, _encode(value))
