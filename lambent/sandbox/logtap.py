"""The host's end of a sandbox's log pipe: everything that anything in it writes to descriptors 1 and 2.

Read as it comes, and once more, without waiting, when an invocation ends: the runtime has written all of its log before
it sends its answer, so that read finds the rest. The tail of the current invocation is kept for LogType=Tail.
"""

import array
import asyncio
import fcntl
import os
import termios
from collections.abc import Callable

TAIL_BYTES = 4096
READ_BYTES = 65536
SLOW_S = 0.05


class LogTap:
    """Lines out of bytes. `emit` gets whole lines only; a line without end is given when the invocation ends."""

    def __init__(self, fd: int, emit: Callable[[bytes], None], congested: Callable[[], bool]) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._emit = emit
        self._congested = congested
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._tail = bytearray()
        self._held = b""
        self._waiting = array.array("i", [0])
        self.listener: Callable[[bytes], None] | None = None  # hears what was written inside, not what is added
        self._loop.add_reader(fd, self._readable)

    def begin(self, text: bytes) -> None:
        """A new invocation starts with a line of the platform's: its tail is empty but for that.

        The line is held until there is more to give, or `release`: most calls are over at once, and one entry costs
        less than two.
        """
        self._held = text
        self._tail = bytearray(text)

    def release(self) -> None:
        """Give what is held: whoever follows the log shall see that a long call has begun."""
        held, self._held = self._held, b""
        if held:
            self._emit(held)

    def add(self, text: bytes) -> None:
        """A line of the platform's own, in its place between the function's."""
        self._emit(self._held + text)
        self._held = b""
        self._tail += text

    def finish(self) -> None:
        """Take in all that has been written so far, and the unfinished line."""
        while self._fd >= 0 and self._unread():
            if self._read() <= 0 or self._congested():
                break  # the rest is taken when the log has been written out
        if self._rest:
            rest, self._rest = self._rest, b""
            self._give(rest + b"\n")

    def is_congested(self) -> bool:
        return self._congested()

    def tail(self) -> bytes:
        return bytes(self._tail[-TAIL_BYTES:])

    def close(self) -> None:
        self.release()
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    # -- details

    def _readable(self) -> None:
        if self._congested():
            # Not reading fills the pipe, which blocks the writer: a flood slows only its own function.
            self._loop.remove_reader(self._fd)
            self._loop.call_later(SLOW_S, self._resume)
            return
        if self._read() == 0 and self._fd >= 0:
            self._loop.remove_reader(self._fd)  # every writer is gone

    def _resume(self) -> None:
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._readable)

    def _unread(self) -> int:
        """Bytes that wait in the pipe. Asking costs a third of a read that raises BlockingIOError."""
        fcntl.ioctl(self._fd, termios.FIONREAD, self._waiting)
        return self._waiting[0]

    def _read(self) -> int:
        """Bytes read; 0 at the end, -1 if there is nothing now."""
        if self._fd < 0:
            return 0
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return -1
        if data:
            whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
            if newline:
                self._give(whole + newline)
            if len(self._rest) > READ_BYTES:
                self._give(self._rest + b"\n")
                self._rest = b""
        return len(data)

    def _give(self, lines: bytes) -> None:
        if self.listener is not None:
            self.listener(lines)
        self._emit(self._held + lines)
        self._held = b""
        self._tail += lines
        if len(self._tail) > 4 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
