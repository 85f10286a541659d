"""The node agent: the one privileged process. It keeps zygotes and husks, and gives husks out as sandboxes.

    python -m lambent.sandbox.agent SOCKET INSTANCE ISOLATION FALLBACK TMP_DIR OWNER_UID NETWORK

NETWORK is a NetworkPlan (network.py) as JSON.

It has no event loop of a library and few imports, to stay small: a selector and callbacks. It runs nothing of a
function's, parses nothing of a function's, and when it dies every sandbox dies with it (pid 1 sees its socket close).
"""

import contextlib
import fcntl
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from lambent.errors import LambentError, SandboxError
from lambent.model import Isolation, RuntimeInfo
from lambent.privileges import FIRST_SANDBOX_UID, KEYS, allow_many_descriptors
from lambent.runtimes import finder
from lambent.sandbox import cgroups, isolation, mounts, protocol, roots
from lambent.sandbox.access_points import VARIABLE, AccessPoints
from lambent.sandbox.network import NetworkPlan, establish
from lambent.sandbox.nursery import Nursery
from lambent.sandbox.protocol import SOCKET_DIR_PREFIX
from lambent.sandbox.sealing import Sealing
from lambent.sandbox.supervisor import supervise, take_lifeline
from lambent.sandbox.vault import Vault
from lambent.settings import access_points_in

log = logging.getLogger("lambent.agent")

PREDECESSOR_S = 8.0  # less than a front end's patience (agent_client.py), so that it hears the reason
LONELY_S = 20.0  # an agent that no front end has found by then has none


