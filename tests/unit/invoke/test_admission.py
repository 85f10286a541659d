"""Permits: never more than the cap, never one lost, in whatever order calls come, end, fail and are cancelled."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invoke_samples import invocation, version

from lambent.errors import TooManyRequests
from lambent.invoke.admission import Admission
from lambent.model import Invocation

HERE, ELSEWHERE = invocation(), invocation(version(region="us-east-1"))


def test_the_call_beyond_the_cap_is_refused_as_aws_refuses_it():
    admission = Admission(1)
    with admission.hold(HERE, 0.0), pytest.raises(TooManyRequests) as caught:
        admission.hold(HERE, 0.0)
    error = caught.value
    assert (error.code, error.status, error.message) == ("TooManyRequestsException", 429, "Rate Exceeded.")
    assert error.members == {
        "Reason": "ConcurrentInvocationLimitExceeded",
        "Type": "User",
        "retryAfterSeconds": "1",
    }
    assert admission.throttled == 1


def test_accounts_and_regions_have_a_cap_each():
    admission = Admission(1)
    other = invocation(version(account="222222222222"))
    with admission.hold(HERE, 0.0), admission.hold(ELSEWHERE, 0.0), admission.hold(other, 0.0):
        assert admission.busy("111111111111", "eu-west-1") == 1
    assert admission.busy("111111111111", "eu-west-1") == 0


def test_a_permit_is_given_back_however_its_block_ends():
    admission = Admission(1)
    for trouble in (ValueError, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(trouble), admission.hold(HERE, 0.0):
            raise trouble
    assert admission.busy("111111111111", "eu-west-1") == 0


STEP = st.tuples(st.sampled_from(["come", "end", "fail", "cancel"]), st.integers(0, 50), st.booleans())


@settings(max_examples=150, deadline=None)
@given(limit=st.integers(1, 4), steps=st.lists(STEP, max_size=40))
def test_no_order_of_events_exceeds_the_cap_or_loses_a_permit(limit, steps):
    admission = Admission(limit)
    running = {HERE.version.region: 0, ELSEWHERE.version.region: 0}
    refused = 0

    async def call(of: Invocation, gate: asyncio.Future[None]) -> None:
        nonlocal refused
        try:
            permit = admission.hold(of, 0.0)
        except TooManyRequests:
            refused += 1
            return
        with permit:
            running[of.version.region] += 1
            try:
                await gate
            finally:
                running[of.version.region] -= 1

    async def story() -> None:
        calls: list[tuple[asyncio.Task[None], asyncio.Future[None]]] = []
        for what, which, here in steps:
            if what == "come":
                gate = asyncio.get_running_loop().create_future()
                calls.append((asyncio.ensure_future(call(HERE if here else ELSEWHERE, gate)), gate))
            elif calls:
                task, gate = calls[which % len(calls)]
                if what == "cancel":
                    task.cancel()
                elif not gate.done():
                    gate.set_result(None) if what == "end" else gate.set_exception(ValueError("boom"))
            for _ in range(3):
                await asyncio.sleep(0)
            assert max(running.values()) <= limit
            for region, count in running.items():
                assert admission.busy("111111111111", region) == count
        for task, gate in calls:
            task.cancel()
            gate.cancel()
            if gate.done() and not gate.cancelled():
                gate.exception()
        await asyncio.gather(*(task for task, _ in calls), return_exceptions=True)

    asyncio.run(story())
    assert set(admission.running.values()) <= {0}
    assert admission.throttled == refused
