"""One clone's restore: its lines, its measures, its time, and what the first invocation reports of it."""

from collections.abc import Callable, Iterator

import pytest
from sandbox_samples import version
from test_sandbox_runs import MB, SPEC, Stage

from lambent.sandbox.init_phase import restore
from lambent.sandbox.link import InitDone

CLONE = version(version="1", snap_start=True, memory_mb=128)


@pytest.fixture
def restored() -> Iterator[Callable[[], Stage]]:
    stages: list[Stage] = []

    def make() -> Stage:
        stages.append(Stage(CLONE))
        return stages[-1]

    yield make
    for each in stages:
        each.close()


async def test_the_restore_counts_from_when_the_clone_was_asked_for_and_its_hooks_are_billed(restored):
    stage = restored()
    began = stage.clock.monotonic()
    stage.clock.advance(0.25)  # until the clone was there
    stage.link.takes_s = 0.0101
    assert await restore(stage.sandbox, SPEC, 10.0, began) is None
    stage.link.takes_s = 0.0048
    outcome = await stage.run()
    assert outcome.restore_ms == pytest.approx(260.1)
    assert (outcome.restore_billed_ms, outcome.init_ms, outcome.cold) == (11, None, True)
    assert outcome.billed_ms == 16
    text = stage.text()
    assert text.startswith("RESTORE_START Runtime Version: python:3.13.v1\t")
    assert "RESTORE_REPORT Restore Duration: 260.10 ms\n" in text
    assert "Restore Duration: 260.10 ms\tBilled Restore Duration: 11 ms\t" in text.splitlines()[-1]


async def test_only_the_first_invocation_after_a_restore_tells_of_it(restored):
    stage = restored()
    await restore(stage.sandbox, SPEC, 10.0, stage.clock.monotonic())
    await stage.run()
    outcome = await stage.run()
    assert (outcome.restore_ms, outcome.cold) == (None, False)


async def test_a_hook_that_fails_dooms_the_clone_and_is_reported(restored):
    stage = restored()
    stage.link.init_answer = InitDone("Runtime.AfterRestoreError", b"{}")
    assert await restore(stage.sandbox, SPEC, 10.0, stage.clock.monotonic()) == "error"
    assert stage.sandbox.failed_init
    assert "\tStatus: error\tError Type: Runtime.AfterRestoreError\n" in stage.text()


async def test_a_restore_whose_time_is_up_ends_the_clone(restored):
    stage = restored()
    stage.link.init_answer = None
    assert await restore(stage.sandbox, SPEC, 0.0, stage.clock.monotonic()) == "timeout"
    assert stage.kills == 1
    assert "\tStatus: timeout\n" in stage.text()


@pytest.mark.parametrize(("shared_mb", "reported_mb"), [(0, 31), (40, 71), (120, 128)])
async def test_the_memory_of_the_template_counts_as_used_up_to_the_limit(restored, shared_mb, reported_mb):
    stage = restored()
    stage.count(31 * MB, 0)
    stage.sandbox.shared_mb = shared_mb
    await restore(stage.sandbox, SPEC, 10.0, stage.clock.monotonic())
    assert (await stage.run()).memory_peak_mb == reported_mb
