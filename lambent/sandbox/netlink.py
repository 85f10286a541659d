"""Messages for the kernel's routing socket: the few that the networks of sandboxes need, as bytes, and the asking.

They are built here and sent where they count: by the husk from inside its namespaces (guest/zygote/kernel.py), by the
agent on the host. Sources: netlink(7), rtnetlink(7), veth(4); numbers from the kernel's uapi headers.
"""

import ipaddress
import os
import socket
import struct

_ERROR, _NEWLINK, _SETLINK, _NEWADDR, _DELADDR, _NEWROUTE = 2, 16, 19, 20, 21, 24
_REQUEST, _ACK, _EXCL, _CREATE = 0x1, 0x4, 0x200, 0x400
_ADDRESS, _IFNAME, _LINKINFO, _AF_SPEC, _GROUP, _NET_NS_FD, _TX_QUEUES, _RX_QUEUES = 1, 3, 18, 26, 27, 28, 31, 32
_INFO_KIND, _INFO_DATA, _PEER = 1, 2, 1
_ADDR_GEN_MODE, _NO_ADDRESS = 8, 1
_IFA_ADDRESS, _IFA_LOCAL, _RTA_DST, _RTA_OIF = 1, 2, 1, 4
_MAIN_TABLE, _STATIC, _UNICAST = 254, 4, 1
_SCOPE_GLOBAL, _SCOPE_LINK, _SCOPE_HOST = 0, 253, 254
_IFF_UP, _IFF_NOARP = 0x1, 0x80
_NESTED = 0x8000


def _attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("HH", size, kind) + value + bytes(-size % 4)


def _nested(kind: int, *inner: bytes) -> bytes:
    return _attribute(kind | _NESTED, b"".join(inner))


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("I", value))


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack("IHHII", 16 + len(body), kind, flags | _REQUEST | _ACK, 0, 0) + body


def _link(index: int, flags: int = 0) -> bytes:
    return struct.pack("BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _end(end: tuple[int, str], mac: bytes) -> bytes:
    """One end of a pair. One queue each: the default is one for each core, 10 KB of kernel memory."""
    queues = _number(_TX_QUEUES, 1) + _number(_RX_QUEUES, 1)
    return _link(end[0]) + _attribute(_IFNAME, end[1].encode() + b"\0") + _attribute(_ADDRESS, mac) + queues


def pair(here: tuple[int, str], there: tuple[int, str], mac: bytes, *, group: int = 0, namespace: int = -1) -> bytes:
    """Make a virtual cable of two interfaces, each given as (index, name); `here` is where the message is sent from.

    `there` is the network namespace of descriptor `namespace`, -1: the same. Both ends have the same address, so that
    none ever asks for the other's: with NOARP a sender fills in its own.
    """
    peer = _end(there, mac) + (_number(_NET_NS_FD, namespace) if namespace >= 0 else b"")
    kind = _attribute(_INFO_KIND, b"veth") + _nested(_INFO_DATA, _nested(_PEER, peer))
    return _message(_NEWLINK, _CREATE | _EXCL, _end(here, mac) + _number(_GROUP, group) + _nested(_LINKINFO, kind))


def without_ipv6(index: int) -> bytes:
    """Have the interface give itself no IPv6 address when it comes up, hence no route to anywhere."""
    mode = _nested(socket.AF_INET6, _attribute(_ADDR_GEN_MODE, bytes([_NO_ADDRESS])))
    return _message(_SETLINK, 0, _link(index) + _nested(_AF_SPEC, mode))


def up(index: int) -> bytes:
    return _message(_SETLINK, 0, _link(index, _IFF_UP | _IFF_NOARP))


def group(index: int, number: int) -> bytes:
    """Put the interface into a group, by which filter rules tell interfaces apart."""
    return _message(_SETLINK, 0, _link(index) + _number(_GROUP, number))


def address(index: int, own: str, *, on_loopback: bool = False) -> bytes:
    """Give the interface one address, and no network with it."""
    return _message(_NEWADDR, _CREATE | _EXCL, _address(index, own, _SCOPE_HOST if on_loopback else _SCOPE_GLOBAL))


def no_address(index: int, own: str) -> bytes:
    return _message(_DELADDR, 0, _address(index, own, _SCOPE_HOST))


def _address(index: int, own: str, scope: int) -> bytes:
    packed = ipaddress.IPv4Address(own).packed
    head = struct.pack("BBBBi", socket.AF_INET, 32, 0, scope, index)
    return head + _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)


def route(index: int, to: str = "") -> bytes:
    """A route through the interface, without a gateway, to one address or (empty) to everywhere."""
    bits = 32 if to else 0
    head = struct.pack("BBBBBBBBI", socket.AF_INET, bits, 0, 0, _MAIN_TABLE, _STATIC, _SCOPE_LINK, _UNICAST, 0)
    destination = _attribute(_RTA_DST, ipaddress.IPv4Address(to).packed) if to else b""
    return _message(_NEWROUTE, _CREATE | _EXCL, head + destination + _attribute(_RTA_OIF, struct.pack("i", index)))


def routing_socket() -> socket.socket:
    """A routing socket of this network namespace, which stays its own wherever the process goes."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)


def ask(sock: socket.socket, message: bytes) -> None:
    """Have the kernel do what `message` says. Raises OSError with the kernel's reason."""
    sock.send(message)
    kind, number = struct.unpack_from("4xH10xi", sock.recv(65536))
    if kind == _ERROR and number:
        raise OSError(-number, f"the kernel's routing socket: {os.strerror(-number)}")
