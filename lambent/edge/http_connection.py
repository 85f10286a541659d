"""One HTTP connection: reads requests, has them answered one after the other, and writes the answers."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, cast

from lambent.edge.http_answer import CONTINUE, compose, refusal_response
from lambent.edge.http_answering import answer_exchange
from lambent.edge.http_exchange import Exchange, Refusal
from lambent.edge.http_limits import Verdict, Wait
from lambent.edge.http_reader import BODY, HEAD, RequestReader
from lambent.edge.http_state import ListenerState
from lambent.wire.http import Request

_SLICE = 16_384  # bytes parsed between two looks at the limits
_JOIN = 16_384  # a body below this is copied behind its head: cheaper than one more buffer on the way to the kernel
_NAME = "answer"  # of every task: making up a new one for each request takes time
_NOBODY = Exchange(Request("GET", "/", "", {}, b""), keep_alive=False, http11=True)


class HttpConnection(asyncio.Protocol):
    """An asyncio protocol; its state changes on the event loop only.

    `busy` while an exchange is being answered; at most one is, so answers keep the order of the requests.
    `gone` once the client has left. `_ending` once no further request will be answered: what still comes is dropped.
    `_held` while the socket is not read, because more waits already than may wait.
    """

    def __init__(self, shared: ListenerState) -> None:
        self.shared = shared
        self._loop = asyncio.get_running_loop()
        self._reader = RequestReader(shared.limits)
        self._unread: memoryview | None = None  # taken from the socket, but not yet by the reader
        self._stalled: asyncio.Future[None] | None = None  # set while the client takes no more of what we write
        self._streaming: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.busy = self.gone = self.at_end = False
        self._ending = self._lingering = self._held = False
        self.seen = (Wait.FIRST, -1, 0)
        self.seen_at = 0.0

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._reader.client = str(peer[0]) if isinstance(peer, tuple) else ""
        shared = self.shared
        over = len(shared.connections) - shared.cap
        shared.connections.add(self)
        if over > shared.cap // 10:
            self.abort()  # even refusing politely takes a descriptor
        elif over >= 0 or shared.draining:
            self._refuse(Refusal(503, "ServiceUnavailable", "Too many connections are open here; try again."))

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if self._ending or reader.finished:
            return  # a client that was told to stop may still be sending; reading on lets it see the answer
        if self._unread is None and (len(data) <= _SLICE or reader.spool is not None):
            reader.feed(data)
        else:
            # A transport may deliver once more after it was told to pause, hence perhaps a rest.
            self._unread = memoryview(data if self._unread is None else bytes(self._unread) + data)
            self._read_slices()
        self._advance()
        if reader.ready or self._unread is not None or reader.spool is not None:
            self._hold_or_read()

    def eof_received(self) -> bool:
        """Keep the connection for what is still owed: a client may end its side and wait for the answer.

        But no stream is sent to such a client: one that left looks the same, and a stream may have no end.
        """
        self.at_end = True
        owed = self.busy or bool(self._reader.ready) or self._unread is not None
        return owed and not self._stop_stream()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = self._ending = True
        self._stop_stream()
        self._reader.close()
        self._unread = None
        self.resume_writing()
        self.shared.connections.discard(self)
        self.shared.changed.set()

    def pause_writing(self) -> None:
        self._stalled = self._loop.create_future()

    def resume_writing(self) -> None:
        stalled, self._stalled = self._stalled, None
        if stalled is not None and not stalled.done():
            stalled.set_result(None)
        self._advance()

    # Reading, no more than can be answered

    def _read_slices(self) -> None:
        reader = self._reader
        while self._unread is not None and not reader.finished and not self._is_full():
            piece, rest = self._unread[:_SLICE], self._unread[_SLICE:]
            self._unread = rest if len(rest) else None
            reader.feed(piece)
        if reader.finished:
            self._unread = None

    def _is_full(self) -> bool:
        reader, limits = self._reader, self.shared.limits
        if reader.congested:
            return True
        return len(reader.ready) >= limits.pipelined or reader.waiting_bytes > limits.pipelined_bytes

    def _hold_or_read(self) -> None:
        hold = not self._ending and (self._unread is not None or self._is_full())
        if hold == self._held or self._transport.is_closing():
            return
        self._held = hold
        if hold:
            self._transport.pause_reading()
            if self._reader.spool is not None:
                self._reader.spool.when_eased(self._eased)
        else:
            self._transport.resume_reading()

    def _eased(self) -> None:
        """The disk has caught up with the body that is being read."""
        if not self.gone:
            self._advance()
            self._hold_or_read()

    # One exchange after the other

    def _advance(self) -> None:
        """Do what comes next, unless something is being done: answer a request, or ask for the rest of one."""
        if self.busy or self._ending or self._stalled is not None:
            return
        reader = self._reader
        if self._unread is not None:
            self._read_slices()
        if reader.ready:
            item = reader.take()
            if isinstance(item, Refusal):
                self._refuse(item)
            else:
                self._start(item)
        elif self.at_end:
            self.end()
        elif reader.continue_due:
            reader.continue_due = False
            self._transport.write(CONTINUE)
        if self._held:
            self._hold_or_read()

    def _start(self, exchange: Exchange) -> None:
        self.busy = True
        self._task = None
        task = _begin(answer_exchange(self, exchange), self._loop)
        if not task.done():
            self._task = task
            self.shared.running.add(task)

    def finish(self, keep_alive: bool) -> None:
        """The exchange is answered, or cannot be: go on with the next, or end."""
        self.busy = False
        if self._task is not None:
            self.shared.running.discard(self._task)
            self._task = None
        if self.shared.draining:
            self.shared.changed.set()
        if self.gone:
            return
        if not keep_alive:
            self.end()
        elif self._reader.ready or self._unread is not None or self._reader.continue_due or self.at_end:
            # Not at once: a long pipeline would nest as deep as it is long, and shut out all other connections.
            self._loop.call_soon(self._advance)
        elif self.shared.draining:  # a stream's head was sent before, when it could not say that this is the end
            self.drain()

    def _refuse(self, refusal: Refusal) -> None:
        """Say no, and read on for a while: closing on unread bytes would reset the connection and lose the answer."""
        response = refusal_response(refusal)
        answer = compose(response, _NOBODY, closing=True, date=self.shared.date)
        self.send(answer.head, cast(bytes, response.body))
        self._ending = self._lingering = True
        self._unread = None
        if self.at_end or self._transport.is_closing():
            self.end()
        else:
            self._transport.write_eof()
            self._hold_or_read()

    def end(self) -> None:
        """Close as soon as everything written is sent."""
        self._ending = True
        self._transport.close()

    def abort(self) -> None:
        """Close now, whatever is unsent."""
        self._ending = True
        self._transport.abort()

    # Writing, for what answers

    def send(self, head: bytes, body: bytes) -> None:
        """Send a head and its body."""
        if len(body) <= _JOIN:
            self._transport.write(head + body)
        else:
            self.write((head, body))

    def write(self, parts: tuple[bytes, ...]) -> None:
        """Send `parts` in a row; uvloop hands them to the kernel together."""
        # Not by writelines: asyncio's, from 3.12 on, forgot to say when the client takes no more (3.13.0 still does).
        for part in parts:
            self._transport.write(part)

    async def writable(self) -> None:
        """Wait until the client takes more, or has left."""
        if self._stalled is not None:
            await self._stalled

    def on_leaving(self, task: asyncio.Task[None] | None) -> bool:
        """Have `task` cancelled when the client leaves, or nothing (None); says whether a task still was to be."""
        before, self._streaming = self._streaming, task
        return before is not None

    def _stop_stream(self) -> bool:
        task, self._streaming = self._streaming, None
        return task is not None and task.cancel()

    # What the watch and the listener ask

    def state(self) -> tuple[Wait, int, int]:
        """What is waited for, and two numbers that change when there is progress."""
        reader = self._reader
        unsent = self._transport.get_write_buffer_size()
        if self._lingering:
            return Wait.LINGER, 0, 0
        if unsent or self._transport.is_closing():
            return Wait.CLIENT, reader.begun, unsent
        if self.busy:
            return Wait.HANDLER, reader.begun, 0
        if reader.phase == BODY:
            return Wait.BODY, reader.begun, reader.size >> 10
        if reader.phase == HEAD:
            return Wait.HEAD, reader.begun, 0
        return (Wait.IDLE if reader.begun else Wait.FIRST), reader.begun, 0

    def carry_out(self, verdict: Verdict) -> None:
        if verdict is Verdict.CLOSE:
            self.end()
        elif verdict is Verdict.ABORT:
            self.abort()
        elif verdict is Verdict.TIME_OUT:
            self._refuse(Refusal(408, "RequestTimeoutException", "The request did not arrive in time."))

    def drain(self) -> None:
        """Leave at once if nothing is owed; a request of which the head has come is still served."""
        owed = self.busy or self._reader.ready or self._reader.phase == BODY or self._unread is not None
        if not owed and not self._lingering:
            self.end()


if sys.version_info >= (3, 12):

    def _begin(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        """Run `work` until it waits for something, without a turn of the loop."""
        return asyncio.Task(work, loop=loop, name=_NAME, eager_start=True)

else:

    def _begin(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        """Run `work` at the loop's next turn: before 3.12 no task can be started at once, and without one
        `asyncio.timeout` and everything else that asks for the current task would fail in a handler."""
        return asyncio.Task(work, loop=loop, name=_NAME)
