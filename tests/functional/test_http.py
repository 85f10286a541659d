"""The HTTP listener on real sockets, over uvloop and plain asyncio, with ordinary and with rude clients."""

import asyncio
import gc
import hashlib
import http.client
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import uvloop

from lambent.edge.http import Handler, HttpLimits, HttpServer, serve
from lambent.errors import SettingError
from lambent.wire.http import Request, Response

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


async def respond(request: Request) -> Response:
    """A handler for every test: the path says what is wanted."""
    if request.path == "/digest":
        return Response(200, [], hashlib.sha256(request.body).hexdigest().encode())
    if request.path == "/slow":
        await asyncio.sleep(0.4)
    if request.path == "/big":
        return Response(200, [], b"x" * 20_000_000)
    return Response(200, [("X-Method", request.method)], request.body)


class House:
    """A listener on a loop in a thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, handler: Handler, limits: HttpLimits) -> None:
        self.loop = loop
        self.thread = threading.Thread(target=loop.run_forever)
        self.thread.start()
        self.server: HttpServer = self.run(serve(handler, "127.0.0.1", 0, limits=limits))
        self.port = self.server.port

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def client(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def tasks(self) -> int:
        """How many tasks are on the loop, without the one that counts."""

        async def count() -> int:
            return len(asyncio.all_tasks()) - 1

        number: int = self.run(count())
        return number

    def settle(self, until: Callable[[], bool]) -> None:
        """Wait until something is so, but not for ever."""
        end = time.monotonic() + 10
        while not until():
            assert time.monotonic() < end, self.server
            time.sleep(0.02)

    def stop(self) -> None:
        self.run(self.server.close(0.1))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture(params=["uvloop", "asyncio"])
def house(request: pytest.FixtureRequest) -> Iterator[Callable[..., House]]:
    houses: list[House] = []

    def make(handler: Handler = respond, **limits: Any) -> House:
        loop = uvloop.new_event_loop() if request.param == "uvloop" else asyncio.new_event_loop()
        houses.append(House(loop, handler, HttpLimits(**limits)))
        return houses[-1]

    yield make
    for each in houses:
        each.stop()


def hear(client: socket.socket) -> bytes:
    """Everything until the server ends the connection."""
    heard = b""
    while piece := client.recv(65536):
        heard += piece
    return heard


def test_an_ordinary_client_is_served_again_and_again_on_one_connection(house: Any) -> None:
    client = house().client()
    for i in range(20):
        client.request("POST", "/a", body=b"x" * i)
        answer = client.getresponse()
        assert (answer.status, answer.read(), answer.getheader("X-Method")) == (200, b"x" * i, "POST")
    client.request(
        "PUT", "/", body=iter([b"chunk", b"ed"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}
    )
    assert client.getresponse().read() == b"chunked"
    client.request("HEAD", "/")
    assert client.getresponse().read() == b""
    client.close()


def test_nothing_waits_for_nagle(house: Any) -> None:
    rooms = house()
    with rooms.connect():
        rooms.settle(lambda: rooms.server.connections == 1)
        (connection,) = rooms.server._state.connections
        own = connection._transport.get_extra_info("socket")
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_body_of_67_mb_arrives_whole_by_length_and_by_chunks(house: Any) -> None:
    rooms = house()
    body = os.urandom(1 << 20) * 66
    digest = hashlib.sha256(body).hexdigest().encode()
    client = rooms.client()
    client.request("POST", "/digest", body=body)
    assert client.getresponse().read() == digest
    pieces = (body[i : i + 100_000] for i in range(0, len(body), 100_000))
    client.request("POST", "/digest", body=pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert client.getresponse().read() == digest
    client.close()


def test_a_client_that_sends_too_much_sees_413_and_no_reset(house: Any) -> None:
    client = house(body=1_000_000).client()
    client.request("POST", "/", body=b"x" * 30_000_000)
    answer = client.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (413, "close")
    assert b"Request must be smaller than 1000000 bytes" in answer.read()
    client.close()


def test_a_large_answer_reaches_a_slow_reader_whole(house: Any) -> None:
    with house().connect() as client:
        client.sendall(GET.replace(b"/ ", b"/big ", 1).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        time.sleep(0.2)
        assert len(hear(client)) > 20_000_000


def test_a_stream_is_made_no_faster_than_it_is_read_and_closed_when_the_client_leaves(house: Any) -> None:
    made, closed = [], threading.Event()

    async def endless(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    made.append(1)
                    yield b"x" * 100_000
            finally:
                closed.set()

        return Response(200, [], pieces())

    rooms = house(endless)
    client = rooms.connect()
    client.sendall(GET)
    time.sleep(0.3)
    before = len(made)
    time.sleep(0.3)
    assert len(made) == before < 200
    client.close()
    assert closed.wait(5)
    rooms.settle(lambda: rooms.tasks() == 0)


def test_a_client_that_trickles_its_head_is_shown_the_door_while_others_are_served(house: Any) -> None:
    rooms = house(head_s=0.5)
    with rooms.connect() as slow:
        began = time.monotonic()
        heard = b""
        slow.sendall(b"GET / HTTP/1.1\r\nX: ")
        while not select.select([slow], [], [], 0.05)[0]:
            slow.sendall(b"a")
        heard = slow.recv(65536)
        assert heard.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < 3
    client = rooms.client()
    client.request("GET", "/")
    assert client.getresponse().status == 200
    client.close()


def test_an_idle_connection_is_closed_in_silence(house: Any) -> None:
    with house(idle_s=0.3).connect() as client:
        client.sendall(GET)
        assert hear(client).count(b"HTTP/1.1") == 1


def test_garbage_is_answered_with_400_and_hurts_nobody_else(house: Any) -> None:
    rooms = house()
    with rooms.connect() as good, rooms.connect() as bad:
        bad.sendall(os.urandom(64) + b"\r\n\r\n")
        assert hear(bad).startswith(b"HTTP/1.1 400 ")
        good.sendall(GET)
        assert good.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.slow
def test_ten_thousand_connections_opened_and_dropped_leave_nothing_behind(house: Any) -> None:
    rooms = house()
    client = rooms.client()
    client.request("GET", "/")
    client.getresponse().read()
    gc.collect()  # what other tests left to the collector must not be counted here
    files = len(os.listdir("/proc/self/fd"))
    beginnings = (
        b"",
        b"GET",
        GET,
        GET[:-2],
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\nx",
        b"\x00",
        GET * 50,
    )
    for _ in range(100):
        for peer in [rooms.connect() for _ in range(100)]:
            if begin := beginnings[peer.fileno() % len(beginnings)]:
                peer.sendall(begin)
            peer.close()
    rooms.settle(lambda: rooms.server.connections == 1)
    assert rooms.tasks() == 0
    assert len(os.listdir("/proc/self/fd")) <= files
    client.request("GET", "/")
    assert client.getresponse().status == 200
    client.close()


def test_more_connections_than_allowed_are_refused_and_room_is_made_again(house: Any) -> None:
    rooms = house(connections=20)
    peers = [rooms.connect() for _ in range(20)]
    with rooms.connect() as late:
        assert hear(late).startswith(b"HTTP/1.1 503 ")
    for peer in peers:
        peer.close()
    rooms.settle(lambda: rooms.server.connections == 0)
    with rooms.connect() as client:
        client.sendall(GET)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_closing_ends_idle_connections_at_once_and_lets_running_requests_finish(house: Any) -> None:
    rooms = house()
    with rooms.connect() as idle, rooms.connect() as running:
        idle.sendall(GET)
        assert idle.recv(65536).startswith(b"HTTP/1.1 200 ")
        running.sendall(GET.replace(b"/ ", b"/slow ", 1))
        rooms.settle(lambda: rooms.tasks() == 1)
        began = time.monotonic()
        rooms.run(rooms.server.close(10))
        assert time.monotonic() - began < 3
        assert hear(idle) == b""
        answer = hear(running)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"Connection: close\r\n" in answer
    with pytest.raises(ConnectionRefusedError):
        rooms.connect()


def test_closing_breaks_off_what_does_not_end_in_time(house: Any) -> None:
    cancelled = threading.Event()

    async def forever(request: Request) -> Response:
        try:
            await asyncio.sleep(1000)
        finally:
            cancelled.set()
        raise AssertionError

    rooms = house(forever)
    with rooms.connect() as client:
        client.sendall(GET)
        rooms.settle(lambda: rooms.tasks() == 1)
        rooms.run(rooms.server.close(0.2))
        assert cancelled.is_set()
        assert (rooms.tasks(), rooms.server.connections) == (0, 0)


async def test_a_port_in_use_is_explained() -> None:
    first = await serve(respond, "127.0.0.1", 0)
    with pytest.raises(SettingError, match=f"port {first.port} on 127.0.0.1 is in use.*--port"):
        await serve(respond, "127.0.0.1", first.port)
    await first.close(0)


async def test_an_address_of_another_machine_is_explained() -> None:
    with pytest.raises(SettingError, match=r"192\.0\.2\.1.*--host"):
        await serve(respond, "192.0.2.1", 0)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize(
    "options",
    [(), ("--http1.0",), ("-H", "Expect: 100-continue"), ("-H", "Transfer-Encoding: chunked"), ("--http2",)],
    ids=lambda options: " ".join(options) or "plain",
)
def test_curl_sends_and_receives_a_megabyte(house: Any, options: tuple[str, ...]) -> None:
    body = os.urandom(1 << 20)
    command = ["curl", "-sS", "--max-time", "20", *options, "--data-binary", "@-", f"http://127.0.0.1:{house().port}/"]
    assert subprocess.run(command, input=body, capture_output=True, check=True).stdout == body


STARVED = """
import asyncio, resource, sys, time
import uvloop
from lambent.edge.http import HttpLimits, serve
from lambent.wire.http import Request, Response

