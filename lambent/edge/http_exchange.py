"""What passes between reading a connection and answering on it."""

import msgspec

from lambent.wire.http import Request

# Header names repeat for ever, so each spelling is decoded once. The bound keeps a client that invents
# names from filling memory.
NAMES: dict[bytes, str] = {}
_NAMES_KEPT = 1024


class Exchange(msgspec.Struct):
    """One request with what its answer must know of the connection."""

    request: Request
    keep_alive: bool
    http11: bool


class Refusal(Exception):
    """A request that is not served: its status, AWS-like error code and the sentence for the client."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def malformed(message: str) -> Refusal:
    """The refusal of what is not proper HTTP."""
    return Refusal(400, "BadRequestException", message)


def learn_name(raw: bytes) -> str:
    """A header name in lower case, kept in NAMES for the next time."""
    name = raw.decode("latin-1").lower()
    if len(NAMES) < _NAMES_KEPT and len(raw) <= 64:
        NAMES[raw] = name
    return name


def split_target(target: bytes) -> tuple[str, str]:
    """The raw path and query of a request target in origin form, absolute form (a client that takes us for its proxy)
    or asterisk form (RFC 9112 3.2)."""
    text = target.decode("latin-1")
    if text[0] != "/" and "://" in text:
        _, _, text = text.partition("://")
        start = text.find("/")
        text = text[start:] if start >= 0 else "/"
    path, _, query = text.partition("?")
    return path, query
