"""A husk becomes a sandbox: its limits are written, its code attached, and the front end gets its descriptors."""

import contextlib
import logging
import os
import socket
import time
from typing import TYPE_CHECKING

from lambent.errors import MountFailure, SandboxError
from lambent.sandbox import netns, protocol
from lambent.sandbox.births import API_PORT
from lambent.sandbox.broods import Tell
from lambent.sandbox.zygotes import Husk

if TYPE_CHECKING:
    from lambent.sandbox.nursery import Nursery

log = logging.getLogger("lambent.agent")

COUNTERS = ("memory_peak", "cpu_time")
GIVEN = ("channel", "log", "api", "endpoint", *COUNTERS, "freeze")  # descriptors, in the order of Assigned.given


def give(nursery: "Nursery", husk: Husk, order: protocol.Assign, tell: Tell, *, waited: bool) -> None:
    """Write the limits, and send pid 1 the code. The front end is told when it is attached."""
    husk.state = "waited" if waited else "assigned"
    brood = nursery.broods.get(husk.runtime)
    if brood is not None:
        brood.keep_calm(time.monotonic())
    nursery.out[husk.name] = (husk, order, tell)
    trees: dict[str, int] = {}
    try:
        nursery.groups.limit_memory(husk.name, order.memory_mb)
        if order.network == "none" and nursery.level != "process":
            nursery.network.isolate(husk.name, husk.fds.get("routing"))
        if husk.template and not order.linger:  # there is nothing to do for its pid 1
            attached(nursery, husk, 0)
            return
        if not husk.template:  # a clone has its code from its template, and got its /tmp when it was made
            trees, husk.tmp = nursery.shelf.fetch(order, husk.uid, nursery.estates.inherit(order.inherit))
        linger = b"1" if order.linger else b"0"
        husk.tell(b"M" + b"\0".join([linger, *(target.encode() for target in trees)]) + b"\0", [*trees.values()])
    except (OSError, MountFailure) as error:
        give_up(husk, str(error))
    finally:
        for tree in trees.values():
            os.close(tree)


def give_up(husk: Husk, reason: str) -> None:
    """It is the order that cannot be carried out: another husk would fare no better."""
    log.error("husk %s: %s", husk.name, reason)
    husk.state = "refused"
    husk.tell(b"K")


def attached(nursery: "Nursery", husk: Husk, failed: int) -> None:
    if husk.name not in nursery.out:
        return
    _, order, tell = nursery.out[husk.name]
    if failed:
        give_up(husk, f"attaching the code: {os.strerror(failed)}")
        return
    inside = nursery.level != "process"
    given = tuple(name for name in GIVEN if name in husk.fds)
    tell(
        protocol.Assigned(
            order.ask,
            husk.name,
            given,
            "/var/task" if inside else order.code,
            "127.0.0.1:9001" if inside else api_address(husk),
            husk.state == "waited",
        ),
        [husk.fds[name] for name in given],
    )
    husk.state = "running"
    brood = nursery.broods.get(husk.runtime)
    if brood:
        brood.worked()
    husk.close_fds()


def api_address(husk: Husk) -> str:
    """Without a network namespace each environment has a port of its own."""
    if "api" not in husk.fds:
        return "127.0.0.1:9001"
    with socket.socket(fileno=os.dup(husk.fds["api"])) as sock:
        host, port = sock.getsockname()
    return f"{host}:{port}"


def open_counters(nursery: "Nursery", husk: Husk) -> None:
    """Now, since opening files would take its time from the cold start."""
    try:
        husk.fds.update(zip(COUNTERS, nursery.groups.open_counters(husk.name), strict=False))
        freezer = nursery.groups.freezer(husk.name, husk.adopt_runtime())
        if freezer is not None:
            husk.fds["freeze"] = freezer
    except OSError as error:  # a sandbox that nobody measures is better than none, or no agent
        log.error("husk %s: %s", husk.name, error)


def last_counters(nursery: "Nursery", husk: Husk) -> tuple[bytes, ...]:
    """What the sandbox has used in all; nothing of a husk that was never given out."""
    if husk.state != "running":
        return ()
    with contextlib.suppress(OSError):
        fds = nursery.groups.open_counters(husk.name)
        try:
            return tuple(os.pread(fd, 128, 0) for fd in fds)
        finally:
            for fd in fds:
                os.close(fd)
    return ()


def drop_for_own(nursery: "Nursery", husk: Husk, fds: list[int]) -> None:
    """A clone's sockets and cable are made here: what it gives could be anything, and it has no privilege."""
    for fd in fds:
        os.close(fd)
    try:
        husk.fds["api"] = netns.listen(husk.pid, API_PORT).detach()
        husk.fds |= nursery.network.attach(husk.name, husk.pid)
    except (OSError, SandboxError) as error:
        log.error("clone %s: %s", husk.name, error)
        husk.tell(b"K")
