"""The keeper under any order of events: calls, ends, crashes, changes, time, and an agent that dies."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sandbox_samples import ACCOUNT, REGION, FakeSandbox, hello, invocation, version

from lambent.clock import FixedClock
from lambent.errors import AgentGone, RuntimeMissing, SandboxError, TooManyRequests
from lambent.model import RuntimeInfo, Version
from lambent.sandbox.keeper import Keeper
from lambent.settings import Settings

LIMIT = 3
BUDGET_MB = 500
TWIN = version("a", version="1", provisioned="live")  # its sandboxes are made ahead of calls
VERSIONS = [version(name, revision=revision) for name in ("a", "b", "c") for revision in ("r1", "r2")]
VERSIONS += [version("t", per_tenant=True, tenant=tenant) for tenant in ("blue", "green")]


class FakeAgent:
    def __init__(self) -> None:
        self.gone = False
        self.hello = hello()
        self.prepared: list[tuple[str, int]] = []
        self.trouble: SandboxError | None = None

    async def prepare(self, runtime: str, husks: int) -> None:
        if self.trouble:
            raise self.trouble
        self.prepared.append((runtime, husks))


class NoSnapshots:
    def held_mb(self) -> int:
        return 0

    def changed(self, function: tuple[str, str, str], stays: Callable[[str], bool]) -> None: ...


class FakeStarter:
    """Starts nothing until it is told to; then what it is told."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.snapshots = NoSnapshots()
        self.starting: list[tuple[asyncio.Future[FakeSandbox], FakeSandbox, Callable[[Any], None]]] = []
        self.inherited: list[FakeSandbox] = []
        self.count = 0
        self.on_end: dict[str, Callable[[Any], None]] = {}

    async def start(
        self, agent: FakeAgent, of: Version, on_end: Callable[[Any], None], estate: FakeSandbox | None = None
    ) -> FakeSandbox:
        assert not agent.gone
        self.count += 1
        sandbox = FakeSandbox(f"s{self.count}", of)
        sandbox.born = estate.born if estate else self.clock.monotonic()
        if estate:
            assert estate.version.pool_key == of.pool_key
            assert not estate.forgotten
            assert not estate.lost
            assert estate not in self.inherited, "a /tmp can be taken over once"
            self.inherited.append(estate)
        future = asyncio.get_running_loop().create_future()
        entry = (future, sandbox, on_end)
        self.starting.append(entry)
        try:
            return await future
        finally:
            self.starting.remove(entry)
            self.on_end[sandbox.name] = on_end

    ready = start


def make_keeper(**changes: Any) -> tuple[Keeper, FakeStarter, FakeAgent, FixedClock]:
    clock, agent = FixedClock(), FakeAgent()
    starter = FakeStarter(clock)
    usual = {"sandboxes": LIMIT, "idle_expiry_s": 600, "max_age_s": 3000, "memory_budget_mb": BUDGET_MB}
    keeper = Keeper(Settings(**(usual | changes)), starter, clock)  # type: ignore[arg-type]
    keeper.agency.agent = agent  # type: ignore[assignment]
    return keeper, starter, agent, clock


class Call:
    """One invocation: it holds its sandbox until `gate` opens."""

    def __init__(self, keeper: Keeper, of: Version, loop: asyncio.AbstractEventLoop) -> None:
        self.version = of
        self.sandbox: Any = None
        self.gate: asyncio.Future[None] = loop.create_future()
        self.task = loop.create_task(self._run(keeper))

    async def _run(self, keeper: Keeper) -> None:
        try:
            async with keeper.lease(self.version) as sandbox:
                self.sandbox = sandbox
                await self.gate
        finally:
            self.sandbox = None


