"""Answers in pieces, as a generator yields them. AWS has no such thing: a variable of the function asks for it."""

from types import GeneratorType

from .channel import CHUNK

VARIABLE = "LAMBENT_PYTHON_STREAMING"
PIECE = 262144  # bytes of a chunk; the platform takes no larger ones than a megabyte


def wanted(environ):
    """Whether the function's variables ask for generators to be streamed; otherwise they are an error, as on AWS."""
    return environ.get(VARIABLE, "").lower() in ("1", "true")


def is_stream(value):
    return isinstance(value, GeneratorType)


class Outlet:
    """Where the pieces go. Writing waits when the client is slow, and so does the generator."""

    def __init__(self, channel, token, encode):
        self._channel = channel
        self._token = token
        self._encode = encode
        self.begun = False

    def begin(self):
        """Say that there is a stream, even if nothing comes."""
        if not self.begun:
            self.begun = True
            self._channel.send(CHUNK, self._token)

    def write(self, piece):
        """Bytes as they are, text in UTF-8, anything else as JSON."""
        data = piece if isinstance(piece, (bytes, bytearray, memoryview)) else self._text(piece).encode("utf-8")
        with memoryview(data) as whole, whole.cast("B") as view:
            for start in range(0, len(view), PIECE):
                self.begun = True
                self._channel.send(CHUNK, self._token, b"", bytes(view[start : start + PIECE]))

    def _text(self, piece):
        return piece if isinstance(piece, str) else self._encode(piece)
