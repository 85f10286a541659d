"""The front end's connection to the node agent: orders out, answers and descriptors in."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Any

import msgspec

from lambent.errors import AgentGone, EnvironmentDenied, MountFailure, SandboxError
from lambent.sandbox import protocol

OnEnd = Callable[[protocol.Ended | protocol.Exited], None]


class Given(msgspec.Struct, frozen=True):
    """A husk, now ours: its descriptors, by the names of protocol.Assigned, belong to the receiver."""

    assigned: protocol.Assigned
    fds: dict[str, int]


class AgentClient:
    """One connection. When it closes every pending order fails with AgentGone, and `on_gone` is called once."""

    def __init__(self, sock: socket.socket, hello: protocol.Hello, on_gone: Callable[[], None]) -> None:
        self.hello = hello
        self._sock = sock
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._asks: dict[int, asyncio.Future[Any]] = {}
        self._next = 0
        self._wishes: dict[int, OnEnd] = {}  # by ask: who wants to hear how that sandbox ends
        self._endings: dict[str, OnEnd] = {}  # by husk
        self._backlog: list[protocol.Order] = []
        self.gone = False
        self._loop.add_reader(sock.fileno(), self._hear)

    @classmethod
    async def connect(
        cls, path: str, on_gone: Callable[[], None], check: Callable[[], None], patience_s: float = 10.0
    ) -> "AgentClient":
        """Connect as soon as the agent listens. Raises AgentGone when it does not within `patience_s`.

        `check` raises when waiting has become useless.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_s
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                sock.connect(path)
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
                return cls(sock, await _greeting(loop, sock, deadline), on_gone)
            except OSError as error:  # not listening yet, or dying: a killed agent's socket still takes connections
                sock.close()
                check()
                if loop.time() > deadline:
                    raise AgentGone(f"the node agent does not answer at {path}: {error.strerror}") from error
            await asyncio.sleep(0.005)

    async def prepare(self, runtime: str, husks: int) -> None:
        """Return when `husks` husks of `runtime` are parked. Raises SandboxError."""
        answer = await self._ask(lambda ask: protocol.Prepare(ask, runtime, husks))
        if answer.error:
            raise SandboxError(answer.error)

    async def assign(self, make: Callable[[int], protocol.Assign], on_end: OnEnd) -> Given:
        """A sandbox as in the order that `make` makes for a number.

        Raises SandboxError, EnvironmentDenied, MountFailure.

        `on_end` is called once when it ends, which may be before this returns; before that with Exited, if it lingers.
        """
        answer = await self._ask(make, on_end)
        if isinstance(answer, protocol.Refused):
            if answer.unmounted:
                raise MountFailure(answer.error)
            raise EnvironmentDenied(answer.error) if answer.denied else SandboxError(answer.error)
        return answer  # type: ignore[no-any-return]

    async def seal(self, variables: dict[str, str], owner: str, key: str = "") -> bytes:
        """The variables of the function `owner` encrypted. Raises SandboxError."""
        answer = await self._ask(lambda ask: protocol.Seal(ask, variables, owner, key))
        if answer.error:
            raise SandboxError(answer.error)
        return bytes(answer.sealed)

    async def open(self, sealed: tuple[tuple[bytes, str], ...]) -> tuple[dict[str, str] | str, ...]:
        """What each of (sealed, owner) was, or the sentence that says why it cannot be opened."""
        answer = await self._ask(lambda ask: protocol.Open(ask, sealed))
        return answer.environments  # type: ignore[no-any-return]

    async def connection_into(self, husk: str, port: int) -> socket.socket:
        """A socket that is connecting to 127.0.0.1:`port` inside the sandbox. Raises SandboxError."""
        answer, fds = await self._ask(lambda ask: protocol.Connect(ask, husk, port))
        if answer.error or not fds:
            raise SandboxError(answer.error or "the agent gave no connection")
        return socket.socket(fileno=fds[0])

    async def counts(self) -> protocol.Counts:
        return await self._ask(protocol.Ask)  # type: ignore[no-any-return]

    def started(self, husk: str) -> None:
        self._send(protocol.Started(husk))

    def stop(self, husk: str) -> None:
        self._send(protocol.Stop(husk))

    def signal(self, husk: str, number: int) -> None:
        """Send the runtime process in there a signal."""
        self._send(protocol.Signal(husk, number))

    def forget(self, husk: str) -> None:
        """Nobody will inherit the /tmp of this ended sandbox."""
        self._send(protocol.Forget(husk))

    def give_back(self, given: Given) -> None:
        """It is of no use after all: what came of the assignment is closed and stopped."""
        for fd in given.fds.values():
            os.close(fd)
        self.stop(given.assigned.husk)

    def close(self) -> None:
        self._lose()

    # -- details

    async def _ask(self, make: Callable[[int], protocol.Order], on_end: OnEnd | None = None) -> Any:
        if self.gone:
            raise AgentGone
        self._next += 1
        ask = self._next
        future = self._asks[ask] = self._loop.create_future()
        if on_end is not None:
            self._wishes[ask] = on_end
        self._send(make(ask))
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and not future.exception():
                self._give_back(future.result())
            raise
        finally:
            del self._asks[ask]
            self._wishes.pop(ask, None)

    def _send(self, order: protocol.Order) -> None:
        if self.gone:
            return
        try:
            if self._backlog:
                self._backlog.append(order)
            else:
                protocol.send(self._sock, order)
        except BlockingIOError:
            self._backlog.append(order)
            self._loop.add_writer(self._sock.fileno(), self._flush)
        except OSError:
            self._lose()

    def _flush(self) -> None:
        try:
            while self._backlog:
                protocol.send(self._sock, self._backlog[0])
                del self._backlog[0]
        except BlockingIOError:
            return
        except OSError:
            self._lose()
            return
        self._loop.remove_writer(self._sock.fileno())

    def _hear(self) -> None:
        while not self.gone:
            try:
                data, fds = protocol.receive(self._sock)
            except BlockingIOError:
                return
            except OSError:
                data, fds = b"", []
            if not data:
                self._lose()
                return
            self._understand(protocol.answer(data), fds)

    def _understand(self, answer: Any, fds: list[int]) -> None:
        if isinstance(answer, protocol.Exited):
            if answer.husk in self._endings:
                self._endings[answer.husk](answer)
            return
        if isinstance(answer, protocol.Ended):
            callback = self._endings.pop(answer.husk, None)
            if callback:
                callback(answer)
            elif answer.estate:
                self.forget(answer.husk)
            return
        future = self._asks.get(answer.ask)
        given = _given(answer, fds)
        if future is None or future.done():
            self._give_back(given)
            return
        if isinstance(given, Given):  # now, since the news of its end may be the very next message
            self._endings[answer.husk] = self._wishes[answer.ask]
        future.set_result(given)

    def _give_back(self, answer: Any) -> None:
        """Whoever asked has gone: nobody would ever use this sandbox."""
        if isinstance(answer, tuple):
            for fd in answer[1]:
                os.close(fd)
        if isinstance(answer, Given):
            for fd in answer.fds.values():
                os.close(fd)
            self._endings.pop(answer.assigned.husk, None)
            self.stop(answer.assigned.husk)

    def _lose(self) -> None:
        if self.gone:
            return
        self.gone = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        for future in self._asks.values():
            if not future.done():
                future.set_exception(AgentGone())
        endings, self._endings = self._endings, {}
        for husk, callback in endings.items():
            callback(protocol.Ended(husk, None, False, lost=True))
        self._on_gone()


def _given(answer: Any, fds: list[int]) -> Any:
    """An answer together with the descriptors beside it, for those that have any."""
    if isinstance(answer, protocol.Assigned):
        return Given(answer, dict(zip(answer.given, fds, strict=True)))
    return (answer, fds) if isinstance(answer, protocol.Connected) else answer


async def _greeting(loop: asyncio.AbstractEventLoop, sock: socket.socket, deadline: float) -> protocol.Hello:
    """The agent's first message. Raises OSError when it ends instead of saying it."""
    while True:
        try:
            data, _ = protocol.receive(sock)
        except BlockingIOError:
            if loop.time() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "it does not say hello") from None
            await asyncio.sleep(0.002)
            continue
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "it ended without a hello")
        return protocol.answer(data)  # type: ignore[no-any-return]
