"""A DNS relay for machines whose nameserver answers only the machine itself: a process without privileges.

It parses nothing: datagrams and streams go to the first nameserver that answers, and the answers go back.
"""

import asyncio
import contextlib
import encodings.idna  # noqa: F401 - asyncio wants it at the first address, when nobody may read it any more
import os
import socket

from lambent.sandbox import mounts

ANSWER_S = 5.0  # how long one nameserver is waited for
NOBODY = 65_534
MOST = 1_024  # questions under way; beyond it they are dropped, and asked again by who asked


class Question(asyncio.DatagramProtocol):
    """One datagram to one nameserver, and the first answer."""

    def __init__(self, data: bytes, answer: "asyncio.Future[bytes]") -> None:
        self.data = data
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.sendto(self.data)  # type: ignore[attr-defined]

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


class Relay(asyncio.DatagramProtocol):
    """All questions of all sandboxes."""

    def __init__(self, nameservers: list[str]) -> None:
        self.nameservers = nameservers
        self.under_way: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        if len(self.under_way) < MOST:
            task = asyncio.get_running_loop().create_task(self.ask(data, addr))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)

    async def ask(self, data: bytes, addr: object) -> None:
        for nameserver in self.nameservers:
            with contextlib.suppress(OSError, TimeoutError):
                answer = await self.ask_one(nameserver, data)
                self.transport.sendto(answer, addr)  # type: ignore[attr-defined]
                return

    async def ask_one(self, nameserver: str, data: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(lambda: Question(data, answer), remote_addr=(nameserver, 53))
        try:
            return await asyncio.wait_for(answer, ANSWER_S)
        finally:
            transport.close()

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A long answer's way: bytes both ways until either side ends."""
        with contextlib.closing(writer):
            for nameserver in self.nameservers:
                with contextlib.suppress(OSError, TimeoutError):
                    theirs = await asyncio.wait_for(asyncio.open_connection(nameserver, 53), ANSWER_S)
                    with contextlib.closing(theirs[1]):
                        await asyncio.gather(_pump(reader, theirs[1]), _pump(theirs[0], writer))
                    return


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, TimeoutError):
        while data := await asyncio.wait_for(reader.read(65536), 2 * ANSWER_S):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


async def serve(datagrams: socket.socket, streams: socket.socket, nameservers: list[str]) -> None:
    relay = Relay(nameservers)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: relay, sock=datagrams)
    server = await asyncio.start_server(relay.stream, sock=streams)
    await server.serve_forever()


def start(datagrams: socket.socket, streams: socket.socket, nameservers: list[str]) -> int:
    """The pid of the relay, a child that ends with this process. A fork, since nobody may not read our interpreter."""
    pid = os.fork()
    if pid:
        return pid
    try:
        _keep_only({0, 1, 2, datagrams.fileno(), streams.fileno()})
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        mounts.die_with_parent()
        asyncio.run(serve(datagrams, streams, nameservers))
    finally:
        os._exit(1)


def _keep_only(kept: set[int]) -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))
