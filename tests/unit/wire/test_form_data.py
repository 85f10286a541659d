"""Forms that bring a file, however they come in pieces."""

import pytest

from lambent.errors import AwsError
from lambent.wire.form_data import MOST_FIELDS, FormReader

HEAD = "multipart/form-data; boundary=XX"
DATA = b"\r\n--X\r\n--XY" * 50 + bytes(range(256))


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    more = "" if filename is None else f'; filename="{filename}"'
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


FORM = part("Key", "ü".encode()) + part("file", DATA, "C:\\photos\\cat.jpg") + part("submit", b"Upload") + b"--XX--\r\n"


def read(reader: FormReader, body: bytes, step: int = 1000) -> bytes:
    found = b"".join(data for at in range(0, len(body), step) for data in reader.feed(body[at : at + step]))
    reader.end()
    return found


def refusal(body: bytes, head: str = HEAD) -> str:
    with pytest.raises(AwsError) as caught:
        read(FormReader(head), body)
    return caught.value.code


@pytest.mark.parametrize("step", [1, 2, 7, 100, len(FORM)])
def test_fields_and_file_are_the_same_in_pieces_of_any_size(step: int) -> None:
    reader = FormReader(HEAD)
    assert read(reader, FORM, step) == DATA
    assert (reader.fields, reader.filename, reader.has_file) == ({"key": "ü"}, "cat.jpg", True)


def test_the_file_begins_once_and_may_be_refused_before_its_first_byte() -> None:
    begun: list[dict[str, str]] = []

    def begin(reader: FormReader) -> None:
        begun.append(dict(reader.fields))
        reader.most = len(DATA) - 1

    with pytest.raises(AwsError) as caught:
        read(FormReader(HEAD, begin), FORM)
    assert begun == [{"key": "ü"}]
    assert (caught.value.code, caught.value.members["MaxSizeAllowed"]) == ("EntityTooLarge", len(DATA) - 1)


@pytest.mark.parametrize(
    ("body", "head"),
    [
        (FORM[:-10], HEAD),
        (b"nothing of the kind", HEAD),
        (b"", HEAD),
        (FORM, "multipart/form-data"),
        (part("k", b"\xff") + b"--XX--\r\n", HEAD),
        (b"--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n--XX--\r\n", HEAD),
        (b"--XX\r\n" + b"x" * 10_000, HEAD),
    ],
)
def test_what_is_no_whole_form_is_refused(body: bytes, head: str) -> None:
    assert refusal(body, head) == "MalformedPOSTRequest"


def test_fields_may_not_be_longer_than_20_kb() -> None:
    for body in (part("k", b"x" * MOST_FIELDS), b"".join(part(f"k{each}", b"x" * 50) for each in range(500))):
        assert refusal(body + part("file", b"") + b"--XX--\r\n") == "MaxPostPreDataLengthExceeded"


def test_a_form_without_a_file_has_none() -> None:
    reader = FormReader(HEAD)
    assert read(reader, part("key", b"x") + b"--XX--\r\n") == b""
    assert not reader.has_file
