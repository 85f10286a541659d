"""However the bytes of a connection are cut, the same requests get the same answers."""

import asyncio
import re
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.edge.http_exchange import Exchange
from lambent.edge.http_limits import HttpLimits
from lambent.edge.http_reader import RequestReader
from lambent.wire.http import Request, Response

relaxed = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

words = st.text("abcXYZ019-", min_size=1, max_size=12)
values = st.text("".join(map(chr, range(0x21, 0x7F))) + " ", max_size=30).map(str.strip)
bodies = st.binary(max_size=300)


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, Request]:
    """A request as bytes, and what must be read from them."""
    method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]))
    path, query, body = "/" + draw(words), draw(words), draw(bodies)
    headers = {"host": "h"} | {
        f"x-{name.lower()}": value for name, value in draw(st.dictionaries(words, values)).items()
    }
    if draw(st.booleans()):
        headers["transfer-encoding"] = "chunked"
        sent = draw(chunked(body))
    else:
        headers["content-length"] = str(len(body))
        sent = body
    lines = "".join(f"{name.title()}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {path}?{query} HTTP/1.1\r\n{lines}\r\n".encode()
    return head + sent, Request(method, path, query, headers, body)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(body) - 1)), max_size=5)))
    edges = [0, *(cut for cut in cuts if cut < len(body)), len(body)]
    pieces = [body[a:b] for a, b in pairwise(edges) if b > a]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({c % (len(data) + 1) for c in cuts}), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if b > a]


async def reverse(request: Request) -> Response:
    """Answer with what was asked; now and then only after a turn of the loop, and now and then streamed."""
    if len(request.body) % 3 == 0:
        await asyncio.sleep(0)
    text = f"{request.method} {request.path} {request.query} ".encode() + request.body[::-1]

    async def pieces() -> Any:
        yield text
        yield b"!"

    return Response(200, [], pieces() if len(request.body) % 5 == 0 else text + b"!")


def answers(heard: bytes) -> list[bytes]:
    """The bodies of all answers."""
    bodies = []
    while heard:
        head, _, heard = heard.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        body = b""
        if length:
            body, heard = heard[: int(length[1])], heard[int(length[1]) :]
        while not length:
            size, _, heard = heard.partition(b"\r\n")
            piece, heard = heard[: int(size, 16)], heard[int(size, 16) + 2 :]
            body += piece
            if not piece:
                break
        bodies.append(body)
    return bodies


@relaxed
@given(st.lists(messages(), min_size=1, max_size=5), st.lists(st.integers(0, 5000), max_size=12))
def test_requests_are_read_the_same_wherever_their_bytes_are_cut(
    sent: list[tuple[bytes, Request]], cuts: list[int]
) -> None:
    reader = RequestReader(HttpLimits())
    for piece in cut(b"".join(data for data, _ in sent), cuts):
        reader.feed(piece)
    items = [reader.take() for _ in range(len(reader.ready))]
    assert [item.request for item in items if isinstance(item, Exchange)] == [request for _, request in sent]


@relaxed
@given(st.lists(messages(), min_size=1, max_size=6), st.lists(st.integers(0, 5000), max_size=8), st.data())
async def test_a_pipeline_gets_its_answers_in_order_wherever_it_is_cut(
    house: Any, sent: list[tuple[bytes, Request]], cuts: list[int], data: st.DataObject
) -> None:
    peer = house(reverse, pipelined=data.draw(st.integers(1, 4))).connect()
    for piece in cut(b"".join(data for data, _ in sent), cuts):
        if not peer.wire.reading:
            await peer.heard()
            assert peer.wire.reading
        peer.tell(piece)
        if data.draw(st.booleans()):
            await asyncio.sleep(0)
    expected = [f"{r.method} {r.path} {r.query} ".encode() + r.body[::-1] + b"!" for _, r in sent]
    assert answers(await peer.heard()) == expected


@relaxed
@given(st.lists(st.binary(max_size=200), max_size=10), st.lists(messages(), max_size=2))
async def test_rubbish_is_answered_or_awaited_but_never_breaks_anything(
    house: Any, rubbish: list[bytes], sent: list[tuple[bytes, Request]]
) -> None:
    rooms = house(reverse)
    peer = rooms.connect()
    for piece in [*(data for data, _ in sent), *rubbish]:
        peer.tell(piece)
    heard = await peer.heard()
    assert heard.count(b"HTTP/1.1 200") >= len(sent)
    await rooms.after(31)
    await rooms.after(121)
    await rooms.after(11)
    assert peer.wire.lost
    assert not rooms.state.connections
    assert not rooms.state.running
