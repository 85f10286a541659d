"""Templates and clones, with sandboxes that are only played: who makes one, who waits, what becomes of them."""

import asyncio
from typing import Any

import pytest
from sandbox_samples import FakeSandbox, version

from lambent.clock import FixedClock
from lambent.errors import AgentGone, SandboxError, SnapshotFailed, SnapStartError
from lambent.model import Version
from lambent.sandbox.link import InitDone
from lambent.sandbox.snapshots import INIT_LIMIT_S, REFUSED, RESTORE_LIMIT_S, WHOLE, Part, Snapshots

FIRST = version(version="1", snap_start=True, timeout_s=3)
FUNCTION = (FIRST.account, FIRST.region, FIRST.name)


class Played(FakeSandbox):
    """A sandbox with an end to its init."""

    doomed: InitDone | None = None
    init_trouble: str | None = None
    shared_mb = 0

    @property
    def failed_init(self) -> bool:
        return bool(self.doomed or self.init_trouble)


class Stage:
    """Makes sandboxes as the starter would; `hold` keeps templates from being ready."""

    def __init__(self) -> None:
        self.snapshots = Snapshots(self.attempt, FixedClock(1_700_000_000.0))
        self.parts: list[Part] = []
        self.made: list[Played] = []
        self.ends: list[Any] = []
        self.open = asyncio.Event()
        self.open.set()
        self.failure: BaseException | None = None
        self.template_dies = False
        self.doom: InitDone | None = None
        self.trouble: str | None = None

    async def attempt(self, agent: Any, of: Version, on_end: Any, estate: None = None, part: Part = WHOLE) -> Any:
        self.parts.append(part)
        if part.makes_snapshot:
            await self.open.wait()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            self.made[0].gone = self.template_dies
            raise failure
        sandbox = Played(f"s{len(self.made)}", of)
        sandbox.grows_to_mb = 40
        sandbox.doomed, sandbox.init_trouble = self.doom, self.trouble
        self.made.append(sandbox)
        self.ends.append(on_end)
        return sandbox

    async def restore(self, of: Version = FIRST) -> Any:
        return await self.snapshots.restore(None, of, lambda sandbox: None)  # type: ignore[arg-type]

    async def template(self, of: Version = FIRST) -> Any:
        return await self.snapshots.template(None, of)  # type: ignore[arg-type]

    def dies(self, number: int) -> None:
        self.made[number].gone = True
        self.ends[number](self.made[number])

    @property
    def templates(self) -> int:
        return sum(part.makes_snapshot for part in self.parts)


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_a_version_is_initialised_once_however_many_want_clones(stage):
    stage.open.clear()
    waiting = [asyncio.ensure_future(stage.restore()) for _ in range(3)]
    await asyncio.sleep(0)
    stage.open.set()
    clones = await asyncio.gather(*waiting)
    assert (stage.templates, len({clone.name for clone in clones})) == (1, 3)
    assert {part.template for part in stage.parts if not part.makes_snapshot} == {"s0"}


async def test_init_gets_130_seconds_or_the_functions_own_time_out_if_that_is_longer(stage):
    await stage.template()
    await stage.template(version(version="2", revision="r2", snap_start=True, timeout_s=900))
    assert [part.limit_s for part in stage.parts] == [INIT_LIMIT_S, 900.0]


async def test_a_restore_gets_ten_seconds(stage):
    await stage.restore()
    assert stage.parts[-1].limit_s == RESTORE_LIMIT_S == 10.0


async def test_an_init_that_fails_fails_the_version_in_awss_words_and_the_next_try_is_a_new_one(stage):
    stage.doom = InitDone("ValueError", b'{"errorType": "ValueError", "errorMessage": "no"}')
    with pytest.raises(SnapshotFailed) as caught:
        await stage.template()
    assert caught.value.message == "An error occurred during function initialization."
    assert stage.made[0].gone
    assert stage.made[0].forgotten
    stage.doom = None
    await stage.template()
    assert stage.templates == 2


async def test_a_template_that_cannot_be_copied_says_why(stage):
    stage.doom = InitDone(REFUSED, b'{"errorType": "x", "errorMessage": "init has left running: thread pump"}')
    with pytest.raises(SnapshotFailed, match=r"function initialization\. init has left running: thread pump"):
        await stage.template()


@pytest.mark.parametrize(
    ("doom", "trouble", "code", "status"),
    [
        (InitDone("Runtime.AfterRestoreError", b"{}"), None, "SnapStartException", 400),
        (None, "timeout", "SnapStartTimeoutException", 408),
        (None, "exited", "SnapStartException", 400),
    ],
)
async def test_a_restore_that_fails_is_answered_in_awss_words(stage, doom, trouble, code, status):
    await stage.template()
    stage.doom, stage.trouble = doom, trouble
    with pytest.raises(SnapStartError) as caught:
        await stage.restore()
    assert (caught.value.code, caught.value.status) == (code, status)
    assert stage.made[-1].gone
    assert not stage.made[0].gone


async def test_a_template_that_died_is_made_again_by_the_next_call(stage):
    await stage.restore()
    stage.dies(0)
    await stage.restore()
    assert stage.templates == 2


async def test_a_call_that_meets_the_death_of_the_template_tries_once_more(stage):
    await stage.template()
    stage.failure, stage.template_dies = SandboxError("the template of this version ended"), True
    assert (await stage.restore()).name == "s2"
    assert stage.templates == 2


async def test_one_that_cannot_be_made_again_answers_the_call_with_awss_word_for_that(stage):
    stage.trouble = "timeout"
    with pytest.raises(SnapStartError) as caught:
        await stage.restore()
    assert (caught.value.code, caught.value.status) == ("SnapStartRegenerationFailureException", 409)


async def test_the_agents_end_is_for_the_keeper_to_handle(stage):
    await stage.template()
    stage.failure = AgentGone()
    with pytest.raises(AgentGone):
        await stage.restore()


async def test_a_deleted_version_lets_its_template_go_when_its_last_clone_has_ended(stage):
    await stage.restore()
    stage.snapshots.changed(FUNCTION, lambda number: False)
    assert not stage.made[0].gone, "the kernel would end the clone with it"
    stage.dies(1)
    assert stage.made[0].gone
    assert stage.made[0].forgotten


async def test_a_version_that_stays_keeps_its_template(stage):
    await stage.template()
    stage.snapshots.changed(FUNCTION, lambda number: number == "1")
    stage.snapshots.changed((FIRST.account, FIRST.region, "another"), lambda number: False)
    await stage.restore()
    assert (stage.templates, stage.made[0].gone) == (1, False)


async def test_a_version_that_is_deleted_while_it_is_initialised_is_given_up(stage):
    stage.open.clear()
    waiting = asyncio.ensure_future(stage.template())
    await asyncio.sleep(0)
    stage.snapshots.changed(FUNCTION, lambda number: False)
    with pytest.raises(SandboxError, match="was deleted"):
        await waiting
    assert stage.made == []


async def test_what_templates_hold_counts_and_clones_report_it_as_theirs_too(stage):
    assert stage.snapshots.held_mb() == 0
    clone = await stage.restore()
    assert (stage.snapshots.held_mb(), clone.shared_mb) == (40, 40)
    stage.dies(0)
    assert stage.snapshots.held_mb() == 0
