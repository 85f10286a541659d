"""Which addresses are whose, among all servers of this machine, and the machine-wide switch that they share.

Files in /run/lambent, of which only root takes locks: `slice-…` is held by the server that uses these addresses, `lock`
for moments. A killed server lets go of its locks by dying. `ip_forward` notes what the switch was before the first.
"""

import contextlib
import fcntl
import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path

STATE = Path("/run/lambent")
SWITCH = Path("/proc/sys/net/ipv4/ip_forward")
SLICE_BITS = 19  # 8,192 addresses: more sandboxes than a machine holds


def slices(everyone: str, instance: str) -> list[ipaddress.IPv4Network]:
    """The parts of the range `everyone`, the one that this data directory prefers first."""
    network = ipaddress.IPv4Network(everyone)
    parts = list(network.subnets(new_prefix=max(network.prefixlen, SLICE_BITS)))
    first = int(instance, 16) % len(parts)
    return parts[first:] + parts[:first]


def claim(wanted: list[ipaddress.IPv4Network], state: Path = STATE) -> tuple[ipaddress.IPv4Network, int] | None:
    """The first slice that no living server has, and the lock that keeps it so; None if all are taken."""
    with _alone(state):
        for each in wanted:
            lock = os.open(_file(state, each), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _held(lock):
                return each, lock
            os.close(lock)
    return None


def release(claimed: ipaddress.IPv4Network, lock: int, state: Path = STATE, switch: Path = SWITCH) -> None:
    """Give a slice back. Whoever is last puts the switch back, if it was a Lambent that turned it on."""
    with _alone(state):
        os.unlink(_file(state, claimed))
        os.close(lock)
        note = state / "ip_forward"
        if note.exists() and not any(_is_used(path) for path in state.glob("slice-*")):
            switch.write_text(note.read_text())
            note.unlink()


def turn_forwarding_on(state: Path = STATE, switch: Path = SWITCH) -> None:
    """Have the machine pass packets on between its interfaces. Raises OSError where that is not allowed."""
    with _alone(state):
        before = switch.read_text().strip()
        if before == "1":
            return
        (state / "ip_forward").write_text(before)
        switch.write_text("1")


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    state.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _file(state: Path, each: ipaddress.IPv4Network) -> Path:
    return state / f"slice-{str(each).replace('/', '-')}"


def _held(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_used(path: Path) -> bool:
    """Files of killed servers stay, but nobody holds them."""
    lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        return not _held(lock)
    finally:
        os.close(lock)
