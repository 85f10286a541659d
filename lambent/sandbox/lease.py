"""A sandbox for one invocation: an idle one, or all that is done until there is one."""

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from lambent.errors import AgentGone, NotNow
from lambent.model import Version
from lambent.sandbox import coldness, tenants
from lambent.sandbox import pool as decisions
from lambent.sandbox.pool import Node, Pool, Step
from lambent.sandbox.sandbox import Sandbox
from lambent.sandbox.starter import Start

if TYPE_CHECKING:
    from lambent.sandbox.keeper import Keeper

WAIT_WORTH_TELLING_MS = 1.0  # whoever finds an agent waits for no turn of the event loop


class Lease:
    """`async with`: a sandbox for one invocation. A class of its own since contextlib's costs 3 µs on the hot path."""

    __slots__ = ("_keeper", "_pool", "_sandbox", "_version")

    def __init__(self, keeper: "Keeper", version: Version) -> None:
        self._keeper = keeper
        self._version = version

    async def __aenter__(self) -> Sandbox:
        pool = self._pool = self._keeper.pool(self._version)
        self._sandbox = pool.take() or await obtain(self._keeper, pool, self._version)
        pool.busy.add(self._sandbox)
        return self._sandbox

    async def __aexit__(self, error: object, *_: object) -> None:
        if error is not None:
            self._sandbox.end()  # nobody knows what an invocation that came to no outcome left behind in there
        settling = self._sandbox.settling
        if settling is None:
            self._keeper.release(self._pool, self._sandbox)
        else:
            settling.add_done_callback(lambda _: self._keeper.release(self._pool, self._sandbox))


async def obtain(keeper: "Keeper", pool: Pool, version: Version, *, fresh: bool = False) -> Sandbox:
    """Carry out decisions until there is a sandbox; a `fresh` one is not waited for. Raises NotNow then."""
    came, reason = time.monotonic(), ""  # of waiting, which is real, whatever the product's clock says
    while True:
        full = decisions.is_full(pool, keeper.places.staying, keeper.settings.sandboxes)
        oldest = decisions.least_recently_used(keeper.pools.values(), estates=full)
        match decisions.decide(pool, _node(keeper, pool, spare=oldest is not None), fresh=fresh):
            case Step.REUSE if sandbox := pool.take():
                if reason:
                    keeper.places.make_room()  # there may be more of it than one invocation needs
                    sandbox.waited = (time.monotonic() - came) * 1000, reason
                return sandbox
            case Step.START:
                tenants.check(pool, keeper.all_pools(), keeper.settings.concurrency)
                waited_ms = (time.monotonic() - came) * 1000
                if reason:
                    keeper.places.make_room()
                sandbox = await _start(keeper, pool, version, ahead=fresh)
                if reason:
                    sandbox.waited = waited_ms, reason
                return sandbox
            case Step.EVICT if oldest is not None:
                keeper.dismiss(*oldest, coldness.FOR_A_PLACE if full else coldness.FOR_MEMORY)
            case Step.WAIT if fresh:
                raise NotNow(f"There is no room for another environment now: {_no_room(keeper, full)}.")
            case Step.WAIT:
                await keeper.places.wait(pool, first=bool(reason))
                reason = _no_room(keeper, full)


def _no_room(keeper: "Keeper", full: bool) -> str:
    if full:
        return f"running calls had all places for sandboxes ({keeper.settings.sandboxes})"
    return f"running calls had filled the memory for sandboxes ({keeper.budget_mb} MB)"


def _node(keeper: "Keeper", pool: Pool, *, spare: bool) -> Node:
    """What there is to decide on. Memory is measured only where it would make a difference."""
    pools = keeper.all_pools()
    expected = decisions.expected_mb(pools)
    short = expected + pool.claim_mb > keeper.budget_mb and not spare
    measured = keeper.meter.measured_mb(pools, keeper.budget_mb) if short else 0
    return Node(keeper.places.staying, keeper.settings.sandboxes, expected, keeper.budget_mb, spare, measured)


async def _start(keeper: "Keeper", pool: Pool, version: Version, *, ahead: bool = False) -> Sandbox:
    """A new sandbox, in the environment of one that ended if there is one."""
    estate = pool.heirloom
    why = keeper.losses.why(pool, estate, keeper.pools.values())
    if estate is not None:
        pool.estates.remove(estate)
        keeper.places.leave(estate)
    keeper.places.starting += 1
    pool.starting += 1
    if not keeper.expiry.armed:
        keeper.expiry.arm()
    sandbox = None
    try:
        sandbox = await _make(keeper, version, estate, why, keeper.starter.ready if ahead else keeper.starter.start)
        keeper.places.homes[sandbox] = pool
        return sandbox
    finally:
        pool.starting -= 1
        keeper.places.starting -= 1
        if sandbox is None:
            keeper.places.make_room()
            if estate is not None:
                estate.forget()


async def _make(keeper: "Keeper", version: Version, estate: Sandbox | None, why: str, start: Start) -> Sandbox:
    """A sandbox that knows why it was made; made once more if the agent dies meanwhile, since nothing of the
    invocation has run yet."""
    came = time.monotonic()
    try:
        agent = await keeper.agency.present()
        waited_ms = (time.monotonic() - came) * 1000
        sandbox = await start(agent, version, keeper.ended, estate)
    except AgentGone:
        agent = await keeper.agency.present()
        waited_ms, why = (time.monotonic() - came) * 1000, coldness.AGENT_DIED
        sandbox = await start(agent, version, keeper.ended)
    sandbox.beginning = replace(sandbox.beginning, why_cold=why)
    if waited_ms > WAIT_WORTH_TELLING_MS:
        sandbox.waited = waited_ms, "the node agent was being restarted"
    return sandbox
