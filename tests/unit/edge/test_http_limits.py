"""What a connection deserves that waits, and how many there may be."""

import pytest

from lambent.edge.http_limits import HttpLimits, Verdict, Wait, connection_cap, judge

LIMITS = HttpLimits(head_s=1, body_s=2, idle_s=3, write_s=4, linger_s=5)


@pytest.mark.parametrize(
    ("wait", "allowed_s", "verdict"),
    [
        (Wait.FIRST, 1, Verdict.CLOSE),
        (Wait.HEAD, 1, Verdict.TIME_OUT),
        (Wait.BODY, 2, Verdict.TIME_OUT),
        (Wait.IDLE, 3, Verdict.CLOSE),
        (Wait.CLIENT, 4, Verdict.ABORT),
        (Wait.LINGER, 5, Verdict.ABORT),
    ],
)
def test_every_wait_has_its_limit_and_its_end(wait: Wait, allowed_s: float, verdict: Verdict) -> None:
    assert judge(wait, allowed_s - 0.01, LIMITS) is Verdict.WAIT
    assert judge(wait, allowed_s, LIMITS) is verdict


def test_a_handler_may_take_as_long_as_it_takes() -> None:
    assert judge(Wait.HANDLER, 1e9, LIMITS) is Verdict.WAIT


@pytest.mark.parametrize(("wanted", "descriptors", "cap"), [(100, 1024, 100), (10_000, 1024, 768), (10_000, 1, 1)])
def test_descriptors_are_left_for_everything_else(wanted: int, descriptors: int, cap: int) -> None:
    assert connection_cap(HttpLimits(connections=wanted), descriptors) == cap
