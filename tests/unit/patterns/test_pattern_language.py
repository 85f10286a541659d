"""What the recordings leave open: the rules of AWS's engine (github.com/aws/event-ruler, README and compiler)."""

import json
from typing import Any

import pytest

from lambent.errors import PatternInvalid
from lambent.patterns import compile_pattern, read_json


def fits(pattern: Any, event: Any) -> bool:
    return compile_pattern(json.dumps(pattern)).matches(read_json(json.dumps(event)))


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "y"}, True),
        ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "z"}, False),
        ({"a": [True]}, {"a": True}, True),
        ({"a": [True]}, {"a": 1}, False),
        ({"a": [1]}, {"a": True}, False),
        ({"a": ["1"]}, {"a": 1}, False),
        ({"a": [123456789012]}, {"a": 123456789012}, True),
        ({"a": [0.1]}, {"a": 1e-1}, True),
        ({"a": [None]}, {}, False),
        ({"a.b": ["x"]}, {"a": {"b": "x"}}, True),
        ({"a": {"b": ["x"]}}, {"a.b": "x"}, True),
        ({"a": [{"exists": True}]}, {"a": None}, True),
        ({"a": [{"exists": True}]}, {"a": []}, False),
        ({"a": [{"exists": False}]}, {"a": {"b": 1}}, True),
        ({"a": [{"exists": False}, "x"]}, {"a": "x"}, True),
        ({"a": [{"exists": False}, "x"]}, {"a": "y"}, False),
        ({"a": [{"prefix": {"equals-ignore-case": "AB"}}]}, {"a": "abc"}, True),
        ({"a": [{"suffix": {"equals-ignore-case": "BC"}}]}, {"a": "abc"}, True),
        ({"a": [{"exactly": "x"}]}, {"a": "x"}, True),
        ({"a": [{"anything-but": [1, 2]}]}, {"a": "1"}, True),
        ({"a": [{"anything-but": [1, 2]}]}, {"a": 1.0}, False),
        ({"a": [{"anything-but": {"suffix": [".js", ".ts"]}}]}, {"a": "a.py"}, True),
        ({"a": [{"anything-but": {"suffix": [".js", ".ts"]}}]}, {"a": "a.ts"}, False),
        ({"a": [{"numeric": [">=", -1.5, "<", 2]}]}, {"a": -1.5}, True),
        ({"a": [{"numeric": [">=", -1.5, "<", 2]}]}, {"a": 2}, False),
        ({"a": [{"numeric": ["=", 300]}]}, {"a": 3e2}, True),
        ({"a": [{"numeric": [">", 0]}]}, {"a": "5"}, False),
        ({"a": [{"numeric": [">", 0]}]}, {"a": 6_000_000_000}, False),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.0.7"}, True),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.1.7"}, False),
        ({"a": [{"cidr": "2001:db8::/32"}]}, {"a": "2001:db8::1"}, True),
        ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "2001:db8::1"}, False),
        ({"a": ["2001:db8:0::1"]}, {"a": "2001:db8::1"}, True),
        ({"a": [{"wildcard": "a*"}]}, {"a": "a"}, True),
        ({"a": [{"wildcard": "*a*b*"}]}, {"a": "xbxaxbx"}, True),
        ({"a": [{"wildcard": "*b*a"}]}, {"a": "ab"}, False),
        ({"a": [{"wildcard": "ab*ba"}]}, {"a": "aba"}, False),
        ({"a": [{"wildcard": "a\\*b"}]}, {"a": "a*b"}, True),
        ({"a": [{"wildcard": "a\\*b"}]}, {"a": "axb"}, False),
        ({"$or": [{"a": [1]}, {"b": [1]}], "c": [1]}, {"b": 1, "c": 1}, True),
        ({"$or": [{"a": [1]}, {"b": [1]}], "c": [1]}, {"b": 1}, False),
        ({"$or": [{"a": [1]}, {"b": [1], "$or": [{"c": [1]}, {"d": [1]}]}]}, {"b": 1, "d": 1}, True),
        ({"$or": [{"a": [1]}, {"b": [1], "$or": [{"c": [1]}, {"d": [1]}]}]}, {"b": 1}, False),
        ({"$or": {"a": [1]}}, {"$or": {"a": 1}}, True),  # no choice, but a name
        ({"$or": [{"prefix": "a"}, {"prefix": "b"}]}, {"$or": "bc"}, True),
    ],
)
def test_a_pattern_fits_or_does_not(pattern: Any, event: Any, expected: bool) -> None:
    assert fits(pattern, event) is expected


def test_all_that_is_asked_below_an_array_has_to_be_in_one_element_of_it() -> None:
    pattern = {"a": {"x": [1], "y": [2]}}

    assert fits(pattern, {"a": [{"x": 1, "y": 0}, {"x": 1, "y": 2}]})
    assert not fits(pattern, {"a": [{"x": 1, "y": 0}, {"x": 0, "y": 2}]})
    assert fits(pattern, {"a": [[{"x": 0}], [[{"x": 1, "y": 2}]]]})


def test_two_arrays_are_chosen_from_apart() -> None:
    assert fits({"a": {"x": [1]}, "b": {"x": [2]}}, {"a": [{"x": 0}, {"x": 1}], "b": [{"x": 2}, {"x": 1}]})


def test_a_field_is_missing_only_if_no_element_has_it() -> None:
    pattern = {"a": {"x": [{"exists": False}], "y": [2]}}

    assert fits(pattern, {"a": [{"y": 2}]})
    assert not fits(pattern, {"a": [{"y": 2}, {"x": 1}]})


