"""The node agent's husks: making them ahead of need, giving them out, and cleaning up behind them."""

import contextlib
import json
import logging
import os
import selectors
import socket
import struct
import time
from collections import deque
from pathlib import Path
from typing import Protocol

import msgspec

from lambent.errors import LambentError, RuntimeMissing, SandboxError
from lambent.model import RuntimeInfo
from lambent.privileges import FIRST_SANDBOX_UID, SANDBOX_UIDS
from lambent.runtimes import finder
from lambent.sandbox import netns, protocol, seccomp
from lambent.sandbox.cgroups import PERIOD_US, Cgroups, cpu_quota_us
from lambent.sandbox.network import Network
from lambent.sandbox.shelf import Shelf
from lambent.sandbox.templates import STOCK, Template, brood_of, is_brood_of_clones, sender, template_limits
from lambent.sandbox.zygotes import Copies, Husk, Zygote

log = logging.getLogger("lambent.agent")

AT_ONCE = 8  # husks that one zygote makes at a time: more only compete for the same cores
MOST_FAILURES = 3
MOST_ESTATES = 256
API_PORT = 9001
COUNTERS = ("memory_peak", "cpu_time")
GIVEN = ("channel", "log", "api", "endpoint", *COUNTERS, "freeze")  # descriptors, in the order of Assigned.given
CALM_S = 0.02  # a cold start takes a few milliseconds; making a husk costs about as much on another core


class Tell(Protocol):
    """Answers the front end that asked."""

    def __call__(self, message: protocol.Answer, fds: list[int] | None = None) -> None: ...


