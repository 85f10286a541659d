"""Connections that begin inside a sandbox's network namespace, though nobody in there makes them. Source: setns(2)."""

import ctypes
import errno
import os
import socket
import threading
from collections.abc import Callable

from lambent.sandbox import netlink

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(fd: int) -> None:
    if _libc.setns(ctypes.c_int(fd), ctypes.c_int(_CLONE_NEWNET)) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def connect(pid: int | None, port: int) -> socket.socket:
    """A socket that is connecting to 127.0.0.1:`port` in the network of process `pid`; None: in our own.

    Raises OSError.
    """
    if pid is None:
        return _connecting(port)
    return _inside(pid, lambda: _connecting(port))


def routing_socket(pid: int) -> socket.socket:
    """A routing socket of the network of process `pid`."""
    return _inside(pid, netlink.routing_socket)


def listen(pid: int, port: int) -> socket.socket:
    """A socket that listens at 127.0.0.1:`port` in the network of process `pid`, whatever that process is up to."""
    return _inside(pid, lambda: socket.create_server(("127.0.0.1", port), backlog=16))


def _inside(pid: int, make: Callable[[], socket.socket]) -> socket.socket:
    """What `make` makes in that network. A thread goes there, and ends there: an agent without root may enter the
    networks of its sandboxes, but not return to the machine's."""
    made: list[socket.socket | BaseException] = []

    def visit() -> None:
        try:
            there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                _enter(there)
            finally:
                os.close(there)
            made.append(make())
        except BaseException as error:
            made.append(error)

    visitor = threading.Thread(target=visit, name="visit-network")
    visitor.start()
    visitor.join()
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]


def _connecting(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    failed = sock.connect_ex(("127.0.0.1", port))
    if failed not in (0, errno.EINPROGRESS):
        sock.close()
        raise OSError(failed, os.strerror(failed))
    return sock
