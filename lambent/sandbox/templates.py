"""The node agent's side of SnapStart: a sandbox that makes clones of itself, in the place of a zygote.

To the nursery a template's clones are husks of a brood of its own. Nothing that a template or a clone says is believed:
who a clone is comes from the kernel, its listening sockets are made by the agent, and its messages have their time.
"""

import os
import socket
import struct
from array import array
from collections import deque

import msgspec

from lambent.errors import SandboxError
from lambent.model import RuntimeInfo
from lambent.sandbox import mounts
from lambent.sandbox.shelf import Shelf
from lambent.sandbox.zygotes import RLIMITS, Copies, Husk, Zygote

TMP_MB = 512  # SnapStart allows no more
STOCK = 1  # clones that each template keeps ready
_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid


def brood_of(husk: str) -> str:
    """The name of the brood of a template's clones, which no runtime has."""
    return f"clones of {husk}"


def is_brood_of_clones(name: str) -> bool:
    return name.startswith("clones of ")


class Template(Zygote):
    """A template that has been through init. When its sandbox ends, so do its clones, which are nested in it."""

    def __init__(self, husk: Husk, info: RuntimeInfo, level: str, shelf: Shelf) -> None:
        self.info = msgspec.structs.replace(info, name=brood_of(husk.name))
        self.level = level
        self.ready = True
        self.orders: deque[Husk] = deque()  # none: a clone tells who it is by itself
        self._husk = husk
        self._shelf = shelf

    def order(self, name: str, uid: int, init_uid: int, seccomp: bytes, copies: Copies | None = None) -> Husk:
        """Ask for one clone. It has the template's uid, which makes it root of a user namespace without privileges."""
        uid = self._husk.uid
        control, their_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        channel, their_channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        log_read, log_write = os.pipe()
        husk = Husk(name, self.info.name, uid, control, {"channel": channel.detach(), "log": log_read})
        husk.template = self._husk.name
        given = [their_control.detach(), their_channel.detach(), log_write]
        try:
            if uid:
                os.fchown(log_write, uid, uid)
            husk.tmp = self._shelf.disk(TMP_MB, uid)
            given.append(mounts.detached(str(husk.tmp), writable=True))
            self._tell(b"C", given)
        except OSError as error:
            husk.close_fds()
            control.close()
            self._shelf.drop(husk.tmp)
            raise SandboxError(f"no clone of {self._husk.name} could be made: {error}") from error
        finally:
            for fd in given:
                os.close(fd)
        return husk

    def bury(self) -> None:
        """A clone has ended: its parent is to let go of what is left of it."""
        try:
            self._tell(b"B", [])
        except OSError:
            return  # it is going itself, and takes everything with it

    def close(self) -> None:
        self._husk.tell(b"K")

    def _tell(self, message: bytes, fds: list[int]) -> None:
        """Never waits: a template that does not listen any more must not hold up the agent. Raises OSError."""
        assert self._husk.forks is not None
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", fds))] if fds else []
        self._husk.forks.sendmsg([message], ancillary, socket.MSG_DONTWAIT)


def template_limits(cgroups: str) -> dict[str, tuple[int, int]]:
    """The rlimits of a template: the kernel counts its processes and those of all its clones together.

    Each clone has a limit of its own again, and a control group that counts; where there are none, one limit for all.
    """
    return {name: limit for name, limit in RLIMITS.items() if name != "RLIMIT_NPROC" or cgroups == "none"}


def sender(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """The pid of the process that sent a message, as the kernel says; None if it does not."""
    for level, kind, packed in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(packed) >= _CREDENTIALS.size:
            return int(_CREDENTIALS.unpack_from(packed)[0]) or None
    return None