def test_names_that_come_twice_in_a_pattern_are_both_asked_for() -> None:
    pattern = compile_pattern('{"a": {"x": [1]}, "a": {"y": [2]}}')

    assert pattern.matches({"a": {"x": 1, "y": 2}})
    assert not pattern.matches({"a": {"y": 2}})


def test_of_names_that_come_twice_in_an_event_the_last_counts() -> None:
    event = read_json('{"a": 1, "a": 2}')

    assert compile_pattern('{"a": [2]}').matches(event)
    assert not compile_pattern('{"a": [1]}').matches(event)


def test_a_member_without_a_name_is_not_what_is_around_it() -> None:
    assert not fits({"a": [1]}, {"a": {"": 1}})
    assert fits({"a": {"": [1]}}, {"a": {"": 1}})
    assert fits({"": [1]}, {"": 1})
    assert fits({"a": [{"exists": False}]}, {"a": {"": 1}})


def test_an_event_that_is_no_object_never_fits() -> None:
    pattern = compile_pattern('{"a": [{"exists": false}]}')

    assert not any(pattern.matches(event) for event in ([], "a", 1, None, True))


def test_large_arrays_and_deep_events_take_no_time() -> None:
    pattern = compile_pattern('{"a": {"x": [-1], "y": [2]}, "b": {"x": [1], "z": [1]}}')
    many = [{"x": number, "y": 2, "z": number} for number in range(20_000)]
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]

    assert not pattern.matches({"a": many, "b": many})
    assert compile_pattern('{"a": ["x"]}').matches({"a": deep})


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ('["not", "an object"]', "Filter is not an object"),
        ("null", "Filter is not an object"),
        ("simple string", "Filter is not valid JSON"),
        ('{"a": NaN}', "Filter is not valid JSON"),
        ("[" * 100_000, "Filter is not valid JSON"),
        ("{}", "Empty objects are not allowed"),
        ('{"a": {}}', "Empty objects are not allowed"),
        ('{"a": []}', "Empty arrays are not allowed"),
        ('{"a": "x"}', '"a" must be an object or an array'),
        ('{"a": [["x"]]}', "Match value must be String, number, true, false, or null"),
        ('{"a": [{}]}', "Match expression name not found"),
        ('{"a": [{"prefix": "a", "suffix": "b"}]}', "Only one key allowed in match expression"),
        ('{"a": [{"begins": "a"}]}', "Unrecognized match type begins"),
        ('{"a": [{"prefix": 1}]}', "prefix match pattern must be a string"),
        ('{"a": [{"prefix": {"wildcard": "a"}}]}', "Unsupported prefix pattern: wildcard"),
        ('{"a": [{"suffix": null}]}', "suffix match pattern must be a string"),
        ('{"a": [{"exists": "no"}]}', "exists match pattern must be either true or false."),
        ('{"a": [{"anything-but": null}]}', "Value of anything-but must be an array or single string/number value."),
        ('{"a": [{"anything-but": [null]}]}', "Inside anything but list, start|null|boolean is not supported."),
        (
            '{"a": [{"anything-but": [1, "a"]}]}',
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        ('{"a": [{"anything-but": {"numeric": 1}}]}', "Unsupported anything-but pattern: numeric"),
        ('{"a": [{"anything-but": {"prefix": ""}}]}', "Null prefix/suffix not allowed"),
        ('{"a": [{"numeric": ">"}]}', "Value of numeric must be an array."),
        ('{"a": [{"numeric": [1, "<="]}]}', "Invalid member in numeric match: 1"),
        ('{"a": [{"numeric": ["operator"]}]}', "Unrecognized numeric range operator: operator"),
        ('{"a": [{"numeric": ["=", "1"]}]}', "Value of equals must be numeric"),
        ('{"a": [{"numeric": ["<", 1, ">", 2]}]}', "Too many elements in numeric expression"),
        ('{"a": [{"numeric": [">=", 1, ">", 2]}]}', "Bad numeric range operator: >"),
        ('{"a": [{"numeric": [">", 20, "<", "30"]}]}', "Value of < must be numeric"),
        ('{"a": [{"numeric": [">", 20, "<", 10]}]}', "Bottom must be less than top"),
        ('{"a": [{"numeric": [">", 1, "<", 2, 3]}]}', "Too many terms in numeric range expression"),
        ('{"a": [{"cidr": ["10.0.0.0/24"]}]}', "prefix match pattern must be a string"),
        ('{"a": [{"cidr": "10.0.0.0"}]}', "Malformed CIDR, one '/' required"),
        ('{"a": [{"cidr": "10.0.0.0/x"}]}', "Malformed CIDR, mask bits must be an integer"),
        ('{"a": [{"cidr": "xx.11.xx/8"}]}', "Nonstandard IP address: xx.11.xx"),
        ('{"a": [{"cidr": "10.0.0.0/99"}]}', "IPv4 mask bits must be < 33"),
        ('{"a": [{"wildcard": "a**b"}]}', "Consecutive wildcard characters at pos 2"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "Invalid escape character at pos 2"),
    ],
)
def test_a_pattern_is_refused_in_the_words_of_aws(pattern: str, reason: str) -> None:
    with pytest.raises(PatternInvalid) as refused:
        compile_pattern(pattern)

    assert refused.value.message == reason


def test_choices_that_multiply_beyond_reason_are_refused() -> None:
    pattern = "{" + ", ".join(f'"$or": [{{"a{n}": [1]}}, {{"b{n}": [1]}}]' for n in range(11)) + "}"

    with pytest.raises(PatternInvalid, match="too complex"):
        compile_pattern(pattern)


def test_patterns_deeper_than_any_event_are_refused() -> None:
    with pytest.raises(PatternInvalid, match="levels deep"):
        compile_pattern('{"a":' * 300 + "[1]" + "}" * 300)
