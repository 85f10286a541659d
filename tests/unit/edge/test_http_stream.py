"""Answers that are sent piece by piece."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lambent.edge.http_state import Handler
from lambent.wire.http import Request, Response

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Pieces:
    """A body that notes how far it was asked and that it was closed."""

    def __init__(self, *pieces: bytes | Exception, hang: bool = False) -> None:
        self._pieces = list(pieces)
        self._hang = hang
        self.asked = 0
        self.closed = self.cancelled = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if not self._pieces and self._hang:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        if not self._pieces:
            raise StopAsyncIteration
        piece = self._pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def aclose(self) -> None:
        self.closed = True


def giving(body: Pieces, *headers: tuple[str, str], status: int = 200) -> Handler:
    async def handler(request: Request) -> Response:
        return Response(status, list(headers), body)

    return handler


async def test_a_stream_is_chunked_and_the_connection_kept(house: Any) -> None:
    body = Pieces(b"hello ", b"", b"world")
    peer = house(giving(body)).connect()
    heard = await peer.say(GET)
    assert heard.endswith(b"Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n")
    assert body.closed
    assert not peer.wire.closing


async def test_a_stream_that_began_before_the_server_stops_is_the_last_on_its_connection(house: Any) -> None:
    """Its head promised to keep the connection, which nobody would close then."""
    gate = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await gate.wait()
        yield b"last"

    async def handler(request: Request) -> Response:
        return Response(200, [], pieces())

    rooms = house(handler)
    peer = rooms.connect()
    assert (await peer.say(GET)).endswith(b"first\r\n")
    rooms.state.draining = True
    peer.connection.drain()
    assert not peer.wire.closing
    gate.set()
    assert (await peer.heard()).endswith(b"4\r\nlast\r\n0\r\n\r\n")
    assert peer.wire.closing or peer.wire.lost


async def test_a_stream_for_http_1_0_ends_with_the_connection(house: Any) -> None:
    peer = house(giving(Pieces(b"hello"))).connect()
    heard = await peer.say(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert heard.endswith(b"Connection: close\r\n\r\nhello")
    assert peer.wire.lost


async def test_a_stream_of_declared_length_is_sent_as_it_is(house: Any) -> None:
    peer = house(giving(Pieces(b"hel", b"lo"), ("Content-Length", "5"))).connect()
    assert (await peer.say(GET)).endswith(b"Content-Length: 5\r\n\r\nhello")
    assert not peer.wire.closing


@pytest.mark.parametrize("pieces", [(b"hel", b"low"), (b"hel",)])
async def test_a_stream_of_another_length_than_declared_closes(
    house: Any, pieces: tuple[bytes, ...], caplog: Any
) -> None:
    peer = house(giving(Pieces(*pieces), ("Content-Length", "5"))).connect()
    heard = await peer.say(GET)
    assert heard.endswith(b"\r\n\r\nhel")
    assert peer.wire.lost
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("request_bytes", "status"), [(GET.replace(b"GET", b"HEAD"), 200), (GET, 204), (GET, 304)])
async def test_a_stream_that_has_no_place_is_closed_unread(house: Any, request_bytes: bytes, status: int) -> None:
    body = Pieces(b"hello")
    peer = house(giving(body, status=status)).connect()
    assert (await peer.say(request_bytes)).endswith(b"\r\n\r\n")
    assert (body.asked, body.closed, peer.wire.closing) == (0, True, False)


async def test_a_stream_that_fails_breaks_off_so_that_the_client_notices(house: Any, caplog: Any) -> None:
    body = Pieces(b"hello", RuntimeError("secret"))
    peer = house(giving(body)).connect()
    heard = await peer.say(GET)
    assert heard.endswith(b"5\r\nhello\r\n")
    assert (body.closed, peer.wire.lost, len(caplog.records)) == (True, True, 1)


async def test_a_stream_waits_for_a_client_that_takes_nothing(house: Any) -> None:
    body = Pieces(*[b"x"] * 10)
    peer = house(giving(body)).connect()
    peer.tell(GET)
    await asyncio.sleep(0)
    peer.connection.pause_writing()
    await peer.heard()
    assert body.asked <= 2
    peer.connection.resume_writing()
    assert (await peer.heard()).endswith(b"0\r\n\r\n")


async def test_a_stream_is_cancelled_and_closed_when_the_client_leaves(house: Any, caplog: Any) -> None:
    rooms = house(giving(body := Pieces(b"hello", hang=True)))
    peer = rooms.connect()
    await peer.say(GET)
    peer.wire.lose()
    await peer.heard()
    assert (body.cancelled, body.closed, rooms.state.running, caplog.records) == (True, True, set(), [])


async def test_a_client_that_ended_its_side_is_taken_for_gone_by_a_stream(house: Any) -> None:
    peer = house(giving(body := Pieces(b"hello", hang=True))).connect()
    await peer.say(GET)
    assert peer.connection.eof_received() is False
    peer.wire.close()
    await peer.heard()
    assert body.closed


async def test_a_stream_blocked_by_its_client_ends_when_that_leaves(house: Any) -> None:
    peer = house(giving(body := Pieces(*[b"x"] * 10))).connect()
    peer.tell(GET)
    await asyncio.sleep(0)
    peer.connection.pause_writing()
    await peer.heard()
    peer.wire.lose()
    await peer.heard()
    assert body.asked <= 2
    assert body.closed


async def test_a_stream_whose_client_left_before_it_began_is_closed(house: Any) -> None:
    gate = asyncio.Event()
    body = Pieces(b"hello")

    async def late(request: Request) -> Response:
        await gate.wait()
        return Response(200, [], body)

    peer = house(late).connect()
    await peer.say(GET)
    peer.wire.lose()
    gate.set()
    await peer.heard()
    assert (body.asked, body.closed) == (0, True)


async def test_a_stream_with_headers_that_cannot_be_sent_is_closed(house: Any, caplog: Any) -> None:
    body = Pieces(b"hello")
    assert b"500 Internal" in await house(giving(body, ("X", "a\nb"))).connect().say(GET)
    assert (body.asked, body.closed, len(caplog.records)) == (0, True, 1)
