"""Every cold start has one reason, and it is the nearest one."""

import asyncio

import pytest
from sandbox_samples import FakeSandbox, version
from test_keeper import Call, make_keeper

from lambent.errors import AgentGone
from lambent.sandbox import coldness
from lambent.sandbox.coldness import Losses
from lambent.sandbox.pool import Pool

OF = version("a")
FUNCTION = (OF.account, OF.region, OF.name)


class Node:
    """A keeper, whose starter starts what it is asked for when it is told to."""

    def __init__(self, **settings: int) -> None:
        self.keeper, self.starter, self.agent, self.clock = make_keeper(**settings)

    async def call(self, of=OF) -> Call:
        """A call that has its sandbox, and keeps it until `finish`."""
        call = Call(self.keeper, of, asyncio.get_running_loop())
        await turns()
        for future, sandbox, _ in list(self.starter.starting):
            future.set_result(sandbox)
        await turns()
        return call

    async def finish(self, call: Call, *, spoilt: str = "") -> FakeSandbox:
        sandbox = call.sandbox
        if spoilt:
            sandbox.spoilt, sandbox.ending = True, spoilt
        call.gate.set_result(None)
        await turns()
        return sandbox

    async def why(self, of=OF) -> str:
        """Of one more call, which runs and ends."""
        call = await self.call(of)
        why = call.sandbox.beginning.why_cold
        await self.finish(call)
        return str(why)


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_first_call_of_all():
    assert await Node().why() == coldness.FIRST


async def test_all_sandboxes_are_busy():
    node = Node()
    calls = [await node.call(), await node.call()]
    assert calls[1].sandbox.beginning.why_cold == "1 sandbox was busy"
    assert await node.why() == "all 2 sandboxes were busy"
    for call in calls:
        await node.finish(call)


async def test_its_provisioned_environments_were_busy_too():
    node = Node()
    twin = await node.call(version("a", provisioned="prod"))
    assert await node.why() == "1 provisioned sandbox was busy"
    await node.finish(twin)


async def test_the_last_sandbox_had_ended():
    node = Node()
    await node.finish(await node.call(), spoilt="out of memory")
    assert await node.why() == "the last sandbox had ended: out of memory"


async def test_it_had_been_idle_for_too_long():
    node = Node()
    await node.why()
    node.clock.advance(601)
    node.keeper.expire(node.clock.monotonic())
    assert not node.keeper.pools, "even the pool is forgotten; why it went is not"
    assert await node.why() == "its sandboxes had been idle for 600 s and were stopped"


async def test_it_had_become_too_old_while_it_was_busy():
    node = Node()
    call = await node.call()
    node.clock.advance(3001)
    await node.finish(call)
    assert await node.why() == "its last sandbox had reached the age of 3000 s and was stopped"


async def test_it_was_stopped_for_the_place_of_another():
    node = Node(sandboxes=1)
    await node.why()
    await node.why(version("b"))
    assert await node.why() == coldness.FOR_A_PLACE


async def test_it_was_stopped_for_memory():
    node = Node(memory_budget_mb=200)
    (await node.finish(await node.call())).used_mb = 100
    await node.why(version("b", memory_mb=150))
    assert await node.why() == coldness.FOR_MEMORY


async def test_the_function_was_changed_and_its_published_version_was_not():
    node = Node()
    await node.why()
    node.keeper.changed(*FUNCTION, lambda number: number != "$LATEST")
    assert await node.why(version("a", revision="r2")) == (
        "first call since the function was updated at 2023-11-14T22:13:20.000Z"
    )
    assert await node.why(version("a", version="1")) == coldness.FIRST


async def test_the_agent_had_died():
    node = Node()
    sandbox = await node.finish(await node.call())
    sandbox.lost = sandbox.gone = sandbox.over = True
    node.starter.on_end[sandbox.name](sandbox)
    assert await node.why() == coldness.AGENT_DIED


async def test_the_agent_dies_while_the_sandbox_is_made():
    node = Node()
    call = Call(node.keeper, OF, asyncio.get_running_loop())
    await turns()
    node.starter.starting[0][0].set_exception(AgentGone())
    await turns()
    node.starter.starting[0][0].set_result(node.starter.starting[0][1])
    await turns()
    assert call.sandbox.beginning.why_cold == coldness.AGENT_DIED
    await node.finish(call)


async def test_who_waited_for_a_place_is_told_how_long_and_for_what():
    node = Node(sandboxes=1)
    first = await node.call()
    second = Call(node.keeper, OF, asyncio.get_running_loop())
    await turns()
    assert second.sandbox is None
    await node.finish(first)
    milliseconds, reason = second.sandbox.waited
    assert milliseconds >= 0
    assert reason == "running calls had all places for sandboxes (1)"
    await node.finish(second)


async def test_who_waited_for_the_agent_is_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lambent.sandbox.lease.WAIT_WORTH_TELLING_MS", -1.0)
    node = Node()
    agent, node.keeper.agency.agent = node.keeper.agency.agent, None
    call = Call(node.keeper, OF, asyncio.get_running_loop())
    await turns()
    await node.keeper.agency.attach(agent)  # type: ignore[arg-type]
    await turns()
    node.starter.starting[0][0].set_result(node.starter.starting[0][1])
    await turns()
    assert call.sandbox.waited[1] == "the node agent was being restarted"
    await node.finish(call)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(coldness, "MOST", 3)
    losses, pools = Losses(), [Pool(f"p{number}", FUNCTION, "1") for number in range(5)]
    for pool in (*pools, pools[2]):
        losses.lost(pool, "gone")
    assert [losses.why(pool, None) for pool in pools] == [coldness.FIRST, coldness.FIRST, "gone", "gone", "gone"]
