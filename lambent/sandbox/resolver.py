"""Which nameservers a sandbox asks: the machine's, unless they can only be asked from the machine itself.

A stub such as 127.0.0.53 is nobody in a sandbox's own network. Then its upstream file is used, or the relay (relay.py).
Sources: resolv.conf(5), systemd-resolved.service(8).
"""

import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

PLACES = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
_MOST = 3  # nameservers that a C library looks at


class Resolver(msgspec.Struct, frozen=True):
    """The text of a sandbox's /etc/resolv.conf, and the nameservers in it. `relayed`: those that a relay has to ask."""

    text: str
    nameservers: tuple[str, ...]
    relayed: tuple[str, ...] = ()


def choose(texts: Sequence[str], relay: str) -> Resolver:
    """From the machine's files, the one in force first. `relay` is the address at which a relay can be put up."""
    for text in texts:
        reached = tuple(each for each in nameservers(text) if _is_reached(each))[:_MOST]
        if reached:
            return Resolver(_written(texts[0], reached), reached)
    # Without a nameserver in the file the C library asks the machine itself.
    own = tuple(each for text in texts[:1] for each in nameservers(text)) or ("127.0.0.1",)
    return Resolver(_written("".join(texts[:1]), (relay,)), (relay,), own[:_MOST])


def nameservers(text: str) -> list[str]:
    """Their addresses, in order; what is no address is passed over, as the C library does."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and _address(words[1]):
            found.append(words[1])
    return found


def texts(places: Iterable[Path] = PLACES) -> list[str]:
    """Of the files that can be read; the first is empty if it is not there."""
    found = []
    for place in places:
        try:
            found.append(place.read_text(errors="replace"))
        except OSError:
            found.append("")
    return found


def _written(text: str, servers: Sequence[str]) -> str:
    """The file with other nameservers; search domains and options stay."""
    kept = [
        line for line in text.splitlines() if line.split()[:1] and line.split()[0] in ("search", "domain", "options")
    ]
    return "\n".join([*kept, *(f"nameserver {each}" for each in servers)]) + "\n"


def _is_reached(text: str) -> bool:
    """Sandboxes speak IPv4, and have a loopback of their own."""
    address = _address(text)
    return isinstance(address, ipaddress.IPv4Address) and not address.is_loopback and not address.is_unspecified


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
