"""What one HTTP connection may ask of this machine, and when it has asked for too long."""

import enum
from collections.abc import Callable
from typing import Protocol

import msgspec

from lambent.wire.http import Spooled


class Spool(Spooled, Protocol):
    """A body on its way to disk, as far as reading a connection needs it."""

    @property
    def congested(self) -> bool:
        """More waits for the disk than should."""
        ...

    def feed(self, piece: bytes) -> None: ...
    def end(self) -> None: ...
    def when_eased(self, callback: Callable[[], None]) -> None: ...


# Where a large body goes, by the request's method, path, query and headers; None: nowhere. Raises Refusal.
Spooler = Callable[[str, str, str, dict[str, str]], Spool | None]


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds. The defaults are AWS's where AWS has one."""

    body: int = 70_167_211  # AWS: the largest request that the Lambda API reads
    spool_from: int = 1_048_576  # bodies from this on may go to disk while they arrive
    spooler: Spooler | None = None
    head: int = 1_048_576  # AWS: request line and headers, 1 MB
    headers: int = 1000
    connections: int = 10_000
    pipelined: int = 16  # requests that wait behind the one that runs; beyond it the client is not read
    pipelined_bytes: int = 1_048_576
    head_s: float = 30.0  # from the first byte of a head to its last, however they trickle
    body_s: float = 30.0  # in each such span a body must grow by a kilobyte or end
    idle_s: float = 120.0  # between two requests
    write_s: float = 60.0  # a client that takes nothing of its answer for so long has gone
    linger_s: float = 10.0  # what a refused client still sends is read and dropped for so long
    backlog: int = 4096


class Wait(enum.IntEnum):
    """What a connection waits for."""

    FIRST = 0  # the first byte after connecting
    IDLE = 1  # the next request
    HEAD = 2  # the rest of a head
    BODY = 3  # the rest of a body
    HANDLER = 4  # our own answer
    CLIENT = 5  # the client, to take what was written
    LINGER = 6  # a refused client, to finish


class Verdict(enum.Enum):
    """What is to be done with a connection."""

    WAIT = "wait"
    CLOSE = "close"  # nothing is owed to the client
    TIME_OUT = "408"
    ABORT = "abort"  # nothing more can be said to the client


def judge(wait: Wait, unchanged_s: float, limits: HttpLimits) -> Verdict:
    """What a connection deserves that has waited for the same thing, without any progress, for `unchanged_s`."""
    allowed, verdict = _rule(wait, limits)
    return verdict if unchanged_s >= allowed else Verdict.WAIT


def _rule(wait: Wait, limits: HttpLimits) -> tuple[float, Verdict]:
    match wait:
        case Wait.FIRST:
            return limits.head_s, Verdict.CLOSE
        case Wait.IDLE:
            return limits.idle_s, Verdict.CLOSE
        case Wait.HEAD:
            return limits.head_s, Verdict.TIME_OUT
        case Wait.BODY:
            return limits.body_s, Verdict.TIME_OUT
        case Wait.CLIENT:
            return limits.write_s, Verdict.ABORT
        case Wait.LINGER:
            return limits.linger_s, Verdict.ABORT
        case Wait.HANDLER:
            # A function may take its fifteen minutes; its own time-out is the invoke path's matter.
            return float("inf"), Verdict.WAIT


def connection_cap(limits: HttpLimits, descriptors: int) -> int:
    """How many connections to hold when the process may open `descriptors` files: a quarter stays for everything else,
    because a server that runs out of descriptors can no longer start a function."""
    return max(1, min(limits.connections, descriptors * 3 // 4))
