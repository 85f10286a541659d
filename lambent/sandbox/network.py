"""The networks of all sandboxes of one node agent: what a husk is told to make, and what becomes of it.

With full isolation each husk has a cable of its own to the machine (no bridge, which ends at 1,024 ports), one address,
and a route without a gateway. Where the machine cannot be configured a husk has its own loopback only.
"""

import contextlib
import ipaddress
import os
import signal
import socket
from pathlib import Path
from typing import Any

import msgspec

from lambent.errors import SandboxError
from lambent.sandbox import firewall, netlink, netns, resolver, slices
from lambent.sandbox.firewall import ISOLATED, ROUTED, Rules

_INSIDE = 77  # index of eth0 in every sandbox; the first numbers belong to what the kernel puts there by itself
_OUTSIDE = 0x40000000  # indices on the machine start here, far from those that the kernel gives itself
_NAMESPACE_FD = 901  # where the husk holds its network namespace while its cable is made
_LOOPBACK = 1
_DNS_PORT = 53


class NetworkPlan(msgspec.Struct, frozen=True):
    """What the settings say about networks; the agent's last argument, as JSON."""

    outbound: bool = True
    range: str = "198.18.0.0/15"
    blocked: tuple[str, ...] = ()
    endpoint_port: int = 0  # where the AWS endpoint listens inside each sandbox; 0: nowhere


class Network:
    """No outbound access: the husk's own loopback, and the endpoint on it. `Outbound` adds to it."""

    described = "own loopback only"
    routed = False  # is there a cable to the machine?
    resolv_conf = ""  # text of the sandboxes' file; empty: the machine's

    def __init__(self, endpoint_port: int = 0, warnings: tuple[str, ...] = ()) -> None:
        self.endpoint_port = endpoint_port
        self.warnings = warnings

    def order(self, husk: str, namespace: int = _NAMESPACE_FD) -> dict[str, Any]:
        """What the husk is to make; `namespace` is the descriptor that the maker has of the husk's network.

        `hand_over`: the agent is to have its routing socket, for `isolate`.
        """
        return {"cable": "", "endpoint": self.endpoint_port, "hand_over": True}

    def attach(self, husk: str, pid: int) -> dict[str, int]:
        """Make from outside what a husk without privileges cannot. Returns descriptors, by name. Raises OSError."""
        with contextlib.ExitStack() as opened:
            namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            opened.callback(os.close, namespace)
            inside = opened.enter_context(netns.routing_socket(pid))
            self._lay(self.order(husk, namespace), inside)
            given = {"routing": os.dup(inside.fileno())} if not self.routed else {}
        if self.endpoint_port:
            given["endpoint"] = netns.listen(pid, self.endpoint_port).detach()
        return given

    def _lay(self, wanted: dict[str, Any], inside: socket.socket) -> None:
        """There is no cable to lay."""

    def isolate(self, husk: str, routing_fd: int | None) -> None:
        """From now on connections to anywhere hang, as in a VPC without a NAT gateway. Raises OSError.

        Both ends of the cable are in the sandbox: the far one drops everything, as a host that is no router does.
        """
        if routing_fd is None:
            raise OSError(f"husk {husk} has handed no routing socket over")
        mac = _mac(0)
        with socket.socket(fileno=os.dup(routing_fd)) as sock:
            netlink.ask(sock, netlink.pair((_INSIDE, "eth0"), (_INSIDE + 1, "void0"), mac))
            for index in (_INSIDE + 1, _INSIDE):
                netlink.ask(sock, netlink.up(index))
            netlink.ask(sock, netlink.address(_INSIDE, "192.0.2.2"))  # reserved for documentation: nobody's
            netlink.ask(sock, netlink.route(_INSIDE))

    def release(self, husk: str) -> None:
        """The husk is gone; its interfaces went with its namespace."""

    def close(self) -> None:
        """Nothing of this agent's is left on the machine."""