async def respond(request):
    return Response(200, [], str(time.process_time()).encode())

async def main():
    server = await serve(respond, "127.0.0.1", 0, limits=HttpLimits(connections=1000))
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    print(server.port, flush=True)
    await asyncio.sleep(30)

uvloop.run(main()) if sys.argv[1] == "uvloop" else asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_server_out_of_descriptors_neither_spins_nor_dies(loop: str) -> None:
    command = [sys.executable, "-c", STARVED, loop]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        address = ("127.0.0.1", int(server.stdout.readline()))

        def cpu_s() -> float:
            with socket.create_connection(address, timeout=5) as client:
                client.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                return float(hear(client).rpartition(b"\r\n\r\n")[2])

        before = cpu_s()
        crowd = [socket.create_connection(address, timeout=5) for _ in range(100)]
        time.sleep(1)
        for one in crowd:
            one.close()
        time.sleep(1.2)  # asyncio listens again a second after it ran out
        assert cpu_s() - before < 0.5
        server.kill()


def test_a_stream_that_never_waits_does_not_shut_out_other_clients(house: Any) -> None:
    async def endless(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000

        return Response(200, [], pieces() if request.path == "/endless" else b"")

    rooms = house(endless)
    with rooms.connect() as greedy, rooms.connect() as other:
        greedy.sendall(GET.replace(b"/ ", b"/endless ", 1))
        reader = threading.Thread(target=lambda: [greedy.recv(1 << 20) for _ in range(300)])
        reader.start()
        other.sendall(GET)
        assert other.recv(65536).startswith(b"HTTP/1.1 200 ")
        reader.join()
