"""Which invocations are traced, and what their headers say of it."""

import re

import pytest

from lambent.invoke.sampling import Sampler, new_trace
from lambent.model import Version

NOW = 1_700_000_000.0
ROOT = "Root=1-6553f100-a0a1a2a3a4a5a6a7a8a9aaab;Parent=53995c3f42cd8ad8"


def version(name: str = "hello", *, active: bool) -> Version:
    return Version(
        account="111111111111", region="eu-west-1", name=name, version="$LATEST", revision="r1", runtime="python3.13",
        handler="app.handler", code_digest="c0de", active_tracing=active,
    )  # fmt: skip


def never() -> float:
    return 0.99


def test_a_new_root_has_the_form_that_x_ray_reads():
    assert re.fullmatch(r"Root=1-6553f100-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0", new_trace(NOW))


def test_a_function_that_passes_through_samples_nothing_itself():
    trace = Sampler(lambda: 0.0).header(None, version(active=False), NOW)
    assert trace.endswith(";Sampled=0")
    assert Sampler().header(ROOT, version(active=False), NOW) == ROOT


def test_an_active_function_samples_the_first_invocation_of_each_second():
    sampler, active = Sampler(never), version(active=True)
    decisions = [sampler.header(None, active, NOW + at)[-1] for at in (0.0, 0.4, 0.9, 1.0, 1.5, 3.2)]
    assert decisions == ["1", "0", "0", "1", "0", "1"]


def test_functions_have_their_first_invocations_apart():
    sampler = Sampler(never)
    assert [sampler.header(None, version(name, active=True), NOW)[-1] for name in "aba"] == ["1", "1", "0"]


def test_of_the_others_one_in_twenty_is_sampled():
    chances = iter([k / 1000 for k in range(1000)])
    sampler, active = Sampler(lambda: next(chances)), version(active=True)
    sampler.header(None, active, NOW)
    assert sum(sampler.header(None, active, NOW).endswith("1") for _ in range(1000)) == 50


@pytest.mark.parametrize("decision", ["0", "1"])
@pytest.mark.parametrize("active", [False, True])
def test_a_decision_that_came_holds(decision, active):
    came = f"{ROOT};Sampled={decision}"
    assert Sampler().header(came, version(active=active), NOW) == came


@pytest.mark.parametrize("came", [ROOT, f"{ROOT};Sampled=?"])
def test_an_active_function_decides_where_its_caller_has_not(came):
    assert Sampler().header(came, version(active=True), NOW) == f"{ROOT};Sampled=1"


def test_a_header_that_cannot_be_handed_on_counts_as_none():
    assert Sampler().header("Root=\x00", version(active=True), NOW).startswith("Root=1-6553f100-")
