"""A host behind this machine, in a network namespace of its own: what functions reach when they reach out.

Run as a program it is that host: an echo server on TCP and UDP that tells who asks, a nameserver that knows one name,
and a watch for datagrams, by the ports that they were sent to.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

PORT = 7007
NAME, ANSWER = "somewhere.test", "198.51.100.254"
_INSIDE = 77
_OWN = os.getpid() % 60  # so that two runs of the tests on one machine do not meet


class Outside:
    """The host while it is there."""

    def __init__(self) -> None:
        from lambent.sandbox import netlink, netns

        self.here, self.address = f"198.51.100.{4 * _OWN + 1}", f"198.51.100.{4 * _OWN + 2}"
        self.metadata = f"169.254.{_OWN}.254"  # link-local, like the place where clouds keep a machine's credentials
        self.process = subprocess.Popen(
            [sys.executable, __file__, self.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._line()  # it is in its namespace
        index, far = 0x3F000000 + _OWN, (self.address, self.metadata)
        with (
            netlink.routing_socket() as machine,
            netns.routing_socket(self.process.pid) as there,
            open(f"/proc/{self.process.pid}/ns/net") as namespace,
        ):
            ends = (index, f"lbtest-{_OWN}"), (_INSIDE, "eth0")
            netlink.ask(machine, netlink.pair(*ends, bytes.fromhex("02000000abcd"), namespace=namespace.fileno()))
            for sock, number, own in ((there, _INSIDE, far), (machine, index, (self.here,))):
                netlink.ask(sock, netlink.up(number))
                for address in own:
                    netlink.ask(sock, netlink.address(number, address))
            netlink.ask(there, netlink.route(_INSIDE))
            for address in far:
                netlink.ask(machine, netlink.route(index, address))
        self._say("serve")

    def ports(self) -> list[int]:
        """To which it has had datagrams, whatever their source."""
        found: list[int] = self._say("ports")
        return found

    def _say(self, word: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """Its interfaces go with it."""
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def outside() -> Iterator[Outside]:
    host = Outside()
    try:
        yield host
    finally:
        host.close()


def answer_dns(address: str) -> socket.socket:
    """A nameserver on UDP, in this process: it knows NAME, and says so until the socket is closed."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, 53))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                question, asker = sock.recvfrom(512)
                if not question:
                    return
                sock.sendto(_dns_answer(question), asker)

    threading.Thread(target=serve, daemon=True).start()
    return sock


def _dns_answer(question: bytes) -> bytes:
    """One A record for NAME; nothing for other names and kinds. Source: RFC 1035 4.1."""
    wanted = b"".join(bytes([len(label)]) + label.encode() for label in NAME.split(".")) + b"\0" + b"\0\x01\0\x01"
    asked = question[12 : question.index(b"\0", 12) + 5]
    known = asked == wanted
    head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, int(known), 0, 0)
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(ANSWER)
    return head + asked + (record if known else b"")


def main() -> None:
    ctypes.CDLL(None).unshare(0x40000000)
    print("true", flush=True)
    sys.stdin.readline()
    seen: set[int] = set()
    for work in (lambda: _watch(seen), _echo_streams, _echo_datagrams):
        threading.Thread(target=work, daemon=True).start()
    nameserver = answer_dns(sys.argv[1])
    print("true", flush=True)
    for line in sys.stdin:
        assert line.strip() == "ports"
        print(json.dumps(sorted(seen)), flush=True)
    nameserver.close()
    os._exit(0)


def _watch(seen: set[int]) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003)) as everything:
        while True:
            data, origin = everything.recvfrom(65536)
            if origin[1] == 0x0800 and origin[2] != 4 and data[9] == 17:  # IPv4, not our own, UDP
                seen.add(int.from_bytes(data[22:24], "big"))


def _echo_streams() -> None:
    with socket.create_server(("0.0.0.0", PORT)) as listener:
        while True:
            client, address = listener.accept()
            with client:
                client.sendall(address[0].encode())


def _echo_datagrams() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", PORT))
        while True:
            _, address = sock.recvfrom(2048)
            sock.sendto(address[0].encode(), address)


if __name__ == "__main__":
    main()
