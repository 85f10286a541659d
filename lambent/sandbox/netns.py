"""Connections that begin inside a sandbox's network namespace, though nobody in there makes them. Source: setns(2)."""

import ctypes
import errno
import os
import socket
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

    Only the calling thread visits the other network, for as long as it takes to make the socket. Raises OSError.
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
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(there)
        finally:
            os.close(there)
        try:
            return make()
        finally:
            _enter(home)
    finally:
        os.close(home)


def _connecting(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    failed = sock.connect_ex(("127.0.0.1", port))
    if failed not in (0, errno.EINPROGRESS):
        sock.close()
        raise OSError(failed, os.strerror(failed))
    return sock
