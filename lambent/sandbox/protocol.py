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
    layers: tuple[str, ...]  # directories in the function's order, merged at /opt: a later one hides an earlier one
    memory_mb: int
    tmp_mb: int
    inherit: str = ""  # an ended husk, whose /tmp this one takes over: AWS keeps it when an environment is reset
    network: str = "host"  # what is reachable: "host" as from this machine, "none" nothing but the own loopback
    image: str = ""  # root directory of a container image
    snapshot: bool = False  # SnapStart: the sandbox becomes a template, whose clones are kept ready once it is Started
    template: str = ""  # SnapStart: the sandbox is to be a clone of this template
    linger: bool = False  # pid 1 outlives the runtime until Stop: extensions get their SHUTDOWN phase
    sealed: bytes = b""  # the function's environment variables, which Assigned brings opened
    owner: str = ""  # its ARN, for which they were sealed
    file_systems: tuple[tuple[str, str], ...] = ()  # ARN of an access point, path inside


class Seal(msgspec.Struct, frozen=True, tag="seal"):
    """Encrypt these variables of a function, `owner` being its ARN. Answered with Sealed."""

    ask: int
    variables: dict[str, str]
    owner: str
    key: str = ""  # ARN of the key to do it with; empty: our own


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Decrypt the variables of functions, as many as fit a message. Answered with Opened."""

    ask: int
    sealed: tuple[tuple[bytes, str], ...]  # variables, owner


class Started(msgspec.Struct, frozen=True, tag="started"):
    """Init is over: from here on the CPU share of the memory size applies."""

    husk: str


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """End the sandbox at once. Answered, like every end, with Ended."""

    husk: str


class Signal(msgspec.Struct, frozen=True, tag="signal"):
    """Send the runtime process a signal; one that is gone already needs none."""

    husk: str
    number: int


class Forget(msgspec.Struct, frozen=True, tag="forget"):
    """Nobody will inherit this ended husk's /tmp."""

    husk: str


class Connect(msgspec.Struct, frozen=True, tag="connect"):
    """Open a TCP connection to 127.0.0.1:`port` inside the sandbox. Answered with Connected."""

    ask: int
    husk: str
    port: int


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Ask for Counts."""

    ask: int


Order = Prepare | Assign | Started | Stop | Signal | Forget | Connect | Ask | Seal | Open


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
    """A sandbox, with the descriptors that `given` names in order.

    channel, log: of the runtime. api, endpoint: listening sockets inside for the Runtime API and for AWS's public
    endpoint. memory_peak, cpu_time: counters to read. freeze: b"1" written to it stops all processes, b"0" ends that.
    """

    ask: int
    husk: str
    given: tuple[str, ...]
    task_root: str = "/var/task"
    runtime_api: str = "127.0.0.1:9001"
    waited: bool = False  # no husk was ready: this one was made on demand
    environment: dict[str, str] = {}  # the function's own variables


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    ask: int
    error: str
    denied: bool = False  # the function's environment variables could not be opened
    unmounted: bool = False  # a file system of the function could not be mounted


class Sealed(msgspec.Struct, frozen=True, tag="sealed"):
    ask: int
    sealed: bytes = b""
    error: str | None = None


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """What each of the sealed was, or the sentence that says why it cannot be opened."""

    ask: int
    environments: tuple[dict[str, str] | str, ...]


class Connected(msgspec.Struct, frozen=True, tag="connected"):
    """One descriptor beside it, of a socket that does not block, unless there is an error."""

    ask: int
    error: str | None = None


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """The runtime of a lingering sandbox is over; Ended follows when the sandbox is."""

    husk: str
    status: int
    out_of_memory: bool


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The sandbox is gone. `status` is the wait status of its runtime, None when the agent ended it."""

    husk: str
    status: int | None
    out_of_memory: bool
    counters: tuple[bytes, ...] = ()  # what the counters said last: they go with the control group
    lost: bool = False  # nobody says how: the agent died, and everything with it
    estate: bool = False  # its /tmp is kept until another sandbox inherits it, or Forget


class Counts(msgspec.Struct, frozen=True, tag="counts"):
    ask: int
    husks: dict[str, int]  # runtime: parked and ready
    sandboxes: int


Answer = Hello | Prepared | Assigned | Refused | Connected | Exited | Ended | Counts | Sealed | Opened

_encoder = msgspec.msgpack.Encoder()
_orders = msgspec.msgpack.Decoder(Order)
_answers = msgspec.msgpack.Decoder(Answer)


def send(sock: socket.socket, message: Order | Answer, fds: list[int] | None = None) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([_encoder.encode(message)], ancillary)


def receive(sock: socket.socket) -> tuple[bytes, list[int]]:
    """One datagram and its descriptors, which the caller owns; empty at the end of the connection."""
    data, ancillary, _, _ = sock.recvmsg(LARGEST, socket.CMSG_SPACE(MOST_FDS * 4), socket.MSG_CMSG_CLOEXEC)
    return data, descriptors(ancillary)


def descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    """Those that came with a message; the caller owns them."""
    fds = array.array("i")
    for level, kind, packed in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(packed[: len(packed) - len(packed) % fds.itemsize])
    return list(fds)


def order(data: bytes) -> Any:
    return _orders.decode(data)


def answer(data: bytes) -> Any:
    return _answers.decode(data)
