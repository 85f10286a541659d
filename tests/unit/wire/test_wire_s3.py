"""S3 on the wire: buckets in the host, keys with slashes, bodies in signed chunks, errors in XML."""

import pytest

from lambent.errors import AwsError
from lambent.settings import Settings
from lambent.wire import aws_chunked
from lambent.wire.http import Request
from lambent.wire.parse import Call, Wire


@pytest.fixture
def wire() -> Wire:
    return Wire(Settings())


def call(wire: Wire, method: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.parse(Request(method, path, query, named, body))


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("photos.s3.us-east-1.amazonaws.com", "/a/b.jpg"),
        ("photos.s3.localhost:4566", "/a/b.jpg"),
        ("photos.localhost:4566", "/a/b.jpg"),
        ("localhost:4566", "/photos/a/b.jpg"),
        ("127.0.0.1:4566", "/photos/a/b.jpg"),
        ("s3.localhost:4566", "/photos/a/b.jpg"),
        ("s3.eu-west-1.amazonaws.com", "/photos/a/b.jpg"),
    ],
)
def test_a_bucket_is_found_in_the_host_or_in_the_path(wire: Wire, host: str, path: str) -> None:
    found = call(wire, "GET", path, host=host)
    assert (found.service, found.operation) == ("s3", "GetObject")
    assert found.parameters == {"Bucket": "photos", "Key": "a/b.jpg"}


@pytest.mark.parametrize(
    ("path", "key"),
    [("/b/dir/", "dir/"), ("/b/a//b", "a//b"), ("/b//a", "/a"), ("/b/a%2Fb%20c+d", "a/b c+d"), ("/b/%C3%A4", "ä")],
)
def test_a_key_keeps_its_slashes(wire: Wire, path: str, key: str) -> None:
    assert call(wire, "GET", path).parameters["Key"] == key


@pytest.mark.parametrize(
    ("method", "target", "headers", "operation"),
    [
        ("GET", "/", {}, "ListBuckets"),
        ("GET", "/b", {}, "ListObjects"),
        ("GET", "/b/", {}, "ListObjects"),
        ("GET", "/b?list-type=2&prefix=a", {}, "ListObjectsV2"),
        ("GET", "/b?acl", {}, "GetBucketAcl"),
        ("GET", "/b?acl=", {}, "GetBucketAcl"),
        ("GET", "/b/k?uploadId=1", {}, "ListParts"),
        ("PUT", "/b/k", {}, "PutObject"),
        ("PUT", "/b/k", {"x_amz_copy_source": "a/b"}, "CopyObject"),
        ("PUT", "/b/k?partNumber=1&uploadId=2", {}, "UploadPart"),
        ("PUT", "/b/k?partNumber=1&uploadId=2", {"x_amz_copy_source": "a/b"}, "UploadPartCopy"),
        ("GET", "/?x-id=ListDirectoryBuckets", {}, "ListDirectoryBuckets"),
        ("POST", "/b?delete", {}, "DeleteObjects"),
    ],
)
def test_operations_are_told_apart_by_query_and_headers(
    wire: Wire, method: str, target: str, headers: dict[str, str], operation: str
) -> None:
    path, _, query = target.partition("?")
    assert call(wire, method, path, query, b"", **headers).operation == operation


