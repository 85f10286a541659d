"""What S3 decides without I/O: ranges, conditions, pages, the ends of uploads, who is told."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.errors import AwsError
from lambent.services.s3 import bodies, conditions, multipart, pages, ranges, records
from lambent.services.s3.multipart import UploadAbout
from lambent.services.s3.notices import is_meant
from lambent.services.s3.nouns import About, Bucket, Part, Settings, Stored
from lambent.services.s3.ranges import Span
from lambent.settings import Settings as ServerSettings
from lambent.store import checksums
from lambent.wire.http import Request
from lambent.wire.parse import Wire

AT = 1_700_000_000.4
FOUND = Stored(1, "b", "k", "null", True, False, 10, "abc", AT, About())


def refusal(work: Callable[[], object]) -> str | None:
    """The code of the error that it raises."""
    try:
        work()
    except AwsError as error:
        return error.code
    return None


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-3", Span(0, 4)),
        ("bytes=4-", Span(4, 10)),
        ("bytes=-3", Span(7, 10)),
        ("bytes=-30", Span(0, 10)),
        ("bytes=9-400", Span(9, 10)),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("bytes=-", None),
        ("items=0-1", None),
    ],
)
def test_a_range_header_asks_for_some_bytes_or_counts_for_nothing(header: str | None, span: Span | None) -> None:
    assert ranges.span_of(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(header: str) -> None:
    with pytest.raises(AwsError) as refused:
        ranges.span_of(header, 10)
    assert (refused.value.code, refused.value.status) == ("InvalidRange", 416)


def test_a_span_over_several_files_takes_what_it_needs_of_each() -> None:
    parts = [Part(4, "a"), Part(4, "b"), Part(4, "c")]
    assert list(ranges.pieces(parts, Span(3, 9))) == [("a", 3, 1), ("b", 0, 4), ("c", 0, 1)]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, None),
        ({"IfMatch": '"abc"'}, None),
        ({"IfMatch": '"x", "abc"'}, None),
        ({"IfMatch": '"x"'}, "PreconditionFailed"),
        ({"IfNoneMatch": '"abc"'}, "NotModified"),
        ({"IfNoneMatch": "*"}, "NotModified"),
        ({"IfNoneMatch": '"x"'}, None),
        ({"IfModifiedSince": moment(AT)}, "NotModified"),
        ({"IfModifiedSince": moment(AT - 5)}, None),
        ({"IfUnmodifiedSince": moment(AT)}, None),
        ({"IfUnmodifiedSince": moment(AT - 5)}, "PreconditionFailed"),
        # The ETag is the better witness (RFC 9110, 13.2.2).
        ({"IfMatch": '"abc"', "IfUnmodifiedSince": moment(AT - 5)}, None),
        ({"IfNoneMatch": '"x"', "IfModifiedSince": moment(AT)}, None),
    ],
)
def test_a_conditional_read_is_judged_as_http_says(asked: dict[str, Any], code: str | None) -> None:
    error = conditions.judge_read(asked, FOUND)
    assert (error and error.code) == code


def test_what_is_not_modified_may_not_be_copied_either() -> None:
    error = conditions.judge_read({"CopySourceIfNoneMatch": '"abc"'}, FOUND, "CopySource")
    assert error is not None
    assert error.code == "PreconditionFailed"


@pytest.mark.parametrize(
    ("asked", "current", "code"),
    [
        ({"IfNoneMatch": "*"}, None, None),
        ({"IfNoneMatch": "*"}, FOUND, "PreconditionFailed"),
        ({"IfNoneMatch": "*"}, FOUND._replace(marker=True), None),
        ({"IfNoneMatch": '"abc"'}, FOUND, "NotImplemented"),
        ({"IfMatch": '"abc"'}, FOUND, None),
        ({"IfMatch": '"x"'}, FOUND, "PreconditionFailed"),
        ({"IfMatch": '"abc"'}, None, "NoSuchKey"),
    ],
)
def test_a_conditional_write_looks_at_what_is_there(
    asked: dict[str, Any], current: Stored | None, code: str | None
) -> None:
    assert refusal(lambda: conditions.judge_write(asked, current, "k")) == code


def reader(keys: Sequence[str]) -> Callable[[str, int], list[dict[str, str]]]:
    ordered = sorted(keys)
    return lambda begin, limit: [{"key": key} for key in ordered if key >= begin][:limit]


def through(keys: Sequence[str], prefix: str, delimiter: str, most: int) -> list[tuple[list[str], list[str]]]:
    """All pages of a listing: keys and common prefixes."""
    found: list[tuple[list[str], list[str]]] = []
    after = ""
    while True:
        page = pages.page(reader(keys), prefix, delimiter, after, most)
        found.append(([row["key"] for row in page.rows], page.prefixes))
        if not page.more:
            return found
        after = page.last


@pytest.mark.parametrize("most", [1, 2, 3, 100])
@pytest.mark.parametrize(("prefix", "delimiter"), [("", ""), ("", "/"), ("a", "/"), ("a/", "/"), ("", "/b"), ("z", "")])
def test_pages_of_any_size_show_everything_once_and_in_order(most: int, prefix: str, delimiter: str) -> None:
    keys = ["a", "a/b", "a/b/c", "a/c", "ab", "b/\U0010ffff", "b/x", "c", "ä/ü", "\ue000", "\U0001f600/1"]
    wanted: list[str] = []
    for key in sorted(keys):
        gathered = pages.common_prefix(key, prefix, delimiter)
        if key.startswith(prefix) and (gathered or key) not in wanted:
            wanted.append(gathered or key)
    shown = through(keys, prefix, delimiter, most)
    assert [each for page in shown for each in sorted(page[0] + page[1])] == wanted
    assert all(len(page[0]) + len(page[1]) <= most for page in shown)


def test_a_common_prefix_of_a_million_keys_is_passed_in_one_step() -> None:
    asked: list[str] = []

    def read(begin: str, limit: int) -> list[dict[str, str]]:
        asked.append(begin)
        keys = [f"a/{number:03}" for number in range(300)] + ["b"]
        return [{"key": key} for key in keys if key >= begin][:limit]

    page = pages.page(read, "", "/", "", 1000)
    assert (page.prefixes, [row["key"] for row in page.rows]) == (["a/"], ["b"])
    assert len(asked) <= 3


def part(number: int, data: bytes, algorithm: str) -> Part:
    etag = hashlib.md5(data).hexdigest()
    found = {algorithm: checksums.shown(checksums.of(algorithm, data))}
    return Part(len(data), f"f{number}", number, etag, found)


DATA = [b"a" * multipart.SMALLEST, b"b" * (multipart.SMALLEST + 1), b"c"]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_the_checksum_of_a_whole_object_follows_from_those_of_its_parts(algorithm: str) -> None:
    parts = [part(number, data, algorithm) for number, data in enumerate(DATA, 1)]
    made = multipart.joined(parts, UploadAbout(About(), algorithm, multipart.FULL, "1"))
    assert made.checksums == {algorithm: checksums.shown(checksums.of(algorithm, b"".join(DATA)))}
    assert made.size == sum(map(len, DATA))


def test_a_composite_checksum_is_that_of_checksums() -> None:
    parts = [part(number, data, "SHA256") for number, data in enumerate(DATA, 1)]
    made = multipart.joined(parts, UploadAbout(About(), "SHA256", multipart.COMPOSITE, "1"))
    whole = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in DATA)).digest()
    assert made.checksums == {"SHA256": f"{base64.b64encode(whole).decode()}-3"}
    md5s = b"".join(hashlib.md5(data).digest() for data in DATA)
    assert made.etag == f"{hashlib.md5(md5s).hexdigest()}-3"


def test_our_crc32_is_that_of_zlib() -> None:
    assert checksums.of("CRC32", b"abc") == zlib.crc32(b"abc").to_bytes(4, "big")


# From the check values of the CRC catalogue and xxHash's own tests.
@pytest.mark.parametrize(
    ("algorithm", "value"), [("CRC32C", "e3069283"), ("CRC64NVME", "ae8b14860a799888"), ("SHA1", "f7c3bc1d808e0473")]
)
def test_checksums_are_the_known_ones(algorithm: str, value: str) -> None:
    assert checksums.of(algorithm, b"123456789").hex().startswith(value)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ([(1, 0), (2, 1), (3, 2)], None),
        ([(1, 0), (3, 2)], None),
        ([(2, 1), (1, 0)], "InvalidPartOrder"),
        ([(1, 0), (1, 0)], "InvalidPartOrder"),
        ([(1, 1)], "InvalidPart"),
        ([(7, 0)], "InvalidPart"),
        ([(3, 2)], None),
        ([], "MalformedXML"),
    ],
)
def test_an_upload_ends_with_parts_that_are_there_and_in_order(asked: list[Any], code: str | None) -> None:
    there = {number: part(number, data, "CRC32") for number, data in enumerate(DATA, 1)}
    named = [{"PartNumber": number, "ETag": hashlib.md5(DATA[data]).hexdigest()} for number, data in asked]
    assert refusal(lambda: multipart.chosen(named, there)) == code


def test_a_small_part_may_only_be_the_last() -> None:
    there = {number: part(number, data, "CRC32") for number, data in enumerate([b"a", b"b"], 1)}
    named = [{"PartNumber": number, "ETag": each.etag} for number, each in there.items()]
    with pytest.raises(AwsError) as refused:
        multipart.chosen(named, there)
    assert refused.value.code == "EntityTooSmall"


@pytest.mark.parametrize(
    ("events", "rules", "key", "meant"),
    [
        (["s3:ObjectCreated:*"], [], "k", True),
        (["s3:ObjectCreated:Put"], [], "k", True),
        (["s3:ObjectCreated:Copy"], [], "k", False),
        (["s3:ObjectRemoved:*"], [], "k", False),
        (["s3:ObjectCreated:*"], [("Prefix", "in/"), ("Suffix", ".jpg")], "in/a.jpg", True),
        (["s3:ObjectCreated:*"], [("Prefix", "in/"), ("Suffix", ".jpg")], "in/a.png", False),
        (["s3:ObjectCreated:*"], [("prefix", "in/")], "out/a.jpg", False),
        (["s3:ObjectCreated:*"], [("Suffix", "")], "k", True),
    ],
)
def test_a_configuration_is_meant_by_its_events_and_filters(
    events: list[str], rules: list[tuple[str, str]], key: str, meant: bool
) -> None:
    configuration = {"Events": events}
    if rules:
        named = [{"Name": name, "Value": value} for name, value in rules]
        configuration["Filter"] = {"Key": {"FilterRules": named}}  # type: ignore[assignment]
    assert is_meant(configuration, "s3:ObjectCreated:Put", key) is meant


# Recorded of AWS: s3__test_s3_notifications_eventbridge.json, test_object_created_put and …_versioned.
@pytest.mark.parametrize(
    ("name", "version", "marker", "type_", "thing", "more"),
    [
        (
            "ObjectCreated:Put", "null", False, "Object Created", ["etag", "key", "sequencer", "size"],
            {"reason": "PutObject"},
        ),
        (
            "ObjectRemoved:Delete", "null", False, "Object Deleted", ["key", "sequencer"],
            {"reason": "DeleteObject", "deletion-type": "Permanently Deleted"},
        ),
        (
            "ObjectRemoved:Delete", "v3", True, "Object Deleted", ["key", "sequencer", "version-id"],
            {"reason": "DeleteObject", "deletion-type": "Permanently Deleted"},
        ),
    ],
)  # fmt: skip
def test_the_bus_is_told_what_aws_tells_it(  # noqa: PLR0917 -- one row of the table
    name: str, version: str, marker: bool, type_: str, thing: list[str], more: dict[str, str]
) -> None:
    bucket = Bucket("b", "1", "us-east-1", 0.0, Settings(versioning="" if version == "null" else "Suspended"))
    happened = records.Happened(name, FOUND._replace(version=version, marker=marker), "r", "127.0.0.1", "1", "1", "00")
    detail = records.detail(happened, bucket)
    assert (records.detail_type(name), sorted(detail.pop("object"))) == (type_, thing)
    usual = {"version": "0", "bucket": {"name": "b"}, "request-id": "r", "requester": "1"}
    assert detail == usual | {"source-ip-address": "127.0.0.1"} | more


@pytest.mark.parametrize(
    ("query", "refused"), [("tagging", "MaxMessageLengthExceeded"), ("acl", "MaxMessageLengthExceeded"), ("", None)]
)
def test_a_document_that_was_taken_for_an_object_does_not_count_as_an_empty_one(
    query: str, refused: str | None
) -> None:
    class Large:
        """All that is asked of a body on disk here."""

        size = 2_000_000

    request = Request("PUT", "/b/k", query, {"host": "s3.us-east-1.amazonaws.com"}, b"", spool=Large())  # type: ignore[arg-type]
    call = Wire(ServerSettings()).parse(request)
    assert refusal(lambda: bodies.check_document(call)) == refused
