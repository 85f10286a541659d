"""Permits: never more than a cap, guarantees kept, none lost, in whatever order calls and limits come and go."""

import asyncio

import pytest
from invoke_samples import ACCOUNT, REGION, invocation, version
from msgspec.structs import replace

from lambent.errors import TooManyRequests
from lambent.invoke.admission import Admission, Permit
from lambent.model import Invocation, Version

HERE, ELSEWHERE = invocation(), invocation(version(region="us-east-1"))
FUNCTION = (ACCOUNT, REGION, "hello")


def call(name: str = "hello", qualifier: str = "", number: str = "$LATEST", **changes: object) -> Invocation:
    of = version(name=name, version=number)
    arn = f"{of.function_arn}:{qualifier}" if qualifier else of.function_arn
    return invocation(of, invoked_arn=arn, **changes)


def refused(admission: Admission, of: Invocation, now: float = 0.0) -> TooManyRequests:
    with pytest.raises(TooManyRequests) as caught:
        admission.hold(of, now)
    return caught.value


def reason(admission: Admission, of: Invocation, now: float = 0.0) -> str:
    return str(refused(admission, of, now).members["Reason"])


def take(admission: Admission, of: Invocation, count: int, now: float = 0.0) -> list[Permit]:
    return [admission.hold(of, now) for _ in range(count)]


def give_back(permits: list[Permit]) -> None:
    for permit in permits:
        permit.__exit__()


def twin(number: str = "1", qualifier: str = "live") -> Version:
    return replace(version(version=number), provisioned=qualifier)


def provisioned(count: int, limit: int = 100) -> Admission:
    admission = Admission(limit)
    admission.provide((*FUNCTION, "live"), [(twin(), count)])
    return admission


LIVE = call(qualifier="live", number="1")


# -- the account


def test_the_call_beyond_the_cap_is_refused_as_aws_refuses_it():
    admission = Admission(1)
    with admission.hold(HERE, 0.0):
        error = refused(admission, HERE)
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
        assert admission.busy(ACCOUNT, REGION) == 1
    assert admission.busy(ACCOUNT, REGION) == 0


