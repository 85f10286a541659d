"""What the path tells the journal of throttles, waits and missing sandboxes, and what is sampled of concurrency."""

import asyncio
from contextlib import ExitStack
from typing import Any

import pytest
from invoke_doubles import FakePlacement
from invoke_samples import ACCOUNT, FUNCTION_ARN, REGION, REQUEST_ID, invocation, version

from lambent.clock import FixedClock
from lambent.errors import AgentGone, TooManyRequests
from lambent.invoke.admission import Admission
from lambent.invoke.gauges import Gauges
from lambent.invoke.notes import Notes
from lambent.invoke.path import Invoker
from lambent.observe.journal import Entry, Journal
from lambent.observe.metrics import Metrics

HELLO, ALL = (ACCOUNT, REGION, "hello"), (ACCOUNT, REGION, "")


class Path:
    """The path over doubles, with a real journal."""

    def __init__(self, root, limit: int = 1) -> None:
        self.clock = FixedClock()
        self.placement = FakePlacement(self.clock)
        self.admission = Admission(limit)
        self.journal = Journal(root, 1 << 20)
        self.invoker = Invoker(self.admission, self.placement, self.clock, [], Notes(self.clock, self.journal))

    def told(self) -> list[Entry]:
        return self.journal.about(REQUEST_ID)


@pytest.fixture
def path(tmp_path):
    path = Path(tmp_path)
    yield path
    path.journal.close()


async def test_a_throttle_is_told_with_its_reason_and_who_held_the_permits(path):
    with path.admission.hold(invocation(), 0.0), pytest.raises(TooManyRequests):
        await path.invoker.invoke(invocation())
    (entry,) = path.told()
    assert (entry.kind, entry.facts["reason"]) == ("throttled", "ConcurrentInvocationLimitExceeded")
    assert "hello (1)" in str(entry.facts["why"])


async def test_throttles_of_events_are_left_to_the_events_engine(path):
    with path.admission.hold(invocation(), 0.0), pytest.raises(TooManyRequests):
        await path.invoker.invoke(invocation(attempt=1))
    assert path.told() == []


async def test_in_a_storm_who_held_the_permits_is_not_even_looked_up(path, monkeypatch):
    monkeypatch.setattr(path.journal, "spare", lambda: False)
    with path.admission.hold(invocation(), 0.0), pytest.raises(TooManyRequests):
        await path.invoker.invoke(invocation())
    assert path.told() == []


async def test_a_wait_is_told_once(path):
    path.placement.waited = (412.34, "running calls had all places")
    await path.invoker.invoke(invocation())
    await path.invoker.invoke(invocation())
    (entry,) = path.told()
    assert entry.kind == "waited"
    assert entry.facts == {"ms": 412.3, "why": "running calls had all places", "attempt": 0}


async def test_that_there_was_no_sandbox_is_told_in_words(path):
    path.placement.no_sandbox = AgentGone("the node agent is being restarted; try again")
    with pytest.raises(AgentGone):
        await path.invoker.invoke(invocation())
    (entry,) = path.told()
    assert entry.facts == {"error": "AgentGone", "message": "the node agent is being restarted; try again"}


async def test_a_plain_success_tells_nothing(path):
    await path.invoker.invoke(invocation())
    assert path.told() == []


def latest(metrics: Metrics) -> dict[Any, float]:
    return {
        (metric, function[2], qualifier): metrics.minutes(metric, function, qualifier)[-1].max
        for metric, function, qualifier in metrics.series()
    }


def test_each_sample_says_what_runs_of_what_there_is():
    admission, metrics = Admission(1000), Metrics(FixedClock())
    gauges = Gauges(admission, metrics)
    admission.set_reserved(ACCOUNT, REGION, "kept", 100)
    twin = version(name="steady", version="1", provisioned="prod")
    admission.provide((ACCOUNT, REGION, "steady", "prod"), [(twin, 2)])
    steady = invocation(version(name="steady", version="1"), invoked_arn=FUNCTION_ARN.replace("hello", "steady:prod"))
    with ExitStack() as running:
        for each in (invocation(), invocation(), invocation(version(name="kept")), steady, steady, steady):
            running.enter_context(admission.hold(each, 0.0))
        gauges.sample()
    assert latest(metrics) == {
        ("ConcurrentExecutions", "hello", ""): 2, ("ConcurrentExecutions", "kept", ""): 1,
        ("ConcurrentExecutions", "steady", ""): 3, ("ConcurrentExecutions", "", ""): 6,
        ("UnreservedConcurrentExecutions", "", ""): 5, ("ClaimedAccountConcurrency", "", ""): 105,
        ("ProvisionedConcurrentExecutions", "steady", "prod"): 2,
        ("ProvisionedConcurrencyUtilization", "steady", "prod"): 1.0,
        ("ProvisionedConcurrencySpilloverInvocations", "steady", "prod"): 1,
        ("ProvisionedConcurrencySpilloverInvocations", "steady", ""): 1,
        ("ProvisionedConcurrencySpilloverInvocations", "", ""): 1,
    }  # fmt: skip


def test_what_runs_nothing_has_no_sample_provisioned_or_not():
    admission, metrics = Admission(1000), Metrics(FixedClock())
    gauges = Gauges(admission, metrics)
    with admission.hold(invocation(), 0.0):
        pass
    twin = version(name="steady", version="1", provisioned="prod")
    admission.provide((ACCOUNT, REGION, "steady", "prod"), [(twin, 2)])
    gauges.sample()
    assert latest(metrics) == {
        ("ClaimedAccountConcurrency", "", ""): 2,
    }


def test_a_call_that_came_and_went_between_two_samples_is_seen_in_the_next_one_only():
    admission, metrics = Admission(1000), Metrics(FixedClock())
    gauges = Gauges(admission, metrics)
    twin = version(name="steady", version="1", provisioned="prod")
    admission.provide((ACCOUNT, REGION, "steady", "prod"), [(twin, 2)])
    steady = invocation(version(name="steady", version="1"), invoked_arn=FUNCTION_ARN.replace("hello", "steady:prod"))
    with admission.hold(steady, 0.0):
        pass
    gauges.sample()
    gauges.sample()
    (minute,) = metrics.minutes("ProvisionedConcurrencyUtilization", (ACCOUNT, REGION, "steady"), "prod")
    assert (minute.count, minute.max) == (1, 0.0)


async def test_samples_are_added_up_though_nobody_calls_anything(monkeypatch: pytest.MonkeyPatch):
    admission, metrics = Admission(1000), Metrics(FixedClock())
    gauges = Gauges(admission, metrics)
    monkeypatch.setattr("lambent.invoke.gauges.EVERY_S", 0.0)
    with admission.hold(invocation(), 0.0):
        sampling = asyncio.ensure_future(gauges.sample_for_ever())
        for _ in range(10_000):
            await asyncio.sleep(0)
            if ("ConcurrentExecutions", HELLO, "") in metrics._series:
                break
        sampling.cancel()
    assert ("ConcurrentExecutions", HELLO, "") in metrics._series
