"""What the policy of a form lets a browser upload, and what of the form reaches the object."""

import base64
import json
from typing import Any

import pytest

from lambent.errors import AwsError
from lambent.services.s3 import post_object, post_policy
from lambent.services.s3.nouns import About, Stored
from lambent.wire.form_data import FormReader
from lambent.wire.http import Request, Response

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
LATER = "2023-11-14T22:13:21.000Z"
FIELDS = {"bucket": "b", "key": "user/cat.jpg", "content-type": "image/jpeg"}
ENOUGH: list[Any] = [{"bucket": "b"}, ["starts-with", "$key", "user/"], ["starts-with", "$Content-Type", "image/"]]


def policy(*conditions: Any, expiration: str = LATER) -> str:
    text = json.dumps({"expiration": expiration, "conditions": list(conditions)})
    return base64.b64encode(text.encode()).decode()


def verdict(text: str, fields: dict[str, str] = FIELDS) -> tuple[str, str] | None:
    try:
        post_policy.check(post_policy.read(text), fields, NOW)
    except AwsError as error:
        return error.code, error.message.partition(": ")[2]
    return None


def test_a_form_that_is_as_its_policy_says_is_let_in() -> None:
    assert verdict(policy(*ENOUGH)) is None
    proof = {"policy": "…", "x-amz-signature": "…", "x-ignore-me": "…", "awsaccesskeyid": "a", "signature": "s"}
    assert verdict(policy(*ENOUGH), FIELDS | proof) is None


def test_a_policy_ends() -> None:
    assert verdict(policy(*ENOUGH, expiration="2023-11-14T22:13:20Z")) == ("AccessDenied", "Policy expired.")


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ({"key": "other"}, '["eq", "$key", "other"]'),
        (["eq", "$Key", "user/"], '["eq", "$Key", "user/"]'),
        (["starts-with", "$key", "other/"], '["starts-with", "$key", "other/"]'),
        ({"acl": "private"}, '["eq", "$acl", "private"]'),
        (["ends-with", "$key", "jpg"], '["ends-with", "$key", "jpg"]'),
        (["eq", "key", "user/cat.jpg"], '["eq", "key", "user/cat.jpg"]'),
        ({"key": 7}, '["eq", "$key", 7]'),
        (["content-length-range", "0", 10], '["content-length-range", "0", 10]'),
    ],
)
def test_a_condition_that_does_not_hold_is_named(condition: Any, shown: str) -> None:
    assert verdict(policy(condition, *ENOUGH)) == ("AccessDenied", f"Policy Condition failed: {shown}")


def test_each_type_of_a_list_has_to_begin_as_it_should() -> None:
    both = {"content-type": "image/jpeg, image/png"}
    assert verdict(policy(*ENOUGH), FIELDS | both) is None
    assert verdict(policy(*ENOUGH), FIELDS | {"content-type": "image/jpeg,text/html"}) is not None


def test_every_field_needs_a_condition() -> None:
    more = FIELDS | {"x-amz-meta-a": "1", "acl": "private"}
    assert verdict(policy(*ENOUGH), more) == ("AccessDenied", "Extra input fields: x-amz-meta-a, acl")
    assert verdict(policy(*ENOUGH[1:])) == ("AccessDenied", "Extra input fields: bucket")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64",
        base64.b64encode(b"[1]").decode(),
        base64.b64encode(b'{"conditions": []}').decode(),
        base64.b64encode(b'{"expiration": "2023-11-14T22:13:21Z"}').decode(),
        policy(expiration="tomorrow"),
        policy(expiration="2023-11-14T22:13:21"),
        policy({"a": "1", "b": "2"}),
        policy(["eq", "$key"]),
        policy(7),
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    code, message = verdict(text) or ("", "")
    assert code == "InvalidPolicyDocument"
    assert message


def test_a_file_is_as_large_as_the_policy_says() -> None:
    read = post_policy.read(policy(["content-length-range", 2, 4]))
    assert post_policy.most(read) == 4
    for size, code in ((1, "EntityTooSmall"), (2, None), (4, None), (5, "EntityTooLarge")):
        try:
            post_policy.check_size(read, size)
            found = None
        except AwsError as error:
            found = error.code
        assert found == code
    assert post_policy.most(post_policy.read(policy())) is None


def form(**fields: str) -> FormReader:
    reader = FormReader("multipart/form-data; boundary=x")
    reader.fields, reader.filename, reader.has_file = fields, "my cat.jpg", True
    return reader


