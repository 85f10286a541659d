"""Which sandbox an invocation gets, and which ones go or freeze: tables, without a clock and without a sandbox."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox_samples import FakeSandbox

from lambent.sandbox.pool import Node, Pool, Step, decide, drowsy, expected_mb, expired, is_full, least_recently_used


def pool(*idle_since: float, name: str = "p", estates: tuple[float, ...] = (), **state: Any) -> Pool:
    pool = Pool(name, ("111111111111", "eu-west-1", name), "$LATEST", memory_mb=128)
    pool.idle = [FakeSandbox(f"{name}{since}", idle_since=since) for since in idle_since]  # type: ignore[misc]
    pool.estates = [FakeSandbox(f"{name}-{since}", idle_since=since) for since in estates]  # type: ignore[misc]
    pool.busy = {FakeSandbox(f"{name}b{n}") for n in range(state.pop("busy", 0))}  # type: ignore[misc]
    for key, value in state.items():
        setattr(pool, key, value)
    return pool


def node(alive: int = 0, expected: int = 0, *, spare: bool = False, measured: int = 0) -> Node:
    return Node(alive, 10, expected, 1000, spare, measured)


@pytest.mark.parametrize(
    ("idle_here", "alive", "idle_elsewhere", "step"),
    [
        (1, 1, False, Step.REUSE),
        (1, 10, True, Step.REUSE),  # a full node is no reason not to reuse
        (0, 0, False, Step.START),
        (0, 9, True, Step.START),  # as long as there is room nobody is evicted
        (0, 10, True, Step.EVICT),
        (0, 11, True, Step.EVICT),
        (0, 10, False, Step.WAIT),
        (0, 11, False, Step.WAIT),
    ],
)
def test_an_invocation_reuses_starts_evicts_or_waits_in_that_order(idle_here, alive, idle_elsewhere, step):
    assert decide(pool(*[1.0] * idle_here), node(alive, spare=idle_elsewhere)) is step


@pytest.mark.parametrize(
    ("expected", "measured", "idle_elsewhere", "step"),
    [
        (872, 0, True, Step.START),  # exactly the budget
        (873, 0, True, Step.EVICT),
        (873, 999, False, Step.START),  # only what is used for certain makes a call wait
        (873, 1000, False, Step.WAIT),
        (100_000, 0, False, Step.START),
    ],
)
def test_memory_that_idle_sandboxes_hold_is_taken_from_them_and_running_ones_are_waited_for(
    expected, measured, idle_elsewhere, step
):
    assert decide(pool(), node(5, expected, spare=idle_elsewhere, measured=measured)) is step


def test_a_reset_needs_no_place_of_its_own():
    assert decide(pool(estates=(1.0,)), node(10)) is Step.START
    assert not is_full(pool(estates=(1.0,)), 10, 10)
    assert is_full(pool(), 10, 10)


POOLS = st.builds(
    lambda idle, estates, most: pool(*[1.0] * idle, estates=(1.0,) * estates, most_mb=most),
    st.integers(0, 2), st.integers(0, 2), st.integers(0, 3000),
)  # fmt: skip
MEGABYTES = st.integers(0, 3000)
NODES = st.builds(Node, st.integers(0, 12), st.just(10), MEGABYTES, st.just(1000), st.booleans(), MEGABYTES)


@given(POOLS, NODES)
def test_no_call_waits_while_idle_sandboxes_hold_what_it_needs(wanted: Pool, found: Node):
    step = decide(wanted, found)
    assert (step is Step.REUSE) == bool(wanted.idle)
    if step is Step.WAIT:
        assert not found.spare
        assert found.alive >= 10 or found.measured_mb >= 1000
    if step is Step.EVICT:
        assert found.spare
    if step is Step.START:
        assert found.alive < 10 or wanted.estates


@pytest.mark.parametrize(
    ("now", "gone"), [(599.9, []), (600.0, [0.0]), (650.0, [0.0, 50.0]), (1e6, [0.0, 50.0, 100.0])]
)
def test_an_idle_sandbox_expires_exactly_when_its_time_is_over(now, gone):
    pools = [pool(0.0, 100.0), pool(50.0), pool()]
    assert sorted(sandbox.idle_since for _, sandbox in expired(pools, now, 600, math.inf)) == gone


def test_an_idle_sandbox_is_recycled_at_its_age_however_recently_it_was_used():
    used = pool(99.0, 99.5)
    used.idle[0].born, used.idle[1].born = 0.0, 50.0
    assert [sandbox.born for _, sandbox in expired([used], 100.0, 600, 100)] == [0.0]
    assert expired([used], 99.9, 600, 100) == []


def test_estates_expire_as_idle_sandboxes_do():
    left = pool(estates=(0.0, 100.0))
    assert [sandbox.idle_since for _, sandbox in expired([left], 650, 600, math.inf)] == [0.0]


def test_expiry_names_the_pool_of_each_sandbox():
    first, second = pool(0.0, name="a"), pool(0.0, name="b")
    assert [(each.key, sandbox.name) for each, sandbox in expired([first, second], 600, 600, math.inf)] == [
        ("a", "a0.0"),
        ("b", "b0.0"),
    ]


@pytest.mark.parametrize(("estates", "loses"), [(False, 3.0), (True, 1.0)])
def test_the_sandbox_that_was_used_longest_ago_is_the_one_to_lose(estates, loses):
    pools = [pool(5.0, 9.0), pool(3.0, 99.0), pool(4.0, estates=(1.0, 2.0)), pool()]
    found = least_recently_used(pools, estates=estates)
    assert found is not None
    assert found[1].idle_since == loses
    assert found[1] in (*found[0].idle, *found[0].estates)


def test_without_idle_sandboxes_there_is_none_to_lose():
    assert least_recently_used([pool(), pool(estates=(1.0,))], estates=False) is None
    assert least_recently_used([], estates=True) is None


def test_a_pool_in_which_somebody_only_waits_is_not_empty():
    assert pool().size == 0
    assert pool(waiting=1).size == 1
    assert pool(estates=(1.0,)).size == 1


def test_idle_sandboxes_count_with_what_they_have_used_and_running_ones_with_what_their_like_has():
    known, unknown = pool(1.0, 2.0, busy=3, starting=1, most_mb=40), pool(busy=1)
    known.idle[0].used_mb, known.idle[1].used_mb = 40, 10
    assert expected_mb([known, unknown]) == 4 * 40 + 50 + 128


# -- freezing


def test_sandboxes_freeze_when_they_have_been_idle_for_long_enough_and_the_next_look_is_for_the_next():
    quiet, used = pool(1.0, 1.05), pool(1.02, 1.09)
    due, next_s = drowsy([quiet, used], 1.16, 0.1)
    assert sorted(sandbox.idle_since for sandbox in due) == [1.0, 1.02, 1.05]
    assert next_s == pytest.approx(0.03)


def test_those_that_are_frozen_are_left_alone():
    frozen = pool(1.0, 2.0, 3.0)
    frozen.idle[0].frozen = frozen.idle[1].frozen = True
    due, next_s = drowsy([frozen], 10.0, 0.1)
    assert [sandbox.idle_since for sandbox in due] == [3.0]
    assert next_s is None
    assert drowsy([pool()], 10.0, 0.1) == ([], None)


def test_who_is_taken_is_thawed_and_who_cannot_be_is_passed_over():
    three = pool(1.0, 2.0, 3.0)
    first, second, third = three.idle
    for sandbox in three.idle:
        sandbox.freeze()
    third.gone = True  # its runtime hung up, or its control group went
    assert three.take() is second
    assert not second.frozen
    assert first.frozen
    assert three.estates == [third]
