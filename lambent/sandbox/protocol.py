"""What the front end and the node agent say to each other: one msgpack message a datagram, descriptors beside it.

SOCK_SEQPACKET keeps messages whole. The same messages go over TCP when an agent is on another machine (cluster.md).
"""

import array
import socket
from typing import Any

import msgspec

from lambent.model import Isolation, RuntimeInfo

LARGEST = 1 << 15  # bytes; a function's environment is at most 4 KB, so nothing comes near
MOST_FDS = 8
SOCKET_DIR_PREFIX = "lambent-"  # of the temporary directory where the socket is when the usual path is too long


class Prepare(msgspec.Struct, frozen=True, tag="prepare"):
    """Start the runtime's zygote, if need be, and keep `husks` ready. Answered with Prepared."""

    ask: int
    runtime: str
    husks: int


class Assign(msgspec.Struct, frozen=True, tag="assign"):
    """Give a husk of `runtime` this code and these limits. Answered with Assigned or Refused."""

    ask: int
    runtime: str
    code: str  # directory on the host, mounted read-only at /var/task
    layers: tuple[str, ...]
    memory_mb: int
    tmp_mb: int


class Started(msgspec.Struct, frozen=True, tag="started"):
    """Init is over: from here on the CPU share of the memory size applies."""

    husk: str


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """End the sandbox at once. Answered, like every end, with Ended."""

    husk: str


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Ask for Counts."""

    ask: int


Order = Prepare | Assign | Started | Stop | Ask


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first message on each connection."""

    isolation: Isolation
    runtimes: dict[str, RuntimeInfo]
    pid: int
    swept: int  # sandboxes that a killed agent had left behind


class Prepared(msgspec.Struct, frozen=True, tag="prepared"):
    ask: int
    error: str | None = None


class Assigned(msgspec.Struct, frozen=True, tag="assigned"):
    """Descriptors beside it: channel, log pipe, [Runtime API listener], [memory peak, CPU time]."""

    ask: int
    husk: str
    listener: bool
    counters: bool
    task_root: str = "/var/task"
    runtime_api: str = "127.0.0.1:9001"
    waited: bool = False  # no husk was ready: this one was made on demand


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    ask: int
    error: str


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The sandbox is gone. `status` is the wait status of its runtime, None when the agent ended it."""

    husk: str
    status: int | None
    out_of_memory: bool
    counters: tuple[bytes, ...] = ()  # what the counters said last: they go with the control group
    lost: bool = False  # nobody says how: the agent died, and everything with it


class Counts(msgspec.Struct, frozen=True, tag="counts"):
    ask: int
    husks: dict[str, int]  # runtime: parked and ready
    sandboxes: int


Answer = Hello | Prepared | Assigned | Refused | Ended | Counts

_encoder = msgspec.msgpack.Encoder()
_orders = msgspec.msgpack.Decoder(Order)
_answers = msgspec.msgpack.Decoder(Answer)


def send(sock: socket.socket, message: Order | Answer, fds: list[int] | None = None) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([_encoder.encode(message)], ancillary)


def receive(sock: socket.socket) -> tuple[bytes, list[int]]:
    """One datagram and its descriptors, which the caller owns; empty at the end of the connection."""
    data, ancillary, _, _ = sock.recvmsg(LARGEST, socket.CMSG_SPACE(MOST_FDS * 4), socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, packed in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(packed[: len(packed) - len(packed) % fds.itemsize])
    return data, list(fds)


def order(data: bytes) -> Any:
    return _orders.decode(data)


def answer(data: bytes) -> Any:
    return _answers.decode(data)
