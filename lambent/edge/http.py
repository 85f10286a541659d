"""The HTTP/1.1 listener: a bare asyncio protocol on httptools, for uvloop or any other loop.

No framework stands here on purpose: on the way of every invocation one costs a factor of five (benchmarks/edge.py).
"""

import asyncio
import errno
import os
import resource
import socket

from lambent.clock import Clock, RealClock
from lambent.edge.http_connection import HttpConnection
from lambent.edge.http_limits import HttpLimits, connection_cap
from lambent.edge.http_state import Handler, ListenerState
from lambent.errors import SettingError

__all__ = ["Handler", "HttpLimits", "HttpServer", "serve"]

_TICK_S = 1.0
# asyncio takes one number for two things: the kernel's queue, and how often it tries to accept in a row, which it goes
# on doing (and logging) when it is out of descriptors. The second must be small; the first is made large afterwards.
_ACCEPT_BATCH = 16


class HttpServer:
    """A listener in service."""

    def __init__(self, state: ListenerState, server: asyncio.Server) -> None:
        self._state = state
        self._server = server
        self.port: int = server.sockets[0].getsockname()[1]
        # A tick sees that something lasted; a tenth of the shortest time-out is early enough.
        limits = state.limits
        shortest = min(limits.head_s, limits.body_s, limits.idle_s, limits.write_s, limits.linger_s)
        self._every_s = min(_TICK_S, shortest / 10)
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(self._every_s, self._tick)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._state.connections)

    def __repr__(self) -> str:
        running = len(self._state.running)
        return f"<HttpServer port={self.port} connections={self.connections} running={running}>"

    async def close(self, drain_s: float) -> None:
        """Stop: no new connections, idle ones closed at once, running requests answered with "Connection: close".

        What is not done after `drain_s` is broken off; a handler is cancelled then.
        """
        state = self._state
        self._server.close()
        state.draining = True
        for connection in tuple(state.connections):
            connection.drain()
        await self._emptied(drain_s)
        for connection in tuple(state.connections):
            connection.abort()
        for task in tuple(state.running):
            task.cancel()
        await self._emptied(1.0)
        self._timer.cancel()

    async def _emptied(self, within_s: float) -> None:
        """Wait until no connection is open and no handler runs, but not longer than `within_s`."""
        state = self._state
        try:
            async with asyncio.timeout(within_s):
                while state.connections or state.running:
                    state.changed.clear()
                    await state.changed.wait()
        except TimeoutError:
            pass

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._every_s, self._tick)
        self._state.tick()


async def serve(
    handler: Handler,
    host: str,
    port: int,
    *,
    limits: HttpLimits | None = None,
    loop: asyncio.AbstractEventLoop | None = None,
    clock: Clock | None = None,
) -> HttpServer:
    """Listen on `host` and `port` (0: a free one) and have `handler` answer every request.

    Raises SettingError when the address cannot be had.
    """
    limits = limits or HttpLimits()
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    state = ListenerState(handler, limits, clock or RealClock(), cap=connection_cap(limits, descriptors))
    loop = loop or asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: HttpConnection(state), host, port, backlog=_ACCEPT_BATCH)
    except OSError as error:
        raise SettingError(_explain(error, host, port)) from error
    for listening in server.sockets:
        _deepen(listening.fileno(), limits.backlog)
    return HttpServer(state, server)


def _deepen(descriptor: int, backlog: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as listening:
        listening.listen(backlog)


def _explain(error: OSError, host: str, port: int) -> str:
    """What cannot be had, and what to do."""
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} on {host} is in use: stop what listens there (`ss -ltnp 'sport = :{port}'` names it), "
                "or choose another port with --port N (0 takes a free one)"
            )
        case errno.EACCES:
            return f"port {port} on {host} needs privileges (it is below 1024): choose another with --port N"
        case errno.EADDRNOTAVAIL:
            return f"host {host} is not an address of this machine: choose another with --host, such as 127.0.0.1"
    return f"cannot listen on {host} port {port}: {error.strerror or error}; see --host and --port"
