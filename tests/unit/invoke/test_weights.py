"""Aliases that stand for two versions: each invocation goes to one of them by chance."""

import itertools
import math
import random

import pytest
from invoke_samples import ACCOUNT, FUNCTION_ARN, REGION, version

from lambent.errors import ResourceConflict
from lambent.invoke import resolve
from lambent.invoke.resolve import Resolver, Split
from lambent.model import Version

ONE, TWO = version(version="1"), version(version="2")
LIVE = f"{FUNCTION_ARN}:live"


class Store:
    """`live` is what a test says it is; everything else is a version."""

    def __init__(self, live: Version | Split) -> None:
        self.live = live
        self.loads: list[str | None] = []

    def load(self, account: str, region: str, name: str, qualifier: str | None) -> Version | Split:
        self.loads.append(qualifier)
        return self.live if qualifier == "live" else version(version=qualifier or "$LATEST")


def resolver(store: Store, *chances: float) -> Resolver:
    return Resolver(store.load, itertools.cycle(chances).__next__)


def resolved(of: Resolver, times: int = 1, text: str = "hello:live") -> list[str]:
    return [of.resolve(ACCOUNT, REGION, text, None)[0].version for _ in range(times)]


@pytest.mark.parametrize(
    ("share", "chance", "wanted"),
    [
        (0.1, 0.0, "2"),
        (0.1, 0.0999, "2"),
        (0.1, 0.1, "1"),
        (0.1, 0.9999999999999999, "1"),
        (0.0, 0.0, "1"),  # nothing for the other, even at the lowest chance
        (1.0, 0.9999999999999999, "2"),  # all for the other, even at the highest
    ],
)
def test_the_other_version_gets_its_share_of_all_chances(share, chance, wanted):
    assert Split(ONE, TWO, share).choose(chance).version == wanted


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_over_many_invocations_the_shares_are_those_of_the_weights(share, seed):
    """Within five standard deviations of the binomial distribution; the seeds are fixed, so this never flickers."""
    of = Resolver(Store(Split(ONE, TWO, share)).load, random.Random(seed).random)
    n = 20_000
    others = resolved(of, n).count("2")
    assert abs(others - n * share) <= 5 * math.sqrt(n * share * (1 - share))


def test_each_invocation_is_chosen_for_anew_though_the_alias_is_looked_up_once():
    store = Store(Split(ONE, TWO, 0.5))
    assert resolved(resolver(store, 0.9, 0.1, 0.2, 0.8), 4) == ["1", "2", "2", "1"]
    assert store.loads == ["live"]


def test_the_caller_is_told_the_alias_whichever_version_runs():
    of = resolver(Store(Split(ONE, TWO, 0.5)), 0.9, 0.1)
    found = [of.resolve(ACCOUNT, REGION, "hello", "live") for _ in range(4)]
    assert [(each.version, arn) for each, arn in found] == [("1", LIVE), ("2", LIVE)] * 2


def test_an_alias_of_one_version_costs_no_more_than_a_version():
    """One look-up in a dictionary, and no chance is asked for."""
    store = Store(ONE)
    of = Resolver(store.load, lambda: pytest.fail("asked for a chance"))
    first = of.resolve(ACCOUNT, REGION, "hello:live", None)
    assert first == (ONE, LIVE)
    assert of.resolve(ACCOUNT, REGION, "hello:live", None) is first
    assert store.loads == ["live"]


def test_an_alias_that_was_changed_is_looked_up_again_in_whatever_it_was_and_became():
    store = Store(Split(ONE, TWO, 0.5))
    of = resolver(store, 0.1)
    seen = []
    for now in [Split(ONE, TWO, 0.5), TWO, Split(TWO, ONE, 0.5), ONE]:
        store.live = now
        of.forget(ACCOUNT, REGION, "hello")
        seen += resolved(of, 2)
    assert seen == ["2", "2", "2", "2", "1", "1", "1", "1"]
    assert len(store.loads) == 4


@pytest.mark.parametrize("state", ["Pending", "Failed"])
def test_while_one_version_cannot_run_the_other_gets_its_share_and_nothing_is_remembered(state):
    store = Store(Split(ONE, version(version="2", state=state), 0.5))
    of = resolver(store, 0.9, 0.1)
    assert resolved(of) == ["1"]
    with pytest.raises(ResourceConflict, match=f"in the following state: {state}"):
        resolved(of)
    store.live = Split(ONE, TWO, 0.5)
    assert resolved(of, 2) == ["1", "2"]


def test_callers_cannot_fill_memory_with_names_of_aliases(monkeypatch):
    monkeypatch.setattr(resolve, "LARGEST", 10)
    of = Resolver(lambda *_: Split(ONE, TWO, 0.5), lambda: 0.1)
    for number in range(100):
        of.resolve(ACCOUNT, REGION, f"f{number}:live", None)
    assert len(of._splits) <= 10
    assert len(of._keys) <= 10
