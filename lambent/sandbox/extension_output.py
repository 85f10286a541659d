"""What the guest's spawner and the extensions themselves send through the API's port that is not HTTP.

    LAMBENT-OUTPUT name       the rest of the connection is what that extension writes to its stdout and stderr
    LAMBENT-PROCESSES         lines follow: "exit <wait status> <name>", "launch <errno> <name>"

So an extension's output can be told from the function's, whose descriptors 1 and 2 are the log pipe, and it costs
environments without extensions nothing. A function could pretend to be an extension here: it would fool only itself.
"""

import asyncio
from collections.abc import Callable

from lambent.sandbox.extensions import Extensions

OUTPUT, PROCESSES = b"LAMBENT-OUTPUT ", b"LAMBENT-PROCESSES\n"
LONGEST_LINE = 65536
SLOW_S = 0.05

Lines = Callable[[bytes], None]


def guide(extensions: Extensions, output: Lines, congested: Callable[[], bool]) -> Callable[[bytes], "Reader | None"]:
    """Decides by a connection's first bytes who reads it; None: it is HTTP."""

    def decide(first: bytes) -> Reader | None:
        if first.startswith(OUTPUT):
            return Reader(output, congested)
        if first.startswith(PROCESSES):
            return Reader(lambda lines: news(extensions, lines), lambda: False)
        return None

    return decide


def news(extensions: Extensions, lines: bytes) -> None:
    for line in lines.splitlines():
        kind, _, rest = line.decode("utf-8", "replace").partition(" ")
        number, _, name = rest.partition(" ")
        if number.isdecimal() and kind == "exit":
            extensions.exited(name, int(number))
        elif number.isdecimal() and kind == "launch":
            extensions.launch_failed(name, int(number))


class Reader(asyncio.Protocol):
    """Whole lines out of one connection, behind its first line; what has no end is given when the connection ends."""

    def __init__(self, give: Lines, congested: Callable[[], bool]) -> None:
        self._give = give
        self._congested = congested
        self._transport: asyncio.Transport | None = None
        self._introduced = False
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's are not of that class

    def data_received(self, data: bytes) -> None:
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        lines = whole + newline
        if lines and not self._introduced:
            self._introduced = True
            lines = lines.partition(b"\n")[2]
        if lines:
            self._give(lines)
        if len(self._rest) > LONGEST_LINE:
            self._give(self._rest + b"\n")
            self._rest = b""
        if self._congested() and self._transport is not None:
            self._transport.pause_reading()  # a flood slows only its own writer
            asyncio.get_running_loop().call_later(SLOW_S, self._resume)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._rest and self._introduced:
            self._give(self._rest + b"\n")

    def _resume(self) -> None:
        if self._transport is None:
            return
        if self._congested():
            asyncio.get_running_loop().call_later(SLOW_S, self._resume)
        else:
            self._transport.resume_reading()
