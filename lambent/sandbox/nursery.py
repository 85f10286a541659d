"""The node agent's husks: who makes them, what they say while they are made, and the stock that is kept of them.

What the front end orders is in orders.py, how a husk becomes a sandbox in assignment.py, its end in ends.py.
"""

import contextlib
import json
import logging
import os
import selectors
import socket
import struct
import time
from pathlib import Path

from lambent.errors import RuntimeMissing, SandboxError
from lambent.model import RuntimeInfo
from lambent.privileges import FIRST_SANDBOX_UID, SANDBOX_UIDS
from lambent.runtimes import finder
from lambent.sandbox import assignment, ends, orders, protocol, seccomp
from lambent.sandbox.broods import Brood, Tell
from lambent.sandbox.cgroups import PERIOD_US, Cgroups
from lambent.sandbox.estates import Estates
from lambent.sandbox.network import Network
from lambent.sandbox.shelf import Shelf
from lambent.sandbox.templates import STOCK, Template, brood_of, sender, template_limits
from lambent.sandbox.zygotes import Copies, Husk, Zygote

log = logging.getLogger("lambent.agent")


class Nursery:
    """All broods, and the sandboxes given out."""

    def __init__(
        self, runtimes: dict[str, RuntimeInfo], level: str, groups: Cgroups, tmp: Path, selector: selectors.BaseSelector
    ) -> None:
        self.runtimes = runtimes
        self.level = level
        self.first_uid = FIRST_SANDBOX_UID if level == "full" else 0  # 0: all sandboxes have this process's user
        self.groups = groups
        self.selector = selector
        self.staging = tmp / "root"
        self.staging.mkdir(parents=True, exist_ok=True)
        self.shelf = Shelf(tmp, level)
        self.network = Network()
        self.broods: dict[str, Brood] = {}
        self.out: dict[str, tuple[Husk, protocol.Assign, Tell]] = {}  # sandboxes, by husk name
        self.estates = Estates(self.shelf)
        self.filter = seccomp.program()
        self.template_filter = seccomp.program(template=True)
        self.copies = Copies(self.filter, template_limits(groups.version))
        self.reserved: dict[str, tuple[protocol.Assign, Tell]] = {}  # templates to be, by husk name: ordered one by one
        self.count = 0
        self.dying: list[str] = []  # control groups that the kernel does not let go of yet

    def obey(self, order: protocol.Order, tell: Tell) -> None:
        orders.obey(self, order, tell)

    # -- who makes husks

    def brood(self, asked: str) -> Brood:
        """The brood that serves a runtime: its own, or that of the interpreter that stands in for it."""
        if asked not in self.runtimes:
            self.runtimes |= finder.find_added(os.environ)  # it may have been added since the start
        if asked not in self.runtimes:
            raise RuntimeMissing(finder.how_to_add(asked))
        runtime = self.runtimes[asked].name
        if runtime not in self.broods:
            zygote = Zygote(
                self.runtimes[runtime],
                self.level,
                self.staging,
                lambda sock: self.watch_zygote(runtime, sock),
                self.network,
            )
            self.broods[runtime] = Brood(zygote)
        return self.broods[runtime]

    def brood_of_clones(self, template: str) -> Brood:
        brood = self.broods.get(brood_of(template))
        if brood is None:
            raise SandboxError("the template of this version is gone")
        return brood

    def keep_clones(self, husk: Husk) -> None:
        """A template has been through init: from now on clones of it are kept ready.

        It gets a core, whatever its memory: its CPU is spent on making them, in one thread.
        """
        with contextlib.suppress(OSError):
            self.groups.limit_cpu(husk.name, PERIOD_US)
        info = self.runtimes[self.out[husk.name][1].runtime]
        brood = self.broods[brood_of(husk.name)] = Brood(Template(husk, info, self.level, self.shelf))
        brood.wanted = STOCK
        self.settle(brood)

    def watch_zygote(self, runtime: str, sock: socket.socket) -> None:
        self.selector.register(sock, selectors.EVENT_READ, lambda: self.hear_zygote(runtime, sock))

    def hear_zygote(self, runtime: str, sock: socket.socket) -> None:
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        brood = self.broods[runtime]
        if not data:
            ends.lose_zygote(self, runtime, brood, sock)
            return
        answer = json.loads(data)
        if "pid" not in answer:
            brood.zygote.ready, brood.zygote.births = True, answer.get("births", False)
        else:
            self.born(brood, answer["husk"], answer["pid"])
        self.settle(brood)

    # -- husks

    def order(self, brood: Brood, copies: Copies | None = None) -> str:
        """Have a husk made, or a template with `copies`. Returns its name. Raises OSError, SandboxError."""
        self.count += 1
        name = f"{self.count:08x}"
        uid = self.first_uid + self.count % SANDBOX_UIDS if self.first_uid else 0
        init_uid = max(0, self.first_uid - 1)
        self.groups.make(name)
        try:
            seal = self.filter if copies is None else self.template_filter
            husk = brood.zygote.order(name, uid, init_uid, seal, copies)
        except (OSError, SandboxError):
            self.groups.remove(name)
            self.network.release(name)
            raise
        brood.coming += 1
        self.selector.register(husk.control, selectors.EVENT_READ, lambda: self.hear(brood, husk))
        return name

    def born(self, brood: Brood, name: str, pid: int) -> None:
        """The zygote forked: put pid 1 under its limits before it may go on."""
        husk = next((each for each in brood.zygote.orders if each.name == name), None)
        if husk is not None:
            brood.zygote.orders.remove(husk)
            self.born_as(husk, pid)

    def born_as(self, husk: Husk, pid: int) -> None:
        husk.pid = pid
        try:
            self.groups.attach(husk.name, pid)
            husk.tell(b"G")
        except OSError as error:
            log.error("husk %s: %s", husk.name, error)
            husk.tell(b"K")

    def hear(self, brood: Brood, husk: Husk) -> None:
        try:
            data, ancillary, _, _ = husk.control.recvmsg(64, socket.CMSG_SPACE(4 * 4), socket.MSG_CMSG_CLOEXEC)
        except OSError:
            data, ancillary = b"", []
        kind, value = data[:1], struct.unpack("i", data[1:5])[0] if len(data) == 5 else 0
        fds = protocol.descriptors(ancillary)
        # Each message has its time: a pid 1 that says something else is not what it should be, and ends.
        if kind == b"R" and husk.state == "ordered":
            self.parked(brood, husk, data[1:].decode("ascii", "replace"), fds)
            return
        for fd in fds:
            os.close(fd)
        pid = sender(ancillary) if husk.template else None
        if kind == b"H" and pid and not husk.pid:
            husk.control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
            self.born_as(husk, pid)
        elif kind in (b"m", b"e") and husk.state in ("assigned", "waited"):
            assignment.attached(self, husk, value)
        elif kind == b"X" and husk.name in self.out and self.out[husk.name][1].linger:
            self.exited(husk, value)
        else:
            ends.ended(self, brood, husk, value if kind == b"X" else None)

    def exited(self, husk: Husk, status: int) -> None:
        """The runtime is over, but its sandbox lingers for the sake of its extensions."""
        _, _, tell = self.out[husk.name]
        husk.status = status
        tell(protocol.Exited(husk.name, status, self.groups.oom_kills(husk.name) > 0))

    def parked(self, brood: Brood, husk: Husk, names: str, fds: list[int]) -> None:
        if husk.template:
            assignment.drop_for_own(self, husk, fds)
        else:
            husk.fds.update(zip(names.split(","), fds, strict=False))
        assignment.open_counters(self, husk)
        husk.state = "ready"
        brood.coming -= 1
        if husk.name in self.reserved:
            assignment.give(self, husk, *self.reserved.pop(husk.name), waited=True)
            return
        brood.ready.append(husk)
        if self.broods.get(husk.runtime) is not brood:  # its zygote died meanwhile: nobody would ever ask for it
            husk.tell(b"K")
        self.settle(brood)

    # -- keeping up

    def settle(self, brood: Brood) -> None:
        """Give what is ready to who waits, tell who waited for the stock, order what is short."""
        while brood.waiting and brood.ready:
            order, tell = brood.waiting.popleft()
            assignment.give(self, brood.ready.popleft(), order, tell, waited=True)
        while brood.prepared and len(brood.ready) >= brood.prepared[0][1]:
            ask, _, tell = brood.prepared.popleft()
            tell(protocol.Prepared(ask))
        if not brood.zygote.ready or self.broods.get(brood.zygote.info.name) is not brood:
            return
        try:
            for _ in range(brood.shortage(time.monotonic())):
                self.order(brood)
        except (OSError, SandboxError) as error:
            log.error("%s", error)
            brood.refuse(str(error))

    def next_timeout(self) -> float | None:
        now = time.monotonic()
        times = [0.05] if self.dying else []
        if self.calm(now) and self.shelf.short:
            times.append(0.0)
        times += [wait for brood in self.broods.values() if (wait := brood.restock_in(now)) is not None]
        return min(times, default=None)

    def calm(self, now: float) -> bool:
        """Nobody waits for anything, so that what is needed later can be made."""
        return bool(self.broods) and all(
            not (brood.waiting or brood.coming) and now >= brood.calm_at for brood in self.broods.values()
        )

    def tend(self) -> None:
        now = time.monotonic()
        for brood in list(self.broods.values()):
            if brood.calm_at and now >= brood.calm_at:
                brood.calm_at = 0.0
                self.settle(brood)
        if self.calm(now):
            self.shelf.restock()
        if self.dying:
            self.dying = [name for name in self.dying if not self.groups.remove(name)]

    def close(self) -> None:
        """End everything, and wait for the kernel to agree."""
        for brood in self.broods.values():
            for husk in brood.ready:
                husk.tell(b"K")
            brood.zygote.close()
        for husk, _, _ in self.out.values():
            husk.tell(b"K")
        deadline = time.monotonic() + 2.0
        for brood in self.broods.values():
            with contextlib.suppress(Exception):
                brood.zygote.process.wait(max(0.0, deadline - time.monotonic()))
        self.shelf.close()