class Brood:
    """The husks of one runtime. Invariant: a husk that is ordered and not ended is coming, ready or out."""

    def __init__(self, zygote: Zygote) -> None:
        self.zygote = zygote
        self.wanted = 0
        self.coming = 0  # ordered, not ready
        self.calm_at = 0.0  # monotonic: until then the cores are left to the sandbox that was given out last
        self.failures = 0  # husks in a row that ended before they were given out
        self.paused = False  # too many: no stock is made until one works
        self.ready: deque[Husk] = deque()
        self.waiting: deque[tuple[protocol.Assign, Tell]] = deque()
        self.prepared: deque[tuple[int, int, Tell]] = deque()  # (ask, husks, tell): answered when so many are ready

    def shortage(self, now: float) -> int:
        """How many husks to order now: those who wait come first, then the stock, but in no cold start's way."""
        later = self.paused or (now < self.calm_at and self.ready)
        stock = 0 if later else self.wanted
        need = stock + len(self.waiting) - len(self.ready) - self.coming
        return max(0, min(need, AT_ONCE - self.coming))

    def restock_in(self, now: float) -> float | None:
        """Seconds until the stock is to be looked at again; None if it is full or coming."""
        short = self.wanted > len(self.ready) + self.coming and self.zygote.ready and not self.paused
        return max(0.0, self.calm_at - now) if short and now < self.calm_at else None


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
        self.estates: dict[str, Path] = {}  # the /tmp of ended sandboxes, until it is inherited or forgotten
        self.filter = seccomp.program()
        self.template_filter = seccomp.program(template=True)
        self.copies = Copies(self.filter, template_limits(groups.version))
        self.reserved: dict[str, tuple[protocol.Assign, Tell]] = {}  # templates to be, by husk name: ordered one by one
        self.count = 0
        self.dying: list[str] = []  # control groups that the kernel does not let go of yet

    # -- orders of the front end

    def obey(self, order: protocol.Order, tell: Tell) -> None:
        match order:
            case protocol.Prepare():
                self.prepare(order, tell)
            case protocol.Assign():
                self.assign(order, tell)
            case protocol.Started():
                self.started(order)
            case protocol.Stop():
                self.stop(order.husk)
            case protocol.Signal():
                if order.husk in self.out:
                    self.out[order.husk][0].signal_runtime(order.number)
            case protocol.Forget():
                self.shelf.drop(self.estates.pop(order.husk, None))
            case protocol.Connect():
                self.connect(order, tell)
            case protocol.Ask():
                broods = [(name, brood) for name, brood in self.broods.items() if not is_brood_of_clones(name)]
                ready = {name: len(brood.ready) for name, brood in broods}
                tell(protocol.Counts(order.ask, ready, len(self.out)))

    def prepare(self, order: protocol.Prepare, tell: Tell) -> None:
        try:
            brood = self.brood(order.runtime)
        except LambentError as error:
            tell(protocol.Prepared(order.ask, error.message))
            return
        brood.wanted, brood.paused = max(brood.wanted, order.husks), False
        brood.prepared.append((order.ask, order.husks, tell))
        self.settle(brood)

    def assign(self, order: protocol.Assign, tell: Tell) -> None:
        try:
            if order.network == "none" and self.level == "process":
                raise SandboxError("VpcConfig cannot be obeyed: plain processes have this machine's network")
            brood = self.brood_of_clones(order.template) if order.template else self.brood(order.runtime)
            if order.snapshot:
                self.reserved[self.order(brood, self.copies)] = (order, tell)
                return
        except (LambentError, OSError) as error:
            tell(protocol.Refused(order.ask, str(error)))
            return
        if brood.ready:
            self.give(brood.ready.popleft(), order, tell, waited=False)
        else:
            brood.waiting.append((order, tell))
        self.settle(brood)

    def started(self, order: protocol.Started) -> None:
        if order.husk in self.out and self.out[order.husk][1].snapshot:
            self.keep_clones(self.out[order.husk][0])
        elif order.husk in self.out:
            with contextlib.suppress(OSError):
                self.groups.limit_cpu(order.husk, cpu_quota_us(self.out[order.husk][1].memory_mb))

    def stop(self, name: str) -> None:
        if name in self.out:
            self.out[name][0].tell(b"K")
            self.groups.kill(name)  # pid 1 may be busy dying of something else

    def connect(self, order: protocol.Connect, tell: Tell) -> None:
        """A connection from inside the sandbox's network, made by the one process that may enter it."""
        if order.husk not in self.out:
            tell(protocol.Connected(order.ask, "the sandbox is gone"))
            return
        pid = self.out[order.husk][0].pid if self.level != "process" else None
        try:
            with netns.connect(pid, order.port) as sock:
                tell(protocol.Connected(order.ask), [sock.fileno()])
        except OSError as error:
            tell(protocol.Connected(order.ask, f"127.0.0.1:{order.port} inside: {error.strerror}"))

    # -- husks

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
            self.lose_zygote(runtime, brood, sock)
            return
        answer = json.loads(data)
        if not answer:
            brood.zygote.ready = True
        else:
            self.born(brood, answer["pid"])
        self.settle(brood)

    def lose_zygote(self, runtime: str, brood: Brood, sock: socket.socket) -> None:
        """The zygote died, and its parked husks with it. One that had worked is replaced; the others tell why not."""
        self.selector.unregister(sock)
        sock.close()
        status = brood.zygote.process.wait()
        message = f"the zygote of {runtime} ended with status {status}; see the server's output"
        log.error("%s", message)
        for husk in [*brood.zygote.orders, *brood.ready]:
            husk.tell(b"K")
        del self.broods[runtime]
        if not brood.zygote.ready or brood.failures >= MOST_FAILURES:
            self.refuse(brood, message)
            return
        fresh = self.brood(runtime)
        fresh.wanted, fresh.paused, fresh.failures = brood.wanted, brood.paused, brood.failures + 1
        # Swapped, not shared: the old brood's husks are dying, and must not be given to those who wait.
        fresh.waiting, brood.waiting = brood.waiting, fresh.waiting
        fresh.prepared, brood.prepared = brood.prepared, fresh.prepared

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

    def born(self, brood: Brood, pid: int) -> None:
        """The zygote forked: put pid 1 under its limits before it may go on."""
        self.born_as(brood.zygote.orders.popleft(), pid)

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
            self.attached(husk, value)
        elif kind == b"X" and husk.name in self.out and self.out[husk.name][1].linger:
            self.exited(husk, value)
        else:
            self.ended(brood, husk, value if kind == b"X" else None)

    def exited(self, husk: Husk, status: int) -> None:
        """The runtime is over, but its sandbox lingers for the sake of its extensions."""
        _, _, tell = self.out[husk.name]
        husk.status = status
        tell(protocol.Exited(husk.name, status, self.groups.oom_kills(husk.name) > 0))

    def parked(self, brood: Brood, husk: Husk, names: str, fds: list[int]) -> None:
        if husk.template:
            self.drop_for_own(husk, fds)
        else:
            husk.fds.update(zip(names.split(","), fds, strict=False))
        self.open_counters(husk)
        husk.state = "ready"
        brood.coming -= 1
        if husk.name in self.reserved:
            self.give(husk, *self.reserved.pop(husk.name), waited=True)
            return
        brood.ready.append(husk)
        if self.broods.get(husk.runtime) is not brood:  # its zygote died meanwhile: nobody would ever ask for it
            husk.tell(b"K")
        self.settle(brood)

    def drop_for_own(self, husk: Husk, fds: list[int]) -> None:
        """A clone's sockets and cable are made here: what it gives could be anything, and it has no privilege."""
        for fd in fds:
            os.close(fd)
        try:
            husk.fds["api"] = netns.listen(husk.pid, API_PORT).detach()
            husk.fds |= self.network.attach(husk.name, husk.pid)
        except (OSError, SandboxError) as error:
            log.error("clone %s: %s", husk.name, error)
            husk.tell(b"K")

    # -- a husk becomes a sandbox

    def give(self, husk: Husk, order: protocol.Assign, tell: Tell, *, waited: bool) -> None:
        """Write the limits, and send pid 1 the code. The front end is told when it is attached."""
        husk.state = "waited" if waited else "assigned"
        brood = self.broods.get(husk.runtime)
        if brood is not None:
            brood.calm_at = time.monotonic() + CALM_S
        self.out[husk.name] = (husk, order, tell)
        trees: dict[str, int] = {}
        try:
            self.groups.limit_memory(husk.name, order.memory_mb)
            if order.network == "none" and self.level != "process":
                self.network.isolate(husk.name, husk.fds.get("routing"))
            if husk.template and not order.linger:  # there is nothing to do for its pid 1
                self.attached(husk, 0)
                return
            if not husk.template:  # a clone has its code from its template, and got its /tmp when it was made
                trees, husk.tmp = self.shelf.fetch(order, husk.uid, self.estates.pop(order.inherit, None))
            linger = b"1" if order.linger else b"0"
            husk.tell(b"M" + b"\0".join([linger, *(target.encode() for target in trees)]) + b"\0", [*trees.values()])
        except OSError as error:
            self.give_up(husk, str(error))
        finally:
            for tree in trees.values():
                os.close(tree)

    def give_up(self, husk: Husk, reason: str) -> None:
        """It is the order that cannot be carried out: another husk would fare no better."""
        log.error("husk %s: %s", husk.name, reason)
        husk.state = "refused"
        husk.tell(b"K")

    def attached(self, husk: Husk, failed: int) -> None:
        if husk.name not in self.out:
            return
        _, order, tell = self.out[husk.name]
        if failed:
            self.give_up(husk, f"attaching the code: {os.strerror(failed)}")
            return
        inside = self.level != "process"
        given = tuple(name for name in GIVEN if name in husk.fds)
        tell(
            protocol.Assigned(
                order.ask,
                husk.name,
                given,
                "/var/task" if inside else order.code,
                "127.0.0.1:9001" if inside else self.api_address(husk),
                husk.state == "waited",
            ),
            [husk.fds[name] for name in given],
        )
        husk.state = "running"
        brood = self.broods.get(husk.runtime)
        if brood:
            brood.failures, brood.paused = 0, False
        husk.close_fds()

    def open_counters(self, husk: Husk) -> None:
        """Now, since opening files would take its time from the cold start."""
        try:
            husk.fds.update(zip(COUNTERS, self.groups.open_counters(husk.name), strict=False))
            freezer = self.groups.freezer(husk.name, husk.adopt_runtime())
            if freezer is not None:
                husk.fds["freeze"] = freezer
        except OSError as error:  # a sandbox that nobody measures is better than none, or no agent
            log.error("husk %s: %s", husk.name, error)

    def api_address(self, husk: Husk) -> str:
        """Without a network namespace each environment has a port of its own."""
        if "api" not in husk.fds:
            return "127.0.0.1:9001"
        with socket.socket(fileno=os.dup(husk.fds["api"])) as sock:
            host, port = sock.getsockname()
        return f"{host}:{port}"

    def ended(self, brood: Brood, husk: Husk, status: int | None) -> None:
        """The sandbox is no more, or is going this instant: everything of it is dropped, and the front end told."""
        self.selector.unregister(husk.control)
        husk.control.close()
        killed_for_memory, counters = self.groups.oom_kills(husk.name) > 0, self.last_counters(husk)
        self.groups.kill(husk.name)
        self.network.release(husk.name)
        if not self.groups.remove(husk.name):
            self.dying.append(husk.name)
        if husk.tmp is not None:
            self.estates[husk.name] = husk.tmp
            while len(self.estates) > MOST_ESTATES:  # nobody said what is to become of them
                self.shelf.drop(self.estates.pop(next(iter(self.estates))))
        if husk.name in self.out:
            _, order, tell = self.out.pop(husk.name)
            if husk.state in ("assigned", "waited"):
                self.pass_on(husk, order, tell)
            elif husk.state == "refused":
                self.shelf.drop(self.estates.pop(husk.name, None))
                tell(protocol.Refused(order.ask, "the execution environment could not be made; see Lambent's output"))
            else:
                status = husk.status if status is None else status
                kept = husk.name in self.estates
                tell(protocol.Ended(husk.name, status, killed_for_memory, counters, estate=kept))
        elif husk.state == "ready":
            brood.ready.remove(husk)
            self.failed(brood)
        elif husk.name in self.reserved:
            brood.coming -= 1
            order, tell = self.reserved.pop(husk.name)
            tell(protocol.Refused(order.ask, "the template ended while it was being made"))
        else:
            brood.coming -= 1
            self.failed(brood)
        self.mourn(brood, husk)
        husk.let_go()
        husk.state = "ended"
        self.settle(brood)

    def pass_on(self, husk: Husk, order: protocol.Assign, tell: Tell) -> None:
        """A husk had died before it was given out, unnoticed: the next one gets its order and its /tmp."""
        brood = self.broods.get(husk.runtime)
        if brood is None or order.snapshot:
            self.shelf.drop(self.estates.pop(husk.name, None))
            tell(protocol.Refused(order.ask, "the execution environment ended while it was being made"))
            return
        inherit = husk.name if husk.name in self.estates else order.inherit
        brood.waiting.appendleft((msgspec.structs.replace(order, inherit=inherit), tell))
        self.failed(brood)
        self.settle(brood)

    def mourn(self, brood: Brood, husk: Husk) -> None:
        """What follows from the end of a template, and of a clone."""
        clones = self.broods.pop(brood_of(husk.name), None)
        if clones is not None:
            self.refuse(clones, "the template of this version ended")
            for each in clones.ready:
                each.tell(b"K")
        if isinstance(brood.zygote, Template):
            brood.zygote.bury()
            if husk.state in ("ordered", "ready"):
                self.shelf.drop(self.estates.pop(husk.name, None))

    def last_counters(self, husk: Husk) -> tuple[bytes, ...]:
        """What the sandbox has used in all; nothing of a husk that was never given out."""
        if husk.state != "running":
            return ()
        with contextlib.suppress(OSError):
            fds = self.groups.open_counters(husk.name)
            try:
                return tuple(os.pread(fd, 128, 0) for fd in fds)
            finally:
                for fd in fds:
                    os.close(fd)
        return ()

    def failed(self, brood: Brood) -> None:
        """A husk died before it was of use. After a few in a row, tell who waits instead of trying for ever."""
        brood.failures += 1
        if brood.failures < MOST_FAILURES:
            return
        brood.failures, brood.paused = 0, True
        self.refuse(brood, f"no environment for {brood.zygote.info.name} could be made; see the server's output")

    def refuse(self, brood: Brood, message: str) -> None:
        while brood.waiting:
            order, tell = brood.waiting.popleft()
            tell(protocol.Refused(order.ask, message))
        while brood.prepared:
            ask, _, answer = brood.prepared.popleft()
            answer(protocol.Prepared(ask, message))

    # -- keeping up

    def settle(self, brood: Brood) -> None:
        """Give what is ready to who waits, tell who waited for the stock, order what is short."""
        while brood.waiting and brood.ready:
            order, tell = brood.waiting.popleft()
            self.give(brood.ready.popleft(), order, tell, waited=True)
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
            self.refuse(brood, str(error))

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