def test_a_permit_is_given_back_however_its_block_ends():
    admission = provisioned(1)
    for trouble in (ValueError, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
        for of in (HERE, LIVE):
            with pytest.raises(trouble), admission.hold(of, 0.0):
                raise trouble
    assert admission.busy(ACCOUNT, REGION) == 0


def test_a_refusal_names_those_who_hold_the_permits_most_first():
    admission = Admission(9)
    for name, count in (("a", 1), ("b", 4), ("c", 2), ("d", 2)):
        take(admission, call(name), count)
    assert admission.holders(ACCOUNT, REGION) == [("b", 4), ("c", 2), ("d", 2), ("a", 1)]
    assert refused(admission, HERE).why == (
        "All 9 executions of the account are taken: by b (4), c (2), d (2) and 1 more."
    )


# -- reserved concurrency


def test_reserved_concurrency_is_a_cap_with_a_reason_of_its_own():
    admission = Admission(100)
    admission.set_reserved(*FUNCTION, 2)
    permits = take(admission, HERE, 2)
    error = refused(admission, HERE)
    assert error.members["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert error.why == (
        "hello uses all of its reserved concurrency of 2: 2 run on demand, 0 in provisioned environments."
    )
    give_back(permits[:1])
    assert admission.hold(HERE, 0.0)


def test_reserved_concurrency_is_there_though_everybody_else_takes_what_he_can_get():
    admission = Admission(10)
    admission.set_reserved(*FUNCTION, 3)
    take(admission, call("other"), 7)
    error = refused(admission, call("other"))
    assert error.members["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert error.why.endswith("taken: by other (7); 3 are kept for reserved or provisioned concurrency.")
    assert (admission.room(HERE.version), admission.room(call("other").version)) == (3, 0)
    take(admission, HERE, 3)
    assert admission.busy(ACCOUNT, REGION) == 10


def test_reserved_concurrency_of_nought_stops_the_function():
    admission = Admission(10)
    admission.set_reserved(*FUNCTION, 0)
    error = refused(admission, HERE)
    assert error.members["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert error.members["retryAfterSeconds"] == "60"
    assert error.why == "hello is stopped: its reserved concurrency is 0."
    admission.set_reserved(*FUNCTION, None)
    assert admission.hold(HERE, 0.0)


def test_what_is_reserved_while_others_run_is_there_as_they_end_and_the_account_has_no_more_at_any_time():
    admission = Admission(4)
    others = take(admission, call("other"), 4)
    admission.set_reserved(*FUNCTION, 2)
    assert reason(admission, HERE) == "ConcurrentInvocationLimitExceeded"
    give_back(others[:1])
    assert reason(admission, call("other")) == "ConcurrentInvocationLimitExceeded"
    with admission.hold(HERE, 0.0):
        give_back(others[1:2])
        assert admission.hold(HERE, 0.0)


def test_what_ran_before_a_cap_was_lowered_runs_on_and_counts_for_the_account():
    admission = Admission(10)
    permits = take(admission, HERE, 8)
    admission.set_reserved(*FUNCTION, 2)
    assert len(take(admission, call("other"), 2)) == 2
    assert reason(admission, call("other")) == "ConcurrentInvocationLimitExceeded"
    give_back(permits[:6])
    assert reason(admission, HERE) == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert len(take(admission, call("other"), 6)) == 6


# -- provisioned concurrency


def test_a_provisioned_environment_is_taken_first_and_the_next_call_runs_on_demand():
    admission = provisioned(1)
    with admission.hold(LIVE, 0.0) as first, admission.hold(LIVE, 0.0) as second:
        assert (first.provisioned, second.provisioned) == ("live", "")
    (slot,) = admission.slots()
    assert (slot.served, slot.spilled, slot.utilization) == (1, 1, 0.0)


def test_provisioned_environments_are_for_calls_by_their_qualifier():
    admission = provisioned(1)
    for other in (call(number="1"), call(qualifier="1", number="1"), call(qualifier="live", number="2")):
        with admission.hold(other, 0.0) as taken:
            assert taken is other.version


def test_provisioned_concurrency_counts_for_the_account_though_it_is_idle():
    admission = provisioned(6, limit=10)
    take(admission, call("other"), 4)
    assert reason(admission, call("other")) == "ConcurrentInvocationLimitExceeded"
    assert admission.claimed(ACCOUNT, REGION) == 10
    assert len(take(admission, LIVE, 6)) == 6
    assert admission.claimed(ACCOUNT, REGION) == admission.busy(ACCOUNT, REGION) == 10


def test_a_call_that_is_refused_in_the_end_has_not_spilled_over():
    admission = provisioned(1, limit=1)
    with admission.hold(LIVE, 0.0):
        assert reason(admission, LIVE) == "ConcurrentInvocationLimitExceeded"
    (slot,) = admission.slots()
    assert (slot.served, slot.spilled) == (1, 0)


def test_provisioned_concurrency_is_a_part_of_the_reserved():
    admission = provisioned(3)
    admission.set_reserved(*FUNCTION, 3)
    assert reason(admission, HERE) == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert admission.room(LIVE.version, LIVE.invoked_arn) == 3
    assert admission.claimed(ACCOUNT, REGION) == 3
    take(admission, LIVE, 3)
    assert reason(admission, LIVE) == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_provisioned_environments_take_ten_calls_a_second_each_and_the_others_spill_over():
    admission = provisioned(2)
    taken = []
    for _ in range(21):
        with admission.hold(LIVE, 5.0) as it:
            taken.append(it.provisioned)
    assert taken == ["live"] * 20 + [""]
    with admission.hold(LIVE, 5.06) as it:
        assert it.provisioned == "live"


def test_the_versions_behind_an_alias_have_each_their_own():
    admission = Admission(100)
    admission.provide((*FUNCTION, "live"), [(twin("1"), 2), (twin("2"), 1)])
    with admission.hold(call(qualifier="live", number="2"), 0.0) as one:
        assert (one.version, one.provisioned) == ("2", "live")
        with admission.hold(call(qualifier="live", number="2"), 0.0) as spilled:
            assert spilled.provisioned == ""


def test_provisioned_calls_that_run_when_it_is_withdrawn_count_until_they_end():
    admission = provisioned(2, limit=3)
    permits = take(admission, LIVE, 2)
    admission.withdraw((*FUNCTION, "live"))
    take(admission, call("other"), 1)
    assert reason(admission, call("other")) == "ConcurrentInvocationLimitExceeded"
    give_back(permits)
    assert len(take(admission, call("other"), 2)) == 2
    assert admission.claimed(ACCOUNT, REGION) == 3


def test_whoever_measures_hears_of_calls_by_qualifiers_with_provisioned_concurrency_only():
    admission = provisioned(1)
    heard = []
    admission.meter = lambda slot, spilled: heard.append((slot.qualifier, spilled))
    with admission.hold(LIVE, 0.0), admission.hold(LIVE, 0.0), admission.hold(HERE, 0.0):
        pass
    assert heard == [("live", False), ("live", True)]


@pytest.mark.parametrize("of", [HERE, LIVE])
def test_an_extended_permit_is_of_the_same_kind_and_never_refused(of: Invocation):
    admission = provisioned(1, limit=2)
    with admission.hold(of, 0.0) as first:
        (slot,) = admission.slots()
        before = (slot.running, admission.busy(ACCOUNT, REGION), admission.claimed(ACCOUNT, REGION))
    permit = admission.hold(of, 0.0)
    permit.__exit__()
    longer = admission.extend(permit)
    assert longer.version is first
    assert before == (slot.running, admission.busy(ACCOUNT, REGION), admission.claimed(ACCOUNT, REGION))
    longer.__exit__()
    assert (admission.busy(ACCOUNT, REGION), admission.claimed(ACCOUNT, REGION)) == (0, 1)


# -- rates


def test_a_function_is_called_ten_times_a_second_for_each_execution_that_it_may_have():
    admission = Admission(3)
    for _ in range(30):
        with admission.hold(HERE, 7.0):
            pass
    error = refused(admission, HERE, 7.0)
    assert error.members["Reason"] == "FunctionInvocationRateLimitExceeded"
    assert error.why == "hello was called more than 10 times a second for each execution that it may have at once."
    with admission.hold(call("other"), 7.0), admission.hold(HERE, 7.04):
        pass


def test_the_rate_of_a_function_with_reserved_concurrency_follows_from_that():
    admission = Admission(100)
    admission.set_reserved(*FUNCTION, 1)
    for _ in range(10):
        with admission.hold(HERE, 0.0):
            pass
    assert reason(admission, HERE) == "ReservedFunctionInvocationRateLimitExceeded"


def test_events_are_bound_by_concurrency_alone():
    admission = Admission(1)
    for _ in range(50):
        with admission.hold(call(attempt=1), 0.0):
            pass
    with admission.hold(call(), 0.0):
        pass


def test_a_function_gets_a_thousand_new_environments_at_once_and_a_hundred_a_second_from_then_on():
    admission = Admission(5000)
    permits = take(admission, HERE, 1000)
    error = refused(admission, HERE)
    assert error.members["Reason"] == "FunctionInvocationRateLimitExceeded"
    assert "1000 environments" in error.why
    with admission.hold(call("other"), 0.0):
        pass
    permits += take(admission, HERE, 100, now=1.0)
    assert reason(admission, HERE, 1.0) == "FunctionInvocationRateLimitExceeded"
    give_back(permits)
    assert len(take(admission, HERE, 1100, now=1.0)) == 1100, "what it has scaled up to, it has"


def test_environments_that_are_gone_for_idleness_or_a_change_have_to_be_made_anew():
    admission = Admission(5000, idle_s=100)
    give_back(take(admission, HERE, 1000))
    give_back(take(admission, HERE, 5, now=150.0))
    give_back(take(admission, HERE, 1000, now=190.0))
    assert admission.hold(HERE, 190.0), "those of the window before are still there"
    give_back(take(admission, HERE, 1000, now=600.0))
    admission.environments_gone(*FUNCTION)
    assert reason(admission, HERE, 600.0) == "FunctionInvocationRateLimitExceeded"
    assert admission.hold(HERE, 601.0)


def test_a_refused_call_uses_nothing_up():
    admission = Admission(1)
    with admission.hold(HERE, 0.0):
        for _ in range(100):
            assert reason(admission, HERE) == "ConcurrentInvocationLimitExceeded"
    for _ in range(9):
        with admission.hold(HERE, 0.0):
            pass


def test_a_deleted_function_leaves_nothing_behind():
    admission = provisioned(5)
    admission.set_reserved(*FUNCTION, 7)
    with admission.hold(LIVE, 0.0):
        admission.forget(*FUNCTION)
        assert (admission.claimed(ACCOUNT, REGION), admission.reserved_total(ACCOUNT, REGION)) == (1, 0)
    admission.forget(*FUNCTION)
    assert (admission.claimed(ACCOUNT, REGION), admission.holders(ACCOUNT, REGION)) == (0, [])
    assert admission.reserved(*FUNCTION) is None