CHUNKED = b"5;chunk-signature=abc\r\nhello\r\n6;chunk-signature=def\r\n world\r\n0;chunk-signature=ghi\r\n\r\n"
TRAILING = b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "digest"),
    [(CHUNKED, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), (TRAILING, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")],
)
def test_a_body_in_signed_chunks_is_put_together(wire: Wire, body: bytes, digest: str) -> None:
    headers = {"x_amz_content_sha256": digest, "content_encoding": "aws-chunked", "x_amz_decoded_content_length": "11"}
    parameters = call(wire, "PUT", "/b/k", "", body, **headers).parameters
    assert parameters["Body"] == b"hello world"
    assert parameters["ContentLength"] == 11
    assert "ContentEncoding" not in parameters


def test_a_trailing_checksum_is_read_like_a_header(wire: Wire) -> None:
    found = call(wire, "PUT", "/b/k", body=TRAILING, content_encoding="aws-chunked,gzip").parameters
    assert (found["ChecksumCRC32"], found["ContentEncoding"]) == ("DUoRhQ==", "gzip")


@pytest.mark.parametrize(
    "body", [b"", b"5\r\nhel", b"zz\r\n", b"-1\r\n", b"5\r\nhelloXX0\r\n\r\n", b"ffffffffffffffff\r\n"]
)
def test_chunks_that_end_too_early_are_an_incomplete_body(body: bytes) -> None:
    with pytest.raises(AwsError) as caught:
        aws_chunked.decode(body)
    assert caught.value.code == "IncompleteBody"


def test_a_body_of_another_length_than_announced_is_incomplete(wire: Wire) -> None:
    with pytest.raises(AwsError, match="number of bytes"):
        call(wire, "PUT", "/b/k", body=CHUNKED, content_encoding="aws-chunked", x_amz_decoded_content_length="12")


@pytest.mark.parametrize(
    "body",
    [
        b"<a>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><Tagging>&b;</Tagging>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY b "c">]><Tagging>&b;</Tagging>'.encode("utf-16"),
        '<!DOCTYPE a [<!ENTITY b "c">]><Tagging>&b;</Tagging>'.encode("utf-16-be"),
        b"\xff\xfe<",
        b"",
        b"<Tagging><TagSet>&undefined;",
    ],
)
def test_a_body_that_is_no_plain_xml_is_refused(wire: Wire, body: bytes) -> None:
    if not body:
        assert "Tagging" not in call(wire, "PUT", "/b", "tagging", body).parameters
        return
    with pytest.raises(AwsError) as caught:
        call(wire, "PUT", "/b", "tagging", body)
    assert (caught.value.code, caught.value.status) == ("MalformedXML", 400)


@pytest.mark.parametrize("much", [b"<a>" * 500_001, b"<a " + b"a='' " * 1_100_001 + b"/>"])
def test_a_body_of_too_many_tags_is_refused_before_it_is_read(wire: Wire, much: bytes) -> None:
    with pytest.raises(AwsError) as caught:
        call(wire, "PUT", "/b", "tagging", much)
    assert (caught.value.code, caught.value.status) == ("MaxMessageLengthExceeded", 400)


def test_the_ids_of_an_answer_have_s3s_names(wire: Wire) -> None:
    found = call(wire, "PUT", "/b/k", body=b"x")
    names = [name for name, _ in wire.render(found, {"ETag": '"e"'}).headers]
    assert names[:2] == ["x-amz-request-id", "x-amz-id-2"]


def test_an_error_is_bare_xml_and_an_error_to_head_has_no_body(wire: Wire) -> None:
    error = AwsError("The specified bucket does not exist", code="NoSuchBucket", status=404, BucketName="b")
    response = wire.render_error(call(wire, "GET", "/b"), error, "ID")
    assert isinstance(response.body, bytes)
    assert b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message>" in response.body
    assert wire.render_error(call(wire, "HEAD", "/b"), error, "ID").body == b""


def test_the_region_of_a_bucket_is_the_root_element(wire: Wire) -> None:
    response = wire.render(call(wire, "GET", "/b", "location"), {"LocationConstraint": "eu-west-1"})
    assert response.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-west-1</LocationConstraint>'
    )


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("tagging", b"<Tags><TagSet/></Tags>"),
        ("tagging", b"<Tagging/>"),
        ("tagging", b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>"),
        ("delete", b"<Delete><Quiet>true</Quiet></Delete>"),
        ("cors", b"<CORSConfiguration/>"),
    ],
)
def test_xml_that_is_not_what_the_model_says_is_refused(wire: Wire, query: str, body: bytes) -> None:
    """It would be taken for an empty one, and empty what is there."""
    with pytest.raises(AwsError) as caught:
        call(wire, "POST" if query == "delete" else "PUT", "/b", query, body)
    assert (caught.value.code, caught.value.status) == ("MalformedXML", 400)


def test_an_empty_list_is_not_a_missing_one(wire: Wire) -> None:
    body = b'<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet/></Tagging>'
    assert call(wire, "PUT", "/b", "tagging", body).parameters["Tagging"] == {"TagSet": []}