class Outbound(Network):
    """Outbound access through source NAT.

    State: `_given`, address by husk; `_next`, where the search for a free one goes on, so that an address that has just
    been given back is the last to be used again.
    """

    def __init__(self, endpoint_port: int, rules: Rules, lock: int, chosen: resolver.Resolver) -> None:
        super().__init__(endpoint_port)
        self.rules = rules
        self.slice = ipaddress.IPv4Network(rules.slice)
        self.resolv_conf = chosen.text
        self.described = f"outbound from {rules.slice} by {firewall.tool()}"
        self._lock = lock
        self._given: dict[str, int] = {}
        self._taken: set[int] = set()
        self._next = int.from_bytes(os.urandom(4), "big")
        self._socket = netlink.routing_socket()
        self._relay = 0  # pid
        self._has_ipv6 = Path("/proc/sys/net/ipv6").is_dir()

    routed = True

    def order(self, husk: str, namespace: int = _NAMESPACE_FD) -> dict[str, Any]:
        number = self._take(husk)
        own, index, name = str(self.slice[number]), self._index(number), f"lb{self.rules.mark}-{number:x}"
        mac = _mac(int(self.slice[number]))
        cable = netlink.pair((index, name), (_INSIDE, "eth0"), mac, group=ROUTED, namespace=namespace)
        quiet = [netlink.without_ipv6] if self._has_ipv6 else []
        inside = [*(make(_INSIDE) for make in [*quiet, netlink.up]), netlink.address(_INSIDE, own)]
        outside = [*(make(index) for make in [*quiet, netlink.up]), netlink.route(index, own)]
        return {
            "cable": cable.hex(),
            "inside": [message.hex() for message in [*inside, netlink.route(_INSIDE)]],
            "outside": [message.hex() for message in outside],
            "namespace": namespace,
            "endpoint": self.endpoint_port,
            "hand_over": False,
        }

    def _lay(self, wanted: dict[str, Any], inside: socket.socket) -> None:
        netlink.ask(self._socket, bytes.fromhex(wanted["cable"]))
        for sock, messages in ((inside, wanted["inside"]), (self._socket, wanted["outside"])):
            for message in messages:
                netlink.ask(sock, bytes.fromhex(message))

    def isolate(self, husk: str, routing_fd: int | None) -> None:
        """One message: its end of the cable joins the group whose packets are dropped, but for DNS."""
        netlink.ask(self._socket, netlink.group(self._index(self._given[husk]), ISOLATED))

    def release(self, husk: str) -> None:
        number = self._given.pop(husk, None)
        if number is not None:
            self._taken.discard(number)

    def close(self) -> None:
        if self._relay:
            os.kill(self._relay, signal.SIGKILL)
            os.waitpid(self._relay, 0)
            with contextlib.suppress(OSError):
                netlink.ask(self._socket, netlink.no_address(_LOOPBACK, str(self.slice[1])))
        firewall.remove(self.rules)
        with contextlib.suppress(OSError):
            slices.release(self.slice, self._lock)
        self._socket.close()

    def serve_dns(self, nameservers: tuple[str, ...]) -> None:
        """Put up the relay at the slice's first address. Raises OSError."""
        from lambent.sandbox import relay  # brings asyncio, which an agent does without

        own = str(self.slice[1])
        with contextlib.suppress(FileExistsError):  # a killed server left it
            netlink.ask(self._socket, netlink.address(_LOOPBACK, own, on_loopback=True))
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as streams:
            streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for sock in (datagrams, streams):
                sock.bind((own, _DNS_PORT))
            streams.listen(64)
            self._relay = relay.start(datagrams, streams, list(nameservers))

    def _take(self, husk: str) -> int:
        """A number whose address nobody has. Raises SandboxError when there is none."""
        room = self.slice.num_addresses - 3  # neither the first, nor the relay's, nor the last
        if len(self._taken) >= room:
            raise SandboxError(f"all {room} addresses of {self.rules.slice} are in use; give --network-range more")
        while True:
            self._next += 1
            number = 2 + self._next % room
            if number not in self._taken:
                self._taken.add(number)
                self._given[husk] = number
                return number

    def _index(self, number: int) -> int:
        """Unique on the machine, since the address is."""
        return _OUTSIDE | int(self.slice[number]) & 0x3FFFFFFF


def _mac(address: int) -> bytes:
    """Locally administered; the same at both ends of a cable."""
    return b"\x02\x00" + address.to_bytes(4, "big")


def establish(plan: NetworkPlan, instance: str, level: str) -> Network:
    """The network that this machine allows, with a warning for each thing that it lacks."""
    if level == "process":
        network = Network()
        network.described = "this machine's own"
        return network
    if not plan.outbound:
        return Network(plan.endpoint_port)
    if level == "userns":
        return _without(plan, "only root can connect sandboxes to this machine's network")
    if not firewall.tool():
        return _without(plan, "install nftables (or iptables)")
    try:
        return _outbound(plan, instance)
    except (OSError, SandboxError) as error:
        return _without(plan, str(error))


def _without(plan: NetworkPlan, why: str) -> Network:
    return Network(plan.endpoint_port, (f"no outbound network: {why}",))


def _outbound(plan: NetworkPlan, instance: str) -> Outbound:
    """Rules first, then the switch: not for a moment is anything passed on unjudged."""
    claimed = slices.claim(slices.slices(plan.range, instance))
    if claimed is None:
        raise SandboxError(f"other servers use all of {plan.range}; give this one another --network-range")
    part, lock = claimed
    chosen = resolver.choose(resolver.texts(), str(part[1]))
    rules = Rules(
        instance=instance, slice=str(part), mark=f"{int(part[0]):08x}", everyone=plan.range, blocked=plan.blocked,
        dns=chosen.nameservers,
    )  # fmt: skip
    try:
        network = Outbound(plan.endpoint_port, rules, lock, chosen)
    except OSError:
        slices.release(part, lock)
        raise
    try:
        firewall.load(rules)
        slices.turn_forwarding_on()
        if chosen.relayed:
            network.serve_dns(chosen.relayed)
    except (OSError, SandboxError):
        network.close()
        raise
    return network
