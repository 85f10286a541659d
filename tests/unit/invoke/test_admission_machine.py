"""Admission under any order of calls, ends and changes of limits, against a count of its own."""

import asyncio
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from invoke_samples import ACCOUNT, REGION, invocation, version
from msgspec.structs import replace

from lambent.errors import TooManyRequests
from lambent.invoke.admission import Admission, Permit
from lambent.invoke.quota import Pace

NAMES, NUMBERS = ("a", "b", "c"), ("1", "2")
TROUBLES = (None, ValueError, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit)
Behind = tuple[str, str, int]  # function, version behind its alias, and which of its provisions


class Held(NamedTuple):
    """A permit that is out."""

    permit: Permit
    name: str
    behind: Behind | None  # None: it runs on demand


class AdmissionMachine(RuleBasedStateMachine):
    """`provided` and `reserved` are what was asked for last; what runs is counted from the permits alone."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = 5
        self.now = 100.0
        self.admission = Admission(self.limit)
        self.held: list[Held] = []
        self.reserved: dict[str, int] = {}
        self.provided: dict[Behind, int] = {}
        self.provisions = 0

    # -- what may happen

    @rule(name=st.sampled_from(NAMES), alias=st.booleans(), number=st.sampled_from(NUMBERS), attempt=st.integers(0, 1))
    def a_call_comes(self, name: str, alias: bool, number: str, attempt: int) -> None:
        of = version(name=name, version=number)
        arn = f"{of.function_arn}:live" if alias else of.function_arn
        behind = next((each for each in self.provided if each[:2] == (name, number)), None) if alias else None
        before = self.used(), self.warm()[behind] if behind else 0
        try:
            permit = self.admission.hold(invocation(of, invoked_arn=arn, attempt=attempt), self.now)
        except TooManyRequests as error:
            self.was_rightly_refused(name, error, sync=not attempt)
            return
        warm = bool(permit.version.provisioned)
        self.held.append(Held(permit, name, behind if warm else None))
        assert len(self.held) <= self.limit
        if warm:
            assert behind is not None
            assert before[1] < self.provided[behind], "there was a free one"
            assert self.used() == before[0], "its place was set aside"
        elif name in self.reserved:
            assert self.on_demand(name) + self.claim(name) <= self.reserved[name]
            assert self.used() == before[0], "its place was set aside"
        else:
            assert self.used() == before[0] + 1 <= self.limit

    @rule(name=st.sampled_from(NAMES), alias=st.booleans())
    def a_crowd_comes(self, name: str, alias: bool) -> None:
        for _ in range(self.limit):
            self.a_call_comes(name=name, alias=alias, number="1", attempt=1)

    def was_rightly_refused(self, name: str, error: TooManyRequests, *, sync: bool) -> None:
        """A guarantee is broken only as long as others run who ran before it was given."""
        assert error.why
        reason = str(error.members["Reason"])
        if reason == "ReservedFunctionConcurrentInvocationLimitExceeded":
            assert self.on_demand(name) + self.claim(name) >= self.reserved[name]
        elif reason == "ConcurrentInvocationLimitExceeded":
            taken = len(self.held) if name in self.reserved else self.used()
            assert taken >= self.limit
        else:
            assert reason.startswith("Reserved") == (name in self.reserved)
            assert reason.endswith("FunctionInvocationRateLimitExceeded")
            assert sync

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 99), trouble=st.sampled_from(TROUBLES))
    def a_call_ends(self, index: int, trouble: type[BaseException] | None) -> None:
        permit = self.held.pop(index % len(self.held)).permit
        if trouble is None:
            with permit:
                pass
        else:
            with pytest.raises(trouble), permit:
                raise trouble

    @precondition(lambda self: self.held)
    @rule(index=st.integers(0, 99))
    def a_call_is_answered_and_goes_on(self, index: int) -> None:
        held = self.held.pop(index % len(self.held))
        held.permit.__exit__()
        self.held.append(held._replace(permit=self.admission.extend(held.permit)))

    @rule(name=st.sampled_from(NAMES), reserved=st.none() | st.integers(0, 4))
    def concurrency_is_reserved(self, name: str, reserved: int | None) -> None:
        self.admission.set_reserved(ACCOUNT, REGION, name, reserved)
        self.reserved.pop(name, None)
        self.reserved |= {} if reserved is None else {name: reserved}

    @rule(name=st.sampled_from(NAMES), counts=st.dictionaries(st.sampled_from(NUMBERS), st.integers(1, 2), min_size=1))
    def concurrency_is_provided(self, name: str, counts: dict[str, int]) -> None:
        twins = [(replace(version(name=name, version=each), provisioned="live"), n) for each, n in counts.items()]
        self.admission.provide((ACCOUNT, REGION, name, "live"), twins)
        for behind in [each for each in self.provided if each[0] == name and each[1] not in counts]:
            del self.provided[behind]
        for number, count in counts.items():
            self.provisions += 1
            behind = next((each for each in self.provided if each[:2] == (name, number)), None)
            self.provided[behind or (name, number, self.provisions)] = count

    @rule(name=st.sampled_from(NAMES), deleted=st.booleans())
    def concurrency_is_withdrawn(self, name: str, deleted: bool) -> None:
        if deleted:
            self.admission.forget(ACCOUNT, REGION, name)
            self.reserved.pop(name, None)
        else:
            self.admission.withdraw((ACCOUNT, REGION, name, "live"))
        self.provided = {each: count for each, count in self.provided.items() if each[0] != name}

    @rule(limit=st.integers(1, 6))
    def the_limit_is_set_anew(self, limit: int) -> None:
        self.limit = self.admission.limit = limit

    @rule(seconds=st.sampled_from([0.01, 0.5, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    # -- what always holds

    def warm(self) -> Counter[Behind]:
        return Counter(each.behind for each in self.held if each.behind is not None)

    def on_demand(self, name: str) -> int:
        return sum(each.name == name and each.behind is None for each in self.held)

    def claim(self, name: str) -> int:
        """What is provisioned for it, or runs so though it is not any more."""
        warm = self.warm()
        return sum(max(self.provided.get(each, 0), warm[each]) for each in {*warm, *self.provided} if each[0] == name)

    def used(self) -> int:
        shares = (max(self.reserved.get(name, 0), self.claim(name) + self.on_demand(name)) for name in NAMES)
        return sum(shares)

    @invariant()
    def every_permit_is_counted_once(self) -> None:
        assert self.admission.busy(ACCOUNT, REGION) == len(self.held)
        assert dict(self.admission.holders(ACCOUNT, REGION)) == Counter(each.name for each in self.held)
        assert self.admission.claimed(ACCOUNT, REGION) == self.used()
        assert self.admission.reserved_total(ACCOUNT, REGION) == sum(self.reserved.values())

    def teardown(self) -> None:
        for held in self.held:
            held.permit.__exit__()
        self.held = []
        self.every_permit_is_counted_once()
        for name in NAMES:
            self.admission.forget(ACCOUNT, REGION, name)
        assert self.admission.claimed(ACCOUNT, REGION) == 0


AdmissionMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestAdmission = AdmissionMachine.TestCase


@settings(max_examples=100, deadline=None)
@given(
    per_second=st.integers(1, 50),
    burst=st.integers(1, 50),
    pauses=st.lists(st.sampled_from([0.0, 0.001, 0.013, 0.2, 3.0]), max_size=200),
)
def test_no_order_of_calls_gets_more_than_a_burst_and_the_rate(per_second, burst, pauses):
    pace, due, now = Pace(per_second, burst), 0.0, 1.0
    admitted: list[float] = []
    for pause in pauses:
        now += pause
        wait_s = pace.wait_s(due, now)
        assert wait_s == 0 or admitted
        if wait_s == 0:
            due = pace.next_due(due, now)
            admitted.append(now)
    for index, since in enumerate(admitted):
        for count, until in enumerate(admitted[index:], 1):
            assert count <= burst + per_second * (until - since) + 1