class KeeperMachine(RuleBasedStateMachine):
    """Every rule is something that may happen at any time; the invariants hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.keeper, self.starter, self.agent, self.clock = make_keeper()
        self.calls: list[Call] = []
        self.living: list[FakeSandbox] = []  # those whose end was not reported
        self.everybody: list[FakeSandbox] = []
        self.furnishing: list[asyncio.Task[None]] = []
        self.short: list[Any] = []
        self.keeper.on_shortage = self.short.append

    def settle(self) -> None:
        async def turns() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())
        for call in self.calls:
            if call.task.done() and not call.task.cancelled() and call.task.exception():
                assert isinstance(call.task.exception(), SandboxError)
        self.calls = [call for call in self.calls if not call.task.done()]
        for task in self.furnishing:
            if task.done() and task.exception():
                assert isinstance(task.exception(), SandboxError)
        self.furnishing = [task for task in self.furnishing if not task.done()]

    def waiting(self) -> list[Call]:
        started = len(self.starter.starting) - len(self.furnishing)
        without = [call for call in self.calls if call.sandbox is None]
        return without[: max(0, len(without) - started)]

    # -- what may happen

    @rule(count=st.integers(0, 2))
    def so_many_are_to_be_kept(self, count: int) -> None:
        pool = self.keeper.pool(TWIN)
        pool.pinned = count
        self.keeper.trim(pool) if count else self.keeper.retire(pool)
        self.settle()

    @rule()
    def one_is_made_ahead_of_calls(self) -> None:
        """Whoever has them made makes no more than there is room for beside calls."""
        pool = self.keeper.pools.get(TWIN.pool_key)
        if pool is not None and pool.pinned and pool.ready + len(self.furnishing) < pool.pinned:
            self.furnishing.append(self.loop.create_task(self.keeper.furnish(TWIN)))
            self.settle()

    @rule(of=st.sampled_from([*VERSIONS, TWIN]))
    def a_call_comes(self, of: Version) -> None:
        self.calls.append(Call(self.keeper, of, self.loop))
        self.settle()

    @precondition(lambda self: self.starter.starting)
    @rule(index=st.integers(0, 99), gone=st.booleans())
    def a_start_succeeds(self, index: int, gone: bool) -> None:
        future, sandbox, on_end = self.starter.starting[index % len(self.starter.starting)]
        self.everybody.append(sandbox)
        if gone:  # it ended before anybody had it: the news comes first
            sandbox.gone = sandbox.over = True
            on_end(sandbox)
        else:
            self.living.append(sandbox)
        future.set_result(sandbox)
        self.settle()

    @precondition(lambda self: self.starter.starting)
    @rule(index=st.integers(0, 99))
    def a_start_fails(self, index: int) -> None:
        self.starter.starting[index % len(self.starter.starting)][0].set_exception(SandboxError("no"))
        self.settle()

    @precondition(lambda self: any(call.sandbox for call in self.calls))
    @rule(index=st.integers(0, 99), spoilt=st.booleans(), used_mb=st.sampled_from([0, 50, 300]))
    def a_call_ends(self, index: int, spoilt: bool, used_mb: int) -> None:
        running = [call for call in self.calls if call.sandbox]
        call = running[index % len(running)]
        call.sandbox.spoilt = spoilt
        call.sandbox.used_mb = max(call.sandbox.used_mb, used_mb)
        call.gate.set_result(None)
        self.settle()

    @precondition(lambda self: any(sandbox.gone for sandbox in self.living))
    @rule(index=st.integers(0, 99))
    def the_agent_reports_the_end_of_one_that_was_stopped(self, index: int) -> None:
        stopped = [sandbox for sandbox in self.living if sandbox.gone]
        self.report(stopped[index % len(stopped)])

    @precondition(lambda self: self.living)
    @rule(index=st.integers(0, 99))
    def a_sandbox_crashes(self, index: int) -> None:
        self.report(self.living[index % len(self.living)])

    @precondition(lambda self: any(call.sandbox for call in self.calls))
    @rule(index=st.integers(0, 99), mb=st.sampled_from([50, 300, 600]))
    def a_running_call_takes_memory(self, index: int, mb: int) -> None:
        running = [call.sandbox for call in self.calls if call.sandbox]
        sandbox = running[index % len(running)]
        sandbox.grows_to_mb = max(sandbox.grows_to_mb, mb)

    def report(self, sandbox: FakeSandbox) -> None:
        self.living.remove(sandbox)
        sandbox.gone = sandbox.over = True
        pool = self.keeper.pools.get(sandbox.version.pool_key)
        kept = pool is not None and pool.pinned and sandbox in pool.idle
        self.short.clear()
        self.starter.on_end[sandbox.name](sandbox)
        assert not kept or pool in self.short or not pool.short, "somebody has to make up for it"
        self.settle()

    @precondition(lambda self: self.calls)
    @rule(index=st.integers(0, 99))
    def a_call_is_cancelled(self, index: int) -> None:
        self.calls[index % len(self.calls)].task.cancel()
        self.settle()

    @rule(name=st.sampled_from("abc"))
    def a_function_changes(self, name: str) -> None:
        self.keeper.changed(ACCOUNT, REGION, name, lambda _: False)
        self.settle()

    @rule(seconds=st.sampled_from([0.05, 0.15, 1, 300, 601, 3001]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.loop.run_until_complete(self.look())
        self.settle()
        now = self.clock.monotonic()
        pools = self.keeper.pools.values()
        idle = [sandbox for pool in pools if not pool.pinned for sandbox in pool.idle]
        assert all(now - sandbox.born < 3000 and now - sandbox.idle_since < 600 for sandbox in idle)
        everybody = [sandbox for pool in pools for sandbox in pool.idle]
        assert all(sandbox.frozen or now - sandbox.idle_since < 0.1 for sandbox in everybody)
        old = [pool for pool in pools if pool.pinned and any(now - each.born >= 3000 for each in pool.idle)]
        assert all(pool in self.short for pool in old), "somebody has to replace them"

    @rule()
    def the_agent_dies_and_another_comes(self) -> None:
        for sandbox in list(self.living):
            self.living.remove(sandbox)
            sandbox.gone = sandbox.over = sandbox.lost = True
            self.starter.on_end[sandbox.name](sandbox)
        self.keeper.detach()
        for future, _, _ in list(self.starter.starting):
            if not future.done():
                future.set_exception(AgentGone())
        self.agent.gone = True
        self.settle()
        self.agent = FakeAgent()
        self.loop.run_until_complete(self.keeper.agency.attach(self.agent))  # type: ignore[arg-type]
        self.settle()

    async def look(self) -> None:
        self.keeper.freezer.look()
        self.keeper.expire(self.clock.monotonic())

    # -- what is true at any time

    @invariant()
    def no_sandbox_is_with_two_invocations_and_each_runs_its_own_version(self) -> None:
        held = [call for call in self.calls if call.sandbox]
        names = [call.sandbox.name for call in held]
        assert len(names) == len(set(names))
        assert all(call.sandbox.version.pool_key == call.version.pool_key for call in held)
        idle = {sandbox.name for pool in self.keeper.pools.values() for sandbox in pool.idle}
        assert not idle & set(names)

    @invariant()
    def only_the_idle_are_frozen(self) -> None:
        assert not any(call.sandbox.frozen for call in self.calls if call.sandbox)

    @invariant()
    def every_tmp_is_taken_over_once_forgotten_or_may_yet_be_taken_over(self) -> None:
        held = [call.sandbox for call in self.calls if call.sandbox]
        estates = [sandbox for pool in self.keeper.pools.values() for sandbox in pool.estates]
        for sandbox in self.everybody:
            if sandbox.gone and not sandbox.lost and sandbox not in held and sandbox not in estates:
                assert sandbox.forgotten or sandbox in self.starter.inherited
        assert not any(sandbox.forgotten or sandbox.lost for sandbox in estates)
        assert all(sandbox.gone for sandbox in estates)

    @invariant()
    def counts_are_what_they_count(self) -> None:
        pools = self.keeper.pools.values()
        for pool in pools:
            assert min(pool.starting, pool.waiting) >= 0
        held = [call.sandbox for call in self.calls if call.sandbox]
        over = {sandbox for pool in pools for sandbox in pool.estates if sandbox.over}
        over |= {sandbox for sandbox in held if sandbox.over}
        assert set(self.keeper.places.homes) == set(self.living) | over
        assert self.keeper.alive == len(self.starter.starting) + len(self.living) + len(over)
        assert self.keeper.places.leaving <= set(self.living)

    @invariant()
    def only_those_on_their_way_out_are_beyond_the_limit(self) -> None:
        assert self.keeper.alive - len(self.keeper.places.leaving) <= LIMIT

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        waiting, pools = self.waiting(), self.keeper.pools.values()
        if not waiting:
            return
        assert not any(pool.idle for pool in pools if not pool.pinned)
        assert not any(pool.idle and pool.waiting for pool in pools)
        full = self.keeper.places.staying >= LIMIT and not any(pool.estates for pool in pools)
        used_mb = sum(sandbox.measure() for pool in self.keeper.all_pools() for sandbox in pool.busy)
        assert full or used_mb >= BUDGET_MB

    @invariant()
    def idle_sandboxes_live_and_can_be_found(self) -> None:
        idle = [sandbox for pool in self.keeper.pools.values() for sandbox in pool.idle]
        assert all(sandbox.reusable for sandbox in idle)
        held = [call.sandbox for call in self.calls if call.sandbox]
        lost = [each for each in self.living if not each.gone and each not in idle and each not in held]
        assert not lost, "a sandbox that nobody can reach would live for ever"

    def teardown(self) -> None:
        """Let everything come to its end: whoever waited gets a sandbox."""
        if (pool := self.keeper.pools.get(TWIN.pool_key)) is not None:
            self.keeper.retire(pool)
            self.settle()
        while self.calls or self.furnishing:
            before = len(self.calls), len(self.starter.starting), len(self.living)
            for future, sandbox, _ in list(self.starter.starting):
                self.living.append(sandbox)
                self.everybody.append(sandbox)
                future.set_result(sandbox)
            self.settle()
            for call in self.calls:
                if call.sandbox and not call.gate.done():
                    call.gate.set_result(None)
            self.settle()
            for sandbox in [each for each in self.living if each.gone]:
                self.report(sandbox)
            now = len(self.calls), len(self.starter.starting), len(self.living)
            assert now != before or not (self.calls or self.furnishing), f"{len(self.calls)} calls wait for ever"
        self.loop.close()


KeeperMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestKeeper = KeeperMachine.TestCase


# -- single stories


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def run_one(keeper: Keeper, starter: FakeStarter, of: Version) -> FakeSandbox:
    """One call from its start to its end, in a new sandbox if need be."""
    call = Call(keeper, of, asyncio.get_running_loop())
    await turns()
    for future, sandbox, _ in list(starter.starting):
        future.set_result(sandbox)
    await turns()
    sandbox = call.sandbox
    call.gate.set_result(None)
    await call.task
    return sandbox


async def test_the_second_call_gets_the_sandbox_of_the_first():
    keeper, starter, _, _ = make_keeper()
    first = await run_one(keeper, starter, version())
    assert await run_one(keeper, starter, version()) is first
    assert starter.count == 1


async def test_a_tenant_gets_no_sandbox_of_another_and_not_more_than_an_account_may_have():
    keeper, starter, _, _ = make_keeper(concurrency=1)
    blue, green, red = (version(per_tenant=True, tenant=tenant) for tenant in ("blue", "green", "red"))
    first = await run_one(keeper, starter, blue)
    second = await run_one(keeper, starter, green)
    assert first is not second
    assert await run_one(keeper, starter, blue) is first
    with pytest.raises(TooManyRequests):
        await keeper.lease(red).__aenter__()
    assert await run_one(keeper, starter, version("without"))
    keeper.changed(ACCOUNT, REGION, "hello", lambda _: False)
    assert (first.gone, second.gone) == (True, True)
    assert await run_one(keeper, starter, red)


async def test_a_changed_function_ends_its_idle_sandboxes_and_takes_running_ones_not_back():
    keeper, starter, _, _ = make_keeper()
    idle = await run_one(keeper, starter, version())
    busy = Call(keeper, version(revision="r2"), asyncio.get_running_loop())
    await turns()
    starter.starting[0][0].set_result(starter.starting[0][1])
    await turns()
    keeper.changed(ACCOUNT, REGION, "hello", lambda _: False)
    assert idle.ends == 1
    assert not busy.sandbox.gone, "a running call finishes where it is"
    running = busy.sandbox
    busy.gate.set_result(None)
    await busy.task
    assert running.gone
    assert keeper.pools == {}


async def test_a_version_that_stays_as_it_was_keeps_its_sandboxes():
    keeper, starter, _, _ = make_keeper()
    published = await run_one(keeper, starter, version(version="1"))
    latest = await run_one(keeper, starter, version())
    keeper.changed(ACCOUNT, REGION, "hello", lambda each: each == "1")
    assert (published.gone, latest.gone) == (False, True)


async def test_an_idle_sandbox_goes_after_its_time_and_its_pool_with_it():
    keeper, starter, _, clock = make_keeper()
    sandbox = await run_one(keeper, starter, version())
    clock.advance(599)
    keeper.expire(clock.monotonic())
    assert not sandbox.gone
    clock.advance(1)
    keeper.expire(clock.monotonic())
    assert sandbox.gone
    assert keeper.pools == {}


async def test_a_full_node_evicts_the_one_that_was_used_longest_ago():
    keeper, starter, _, clock = make_keeper(sandboxes=2)
    old = await run_one(keeper, starter, version("old"))
    clock.advance(1)
    young = await run_one(keeper, starter, version("young"))
    await run_one(keeper, starter, version("new"))
    assert (old.gone, young.gone) == (True, False)


async def test_who_waits_for_a_forgotten_pool_finds_it_again():
    """A pool in which somebody waits must not be dropped: its sandbox would live where nobody looks."""
    keeper, starter, _, clock = make_keeper(sandboxes=1)
    loop = asyncio.get_running_loop()
    first = Call(keeper, version("a"), loop)
    await turns()
    starter.starting[0][0].set_result(starter.starting[0][1])
    await turns()
    second = Call(keeper, version("b"), loop)
    await turns()
    keeper.expire(clock.monotonic())
    first.gate.set_result(None)
    await turns()
    starter.starting[0][0].set_result(starter.starting[0][1])
    await turns()
    assert len(keeper.pools[version("b").pool_key].busy) == 1
    second.gate.set_result(None)
    await asyncio.gather(first.task, second.task)


async def test_a_pinned_sandbox_that_comes_to_rest_goes_to_a_call_of_its_pool_though_another_waits_for_longer():
    keeper, starter, _, _ = make_keeper(sandboxes=1)
    loop = asyncio.get_running_loop()
    keeper.pool(TWIN).pinned = 1
    first = Call(keeper, TWIN, loop)
    await turns()
    starter.starting[0][0].set_result(starter.starting[0][1])
    await turns()
    other, second, third = Call(keeper, version("b"), loop), Call(keeper, TWIN, loop), Call(keeper, TWIN, loop)
    await turns()
    sandbox = first.sandbox
    first.gate.set_result(None)
    await asyncio.sleep(0)
    second.task.cancel()  # in the moment in which it is told
    await turns()
    assert (other.sandbox, third.sandbox) == (None, sandbox)
    third.gate.set_result(None)
    other.task.cancel()
    await asyncio.gather(*(each.task for each in (first, second, third, other)), return_exceptions=True)


async def test_the_room_of_one_who_leaves_in_the_moment_of_its_turn_goes_to_the_next():
    keeper, starter, _, _ = make_keeper(sandboxes=1)
    loop = asyncio.get_running_loop()
    first = Call(keeper, version("a"), loop)
    await turns()
    starter.starting[0][0].set_result(starter.starting[0][1])
    await turns()
    leaving, staying = Call(keeper, version("a"), loop), Call(keeper, version("a"), loop)
    await turns()
    first.gate.set_result(None)
    await asyncio.sleep(0)  # the sandbox is free, and the one who leaves has been told
    leaving.task.cancel()
    await turns()
    assert leaving.task.cancelled()
    assert staying.sandbox is not None
    staying.gate.set_result(None)
    await staying.task


async def test_a_call_that_finds_no_agent_waits_for_the_next():
    keeper, starter, _, _ = make_keeper()
    keeper.detach()
    call = Call(keeper, version("a"), asyncio.get_running_loop())
    await turns()
    assert not starter.starting
    await keeper.agency.attach(FakeAgent())  # type: ignore[arg-type]
    await turns()
    starter.starting[0][0].set_result(starter.starting[0][1])
    call.gate.set_result(None)
    await call.task


async def test_a_start_that_the_agents_death_broke_off_is_done_again_with_the_next_agent():
    keeper, starter, agent, _ = make_keeper()
    call = Call(keeper, version("a"), asyncio.get_running_loop())
    await turns()
    agent.gone = True
    starter.starting[0][0].set_exception(AgentGone())
    await turns()
    assert not starter.starting
    await keeper.agency.attach(FakeAgent())  # type: ignore[arg-type]
    await turns()
    starter.starting[0][0].set_result(starter.starting[0][1])
    call.gate.set_result(None)
    await call.task


async def test_a_call_for_which_no_agent_comes_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lambent.sandbox.agency.AGENT_WAIT_S", 0)
    keeper, _, _, _ = make_keeper()
    keeper.detach()
    with pytest.raises(AgentGone, match="restarted"):
        async with keeper.lease(invocation().version):
            pass
    assert keeper.alive == 0


async def test_a_runtime_that_is_not_on_the_machine_is_refused_with_how_to_add_it():
    keeper, _, agent, _ = make_keeper()
    with pytest.raises(RuntimeMissing):
        await keeper.prepare(version(runtime="python3.13"))
    agent.hello.runtimes["python3.13"] = RuntimeInfo(name="python3.13", kind="python", executable="/usr/bin/python3.13")
    assert keeper.agency.refuse("python3.13") is None
    await keeper.prepare(version(runtime="python3.13"))
    assert agent.prepared == [("python3.13", 4)]


async def test_a_new_agent_makes_the_husks_of_every_runtime_in_use():
    keeper, _, agent, _ = make_keeper()
    agent.hello.runtimes["python3.13"] = RuntimeInfo(name="python3.13", kind="python", executable="/usr/bin/python3.13")
    await keeper.prepare(version(runtime="python3.13"))
    again = FakeAgent()
    keeper.detach()
    await keeper.agency.attach(again)  # type: ignore[arg-type]
    assert again.prepared == [("python3.13", 4)]
    broken = FakeAgent()
    broken.trouble = SandboxError("no room")
    await keeper.agency.attach(broken)  # type: ignore[arg-type]
    assert keeper.agency.agent is broken  # type: ignore[comparison-overlap]


async def test_the_counts_say_what_is_idle_and_what_is_busy():
    keeper, starter, _, clock = make_keeper()
    await run_one(keeper, starter, version("a"))
    call = Call(keeper, version("b"), asyncio.get_running_loop())
    await turns()
    assert keeper.counts() == {"idle": 1, "busy": 1, "frozen": 0}
    starter.starting[0][0].set_result(starter.starting[0][1])
    await turns()
    assert keeper.counts() == {"idle": 1, "busy": 1, "frozen": 0}
    call.gate.set_result(None)
    await call.task
    clock.advance(1)
    keeper.freezer.look()
    assert keeper.counts() == {"idle": 2, "busy": 0, "frozen": 2}
