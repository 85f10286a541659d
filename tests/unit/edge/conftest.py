"""A connection without a socket: real bytes in, real bytes out, and time that moves when told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lambent.clock import FixedClock
from lambent.edge.http_connection import HttpConnection
from lambent.edge.http_limits import HttpLimits
from lambent.edge.http_state import Handler, ListenerState
from lambent.wire.http import Request, Response


class Wire(asyncio.Transport):
    """The client's end: a transport that keeps what was written and loses the connection as a real one does."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.protocol = protocol
        self.sent = bytearray()
        self.unsent = 0  # what get_write_buffer_size says
        self.reading = True
        self.closing = self.lost = self.aborted = self.ended = False

    def write(self, data: Any) -> None:
        assert not self.lost, "written to a lost connection"
        self.sent += data

    def writelines(self, parts: Any) -> None:
        for part in parts:
            self.write(part)

    def write_eof(self) -> None:
        self.ended = True

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.closing

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        assert self.reading, "paused twice"
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading, "resumed without a pause"
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.lose)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def lose(self) -> None:
        """The connection is gone: closed by us, or by the client."""
        self.closing = True
        if not self.lost:
            self.lost = True
            self.protocol.connection_lost(None)


class Peer:
    """One client on one connection."""

    def __init__(self, state: ListenerState) -> None:
        self.connection = HttpConnection(state)
        self.wire = Wire(self.connection)
        self.connection.connection_made(self.wire)

    def tell(self, data: bytes) -> None:
        """Send bytes without waiting for anything."""
        if not self.wire.closing:
            self.connection.data_received(data)

    async def say(self, data: bytes) -> bytes:
        """Send bytes; what the server has answered in all once it has nothing more to do."""
        self.tell(data)
        return await self.heard()

    async def heard(self) -> bytes:
        await settle()
        return bytes(self.wire.sent)


async def settle() -> None:
    """Let everything run that can run without time passing."""
    for _ in range(60):
        await asyncio.sleep(0)


class House:
    """A listener's state with a clock, and as many clients as a test wants."""

    def __init__(self, handler: Handler, limits: HttpLimits, cap: int) -> None:
        self.clock = FixedClock()
        self.state = ListenerState(handler, limits, self.clock, cap=cap)

    def connect(self) -> Peer:
        return Peer(self.state)

    async def after(self, seconds: float) -> None:
        """Let the time pass, seen by two ticks as in service."""
        self.state.tick()
        self.clock.advance(seconds)
        self.state.tick()
        await settle()


async def echo(request: Request) -> Response:
    """Answer with the request in short."""
    headers = [("X-Path", request.path), ("X-Query", request.query), ("X-Method", request.method)]
    return Response(200, headers, request.body)


@pytest.fixture
def house() -> Callable[..., House]:
    def make(handler: Handler = echo, *, cap: int = 100, **limits: Any) -> House:
        return House(handler, HttpLimits(**limits), cap)

    return make
