"""The codec of guest/python against what awslambdaric 4.2.2 with simplejson answered for the same values."""

import enum
import sys
from collections import OrderedDict, namedtuple
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "guest" / "python"))

from lambent_runtime import codec
from lambent_runtime.errors import Fault

Point = namedtuple("Point", "x y")


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    WORD = "q"


class Row:
    def _asdict(self) -> dict[str, int]:
        return {"k": 1}


NESTED = OrderedDict(a=[OrderedDict(b=Decimal("0.10"))], c=())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("é\u2028\x7f/<", '"é\u2028\x7f/<"'),
        ({"a": "xé".encode()}, '{"a": "xé"}'),
        ({b"k": 1}, '{"k": 1}'),
        (Point(1, [Point(2, 3)]), '{"x": 1, "y": [{"x": 2, "y": 3}]}'),
        (Row(), '{"k": 1}'),
        (Decimal("1.10"), "1.10"),
        (
            {"n": Decimal("NaN"), "m": Decimal("-Infinity"), "e": Decimal("1E+3")},
            '{"n": NaN, "m": -Infinity, "e": 1E+3}',
        ),
        ([float("nan"), float("inf"), -float("inf")], "[NaN, Infinity, -Infinity]"),
        ({"d": Decimal(1), "f": [float("nan"), float("inf")]}, '{"d": 1, "f": [NaN, Infinity]}'),
        ({1: 4, None: 3, 1.5: 6, False: 2}, '{"1": 4, "null": 3, "1.5": 6, "false": 2}'),
        ({b"k": 0, 1: 4, None: 3, 1.5: 6, False: 2}, '{"k": 0, "1": 4, "null": 3, "1.5": 6, "false": 2}'),
        (Number.ONE, "1"),
        ({Number.ONE: Word.WORD}, '{"1": "q"}'),
        ({Word.WORD: 2}, '{"q": 2}'),
        ((1, 2), "[1, 2]"),
        (NESTED, '{"a": [{"b": 0.10}], "c": []}'),
        ([{}, [], OrderedDict()], "[{}, [], {}]"),
        (10**30, str(10**30)),
    ],
)
def test_an_answer_is_written_as_awss_client_writes_it(value: Any, text: str) -> None:
    assert codec.Codec("AWS_Lambda_python3.13").answer(value) == text.encode()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({(1, 2): 3}, "keys must be str, int, float, bool or None, not tuple"),
        ({Decimal(1): 2}, "keys must be str, int, float, bool or None, not Decimal"),
        ({1, 2}, "Object of type set is not JSON serializable"),
        (Decimal, "Object of type type is not JSON serializable"),
        (bytearray(b"x"), "Object of type bytearray is not JSON serializable"),
        ({"a": b"\xff"}, "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (..., "Object of type ellipsis is not JSON serializable"),
        (1j, "Object of type complex is not JSON serializable"),
        (range(3), "Object of type range is not JSON serializable"),
    ],
)
def test_what_awss_client_refuses_is_refused_with_its_words(value: Any, message: str) -> None:
    with pytest.raises(Fault) as raised:
        codec.Codec("AWS_Lambda_python3.13").answer(value)
    assert (raised.value.kind, raised.value.message) == (
        "Runtime.MarshalError",
        f"Unable to marshal response: {message}",
    )


def test_an_error_leaves_nothing_behind_that_the_next_answer_trips_over() -> None:
    writer = codec.Codec("AWS_Lambda_python3.13")
    value: list[Any] = [[object()]]
    with pytest.raises(Fault):
        writer.answer(value)
    value[0][0] = 1
    assert writer.answer(value) == b"[[1]]"


def test_the_same_list_twice_is_not_a_loop() -> None:
    shared = [Decimal(1)]
    assert codec.Codec().answer([shared, shared]) == b"[[1], [1]]"


def test_a_loop_through_foreign_classes_is_found() -> None:
    loop: OrderedDict[str, Any] = OrderedDict()
    loop["again"] = loop
    with pytest.raises(Fault, match="Circular reference detected"):
        codec.Codec().answer(loop)


def test_without_the_c_encoder_the_answers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "c_make_encoder", None)
    assert codec.Codec("AWS_Lambda_python3.13").answer({"a": ["é", b"b"]}) == '{"a": ["é", "b"]}'.encode()


@pytest.mark.parametrize("raw", [b' {"a": 1}\n', b'\xef\xbb\xbf{"a": 1}', b'{"a":1}'])
def test_space_and_a_byte_order_mark_around_an_event_are_taken(raw: bytes) -> None:
    assert codec.read_event(raw) == {"a": 1}


@pytest.mark.parametrize(
    "raw", [b"", b" ", b"1 2", b"{'a':1}", b"NaN", b"\xff", b'"\xed\xa0\x80"', "1".encode("utf-16")]
)
def test_what_is_no_json_in_utf_8_is_no_event(raw: bytes) -> None:
    with pytest.raises(Fault, match="Unable to unmarshal input: "):
        codec.read_event(raw)


def test_an_error_document_survives_any_text() -> None:
    assert codec.Codec("AWS_Lambda_python3.13").document({"m": "\ud800"}) == b'{"m": "\\ud800"}'
