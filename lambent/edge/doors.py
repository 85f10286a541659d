"""The AWS endpoint inside sandboxes: one listening socket in each, all served like the public one.

Nothing is made before a function connects: until then a door is a descriptor that the event loop watches.
"""

import asyncio
import contextlib
import logging
import resource
import socket
from collections.abc import Callable

from lambent.clock import Clock, RealClock
from lambent.edge.http_connection import HttpConnection
from lambent.edge.http_limits import HttpLimits, connection_cap
from lambent.edge.http_state import Handler, ListenerState
from lambent.wire.http import Request, Response

log = logging.getLogger("lambent")

_AT_ONCE = 16  # connections taken in a row before the loop turns to others
_TICK_S = 1.0
_PRIVATE = "/_lambent/"
_FOR_ALL = "/_lambent/code/"  # the signed links of GetFunction


def public(handler: Handler) -> Handler:
    """`handler` without what only an operator is meant to see: status, and logs of any function."""

    async def answer(request: Request) -> Response:
        if request.path.startswith(_PRIVATE) and not request.path.startswith(_FOR_ALL):
            body = b'{"__type":"AccessDeniedException","message":"This is not for functions."}'
            return Response(403, [("content-type", "application/json")], body)
        return await handler(request)

    return answer


class Doors:
    """All doors, with one set of limits. `_open` changes on the event loop only."""

    def __init__(self, handler: Handler, limits: HttpLimits | None = None, clock: Clock | None = None) -> None:
        limits = limits or HttpLimits()
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        cap = connection_cap(limits, descriptors)
        self._state = ListenerState(public(handler), limits, clock or RealClock(), cap=cap)
        self._open: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Doors open={len(self._open)} connections={len(self._state.connections)}>"

    def open(self, listener: socket.socket) -> Callable[[], None]:
        """Answer what comes in at `listener`. The result closes it."""
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_reader(listener.fileno(), self._accept, loop, listener)
        self._open.add(listener)
        return lambda: self._shut(loop, listener)

    def close(self) -> None:
        """Shut all doors and break off what is under way."""
        for listener in tuple(self._open):
            self._shut(asyncio.get_running_loop(), listener)
        for connection in tuple(self._state.connections):
            connection.abort()
        for task in (*self._state.running, *self._tasks):
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _shut(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        if listener in self._open:
            self._open.discard(listener)
            loop.remove_reader(listener.fileno())
            listener.close()

    def _accept(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("a function's connection cannot be taken: %s", error)
                return
            task = loop.create_task(loop.connect_accepted_socket(lambda: HttpConnection(self._state), sock))
            self._tasks.add(task)
            task.add_done_callback(self._taken)
            if self._timer is None:
                self._tick()

    def _taken(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            if task.exception() is not None:
                log.warning("a function's connection was lost: %s", task.exception())

    def _tick(self) -> None:
        """Time passes for connections only while there are some."""
        self._state.tick()
        loop = asyncio.get_running_loop()
        some = self._state.connections or self._tasks
        self._timer = loop.call_later(_TICK_S, self._tick) if some else None
