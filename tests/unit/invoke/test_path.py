"""The path of one invocation: a permit, a sandbox, an outcome, and what the listeners hear."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke_doubles import Engine
from invoke_samples import ACCOUNT, REGION, REQUEST_ID, invocation, outcome, version

from lambent.errors import AgentGone, SandboxError, TooManyRequests
from lambent.invoke import recording
from lambent.model import Record
from lambent.observe.records import LARGEST, _frame


async def test_the_listeners_hear_the_outcome_and_how_long_the_invocation_waited():
    engine = Engine()
    done = await engine.invoker.invoke(invocation())
    assert engine.heard == [(invocation(), done, 250.0, None)]
    assert engine.admission.busy(ACCOUNT, REGION) == engine.placement.leased == 0


async def test_a_throttled_invocation_is_heard_of_and_takes_no_sandbox():
    engine = Engine(limit=1)
    with engine.admission.hold(invocation(), 0.0), pytest.raises(TooManyRequests):
        await engine.invoker.invoke(invocation())
    assert engine.heard == [(invocation(), None, 0.0, "ConcurrentInvocationLimitExceeded")]
    assert engine.placement.ran == []


@pytest.mark.parametrize("trouble", [SandboxError("no room"), AgentGone()])
async def test_an_invocation_that_finds_no_sandbox_is_heard_of_as_a_failure(trouble):
    engine = Engine()
    engine.placement.no_sandbox = trouble
    with pytest.raises(type(trouble)):
        await engine.invoker.invoke(invocation())
    ((_, heard, _, _),) = engine.heard
    assert heard is not None
    assert (heard.status, heard.error_type) == ("failure", type(trouble).__name__)


@pytest.mark.parametrize("trouble", [AgentGone(), ValueError("a bug"), asyncio.CancelledError()])
async def test_permit_and_sandbox_are_given_back_whatever_happens(trouble):
    engine = Engine()
    engine.placement.outcome = trouble  # type: ignore[assignment]
    if isinstance(trouble, asyncio.CancelledError):
        engine.placement.no_sandbox = trouble  # type: ignore[assignment]
    with pytest.raises(type(trouble)):
        await engine.invoker.invoke(invocation())
    assert engine.admission.busy(ACCOUNT, REGION) == engine.placement.leased == 0


def test_a_record_tells_of_a_cold_invocation_all_that_is_known():
    done = outcome(
        error_type="ValueError", status="error", cold=True, init_ms=80.0, billed_ms=82, cpu_ms=1.2, payload=b"12345"
    )
    kept = recording.record(invocation(version(memory_mb=512)), done, 3.5)
    assert kept == Record(
        1_700_000_000.0, REQUEST_ID, version().arn, "s1", "error", "ValueError", True, 3.5, 80.0, 1.5, 82, 512, 31, 1.2,
        15, 5, "no idle sandbox",
    )  # fmt: skip


def test_a_record_of_a_throttled_invocation_says_why():
    kept = recording.record(invocation(), None, 0.0, "ConcurrentInvocationLimitExceeded")
    assert (kept.outcome, kept.reason, kept.billed_ms) == ("throttled", "ConcurrentInvocationLimitExceeded", 0)


def test_a_listener_hands_each_record_on():
    kept: list[Record] = []
    recording.listener(kept.append)(invocation(), outcome(), 1.0, None)
    assert [each.request_id for each in kept] == [REQUEST_ID]


@given(st.text(min_size=1, max_size=100_000))
def test_whatever_a_function_calls_its_error_its_record_can_be_kept(name):
    kept = recording.record(invocation(), outcome(error_type=name, status="error"), 0.0)
    assert 0 < len(_frame(kept)) < LARGEST or any("\ud800" <= letter <= "\udfff" for letter in name)