def test_the_name_of_the_file_takes_its_place_in_the_fields() -> None:
    found = post_object.fields_of(form(key="in/${filename}", success_action_redirect="http://x?f=${filename}"), "b")
    assert (found["key"], found["success_action_redirect"]) == ("in/my cat.jpg", "http://x?f=my cat.jpg")
    assert found["bucket"] == "b"


def test_a_form_needs_a_key_and_a_file() -> None:
    lost = form(key="k")
    lost.has_file = False
    for given, name in ((form(), "key"), (form(key=""), "key"), (lost, "file")):
        with pytest.raises(AwsError) as caught:
            post_object.fields_of(given, "b")
        assert (caught.value.code, caught.value.members["ArgumentName"]) == ("InvalidArgument", name)


def test_fields_become_the_headers_of_a_put() -> None:
    fields = {
        "bucket": "b", "key": "ä b/?", "content-type": "text/plain", "x-amz-meta-who": "mé", "acl": "private",
        "x-amz-copy-source": "/other/secret", "x-amz-date": "20230101T000000Z", "submit": "Upload",
        "content-encoding": "gzip,aws-chunked", "x-amz-checksum-algorithm": "SHA256",
    }  # fmt: skip
    put = post_object.as_put(Request("POST", "/b", "", {}, b""), fields, b"data", "a=b")
    assert (put.method, put.path, put.body) == ("PUT", "/b/%C3%A4%20b/%3F", b"data")
    assert put.headers == {
        "content-type": "text/plain", "x-amz-meta-who": "mÃ©", "x-amz-acl": "private", "content-encoding": "gzip",
        "x-amz-sdk-checksum-algorithm": "SHA256", "x-amz-tagging": "a=b", "content-length": "4",
    }  # fmt: skip


@pytest.mark.parametrize("field", [{"x-amz-meta-a": "b\r\nSet-Cookie: c"}, {"x-amz-meta-a\r\nb": "c"}])
def test_no_field_smuggles_a_header(field: dict[str, str]) -> None:
    with pytest.raises(AwsError) as caught:
        post_object.as_put(Request("POST", "/b", "", {}, b""), {"bucket": "b", "key": "k"} | field, b"")
    assert caught.value.code == "InvalidArgument"


NEW = Stored(1, "b", "ä&b", "null", True, False, 4, "abc", NOW, About())


@pytest.mark.parametrize(
    ("fields", "status", "location"),
    [
        ({}, 204, "http://localhost:4566/b/%C3%A4%26b"),
        ({"success_action_status": "200"}, 200, "http://localhost:4566/b/%C3%A4%26b"),
        ({"success_action_status": "404"}, 204, "http://localhost:4566/b/%C3%A4%26b"),
        (
            {"success_action_redirect": "http://x/done?a=1", "success_action_status": "201"}, 303,
            "http://x/done?a=1&bucket=b&key=%C3%A4%26b&etag=%22abc%22",
        ),
        ({"redirect": "http://x/ü"}, 303, "http://x/%C3%BC?bucket=b&key=%C3%A4%26b&etag=%22abc%22"),
        ({"redirect": "javascript:alert(1)"}, 204, "http://localhost:4566/b/%C3%A4%26b"),
        ({"redirect": "http://x/\r\nA: b"}, 303, "http://x/A:%20b?bucket=b&key=%C3%A4%26b&etag=%22abc%22"),
    ],
)  # fmt: skip
def test_the_form_says_how_it_is_answered(fields: dict[str, str], status: int, location: str) -> None:
    asked = Request("POST", "/b", "", {"host": "localhost:4566"}, b"")
    answer = post_object.answered(asked, fields, Response(200, [("ETag", '"abc"')], b""), NEW)
    assert (answer.status, answer.body, dict(answer.headers)["ETag"]) == (status, b"", '"abc"')
    assert dict(answer.headers)["Location"].replace("%0D%0A", "") == location


def test_a_document_tells_of_the_object() -> None:
    asked = Request("POST", "/", "", {"host": "b.localhost:4566"}, b"")
    answer = post_object.answered(asked, {"success_action_status": "201"}, Response(200, [], b""), NEW)
    assert isinstance(answer.body, bytes)
    assert answer.body.decode().endswith(
        "<PostResponse><Location>http://b.localhost:4566/%C3%A4%26b</Location><Bucket>b</Bucket><Key>ä&amp;b</Key>"
        '<ETag>"abc"</ETag></PostResponse>'
    )
