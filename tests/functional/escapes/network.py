"""Attempts by sockets: at the agent, the front end, other environments, the kernel, and the machine's ports."""

import os
import socket
import struct

from .harness import attempt

WEAK = ("process",)
CLOSED = ("ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "ETIMEDOUT", "EACCES", "EPERM", "OSError", "nothing")
NO_FAMILY = ("EAFNOSUPPORT", "EPERM", "EACCES", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT")


def reached(addresses, seconds=0.5):
    """Those of the TCP addresses that take a connection."""
    found = []
    for address in addresses:
        with socket.socket() as sock:
            sock.settimeout(seconds)
            try:
                sock.connect(address)
                found.append(address)
            except OSError:
                pass
    return found


def own_addresses():
    """IPv4 addresses of this environment beyond its loopback, by asking which one a packet would leave from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            return []
        return [sock.getsockname()[0]]


def neighbours(address, count):
    number = struct.unpack(">I", socket.inet_aton(address))[0]
    wanted = [number + step for step in range(-count, count + 1) if step]
    return [socket.inet_ntoa(struct.pack(">I", each & 0xFFFFFFFF)) for each in wanted]


@attempt("connect to the node agent", "ENOENT", "EACCES", "EPERM", "ECONNREFUSED", beyond=WEAK)
def _(host):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.connect(host["agent"])
        return True


@attempt("connect to an abstract socket of the host", "ECONNREFUSED", beyond=WEAK)
def _(host):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect("\0" + host["abstract"])
        return True


@attempt("list the host's sockets", "nothing", "ENOENT", beyond=WEAK)
def _(host):
    with open("/proc/net/unix") as file:
        return host["abstract"] in file.read()


@attempt("reach a port of the host's loopback", *CLOSED, beyond=WEAK)
def _(host):
    return reached([("127.0.0.1", host["port"]), ("127.0.0.2", host["port"]), ("0.0.0.0", host["port"])])


@attempt("reach a port of the host's loopback by the host's other addresses", *CLOSED, beyond=WEAK)
def _(host):
    return reached([(address, host["port"]) for address in host["addresses"]])


@attempt("reach a port of the host's loopback through its own gateway", *CLOSED, beyond=WEAK)
def _(host):
    near = [each for address in own_addresses() for each in neighbours(address, 2)]
    return reached([(address, host["port"]) for address in near], 0.2)


@attempt("reach the Runtime API of other environments", *CLOSED, beyond=WEAK)
def _(host):
    near = [each for address in own_addresses() for each in neighbours(address, 6)]
    return reached([(address, 9001) for address in near], 0.1)


@attempt("reach the host's loopback by a name that turns into 127.0.0.1", *CLOSED, beyond=WEAK)
def _(host):
    return reached([("localhost", host["port"]), ("localhost.localdomain", host["port"])])


for name, family in (("packet", 17), ("vsock", 40), ("AF_ALG", 38), ("XDP", 44), ("CAN", 29), ("Bluetooth", 31)):

    @attempt(f"open a {name} socket", *NO_FAMILY)
    def _(host, family=family):
        kind = {17: socket.SOCK_RAW, 38: socket.SOCK_SEQPACKET, 44: socket.SOCK_RAW, 29: socket.SOCK_RAW}
        kind = {**kind, 31: socket.SOCK_RAW}.get(family, socket.SOCK_STREAM)
        with socket.socket(family, kind, 1 if family in (29, 31) else 0):
            return True


for name, kind, protocol in (("raw", socket.SOCK_RAW, 1), ("raw IPv6", socket.SOCK_RAW, 58)):

    @attempt(f"open a {name} socket", "EPERM", "EACCES", "EAFNOSUPPORT")
    def _(host, kind=kind, protocol=protocol):
        with socket.socket(socket.AF_INET6 if protocol == 58 else socket.AF_INET, kind, protocol):
            return True


NETLINKS = {"netfilter": 12, "audit": 9, "XFRM": 6, "generic": 16, "connector": 11, "kernel event": 15}
for name, protocol in NETLINKS.items():

    @attempt(f"open a {name} netlink socket", *NO_FAMILY)
    def _(host, protocol=protocol):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol):
            return True


@attempt("make a network device", "EPERM", "EOPNOTSUPP")
def _(host):
    name = b"\x0c\x00\x03\x00escape0\x00"
    kind = b"\x10\x00\x12\x00\x09\x00\x01\x00dummy\x00\x00\x00"
    body = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + name + kind
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.settimeout(5)
        sock.send(struct.pack("=IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)  # RTM_NEWLINK, create, acknowledge
        error = struct.unpack_from("=i", sock.recv(4096), 16)[0]
    if error:
        raise OSError(-error, "RTM_NEWLINK")
    return True


@attempt("bind a port below 1024 of the host", "EACCES", "EPERM", "nothing")
def _(host):
    if host["level"] != "process":
        return False  # its own loopback's ports are its own
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 1))
        return True


@attempt("pass a descriptor out through its log", "ENOTSOCK", "EINVAL", "ENOENT")
def _(host):
    with socket.socket(fileno=os.dup(1)) as sock:
        socket.send_fds(sock, [b"x"], [0])
        return True
