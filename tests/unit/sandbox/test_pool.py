"""Which sandbox an invocation gets, and which ones go: tables, without a clock and without a sandbox."""

import pytest
from sandbox_samples import FakeSandbox

from lambent.sandbox.pool import Pool, Step, decide, expired, least_recently_used


def pool(*idle_since: float, name: str = "p") -> Pool:
    pool = Pool(name, ("111111111111", "eu-west-1", name), "$LATEST")
    pool.idle = [FakeSandbox(f"{name}{since}", idle_since=since) for since in idle_since]  # type: ignore[misc]
    return pool


@pytest.mark.parametrize(
    ("idle_here", "alive", "limit", "idle_elsewhere", "step"),
    [
        (1, 1, 10, False, Step.REUSE),
        (1, 10, 10, True, Step.REUSE),  # a full node is no reason not to reuse
        (0, 0, 10, False, Step.START),
        (0, 9, 10, True, Step.START),  # as long as there is room nobody is evicted
        (0, 10, 10, True, Step.EVICT),
        (0, 11, 10, True, Step.EVICT),  # the one evicted before is still on its way out
        (0, 10, 10, False, Step.WAIT),
        (0, 11, 10, False, Step.WAIT),
    ],
)
def test_an_invocation_reuses_starts_evicts_or_waits_in_that_order(idle_here, alive, limit, idle_elsewhere, step):
    assert decide(pool(*[1.0] * idle_here), alive, limit, idle_elsewhere) is step


@pytest.mark.parametrize(
    ("now", "gone"), [(599.9, []), (600.0, [0.0]), (650.0, [0.0, 50.0]), (1e6, [0.0, 50.0, 100.0])]
)
def test_an_idle_sandbox_expires_exactly_when_its_time_is_over(now, gone):
    pools = [pool(0.0, 100.0), pool(50.0), pool()]
    assert sorted(sandbox.idle_since for _, sandbox in expired(pools, now, 600)) == gone


def test_expiry_names_the_pool_of_each_sandbox():
    first, second = pool(0.0, name="a"), pool(0.0, name="b")
    assert [(each.key, sandbox.name) for each, sandbox in expired([first, second], 600, 600)] == [
        ("a", "a0.0"),
        ("b", "b0.0"),
    ]


def test_the_sandbox_that_was_used_longest_ago_is_the_one_to_lose():
    pools = [pool(5.0, 9.0), pool(3.0, 99.0), pool(4.0), pool()]
    found = least_recently_used(pools)
    assert found is not None
    assert found[0] is pools[1]
    assert found[1].idle_since == 3.0


def test_without_idle_sandboxes_there_is_none_to_lose():
    assert least_recently_used([pool(), pool()]) is None
    assert least_recently_used([]) is None


def test_a_pool_in_which_somebody_only_waits_is_not_empty():
    waited_for = pool()
    assert waited_for.size == 0
    waited_for.waiting = 1
    assert waited_for.size == 1
