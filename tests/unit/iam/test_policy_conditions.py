"""Each condition operator, with and without the key. Source: IAM User Guide, "Condition operators"."""

import pytest

from lambent.iam.policy_conditions import OPERATORS, conditions_of

BUCKET = "arn:aws:s3:::bucket"

# operator, value of the policy, value of the request that matches, one that does not
TABLE = [
    ("StringEquals", "a*", "a*", "ab"),
    ("StringEqualsIgnoreCase", "Abc", "aBC", "abd"),
    ("StringLike", "a?c*", "abcde", "acde"),
    ("NumericEquals", "10", "10.0", "11"),
    ("NumericLessThan", "10", "9", "10"),
    ("NumericLessThanEquals", "10", "10", "11"),
    ("NumericGreaterThan", "10", "11", "10"),
    ("NumericGreaterThanEquals", "10", "10", "9"),
    ("DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:01Z"),
    ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
    ("DateLessThanEquals", "2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
    ("DateGreaterThan", "1767225600", "2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z"),
    ("DateGreaterThanEquals", "2026-01-01T00:00:00Z", "1767225600", "1767225599"),
    ("Bool", "true", "TRUE", "false"),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", "b3RoZXI="),
    ("IpAddress", "203.0.113.0/24", "203.0.113.9", "203.0.114.9"),
    ("IpAddress", "2001:db8::/32", "2001:db8::1", "2001:db9::1"),
    ("ArnEquals", "arn:aws:s3:::buck*", BUCKET, "arn:aws:s3:::other"),
    ("ArnLike", "arn:aws:sns:*:111111111111:*", "arn:aws:sns:eu-west-1:111111111111:t", BUCKET),
]
NEGATED = [
    (f"{name[:-6]}NotEquals" if name.endswith("Equals") else f"{name[:-4]}NotLike", *rest)
    for name, *rest in TABLE
    if name in {"StringEquals", "StringLike", "NumericEquals", "DateEquals", "ArnEquals", "ArnLike"}
] + [
    ("StringNotEqualsIgnoreCase", "Abc", "aBC", "abd"),
    ("NotIpAddress", "203.0.113.0/24", "203.0.113.9", "203.0.114.9"),
]


def holds(operator, value, **keys):
    (condition,) = conditions_of({operator: {"Some:Key": value}})
    return condition.holds({f"some:{name}": given for name, given in keys.items()})


@pytest.mark.parametrize(("operator", "value", "match", "other"), TABLE)
def test_an_operator_compares(operator, value, match, other):
    assert holds(operator, value, key=match)
    assert not holds(operator, value, key=other)
    assert not holds(operator, value)
    assert holds(f"{operator}IfExists", value)
    assert not holds(f"{operator}IfExists", value, key=other)


@pytest.mark.parametrize(("operator", "value", "match", "other"), NEGATED)
def test_a_negated_operator_holds_for_all_others_and_for_a_missing_key(operator, value, match, other):
    assert not holds(operator, value, key=match)
    assert holds(operator, value, key=other)
    assert holds(operator, value)


def test_every_operator_is_in_these_tables():
    assert {row[0].lower() for row in TABLE + NEGATED} == set(OPERATORS)


def test_one_of_several_values_has_to_match_and_none_for_a_negated_operator():
    assert holds("StringEquals", ["a", "b"], key="b")
    assert not holds("StringNotEquals", ["a", "b"], key="b")
    assert holds("StringNotEquals", ["a", "b"], key="c")


def test_all_keys_of_all_operators_have_to_hold():
    block = {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": True}}
    conditions = conditions_of(block)

    def all_hold(**keys):
        return all(condition.holds(keys) for condition in conditions)

    assert all_hold(a="1", b="2", c="true")
    assert not all_hold(a="1", b="3", c="true")
    assert not all_hold(a="1", b="2", c="false")


def test_null_asks_whether_a_key_is_missing():
    assert holds("Null", "true")
    assert not holds("Null", "true", key="x")
    assert holds("Null", False, key="x")
    assert not holds("Null", "false")


def test_sets_are_asked_whole_or_for_one():
    assert holds("ForAllValues:StringEquals", ["a", "b"], key=("a", "b"))
    assert not holds("ForAllValues:StringEquals", ["a", "b"], key=("a", "c"))
    assert holds("ForAllValues:StringEquals", "a")
    assert holds("ForAnyValue:StringEquals", "a", key=("a", "c"))
    assert not holds("ForAnyValue:StringEquals", "a", key=("b", "c"))
    assert not holds("ForAnyValue:StringEquals", "a")
    assert holds("ForAnyValue:StringNotEquals", "a", key=("a", "b"))


@pytest.mark.parametrize(
    ("operator", "value", "given"),
    [
        ("NumericEquals", "ten", "10"),
        ("DateEquals", "tomorrow", "2026-01-01"),
        ("IpAddress", "here", "203.0.113.9"),
        ("ArnLike", "*", BUCKET),
        ("BinaryEquals", "?", "QmluYXJ5"),
    ],
)
def test_a_value_that_is_none_of_its_kind_matches_nothing(operator, value, given):
    assert not holds(operator, value, key=given)


def test_a_star_in_an_arn_does_not_reach_over_a_colon():
    assert not holds("ArnLike", "arn:aws:sns:*", key="arn:aws:sns:eu-west-1:111111111111:t")


def test_variables_are_replaced_and_escaped_signs_are_plain():
    assert holds("StringEquals", "${some:other}", key="x", other="x")
    assert not holds("StringLike", "${some:other}", key="anything", other="*")
    assert holds("StringLike", "${*}", key="*")
    assert not holds("StringLike", "${*}", key="x")
    assert holds("StringEquals", "${some:none, 'default'}", key="default")
    assert not holds("StringEquals", "${some:none}", key="")
