"""The AWS endpoint inside sandboxes: one listening socket in each, all served like the public one.

Nothing is made before a function connects: until then a door is a descriptor that the event loop watches.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable

from msgspec.structs import replace

from lambent.clock import Clock, RealClock
from lambent.control.url_address import is_meant
from lambent.edge.http_connection import HttpConnection
from lambent.edge.http_limits import HttpLimits
from lambent.edge.http_state import Handler, ListenerState
from lambent.sandbox import role_keys
from lambent.wire.http import Request, Response

log = logging.getLogger("lambent")

MOST = 128  # connections of one sandbox: no function may use up the descriptors of all
_AT_ONCE = 16  # connections taken in a row before the loop turns to others
_TICK_S = 1.0
_PRIVATE = "/_lambent/"
_FOR_ALL = ("/_lambent/code/", "/_lambent/sns/")  # the signed links of GetFunction; the certificate of SNS


def public(handler: Handler, vend: Handler | None = None) -> Handler:
    """`handler` without what only an operator is meant to see: status, and logs of any function. `vend` gives the
    credentials of roles to whoever shows a voucher, which nobody but sandboxes gets to do.
    """

    async def answer(request: Request) -> Response:
        if vend is not None and request.path == role_keys.PATH:
            return await vend(request)
        if request.path.startswith(_PRIVATE) and not (request.path.startswith(_FOR_ALL) or is_meant(request)):
            body = b'{"__type":"AccessDeniedException","message":"This is not for functions."}'
            return Response(403, [("content-type", "application/json")], body)
        return await handler(request)

    return answer


class Door:
    """One listening socket. `state` is of its connections, from the first one on."""

    __slots__ = ("listener", "state")

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.state: ListenerState | None = None


class Doors:
    """All doors of one server. State changes on the event loop only; `_used` are those with connections."""

    def __init__(
        self, handler: Handler, limits: HttpLimits | None = None, clock: Clock | None = None,
        vend: Handler | None = None,
    ) -> None:  # fmt: skip
        self._handler = public(handler, vend)
        self._limits = replace(limits or HttpLimits(), connections=MOST)
        self._clock = clock or RealClock()
        self._open: set[Door] = set()
        self._used: set[ListenerState] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Doors open={len(self._open)} used={len(self._used)}>"

    def open(self, listener: socket.socket) -> Callable[[], None]:
        """Answer what comes in at `listener`, which is the door's from now on. The result closes it."""
        listener.setblocking(False)
        loop, door = asyncio.get_running_loop(), Door(listener)
        loop.add_reader(listener.fileno(), self._accept, loop, door)
        self._open.add(door)
        return lambda: self._shut(loop, door)

    def close(self) -> None:
        """Shut all doors and break off what is under way."""
        for door in tuple(self._open):
            self._shut(asyncio.get_running_loop(), door)
        for state in self._used:
            for connection in tuple(state.connections):
                connection.abort()
        running = [task for state in self._used for task in state.running]
        for task in (*running, *self._tasks):
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _shut(self, loop: asyncio.AbstractEventLoop, door: Door) -> None:
        if door in self._open:
            self._open.discard(door)
            loop.remove_reader(door.listener.fileno())
            door.listener.close()

    def _accept(self, loop: asyncio.AbstractEventLoop, door: Door) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, _ = door.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                log.warning("a function's connection cannot be taken: %s", error)
                return
            self._take(loop, door, sock)

    def _take(self, loop: asyncio.AbstractEventLoop, door: Door, sock: socket.socket) -> None:
        state = door.state
        if state is None:
            state = door.state = ListenerState(self._handler, self._limits, self._clock, cap=MOST)
        self._used.add(state)
        task = loop.create_task(loop.connect_accepted_socket(lambda: HttpConnection(state), sock))
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
        for state in tuple(self._used):
            state.tick()
            if not state.connections and not state.running and not self._tasks:
                self._used.discard(state)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_TICK_S, self._tick) if self._used else None
