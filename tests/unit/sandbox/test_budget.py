"""The memory there is for sandboxes, and what they have of it."""

import sys
from pathlib import Path

import pytest
from sandbox_samples import FakeSandbox

from lambent.clock import FixedClock
from lambent.sandbox.budget import Meter, budget_mb, machine_mb
from lambent.sandbox.pool import Pool


def machine(root: Path, meminfo: str = "MemTotal:       24684000 kB\n", v1: str = "", v2: str = "") -> Path:
    for path, text in (
        ("proc/meminfo", meminfo),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", v1),
        ("sys/fs/cgroup/memory.max", v2),
    ):
        if text:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "megabytes"),
    [
        ({}, 24105),
        ({"v2": "max\n"}, 24105),
        ({"v2": "2147483648\n"}, 2048),  # a container with less than its machine
        ({"v1": "9223372036854771712\n"}, 24105),  # version 1's way of saying none
        ({"v1": "1073741824\n"}, 1024),
        ({"meminfo": "SwapTotal: 0 kB\n"}, 0),
    ],
)
def test_the_memory_is_the_machines_or_the_containers(tmp_path, files, megabytes):
    assert machine_mb(machine(tmp_path, **files)) == megabytes


def test_a_budget_is_what_was_set_or_four_fifths_of_the_machine_or_unknown():
    assert budget_mb(300, lambda: 24000) == 300
    assert budget_mb(0, lambda: 1000) == 800
    assert budget_mb(0, lambda: 0) == sys.maxsize


def test_measuring_reads_those_that_run_and_teaches_their_pool_what_to_expect():
    clock, pool = FixedClock(), Pool("p", ("1", "r", "p"), "$LATEST", memory_mb=1024)
    running, idle = FakeSandbox("running"), FakeSandbox("idle")
    running.grows_to_mb, idle.used_mb = 300, 50
    pool.busy, pool.idle = {running}, [idle]  # type: ignore[arg-type]
    assert pool.claim_mb == 1024, "all it may, as long as none was seen"
    meter = Meter(clock.monotonic)
    assert meter.measured_mb([pool], 1000) == 350
    assert pool.claim_mb == 300
    running.grows_to_mb = 999
    assert meter.measured_mb([pool], 1000) == 350, "a measurement counts for a moment"
    clock.advance(0.1)
    assert meter.measured_mb([pool], 1000) == 1049


def test_a_measurement_that_would_make_a_call_wait_is_always_a_fresh_one():
    clock, pool = FixedClock(), Pool("p", ("1", "r", "p"), "$LATEST")
    running = FakeSandbox()
    running.grows_to_mb = 500
    pool.busy = {running}  # type: ignore[arg-type]
    meter = Meter(clock.monotonic)
    assert meter.measured_mb([pool], 400) == 500
    pool.busy.clear()
    assert meter.measured_mb([pool], 400) == 0
