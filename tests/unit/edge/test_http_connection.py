"""One connection, driven with bytes: order, keep-alive, expectations, refusals, leaving and waiting."""

import asyncio
import logging
from typing import Any

import pytest

from lambent.wire.http import Request, Response

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def post(path: str, body: bytes, *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in ("Host: h", f"Content-Length: {len(body)}", *headers))
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


async def test_a_request_is_answered_with_date_and_length_and_the_connection_kept(house: Any) -> None:
    peer = house().connect()
    answer = await peer.say(post("/a", b"hello"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n" in answer
    assert answer.endswith(b"Content-Length: 5\r\n\r\nhello")
    assert (await peer.say(GET)).count(b"HTTP/1.1 200") == 2
    assert not peer.wire.closing


async def test_pipelined_requests_are_run_and_answered_in_order_one_after_the_other(house: Any) -> None:
    gates = {f"/{i}": asyncio.Event() for i in range(3)}
    begun = []

    async def wait(request: Request) -> Response:
        begun.append(request.path)
        await gates[request.path].wait()
        return Response(200, [], request.path.encode())

    peer = house(wait).connect()
    for gate in ("/2", "/1"):
        gates[gate].set()
    await peer.say(b"".join(post(f"/{i}", b"") for i in range(3)))
    assert (begun, bytes(peer.wire.sent)) == (["/0"], b"")
    gates["/0"].set()
    answer = await peer.heard()
    assert [answer.index(b"\r\n\r\n/%d" % i) for i in range(3)] == sorted(
        answer.index(b"\r\n\r\n/%d" % i) for i in range(3)
    )


async def test_a_client_that_pipelines_more_than_may_wait_is_not_read_until_there_is_room(house: Any) -> None:
    gate = asyncio.Event()

    async def wait(request: Request) -> Response:
        await gate.wait()
        return Response(200, [], b"")

    peer = house(wait, pipelined=4).connect()
    await peer.say(GET * 5)
    assert not peer.wire.reading
    await peer.say(GET * 2000)  # a transport may deliver once more
    assert len(peer.connection._reader.ready) < 1000
    gate.set()
    while not peer.wire.reading:
        await peer.heard()
    assert (await peer.heard()).count(b"HTTP/1.1 200") == 2005


async def test_waiting_bodies_are_bounded_too(house: Any) -> None:
    async def wait(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    peer = house(wait, pipelined_bytes=1000).connect()
    await peer.say(post("/", b"") + post("/", b"x" * 1001))
    assert not peer.wire.reading
    peer.wire.lose()
    for task in peer.connection.shared.running:
        task.cancel()


@pytest.mark.parametrize("status", [204, 304])
async def test_some_answers_have_no_body_and_no_length(house: Any, status: int) -> None:
    async def answer(request: Request) -> Response:
        return Response(status, [], b"ignored")

    heard = await house(answer).connect().say(GET)
    assert heard.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in heard


async def test_head_is_answered_with_the_length_but_not_the_body(house: Any) -> None:
    heard = await house().connect().say(post("/", b"hello").replace(b"POST", b"HEAD"))
    assert heard.endswith(b"Content-Length: 5\r\n\r\n")


async def test_a_handler_may_tell_the_length_of_what_head_does_not_bring(house: Any) -> None:
    async def answer(request: Request) -> Response:
        return Response(200, [("content-length", "12345")], b"")

    assert b"Content-Length: 12345\r\n" in await house(answer).connect().say(GET.replace(b"GET", b"HEAD"))
    assert b"Content-Length: 0\r\n" in await house(answer).connect().say(GET)


async def test_http_1_0_is_closed_unless_it_asks_otherwise(house: Any) -> None:
    peer = house().connect()
    assert b"Connection: close\r\n" in await peer.say(b"GET / HTTP/1.0\r\n\r\n")
    assert peer.wire.lost
    peer = house().connect()
    assert b"Connection: keep-alive\r\n" in await peer.say(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert not peer.wire.closing


async def test_a_request_to_close_is_answered_and_obeyed_and_what_follows_dropped(house: Any) -> None:
    peer = house().connect()
    heard = await peer.say(post("/1", b"", "Connection: close") + post("/2", b""))
    assert heard.count(b"HTTP/1.1") == 1
    assert b"Connection: close\r\n" in heard
    assert peer.wire.lost


async def test_100_continue_is_said_before_the_body_is_sent(house: Any) -> None:
    peer = house().connect()
    whole = post("/", b"hello", "Expect: 100-Continue")
    head, body = whole[:-5], whole[-5:]
    assert await peer.say(head) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await peer.say(body)).endswith(b"hello")


async def test_100_continue_waits_for_its_turn_in_a_pipeline(house: Any) -> None:
    gate = asyncio.Event()

    async def wait(request: Request) -> Response:
        await gate.wait()
        return Response(200, [], b"")

    peer = house(wait).connect()
    assert await peer.say(GET + post("/", b"hello", "Expect: 100-continue")[:-5]) == b""
    gate.set()
    heard = await peer.heard()
    assert heard.index(b"200 OK") < heard.index(b"100 Continue")


async def test_100_continue_is_not_said_when_nothing_is_to_continue_or_the_client_would_not_know_it(house: Any) -> None:
    assert b"100 Continue" not in await house().connect().say(post("/", b"", "Expect: 100-continue"))
    old = post("/", b"hi", "Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert b"100 Continue" not in await house().connect().say(old)


@pytest.mark.parametrize(
    ("expect", "size", "status"), [("100-continue", 11, b"413"), ("a miracle", 5, b"417"), ("a miracle", 11, b"413")]
)
async def test_an_expectation_that_cannot_be_met_is_refused_before_the_body(
    house: Any, expect: str, size: int, status: bytes
) -> None:
    peer = house(body=10).connect()
    heard = await peer.say(post("/", b"x" * size, f"Expect: {expect}")[:-size])
    assert heard.startswith(b"HTTP/1.1 " + status)


async def test_a_refusal_looks_like_one_of_aws_and_lets_the_client_finish_before_it_closes(house: Any) -> None:
    rooms = house(body=10)
    peer = rooms.connect()
    heard = await peer.say(post("/", b"x" * 11))
    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b"x-amzn-ErrorType: RequestEntityTooLargeException\r\n" in heard
    assert heard.endswith(
        b'{"__type": "RequestEntityTooLargeException", "message": "Request must be smaller than 10 bytes"}'
    )
    assert (peer.wire.ended, peer.wire.closing, peer.wire.reading) == (True, False, True)
    assert await peer.say(b"y" * 100_000) == heard
    peer.connection.eof_received()
    await rooms.after(11)
    assert peer.wire.aborted


async def test_a_malformed_request_behind_a_running_one_is_refused_in_its_turn(house: Any) -> None:
    heard = await house().connect().say(GET + b"rubbish\r\n\r\n" + GET)
    assert heard.index(b"HTTP/1.1 200") < heard.index(b"HTTP/1.1 400")
    assert heard.count(b"HTTP/1.1 ") == 2


async def test_a_failing_handler_is_logged_once_and_answered_without_its_inside(house: Any, caplog: Any) -> None:
    async def fail(request: Request) -> Response:
        if request.path == "/fail":
            raise RuntimeError("secret")
        return Response(200, [], b"")

    peer = house(fail).connect()
    heard = await peer.say(post("/fail", b"") + post("/", b""))
    assert heard.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in heard
    assert heard.count(b"HTTP/1.1 200") == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize(
    "response",
    [
        Response(200, [("X", "a\r\nSet-Cookie: b")], b""),
        Response(200, [("X\nY", "a")], b""),
        Response(200, [("X", "a\x00b")], b""),
        Response(200, [("X", "\u20ac")], b""),
        Response(42, [], b""),
        None,
    ],
)
async def test_an_answer_that_http_cannot_carry_becomes_500_and_splits_nothing(
    house: Any, response: Any, caplog: Any
) -> None:
    async def answer(request: Request) -> Response:
        return response

    heard = await house(answer).connect().say(GET)
    assert heard.startswith(b"HTTP/1.1 500 ")
    assert len(caplog.records) == 1


async def test_a_handler_cannot_break_the_framing_with_its_own_headers(house: Any) -> None:
    async def answer(request: Request) -> Response:
        lies = [("Content-Length", "99"), ("Transfer-Encoding", "chunked"), ("Connection", "keep-alive")]
        return Response(200, lies, b"hello")

    heard = await house(answer).connect().say(GET)
    assert heard.count(b"Content-Length") == 1
    assert b"chunked" not in heard
    assert heard.endswith(b"Content-Length: 5\r\n\r\nhello")


async def test_a_client_that_leaves_does_not_stop_the_handler(house: Any) -> None:
    gate, done = asyncio.Event(), []

    async def wait(request: Request) -> Response:
        await gate.wait()
        done.append(1)
        return Response(200, [], b"late")

    rooms = house(wait)
    peer = rooms.connect()
    await peer.say(GET + GET)
    peer.wire.lose()
    assert (len(rooms.state.connections), len(rooms.state.running)) == (0, 1)
    gate.set()
    await peer.heard()
    assert (done, bytes(peer.wire.sent), len(rooms.state.running)) == ([1], b"", 0)


async def test_a_client_that_ended_its_side_still_gets_its_answers(house: Any) -> None:
    gate = asyncio.Event()

    async def wait(request: Request) -> Response:
        await gate.wait()
        return Response(200, [], b"")

    peer = house(wait).connect()
    await peer.say(GET + GET + b"GET /half")
    assert peer.connection.eof_received() is True
    gate.set()
    assert (await peer.heard()).count(b"HTTP/1.1 200") == 2
    assert peer.wire.lost


async def test_an_end_without_anything_owed_closes(house: Any) -> None:
    peer = house().connect()
    await peer.say(GET + b"GET /half")
    assert peer.connection.eof_received() is False


async def test_the_next_request_waits_until_the_client_takes_the_answer_to_the_last(house: Any) -> None:
    peer = house().connect()
    peer.connection.pause_writing()
    assert await peer.say(GET) == b""
    peer.connection.resume_writing()
    assert b"200 OK" in await peer.heard()


async def test_connections_over_the_cap_are_told_so_and_a_flood_is_dropped(house: Any) -> None:
    rooms = house(cap=10)
    peers = [rooms.connect() for _ in range(13)]
    assert [peer.wire.sent[:12] for peer in peers[9:12]] == [b"", b"HTTP/1.1 503", b"HTTP/1.1 503"]
    assert peers[12].wire.aborted
    await asyncio.sleep(0)
    for peer in peers:
        peer.wire.lose()
    assert not rooms.state.connections


@pytest.mark.parametrize(
    ("sent", "seconds", "status", "closed"),
    [
        (b"", 29, b"", False),
        (b"", 31, b"", True),
        (b"GET / HT", 31, b"HTTP/1.1 408", False),
        (post("/", b"hello")[:-1], 31, b"HTTP/1.1 408", False),
        (GET, 31, b"HTTP/1.1 200", False),
        (GET, 121, b"HTTP/1.1 200", True),
    ],
)
async def test_what_takes_too_long_is_ended(
    house: Any, sent: bytes, seconds: float, status: bytes, closed: bool
) -> None:
    rooms = house()
    peer = rooms.connect()
    await peer.say(sent)
    await rooms.after(seconds)
    assert bytes(peer.wire.sent[:12]) == status
    assert peer.wire.lost is closed


async def test_a_head_that_trickles_is_ended_all_the_same_but_a_body_that_grows_is_not(house: Any) -> None:
    rooms = house()
    head, body = rooms.connect(), rooms.connect()
    head.tell(b"GET / HTTP/1.1\r\nX: ")
    body.tell(post("/", b"x" * 100_000)[:-100_000])
    for _ in range(5):
        head.tell(b"a")
        body.tell(b"x" * 2000)
        await rooms.after(10)
    assert head.wire.sent[:12] == b"HTTP/1.1 408"
    assert body.wire.sent == b""


async def test_a_running_handler_is_never_timed_out_by_the_edge(house: Any) -> None:
    gate = asyncio.Event()

    async def wait(request: Request) -> Response:
        await gate.wait()
        return Response(200, [], b"")

    rooms = house(wait)
    peer = rooms.connect()
    await peer.say(GET)
    await rooms.after(100_000)
    gate.set()
    assert b"200 OK" in await peer.heard()


async def test_a_client_that_does_not_take_its_answer_is_dropped(house: Any) -> None:
    rooms = house()
    peer = rooms.connect()
    await peer.say(GET)
    peer.wire.unsent = 1000
    await rooms.after(50)
    peer.wire.unsent = 900
    await rooms.after(50)
    assert not peer.wire.aborted
    await rooms.after(61)
    assert peer.wire.aborted


async def test_a_handler_finds_itself_in_a_task_so_that_time_outs_work(house: Any) -> None:
    async def wait(request: Request) -> Response:
        async with asyncio.timeout(10):
            assert asyncio.current_task() is not None
            await asyncio.sleep(0)
        return Response(200, [], b"")

    assert b"200 OK" in await house(wait).connect().say(GET + GET)


async def test_a_handler_that_lets_a_foreign_cancellation_out_is_a_failing_handler(house: Any, caplog: Any) -> None:
    async def fail(request: Request) -> Response:
        raise asyncio.CancelledError

    assert b"500 Internal" in await house(fail).connect().say(GET)
    assert len(caplog.records) == 1
