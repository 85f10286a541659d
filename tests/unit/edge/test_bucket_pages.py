"""Web pages of other origins at the buckets, without a server."""

from typing import Any

import pytest

from lambent.edge.bucket_pages import BucketPages, is_of_page, sandboxed
from lambent.edge.places import bucket_of, place_of
from lambent.services.s3.nouns import Bucket, Settings
from lambent.settings import Settings as Server
from lambent.wire.http import Request, Response
from lambent.wire.parse import Wire

ORIGIN = "http://localhost:3000"
RULE: dict[str, Any] = {"AllowedOrigins": [ORIGIN], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"]}


@pytest.fixture
def pages() -> BucketPages:
    made = {name: Bucket(name, "000000000000", "us-east-1", 0.0, Settings()) for name in ("open", "shut")}
    made["open"].settings = Settings(cors=[RULE])
    return BucketPages(made, Wire(Server()))


def asked(method: str, path: str, origin: str = ORIGIN, host: str = "127.0.0.1:4566", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, "", {"host": host, "origin": origin, **named}, b"")


async def nothing(request: Request) -> Response:
    return Response(404, [("ETag", "x")], b"")


@pytest.mark.parametrize(
    ("path", "host", "place"),
    [
        ("/", "127.0.0.1:4566", ("", "")),
        ("/open", "127.0.0.1:4566", ("open", "")),
        ("/open/", "127.0.0.1:4566", ("open", "")),
        ("/open/a%20b/c", "127.0.0.1:4566", ("open", "a b/c")),
        ("/a/b", "open.localhost:4566", ("open", "a/b")),
        ("/", "open.s3.us-east-1.amazonaws.com", ("open", "")),
        ("/2015-03-31/functions", "127.0.0.1:4566", ("", "")),
    ],
)
def test_a_request_names_bucket_and_key_in_its_path_or_host(path: str, host: str, place: tuple[str, str]) -> None:
    assert place_of(asked("GET", path, host=host)) == place


async def test_a_preflight_is_answered_for_either_form_of_address(pages: BucketPages) -> None:
    for path, host in (("/open/k", "127.0.0.1:4566"), ("/k", "open.localhost:4566")):
        response = await pages.answer(asked("OPTIONS", path, host=host, access_control_request_method="PUT"), nothing)
        assert (response.status, response.body) == (200, b"")
        assert ("Access-Control-Allow-Origin", ORIGIN) in response.headers


async def test_a_preflight_that_is_refused_is_answered_in_xml(pages: BucketPages) -> None:
    request = asked("OPTIONS", "/shut/k", access_control_request_method="PUT")
    response = await pages.answer(request, nothing)
    assert response.status == 403
    assert isinstance(response.body, bytes)
    for part in (b"<Code>AccessForbidden</Code>", b"<Method>PUT</Method>", b"<ResourceType>OBJECT</ResourceType>"):
        assert part in response.body


async def test_answers_of_any_kind_carry_the_headers(pages: BucketPages) -> None:
    response = await pages.answer(asked("GET", "/open/k"), nothing)
    assert response.status == 404
    assert response.headers[:2] == [("ETag", "x"), ("Access-Control-Allow-Origin", ORIGIN)]
    for request in (asked("GET", "/shut/k"), asked("GET", "/nowhere/k"), asked("GET", "/2015-03-31/functions")):
        assert (await pages.answer(request, nothing)).headers == [("ETag", "x")]


@pytest.mark.parametrize(
    ("request_", "opened"),
    [
        (asked("GET", "/open/k"), True),
        (asked("PUT", "/open/k"), True),
        (asked("GET", "/open"), True),
        (asked("DELETE", "/open/k"), False),
        (asked("PUT", "/open"), False),
        (asked("GET", "/shut/k"), False),
        (asked("GET", "/open/k", "http://other"), False),
        (asked("PUT", "/open/k", x_amz_copy_source="/shut/secret"), False),
        (asked("GET", "/2015-03-31/functions"), False),
    ],
)
def test_pages_may_do_unproved_what_the_rules_of_one_bucket_allow(
    pages: BucketPages, request_: Request, opened: bool
) -> None:
    assert pages.opens(request_) == opened


def test_only_what_comes_of_a_page_is_looked_at() -> None:
    assert is_of_page(asked("GET", "/open/k"))
    assert is_of_page(Request("OPTIONS", "/open/k", "", {}, b""))
    assert not is_of_page(Request("PUT", "/open/k", "", {}, b""))


def test_an_object_is_no_page_of_the_endpoint() -> None:
    for content_type, apart in (("text/html", True), ("nonsense", True), ("application/pdf", False)):
        names = [name for name, _ in sandboxed(Response(200, [("Content-Type", content_type)], b"")).headers]
        assert ("Content-Security-Policy" in names) == apart


@pytest.mark.parametrize(
    ("asked", "content_type", "bucket"),
    [
        ("POST /open?", "multipart/form-data; boundary=x", "open"),
        ("POST /open/?", "Multipart/Form-Data; boundary=x", "open"),
        ("POST /open?", "text/plain", ""),
        ("POST /open?delete", "multipart/form-data; boundary=x", ""),
        ("POST /open/k?", "multipart/form-data; boundary=x", ""),
        ("PUT /open?", "multipart/form-data; boundary=x", ""),
        ("POST /?", "multipart/form-data; boundary=x", ""),
        ("POST /_lambent/x?", "multipart/form-data; boundary=x", ""),
    ],
)
def test_a_form_is_posted_to_a_bucket(pages: BucketPages, asked: str, content_type: str, bucket: str) -> None:
    method, _, target = asked.partition(" ")
    path, _, query = target.partition("?")
    headers = {"content-type": content_type, "origin": "http://anywhere"}
    assert bucket_of(Request(method, path, query, headers, b"")) == bucket
    assert not pages.opens(Request(method, path, query, headers, b""))


def test_a_page_posts_a_form_where_a_rule_lets_it(pages: BucketPages) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x", "origin": ORIGIN}
    request = Request("POST", "/open", "", headers, b"")
    assert not pages.opens(request)
    rule = RULE | {"AllowedMethods": ["POST"]}
    bucket = Bucket("open", "000000000000", "us-east-1", 0.0, Settings(cors=[rule]))
    posting = BucketPages({"open": bucket}, Wire(Server()))
    assert posting.opens(request)
    assert not posting.opens(Request("POST", "/open", "delete", headers, b""))
