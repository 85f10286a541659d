"""The beginning of an order, as birth.c reads it."""

import re
import struct
from pathlib import Path

from lambent.sandbox import births

SOURCE = Path(births.__file__).with_name("birth.c").read_text()
NETWORK = {
    "cable": b"cable".hex(),
    "inside": [b"in1".hex(), b"in-2".hex()],
    "outside": [b"out-1".hex()],
    "namespace": 901,
    "endpoint": 9111,
    "hand_over": False,
}


def words(name: str) -> list[str]:
    """The members of a struct of birth.c that are one word each, in order."""
    body = re.search(rf"struct {name} {{(.*?)\n}};", SOURCE, re.DOTALL)
    assert body is not None
    code = re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL)
    return [word.strip() for line in re.findall(r"unsigned ([^;]*);", code) for word in line.split(",")]


def test_the_words_are_those_of_the_c_program_in_its_order() -> None:
    assert words("order") == ["text", "init_uid", "api", "endpoint", "namespace", "hand_over", "count"]
    assert words("message") == ["inside", "size"]
    assert "char husk[16];" in SOURCE


def test_an_order_says_where_the_json_begins_and_what_to_send_in_which_order() -> None:
    data = births.head("0000002a", 65535, NETWORK)
    name, text, uid, api, endpoint, namespace, hand_over, count = struct.unpack_from("16s7I", data)
    assert (name.rstrip(b"\0"), text) == (b"0000002a", len(data))
    assert (uid, api, endpoint, namespace, hand_over, count) == (65535, 9001, 9111, 901, 0, 4)
    at, messages = struct.calcsize("16s7I"), []
    for _ in range(count):
        inside, size = struct.unpack_from("2I", data, at)
        messages.append((bool(inside), data[at + 8 : at + 8 + size]))
        at += 8 + (size + 3) // 4 * 4
    assert messages == [(False, b"cable"), (True, b"in1"), (True, b"in-2"), (False, b"out-1")]
    assert at == len(data)
    assert len(data) % 4 == 0


def test_without_a_cable_there_is_nothing_to_send() -> None:
    for network in ({}, {"cable": "", "endpoint": 9111, "hand_over": True}):
        data = births.head("0000002a", 0, network)
        assert len(data) == struct.calcsize("16s7I")
        assert struct.unpack_from("16s7I", data)[-1] == 0
