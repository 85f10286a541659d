"""The index finds what asking every rule would find."""

import json
import random

import pytest

from lambent.services.events.index import Index, choices_of
from lambent.services.events.nouns import Event, Rule

VALUES = ["a", "b", 1, 1.0, 2.5, True, False, None, 12_345_678_901, {"x": "a"}, {"x": 1}, ["a", 2], [{"x": "b"}], []]
CONDITIONS = [
    ["a"], ["a", "b"], [1], [2.5], [True], [None], ["a", None], [12_345_678_901], [{"prefix": "a"}],
    [{"exists": False}],
    [{"numeric": [">", 1]}], ["a", {"anything-but": "b"}],
]  # fmt: skip


def rule(name, pattern, **more):
    settings = {"EventPattern": json.dumps(pattern), "State": "ENABLED"} | more
    return Rule(account="1", region="r", bus="default", name=name, settings=settings)


def event(source, kind, detail):
    return Event(
        id="1", detail_type=kind, source=source, account="1", at=0.0, region="r", detail=json.dumps(detail).encode()
    )


def some_pattern(chance):
    pattern = {}
    if chance.random() < 0.5:
        pattern["source"] = chance.choice([["a"], ["a", "b"], [{"suffix": "a"}]])
    if chance.random() < 0.5:
        pattern["detail-type"] = chance.choice([["k"], ["l", "k"], [{"exists": True}]])
    if chance.random() < 0.7 or not pattern:
        path = chance.choice([["f"], ["g", "x"], ["g.x"], ["f", "x"]])
        pattern["detail"] = {".".join(path): chance.choice(CONDITIONS)} if len(path) == 1 else {
            path[0]: {path[1]: chance.choice(CONDITIONS)}
        }  # fmt: skip
    if chance.random() < 0.1:
        pattern["$or"] = [{"detail": {"f": ["a"]}}, {"source": ["b"]}]
    return pattern


@pytest.mark.parametrize("seed", range(20))
def test_the_index_finds_what_asking_every_rule_finds(seed):
    chance = random.Random(seed)
    rules, index = [rule(f"r{number}", some_pattern(chance)) for number in range(60)], Index()
    for each in rules:
        index.put(each)
    for each in chance.sample(rules, 20):
        index.drop(each.name)
        rules.remove(each)
    for _ in range(50):
        detail = {name: chance.choice(VALUES) for name in chance.sample(["f", "g", "g.x", "h"], 2)}
        seen = event(chance.choice("abc"), chance.choice("kl"), detail)
        wanted = sorted(each.name for each in rules if each.pattern.matches(seen.document))
        assert sorted(each.name for each in index.matching(seen)) == wanted


def test_a_thousand_rules_that_differ_in_one_value_of_the_detail_are_not_all_asked():
    index = Index()
    for number in range(1000):
        index.put(rule(f"r{number}", {"source": ["shop"], "detail": {"customer": {"id": [number]}}}))
    found = list(index._candidates(event("shop", "order", {"customer": {"id": 7}})))
    assert len(found) <= 2
    assert [each.name for each in index.matching(event("shop", "order", {"customer": {"id": 7}}))] == ["r7"]


def test_an_index_forgets_what_is_dropped():
    index = Index()
    index.put(rule("r", {"detail": {"a": ["b"]}}))
    index.put(rule("r", {"source": ["a"]}))
    index.drop("r")
    assert (index._places, index._others, index._where, dict(index._deep)) == ({}, {}, {}, {})


def test_names_that_are_written_with_escapes_are_no_places():
    assert choices_of('{"\\u0024or": [{"a": ["b"]}, {"c": ["d"]}]}') == []
