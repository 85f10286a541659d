"""What the front end orders, one function for each message of protocol.Order that concerns husks."""

import contextlib
from typing import TYPE_CHECKING

from lambent.errors import LambentError, MountFailure, SandboxError
from lambent.sandbox import assignment, netns, protocol
from lambent.sandbox.broods import Tell
from lambent.sandbox.cgroups import cpu_quota_us
from lambent.sandbox.templates import is_brood_of_clones

if TYPE_CHECKING:
    from lambent.sandbox.nursery import Nursery


def obey(nursery: "Nursery", order: protocol.Order, tell: Tell) -> None:
    match order:
        case protocol.Prepare():
            prepare(nursery, order, tell)
        case protocol.Assign():
            assign(nursery, order, tell)
        case protocol.Started():
            started(nursery, order)
        case protocol.Stop():
            stop(nursery, order.husk)
        case protocol.Signal():
            if order.husk in nursery.out:
                nursery.out[order.husk][0].signal_runtime(order.number)
        case protocol.Forget():
            nursery.estates.drop(order.husk)
        case protocol.Connect():
            connect(nursery, order, tell)
        case protocol.Ask():
            broods = [(name, brood) for name, brood in nursery.broods.items() if not is_brood_of_clones(name)]
            ready = {name: len(brood.ready) for name, brood in broods}
            tell(protocol.Counts(order.ask, ready, len(nursery.out)))


def prepare(nursery: "Nursery", order: protocol.Prepare, tell: Tell) -> None:
    try:
        brood = nursery.brood(order.runtime)
    except LambentError as error:
        tell(protocol.Prepared(order.ask, error.message))
        return
    brood.wanted, brood.paused = max(brood.wanted, order.husks), False
    brood.prepared.append((order.ask, order.husks, tell))
    nursery.settle(brood)


def assign(nursery: "Nursery", order: protocol.Assign, tell: Tell) -> None:
    try:
        nursery.shelf.access_points.check(order.file_systems)
        if order.network == "none" and nursery.level == "process":
            raise SandboxError("VpcConfig cannot be obeyed: plain processes have this machine's network")
        brood = nursery.brood_of_clones(order.template) if order.template else nursery.brood(order.runtime)
        if order.snapshot:
            nursery.reserved[nursery.order(brood, nursery.copies)] = (order, tell)
            return
    except (LambentError, OSError) as error:
        tell(protocol.Refused(order.ask, str(error), unmounted=isinstance(error, MountFailure)))
        return
    if brood.ready:
        assignment.give(nursery, brood.ready.popleft(), order, tell, waited=False)
    else:
        brood.waiting.append((order, tell))
    nursery.settle(brood)


def started(nursery: "Nursery", order: protocol.Started) -> None:
    if order.husk in nursery.out and nursery.out[order.husk][1].snapshot:
        nursery.keep_clones(nursery.out[order.husk][0])
    elif order.husk in nursery.out:
        with contextlib.suppress(OSError):
            nursery.groups.limit_cpu(order.husk, cpu_quota_us(nursery.out[order.husk][1].memory_mb))


def stop(nursery: "Nursery", name: str) -> None:
    if name in nursery.out:
        nursery.out[name][0].tell(b"K")
        nursery.groups.kill(name)  # pid 1 may be busy dying of something else


def connect(nursery: "Nursery", order: protocol.Connect, tell: Tell) -> None:
    """A connection from inside the sandbox's network, made by the one process that may enter it."""
    if order.husk not in nursery.out:
        tell(protocol.Connected(order.ask, "the sandbox is gone"))
        return
    pid = nursery.out[order.husk][0].pid if nursery.level != "process" else None
    try:
        with netns.connect(pid, order.port) as sock:
            tell(protocol.Connected(order.ask), [sock.fileno()])
    except OSError as error:
        tell(protocol.Connected(order.ask, f"127.0.0.1:{order.port} inside: {error.strerror}"))
