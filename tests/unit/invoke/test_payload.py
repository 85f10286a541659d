# ruff: noqa: E501 - a table of sentences that are AWS's
"""A payload must be JSON; if it is not, the caller reads the sentence that AWS's parser would say."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.errors import InvalidRequestContent
from lambent.invoke import payload

PREFIX = "Could not parse request body into json: Could not parse payload into json: "
VALUE = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
ORACLE = Path(__file__).resolve().parents[4] / "shared" / "oracles" / "errors.tsv"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def refusal(body: bytes) -> tuple[str, str]:
    """What the caller reads after the prefix, and where the parser says it stopped."""
    with pytest.raises(InvalidRequestContent) as caught:
        payload.check(body)
    assert caught.value.message.startswith(PREFIX)
    sentence, _, place = caught.value.message.removeprefix(PREFIX).partition("\n at [Source: REDACTED ")
    return sentence, place.partition("; ")[2].rstrip("]")


@given(JSON)
def test_every_json_value_is_let_through(value):
    payload.check(json.dumps(value).encode())
    payload.check(json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace"))


@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:0123456789.eE+-truefalsn\\u \n', max_size=30).map(str.encode))
def test_whatever_comes_is_either_json_or_refused_with_a_sentence_and_a_place(body):
    message = None
    try:
        payload.check(body)
    except InvalidRequestContent as error:
        message = error.message
    if message is None:
        json.loads(body)
    else:
        assert message.startswith(PREFIX)
        assert "; line: " in message


@pytest.mark.parametrize(
    ("body", "row"),
    [(b'"\x87"', "Invalid UTF-8 start byte 0x87"), (b"\x99", "Unexpected character ((CTRL-CHAR, code 153))")],
)
def test_bytes_that_are_not_utf8_are_refused_word_for_word_as_aws_does(body, row):
    if not ORACLE.exists():
        pytest.skip("the recordings of AWS are not beside this checkout")
    rows = [line.split("\t") for line in ORACLE.read_text().splitlines()]
    (recorded,) = [fields[3] for fields in rows if fields[1] == "InvalidRequestContentException" and row in fields[3]]
    with pytest.raises(InvalidRequestContent) as caught:
        payload.check(body)
    assert caught.value.message == recorded.rstrip().replace("\\n", "\n")
    assert (caught.value.code, caught.value.status) == ("InvalidRequestContentException", 400)


@pytest.mark.parametrize(
    ("body", "sentence", "place"),
    [
        (b"hello", f"Unrecognized token 'hello': was expecting {VALUE}", "line: 1, column: 6"),
        (b'{"a": tru}', f"Unrecognized token 'tru': was expecting {VALUE}", "line: 1, column: 10"),
        (b"[1,\n  oops]", f"Unrecognized token 'oops': was expecting {VALUE}", "line: 2, column: 7"),
        (b"{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name", "line: 1, column: 2"),
        (b'{"a": 1,}', "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", "line: 1, column: 9"),
        (b"[1,]", f"Unexpected character (']' (code 93)): expected a valid value {VALUE}", "line: 1, column: 4"),
        (b'{"a" 1}', "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", "line: 1, column: 6"),
        (b"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", "line: 1, column: 4"),
        (b'{"a\\"[": [] "b": 2}', "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries", "line: 1, column: 13"),
        (b"", "Unexpected end-of-input", "line: 1, column: 1"),
        (b'{"a": ', "Unexpected end-of-input", "line: 1, column: 7"),
        (b'{"a": "b', "Unexpected end-of-input: was expecting closing quote for a string value", "line: 1, column: 9"),
        (b'"a\x01b"', "Illegal unquoted character ((CTRL-CHAR, code 1)): has to be escaped using backslash to be included in string value", "line: 1, column: 3"),
        (b"[NaN]", "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", "line: 1, column: 5"),
    ],
)  # fmt: skip
def test_a_syntax_error_is_explained_with_its_place(body, sentence, place):
    assert refusal(body) == (sentence, place)


def test_a_payload_nested_deeper_than_any_parser_goes_is_refused_and_does_not_break_the_server():
    sentence, _ = refusal(b"[" * 100_000 + b"]" * 100_000)
    assert sentence.startswith("Document nesting depth (1001) exceeds the maximum allowed (1000")


def test_half_of_a_surrogate_pair_in_an_escape_is_let_through_as_aws_does():
    payload.check(b'"\\ud83d"')
