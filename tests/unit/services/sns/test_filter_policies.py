"""Filter policies of subscriptions: refusals as AWS was recorded to word them, and what they let through.

recorded_filter_refusals.json: policy and first line of the answer, from the recording sns__test_sns_filter_policy of
the real AWS (LocalStack's snapshot; what follows is where its parser stood).
"""

import json
from pathlib import Path

import pytest

from lambent.errors import AwsError
from lambent.services.sns.filters import ATTRIBUTES, BODY, check, filter_of

RECORDED = json.loads((Path(__file__).parent / "recorded_filter_refusals.json").read_text())
PREFIX = "Invalid parameter: Attributes Reason: "


@pytest.mark.parametrize(("policy", "said"), RECORDED)
def test_what_aws_refuses_is_refused_in_its_words(policy, said):
    with pytest.raises(AwsError) as caught:
        check(policy, BODY if '":{' in policy else ATTRIBUTES, prefix=PREFIX)
    assert (caught.value.code, caught.value.message) == ("InvalidParameterException", said)


@pytest.mark.parametrize(
    ("policy", "scope"),
    [
        ({"key": ["a"] * 151}, ATTRIBUTES),
        ({"a": ["1"] * 13, "b": ["2"] * 12}, ATTRIBUTES),
        ({"a": {"b": {"c": ["1"] * 4}}, "d": {"e": ["2"] * 7}}, BODY),
        ({"$or": [{"a": ["1"] * 75}, {"b": ["2"] * 76}]}, ATTRIBUTES),
    ],
)
def test_a_policy_of_more_than_150_combinations_is_too_complex(policy, scope):
    with pytest.raises(AwsError, match="Filter policy is too complex"):
        check(json.dumps(policy), scope, prefix=PREFIX)


def test_a_policy_of_just_150_combinations_is_taken():
    check(json.dumps({"a": ["1"] * 15, "b": ["2"] * 10}), ATTRIBUTES, prefix=PREFIX)


def test_attributes_cannot_be_nested():
    with pytest.raises(AwsError, match="Filter policy scope MessageAttributes does not support nested filter policy"):
        check('{"a": {"b": ["c"]}}', ATTRIBUTES, prefix="Invalid parameter: ")


def text(value, kind="String"):
    return {"DataType": kind, "StringValue": value}


def lets_through(policy, attributes=None, body="", scope=ATTRIBUTES):
    return filter_of(json.dumps(policy), scope)(attributes or {}, body)


class TestWhatIsLetThrough:
    def test_without_a_policy_everything_is(self):
        assert filter_of("", "")({}, "x")
        assert filter_of("{}", "")({}, "x")

    def test_attributes_are_matched_by_name(self):
        assert lets_through({"kind": ["a", "b"]}, {"kind": text("b")})
        assert not lets_through({"kind": ["a"]}, {"kind": text("b")})
        assert not lets_through({"kind": ["a"]})

    def test_all_names_have_to_match(self):
        assert not lets_through({"x": ["1"], "y": ["2"]}, {"x": text("1")})

    def test_numbers_are_compared_as_such(self):
        assert lets_through({"price": [{"numeric": [">", 100]}]}, {"price": text("150", "Number")})
        assert not lets_through({"price": [{"numeric": [">", 100]}]}, {"price": text("50", "Number")})

    def test_of_an_array_one_element_will_do(self):
        assert lets_through({"tags": ["b"]}, {"tags": text('["a", "b"]', "String.Array")})

    def test_exists_asks_for_the_name_only(self):
        assert lets_through({"kind": [{"exists": True}]}, {"kind": text("b")})
        assert lets_through({"kind": [{"exists": False}]})
        assert not lets_through({"kind": [{"exists": False}]}, {"kind": text("b")})

    def test_a_body_is_matched_as_json_and_nothing_else(self):
        policy = {"object": {"key": [{"prefix": "auto-"}]}}
        assert lets_through(policy, body='{"object": {"key": "auto-1"}}', scope=BODY)
        assert not lets_through(policy, body="auto-1", scope=BODY)
        assert not lets_through(policy, body='["auto-1"]', scope=BODY)
