"""What follows from the end of a husk or of a zygote: who is told, who gets its order, and what of it is kept."""

import logging
import socket
from typing import TYPE_CHECKING

import msgspec

from lambent.sandbox import assignment, protocol
from lambent.sandbox.broods import MOST_FAILURES, Brood, Tell
from lambent.sandbox.templates import Template, brood_of
from lambent.sandbox.zygotes import Husk

if TYPE_CHECKING:
    from lambent.sandbox.nursery import Nursery

log = logging.getLogger("lambent.agent")


def lose_zygote(nursery: "Nursery", runtime: str, brood: Brood, sock: socket.socket) -> None:
    """The zygote died, and its parked husks with it. One that had worked is replaced; the others tell why not."""
    nursery.selector.unregister(sock)
    sock.close()
    status = brood.zygote.process.wait()
    message = f"the zygote of {runtime} ended with status {status}; see the server's output"
    log.error("%s", message)
    for husk in [*brood.zygote.orders, *brood.ready]:
        husk.tell(b"K")
    del nursery.broods[runtime]
    if not brood.zygote.ready or brood.failures >= MOST_FAILURES:
        brood.refuse(message)
        return
    fresh = nursery.brood(runtime)
    fresh.wanted, fresh.paused, fresh.failures = brood.wanted, brood.paused, brood.failures + 1
    # Swapped, not shared: the old brood's husks are dying, and must not be given to those who wait.
    fresh.waiting, brood.waiting = brood.waiting, fresh.waiting
    fresh.prepared, brood.prepared = brood.prepared, fresh.prepared


def ended(nursery: "Nursery", brood: Brood, husk: Husk, status: int | None) -> None:
    """The sandbox is no more, or is going this instant: everything of it is dropped, and the front end told."""
    nursery.selector.unregister(husk.control)
    husk.control.close()
    killed_for_memory, counters = nursery.groups.oom_kills(husk.name) > 0, assignment.last_counters(nursery, husk)
    nursery.groups.kill(husk.name)
    nursery.network.release(husk.name)
    if not nursery.groups.remove(husk.name):
        nursery.dying.append(husk.name)
    if husk.tmp is not None:
        nursery.estates.keep(husk.name, husk.tmp)
    if husk.name in nursery.out:
        _, order, tell = nursery.out.pop(husk.name)
        if husk.state in ("assigned", "waited"):
            pass_on(nursery, husk, order, tell)
        elif husk.state == "refused":
            nursery.estates.drop(husk.name)
            tell(protocol.Refused(order.ask, "the execution environment could not be made; see Lambent's output"))
        else:
            status = husk.status if status is None else status
            kept = husk.name in nursery.estates
            tell(protocol.Ended(husk.name, status, killed_for_memory, counters, estate=kept))
    elif husk.state == "ready":
        brood.ready.remove(husk)
        brood.failed()
    elif husk.name in nursery.reserved:
        brood.coming -= 1
        order, tell = nursery.reserved.pop(husk.name)
        tell(protocol.Refused(order.ask, "the template ended while it was being made"))
    else:
        brood.coming -= 1
        brood.failed()
    mourn(nursery, brood, husk)
    husk.let_go()
    husk.state = "ended"
    nursery.settle(brood)


def pass_on(nursery: "Nursery", husk: Husk, order: protocol.Assign, tell: Tell) -> None:
    """A husk had died before it was given out, unnoticed: the next one gets its order and its /tmp."""
    brood = nursery.broods.get(husk.runtime)
    if brood is None or order.snapshot:
        nursery.estates.drop(husk.name)
        tell(protocol.Refused(order.ask, "the execution environment ended while it was being made"))
        return
    inherit = husk.name if husk.name in nursery.estates else order.inherit
    brood.waiting.appendleft((msgspec.structs.replace(order, inherit=inherit), tell))
    brood.failed()
    nursery.settle(brood)


def mourn(nursery: "Nursery", brood: Brood, husk: Husk) -> None:
    """What follows from the end of a template, and of a clone."""
    clones = nursery.broods.pop(brood_of(husk.name), None)
    if clones is not None:
        clones.refuse("the template of this version ended")
        for each in clones.ready:
            each.tell(b"K")
    if isinstance(brood.zygote, Template):
        brood.zygote.bury()
        if husk.state in ("ordered", "ready"):
            nursery.estates.drop(husk.name)
