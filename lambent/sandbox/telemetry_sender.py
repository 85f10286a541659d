"""Carries batches of telemetry to a listener inside the environment: HTTP POST of a JSON array, or lines over TCP."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from lambent.errors import LambentError, SandboxError
from lambent.sandbox.telemetry_buffer import Batch
from lambent.sandbox.telemetry_rules import Subscription

TRIES = 3
PAUSES_S = (0.1, 0.5)
LARGEST_ANSWER = 1 << 20  # bytes; a listener's answer is of no interest beyond its status

# Opens a connection to 127.0.0.1:port inside the environment; raises SandboxError.
Connect = Callable[[int], Awaitable[socket.socket]]


class Undelivered(LambentError):
    """The listener took none of it, however often it was tried."""


class Sender:
    """One subscriber's connection, kept open while its listener keeps it."""

    def __init__(self, subscription: Subscription, connect: Connect) -> None:
        self._to = subscription
        self._connect = connect
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, batch: Batch) -> None:
        """Deliver it, at least once. Raises Undelivered with the last reason.

        There is no limit on the wait for an answer: a frozen environment answers when it is thawed.
        """
        reason = ""
        for attempt in range(TRIES):
            try:
                await (self._post(batch) if self._to.protocol == "HTTP" else self._write(batch))
                return
            except (OSError, SandboxError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
                reason = str(error) or type(error).__name__
                self.close()
            if attempt < len(PAUSES_S):
                await asyncio.sleep(PAUSES_S[attempt])
        raise Undelivered(reason)

    async def open(self) -> None:
        """Connect now; a TCP listener has to be there when it subscribes. Raises OSError or SandboxError."""
        await self._connected()

    def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()

    # -- details

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None and (self._streams[0].at_eof() or self._streams[1].is_closing()):
            self.close()
        if self._streams is None:
            sock = await self._connect(self._to.port)
            try:
                self._streams = await asyncio.open_connection(sock=sock)
            except BaseException:
                sock.close()
                raise
        return self._streams

    async def _write(self, batch: Batch) -> None:
        _, writer = await self._connected()
        writer.write(b"\n".join(batch.events) + b"\n")
        await writer.drain()

    async def _post(self, batch: Batch) -> None:
        reader, writer = await self._connected()
        body = b"[" + b",".join(batch.events) + b"]"
        head = (
            f"POST {self._to.path} HTTP/1.1\r\nHost: {self._to.host}:{self._to.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode("latin-1", "replace") + body)
        await writer.drain()
        status, keep = await _answer(reader)
        if not keep:
            self.close()
        if status >= 400:
            raise ValueError(f"HTTP status {status}")


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status, and whether the connection can be used again. Raises ValueError for what is no HTTP."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, _, rest = head[0].partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
        raise ValueError("the listener does not speak HTTP")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    status, length = int(rest[:3]), headers.get("content-length", "")
    keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    if length.isdecimal() and int(length) <= LARGEST_ANSWER:
        await reader.readexactly(int(length))
    elif status != 204:
        keep = False  # of unknown length: the next answer could not be told from the rest of this one
    return status, keep