class Agent:
    """One listening socket, any number of front ends (in practice one), one nursery of husks."""

    def __init__(
        self, listener: socket.socket, nursery: Nursery, hello: protocol.Hello, selector: selectors.BaseSelector,
        sealing: Sealing, *, lifeline: int | None = None,
    ):  # fmt: skip
        self.listener = listener
        self.nursery = nursery
        self.obey_order = sealing.obey
        self.hello = hello
        self.selector = selector
        self.clients: set[socket.socket] = set()
        self.seen_client = False
        self.lifeline = lifeline  # readable when whoever started this agent has ended
        self.orphaned = False

    def watch(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        self.selector.register(sock, selectors.EVENT_READ, callback)

    def serve(self) -> None:
        """Until the last front end goes away: without one, nobody would ever stop a sandbox."""
        self.watch(self.listener, self.accept)
        if self.lifeline is not None:
            self.selector.register(self.lifeline, selectors.EVENT_READ, partial(self.parent_gone, self.lifeline))
        began = time.monotonic()
        while self.clients or not (self.seen_client or self.orphaned):
            for key, _ in self.selector.select(self.nursery.next_timeout() if self.clients else 1.0):
                if self.selector.get_map().get(key.fd) is key:  # or an earlier one of this round has closed it
                    key.data()
            self.nursery.tend()
            if not self.seen_client and time.monotonic() - began > LONELY_S:
                return

    def parent_gone(self, lifeline: int) -> None:
        """A front end that is killed before it has connected is not waited for."""
        self.selector.unregister(lifeline)
        self.orphaned = True

    def accept(self) -> None:
        try:
            client, _ = self.listener.accept()
        except OSError as error:  # it hung up already
            log.warning("a front end could not connect: %s", error)
            return
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.clients.add(client)
        self.seen_client = True
        self.watch(client, lambda: self.obey(client))
        self.tell(client, self.hello)

    def obey(self, client: socket.socket) -> None:
        try:
            data, fds = protocol.receive(client)
        except OSError:
            data, fds = b"", []
        for fd in fds:
            os.close(fd)  # front ends have nothing to give
        if not data:
            self.forget(client)
            return
        self.obey_order(protocol.order(data), lambda message, given=None: self.tell(client, message, given))

    def tell(self, client: socket.socket, message: protocol.Answer, fds: list[int] | None = None) -> None:
        try:
            protocol.send(client, message, fds)
        except OSError as error:
            log.warning("a front end cannot be told: %s", error)

    def forget(self, client: socket.socket) -> None:
        self.selector.unregister(client)
        self.clients.discard(client)
        client.close()


def hold(tmp: Path) -> int:
    """The lock of the only agent of this instance: sweeping while another agent works would kill its sandboxes.

    A killed server's agent cleans up for a moment, which is waited for. Raises SandboxError when it does not end.
    """
    lock = os.open(tmp / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + PREDECESSOR_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError as error:
            if time.monotonic() > deadline:
                raise SandboxError(f"another node agent holds {tmp}: another Lambent uses this directory") from error
        time.sleep(0.01)


def listen(path: str, owner: int) -> socket.socket:
    """The agent's socket; only `owner`, the front end's uid, may connect."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    previous = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(previous)
    if owner != os.geteuid():
        os.chown(path, owner, owner)
    listener.listen(8)
    return listener


def forget(path: str) -> None:
    """Remove the socket, and the directory that was made for it alone when the data directory's path is too long."""
    with contextlib.suppress(OSError):
        os.unlink(path)
    with contextlib.suppress(OSError):
        if os.path.basename(os.path.dirname(path)).startswith(SOCKET_DIR_PREFIX):
            os.rmdir(os.path.dirname(path))


def favor_dynamic_moves(tmp: Path) -> None:
    """Without favordynmods, moving a process into a control group waits for an RCU grace period: 10 ms and more.

    The switch is machine-wide while the mount lives, and the mount lives in this process's own mount namespace.
    """
    place = tmp / "cgroup"
    place.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        mounts.mount("none", str(place), "cgroup", "none,name=lambent,favordynmods")
        return
    with contextlib.suppress(OSError):
        mounts.mount("none", str(place), "cgroup2", "favordynmods")


def run(
    path: str, instance: str, wanted: str, *, fallback: bool, tmp: Path, owner: int, plan: NetworkPlan | None = None,
    lifeline: int | None = None,
) -> None:  # fmt: skip
    level = isolation.choose(wanted)
    tmp.mkdir(parents=True, exist_ok=True)
    alone = hold(tmp)
    groups = cgroups.find(instance)
    swept = cgroups.sweep(groups)
    listener = listen(path, owner)  # before a user namespace, in which the owner's uid has no name
    vault = Vault(Path(os.environ.get("LAMBENT_DATA") or tmp.parent.parent) / KEYS)  # TMP_DIR is DATA/run/agent
    first_uid = enter(level, groups, tmp)
    found: dict[str, RuntimeInfo] = finder.find(os.environ, fallback)
    described: Isolation = isolation.describe(
        level, groups.version, roots.init_program().exists(), own_uid=first_uid > 0
    )
    network = establish(plan or NetworkPlan(outbound=False), instance, level)
    described = msgspec.structs.replace(
        described, network=network.described, warnings=(*described.warnings, *network.warnings)
    )
    described = msgspec.structs.replace(described, no_snapshots=isolation.why_no_snapshots(level))
    selector = selectors.DefaultSelector()
    nursery = Nursery(found, level, groups, tmp, selector)
    nursery.first_uid = first_uid
    nursery.network = network
    directories = access_points_in(os.environ.get(VARIABLE, ""))
    nursery.shelf.access_points = AccessPoints(directories, tmp / "mnt", mapped=level == "full")
    hello = protocol.Hello(described, found, os.getpid(), swept)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the front end's to handle: it drains first
    try:
        Agent(listener, nursery, hello, selector, Sealing(vault, nursery.obey), lifeline=lifeline).serve()
    finally:
        nursery.close()
        cgroups.sweep(groups)
        network.close()
        groups.discard()
        os.close(alone)


def enter(level: str, groups: cgroups.Cgroups, tmp: Path) -> int:
    """Go where this agent's mounts are its own. Returns the first uid of sandboxes there, 0 if they have none."""
    first_uid = 0
    if level == "userns":
        first_uid = mounts.unshare_user()
    elif level == "full":
        mounts.unshare_mounts()
        first_uid = FIRST_SANDBOX_UID
    if groups.version != "none" and level == "full":
        favor_dynamic_moves(tmp)
    return first_uid


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    logging.basicConfig(level=logging.INFO, format="lambent agent: %(message)s", stream=sys.stderr)
    if len(arguments) != 7:
        print(__doc__, file=sys.stderr)
        return 2
    path, instance, wanted, fallback, tmp, owner, told = arguments
    plan = msgspec.json.decode(told, type=NetworkPlan)
    allow_many_descriptors()
    lifeline = take_lifeline()

    def work() -> int:
        try:
            run(
                path, instance, wanted, fallback=fallback == "1", tmp=Path(tmp), owner=int(owner), plan=plan,
                lifeline=lifeline,
            )  # fmt: skip
        except LambentError as error:
            log.error("%s", error)
            return 1
        finally:
            forget(path)
        return 0

    return supervise(work)


if __name__ == "__main__":
    sys.exit(main())
