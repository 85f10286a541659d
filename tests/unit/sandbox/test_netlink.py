"""Messages for the routing socket, against what the kernel's own tools would send, and what the kernel answers."""

import errno
import socket
import struct
from typing import Any

import pytest

from lambent.sandbox import netlink

MAC = bytes.fromhex("0200c6120002")


class Kernel:
    """A routing socket whose other end answers with one number."""

    def __init__(self, number: int, kind: int = 2) -> None:
        self.answer = struct.pack("IHHII", 36, kind, 0, 0, 0) + struct.pack("i", number) + bytes(16)
        self.sent = b""

    def send(self, message: bytes) -> None:
        self.sent = message

    def recv(self, size: int) -> bytes:
        return self.answer


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in `data`, by kind without the mark of nested ones."""
    found = {}
    while data:
        size, kind = struct.unpack_from("HH", data)
        found[kind & 0x3FFF] = data[4:size]
        data = data[size + -size % 4 :]
    return found


def head(message: bytes) -> tuple[int, int]:
    """Kind and flags, once the length is found to be true."""
    size, kind, flags = struct.unpack_from("IHH", message)
    assert size == len(message)
    return kind, flags


def link(message: bytes) -> tuple[int, int, int]:
    """Index, flags and which of them change."""
    return struct.unpack_from("iII", message, 16 + 4)  # type: ignore[return-value]


def test_a_cable_is_made_with_one_end_in_another_namespace() -> None:
    message = netlink.pair((1000, "lbx-2"), (77, "eth0"), MAC, group=5, namespace=9)
    here = attributes(message[32:])
    info = attributes(here[18])
    there = attributes(info[2])[1]
    peer = attributes(there[16:])

    assert head(message) == (16, 0x1 | 0x4 | 0x200 | 0x400)
    assert link(message) == (1000, 0, 0)
    assert (here[3], here[1], here[27]) == (b"lbx-2\0", MAC, struct.pack("I", 5))
    assert info[1] == b"veth"
    assert struct.unpack_from("i", there, 4) == (77,)
    assert (peer[3], peer[1], peer[28]) == (b"eth0\0", MAC, struct.pack("I", 9))
    assert here[31] == here[32] == peer[31] == peer[32] == struct.pack("I", 1), "one queue each"


def test_a_cable_within_one_namespace_names_no_other() -> None:
    there = attributes(attributes(attributes(netlink.pair((77, "eth0"), (78, "void0"), MAC)[32:])[18])[2])[1]
    assert 28 not in attributes(there[16:])


def test_interfaces_come_up_without_address_resolution() -> None:
    message = netlink.up(77)
    assert head(message)[0] == 19
    assert link(message) == (77, 0x81, 0x81)


def test_a_group_changes_nothing_else() -> None:
    message = netlink.group(77, 6)
    assert link(message) == (77, 0, 0)
    assert attributes(message[32:]) == {27: struct.pack("I", 6)}


def test_no_ipv6_address_is_generated() -> None:
    message = netlink.without_ipv6(77)
    family = attributes(attributes(message[32:])[26])
    assert family == {socket.AF_INET6: attributes(message[32:])[26][4:]}
    assert attributes(family[socket.AF_INET6]) == {8: b"\x01"}


@pytest.mark.parametrize(
    ("message", "kind", "scope"),
    [
        (netlink.address(77, "198.18.0.2"), 20, 0),
        (netlink.address(1, "198.18.0.1", on_loopback=True), 20, 254),
        (netlink.no_address(1, "198.18.0.1"), 21, 254),
    ],
)
def test_an_address_stands_alone(message: bytes, kind: int, scope: int) -> None:
    family, bits, _, found, index = struct.unpack_from("BBBBi", message, 16)
    assert (head(message)[0], family, bits, found) == (kind, socket.AF_INET, 32, scope)
    own = socket.inet_aton(f"198.18.0.{2 if index == 77 else 1}")
    assert attributes(message[24:]) == {1: own, 2: own}


@pytest.mark.parametrize(("to", "bits"), [("", 0), ("198.18.0.2", 32)])
def test_a_route_needs_no_gateway(to: str, bits: int) -> None:
    message = netlink.route(77, to)
    family, found, _, _, table, _, scope, kind, _ = struct.unpack_from("BBBBBBBBI", message, 16)
    assert (head(message)[0], family, found, table, scope, kind) == (24, socket.AF_INET, bits, 254, 253, 1)
    wanted = {4: struct.pack("i", 77)} | ({1: socket.inet_aton(to)} if to else {})
    assert attributes(message[28:]) == wanted


def test_the_kernels_refusal_is_raised_with_its_reason() -> None:
    kernel: Any = Kernel(-errno.EEXIST)
    with pytest.raises(FileExistsError, match="File exists"):
        netlink.ask(kernel, b"question")
    assert kernel.sent == b"question"


def test_the_kernels_consent_is_silent() -> None:
    agreeing: Any = Kernel(0)
    netlink.ask(agreeing, b"question")
