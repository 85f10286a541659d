"""The framed channel to the platform: one blocking socket, kept where a handler is unlikely to hit it.

Frame = header (type, length of meta, length of body, token), meta (JSON object), body (raw bytes).
"""

import fcntl
import os
import struct

HEADER = struct.Struct(">B3xII16s")
HEADER_SIZE = HEADER.size
unpack_header, pack_header = HEADER.unpack_from, HEADER.pack
INIT, INVOKE, PROCEED = 1, 2, 5
READY, RESULT, ERROR, INIT_ERROR = 17, 18, 19, 20
CHUNK, END = 21, 22  # of a streamed answer
NO_TOKEN = bytes(16)

HIGH_FD = 900  # below the 1024 descriptors that a sandbox may have, above what programs open or close by number
READ_SIZE = 65536
COPY_SIZE = 16384  # a body up to this size is cheaper to join with its header than to point at


class Closed(Exception):
    """The platform closed its end: there is nobody left to work for."""


class Forked(Exception):
    """This process is a child that a handler forked; the channel belongs to its parent alone."""


class Channel:
    """Whole frames in, whole frames out.

    Mutable state is `_rest`: bytes that arrived after the last frame returned; only `receive` changes it.
    """

    def __init__(self, fd):
        self.open(fd)
        os.register_at_fork(after_in_child=self._forget)

    def open(self, fd):
        """Speak over `fd` from now on."""
        self._fd = move_high(fd)
        self._rest = b""
        os.set_blocking(self._fd, True)

    @property
    def fd(self):
        return self._fd

    def receive(self):
        """Return the next frame as (type, meta bytes, body bytes, token); raise Closed at the end."""
        data = self._rest or self._read()
        while len(data) < HEADER_SIZE:
            data += self._read()
        kind, meta_size, body_size, token = unpack_header(data)
        start = HEADER_SIZE + meta_size
        end = start + body_size
        while len(data) < start:
            data += self._read()
        if len(data) < end:
            self._rest = b""
            return kind, data[HEADER_SIZE:start], self._fill(data[start:], body_size), token
        self._rest = data[end:]
        return kind, data[HEADER_SIZE:start], data[start:end], token

    def send(self, kind, token, meta=b"", body=b""):
        """Write one frame; `meta` and `body` are bytes. Large bodies are handed to the kernel where they lie."""
        if self._fd < 0:
            raise Forked
        head = pack_header(kind, len(meta), len(body), token) + meta
        try:
            for part in (head + body,) if len(body) <= COPY_SIZE else (head, body):
                sent = os.write(self._fd, part)
                if sent < len(part):
                    self._send_rest(memoryview(part)[sent:])
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def _send_rest(self, view):
        while view:
            view = view[os.write(self._fd, view) :]

    def _read(self):
        if self._fd < 0:
            raise Forked
        try:
            data = os.read(self._fd, READ_SIZE)
        except ConnectionResetError:
            raise Closed from None
        if not data:
            raise Closed
        return data

    def _fill(self, beginning, size):
        """Read the rest of a large body straight into its place."""
        body = bytearray(size)
        filled = len(beginning)
        body[:filled] = beginning
        with memoryview(body) as view:
            while filled < size:
                count = os.readv(self._fd, [view[filled:]])
                if not count:
                    raise Closed
                filled += count
        return body

    def _forget(self):
        """In a forked child: let go, or the channel would outlive its owner and two processes would speak on it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def move_high(fd):
    """Move a descriptor out of the low numbers; keep it from programs that are executed. Returns the new number."""
    try:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH_FD)
    except OSError:  # the limit on descriptors is lower than usual
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return moved
