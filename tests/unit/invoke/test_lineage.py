"""The lineage in trace headers: read in all forms, counted, bounded, and never a reason to fail."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.invoke import lineage
from lambent.invoke.lineage import Entry, accepted, chain, first, hash_of, judge, split

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
A, B = (f"arn:aws:lambda:eu-west-1:111111111111:function:{name}" for name in "ab")

hashes = st.from_regex(r"[0-9a-f]{8}", fullmatch=True)
entries = st.lists(
    st.builds(Entry, hashes, st.integers(0, 20), st.just("")), max_size=20, unique_by=lambda each: each.hash
)
strange = st.one_of(
    st.text(),
    st.text(alphabet="0123456789abcdef:|;=%7cLineage ", max_size=200),
    st.builds("{};Lineage={}".format, st.text(max_size=20), st.text(alphabet="0a:|%7C;", max_size=100)),
)


def test_the_first_run_of_a_function_has_the_newer_form():
    assert judge(ROOT, A, False) == (f"{ROOT};Lineage=1:{hash_of(A)}:0", False, 1)
    assert judge(ROOT, A, False).trace == ROOT + first(A)


def test_each_return_counts_one_up_and_the_17th_run_is_stopped():
    trace, verdicts = ROOT, []
    for _ in range(17):
        verdicts.append(judge(trace, A, False))
        trace = verdicts[-1].trace
    assert [verdict.run for verdict in verdicts] == list(range(1, 18))
    assert [verdict.stopped for verdict in verdicts] == [False] * 16 + [True]
    assert verdicts[1].trace == f"{ROOT};Lineage=2:{hash_of(A)}:1"


def test_a_function_that_may_recurse_goes_on():
    trace = f"{ROOT};Lineage=400:{hash_of(A)}:399"
    assert judge(trace, A, True) == (f"{ROOT};Lineage=401:{hash_of(A)}:400", False, 401)


def test_two_functions_are_counted_each_for_itself_in_the_older_form():
    trace = ROOT
    for _ in range(16):
        for arn in (A, B):
            verdict = judge(trace, arn, False)
            assert not verdict.stopped
            trace = verdict.trace
    assert trace == f"{ROOT};Lineage={hash_of(A)}:15|{hash_of(B)}:15"
    assert judge(trace, A, False).stopped
    assert chain(trace) == [hash_of(A), hash_of(B)]


@pytest.mark.parametrize(
    "written",
    [
        "Lineage={a}:3|68fd508a:5",
        "Lineage={a}:3%7C68fd508a:5",  # as botocore sends it on
        "lineage={a}:3%7c68fd508a:5",
        "Lineage=4:{a}:3|6:68fd508a:5",
        "Lineage={a}:3;Lineage=68fd508a:5",
    ],
)
def test_all_forms_are_read(written):
    trace = f"Root=1;{written.format(a=hash_of(A))};Sampled=1"
    assert judge(trace, A, False) == (f"Root=1;Sampled=1;Lineage=68fd508a:5|{hash_of(A)}:4", False, 5)


def test_of_a_function_that_is_there_twice_the_higher_count_holds():
    assert judge(f"Lineage={hash_of(A)}:9|{hash_of(A)}:2", A, False).run == 11


def test_entries_of_unknown_forms_are_passed_on_untouched():
    trace = judge(f"Root=1;Lineage=v9!a.b:c|-1:11111111:0|{hash_of(B)}:1", A, False).trace
    assert trace == f"Root=1;Lineage=v9!a.b:c|-1:11111111:0|{hash_of(B)}:1|{hash_of(A)}:0"


def test_an_event_that_begins_anew_has_no_lineage():
    assert lineage.without(f"{ROOT};Lineage={hash_of(A)}:16|x") == ROOT
    assert lineage.without(ROOT) == ROOT


def test_fields_that_are_not_ours_are_passed_on_untouched():
    assert judge("Self=1-2;Root=1;x=y=z;Baggage", A, False).trace == "Self=1-2;Root=1;x=y=z;Baggage" + first(A)


def test_a_long_chain_forgets_the_functions_that_ran_longest_ago():
    trace = ROOT
    arns = [f"{A}{number}" for number in range(lineage.MOST_ENTRIES + 5)]
    for arn in arns:
        trace = judge(trace, arn, False).trace
    assert chain(trace) == [hash_of(arn) for arn in arns[5:]]


def test_of_a_header_that_is_too_long_the_known_fields_stay():
    header = f"Noise={'x' * lineage.LONGEST};{ROOT};Lineage=3:{hash_of(A)}:2"
    assert accepted(header) == f"{ROOT};Lineage=3:{hash_of(A)}:2"
    assert judge(accepted(header), A, False).run == 4


def test_a_loop_is_found_though_its_functions_add_to_the_header():
    trace = ROOT
    for _ in range(16):
        trace = judge(accepted(f"{trace};Noise={'x' * 200}"), A, False).trace
    assert judge(trace, A, False).stopped


@pytest.mark.parametrize("header", ["", ";", "Root=é", "Root=\x00", "Root=1\nEvil: yes", "Root=1\x7f"])
def test_what_cannot_stand_in_a_header_is_not_accepted(header):
    assert accepted(header) == ""


@given(entries)
def test_what_was_written_is_read_again(chained: list[Entry]) -> None:
    text = lineage._written(chained)
    assert split(f"{ROOT};Lineage={text}") == (ROOT.split(";"), chained)
    assert split(f"{ROOT};Lineage={text.replace('|', '%7C')}") == (ROOT.split(";"), chained)


@given(strange, st.booleans())
def test_nothing_raises_and_everything_stays_bounded(header, allowed):
    verdict = judge(header, A, allowed)
    assert hash_of(A) in chain(verdict.trace)
    assert verdict.stopped == (verdict.run > 16 and not allowed)
    assert judge(verdict.trace, A, True).run == min(verdict.run, lineage.LARGEST_COUNT) + 1
    good = accepted(header)
    assert len(good) <= lineage.LONGEST
    assert re.fullmatch(r"[ -~]*", good)


@given(strange)
def test_judging_again_what_was_handed_on_changes_only_the_own_entry(header):
    once = judge(header, A, True).trace
    twice = judge(once, A, True).trace
    assert split(once)[0] == split(twice)[0]
    assert [each for each in split(once)[1] if each.hash != hash_of(A)] == [
        each for each in split(twice)[1] if each.hash != hash_of(A)
    ]
