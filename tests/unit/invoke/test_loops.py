"""Loops: who is stopped, who may go on, and what is told."""

import pytest

from lambent.errors import RecursiveInvocation
from lambent.invoke import recursion
from lambent.invoke.lineage import first, hash_of
from lambent.invoke.recursion import Loop, Loops

A, B = (f"arn:aws:lambda:eu-west-1:111111111111:function:{name}" for name in "ab")


def test_a_call_without_lineage_only_gets_an_entry_of_its_own():
    assert Loops().pass_on("Root=1", A, "r", 1.0) == "Root=1" + first(A)
    assert Loops().pass_on("", A, "r", 1.0) == first(A).strip(";")


def test_a_loop_is_stopped_and_told_with_the_functions_in_it():
    told: list[Loop] = []
    loops = Loops(stopped=told.append)
    for arn in (A, B):
        loops.pass_on("Root=1", arn, "earlier", 0.0)
    trace = f"Root=1;Lineage=0000beef:0|{hash_of(B)}:15|{hash_of(A)}:15"
    with pytest.raises(RecursiveInvocation):
        loops.pass_on(trace, A, "r-17", 7.0)
    assert told == [Loop(7.0, "r-17", "111111111111", "eu-west-1", "a", 17, ("0000beef", B, A))]


def test_who_may_recurse_is_asked_only_at_the_end_and_goes_on():
    asked: list[tuple[str, ...]] = []

    def allowed(*key: str) -> bool:
        asked.append(key)
        return True

    loops = Loops(allowed)
    loops.pass_on(f"Root=1;Lineage=15:{hash_of(A)}:14", A, "r", 1.0)
    assert asked == []
    assert loops.pass_on(f"Root=1;Lineage=17:{hash_of(A)}:16", A, "r", 1.0) == f"Root=1;Lineage=18:{hash_of(A)}:17"
    assert asked == [("111111111111", "eu-west-1", "a")]


def test_what_is_remembered_of_functions_is_bounded(monkeypatch):
    monkeypatch.setattr(recursion, "MOST_KNOWN", 3)
    loops = Loops()
    for number in range(10):
        loops.pass_on("Root=1", f"{A}{number}", "r", 1.0)
    assert len(loops._first) <= 3 >= len(loops._names)
