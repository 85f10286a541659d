"""The event of a function URL: whole events that AWS has sent, and what decides over each part."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lambent.control import url_address
from lambent.edge.function_url_events import Circumstances, event_of
from lambent.principal import Principal
from lambent.settings import Settings
from lambent.wire.http import Request

RECORDED = json.loads(Path(__file__).with_name("function_url_events.json").read_text())["events"]
CALLER = Principal(
    account="111122223333", arn="arn:aws:iam::111122223333:user/ada", user_id="AIDAADA", access_key="AKIAADA"
)
ABOUT = Circumstances(
    url_id="abc", account="123456789012", domain="abc.lambda-url.us-east-1.localhost", path="/", scheme="http",
    port="4566", request_id="id", trace="Root=1-2-3;Parent=4;Sampled=0", now=1_700_000_000.5, caller=None,
)  # fmt: skip


def request(method: str = "GET", body: bytes = b"", query: str = "", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, "/", query, {"host": "abc.lambda-url.us-east-1.localhost:4566"} | named, body, "10.0.0.1")


def event(about: Circumstances = ABOUT, **parts: Any) -> dict[str, Any]:
    return event_of(request(**parts), about)


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_an_event_is_the_one_that_aws_has_sent(name: str) -> None:
    recorded = RECORDED[name]
    context, sent = recorded["requestContext"], recorded["headers"]
    # What the client sent, as far as the event shows it, with what does not get through to a function.
    added = ("x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id")
    headers = {name: value for name, value in sent.items() if name not in added}
    headers |= {"authorization": "AWS4-HMAC-SHA256 …", "connection": "keep-alive"}
    came = Request(
        context["http"]["method"], recorded["rawPath"], recorded["rawQueryString"], headers,
        recorded.get("body", "").encode(), "127.0.0.1",
    )  # fmt: skip
    about = Circumstances(
        url_id=context["apiId"], account=context["accountId"], domain=context["domainName"], path=recorded["rawPath"],
        scheme="https", port="443", request_id=context["requestId"], trace=f"{sent['x-amzn-trace-id']};Parent=1",
        now=context["timeEpoch"] / 1000 + 0.0001, caller=CALLER,
    )  # fmt: skip

    made = event_of(came, about)
    assert made["requestContext"].pop("authorizer") == {
        "iam": {
            "accessKey": "AKIAADA", "accountId": "111122223333", "callerId": "AIDAADA", "cognitoIdentity": None,
            "principalOrgId": None, "userArn": "arn:aws:iam::111122223333:user/ada", "userId": "AIDAADA",
        }
    }  # fmt: skip
    assert made == recorded


def test_without_auth_the_account_is_anonymous_and_a_bearer_token_gets_through() -> None:
    made = event(authorization="Bearer abc")

    assert made["requestContext"]["accountId"] == "anonymous"
    assert "authorizer" not in made["requestContext"]
    assert made["headers"]["authorization"] == "Bearer abc"


def test_parameters_that_come_twice_are_joined_and_decoded_and_the_raw_query_is_as_it_came() -> None:
    made = event(query="a=1&b=%C3%A9+x&a=2&c&d=")

    assert made["rawQueryString"] == "a=1&b=%C3%A9+x&a=2&c&d="
    assert made["queryStringParameters"] == {"a": "1,2", "b": "é x", "c": "", "d": ""}


def test_parts_that_would_be_empty_are_left_out() -> None:
    assert not {"body", "cookies", "queryStringParameters"} & event().keys()


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("application/json", b'{"a":1}', '{"a":1}'),
        ("application/vnd.api+json; charset=utf-8", '{"a":"é"}'.encode(), '{"a":"é"}'),
        ("text/plain", b"hi", "hi"),
        ("application/xml", b"<a/>", "<a/>"),
        ("application/javascript", b"1", "1"),
        ("text/plain", b"\xff\xfe", None),
        ("application/x-www-form-urlencoded", b"a=1", None),
        ("multipart/form-data; boundary=x", b"--x--", None),
        ("image/png", b"\x89PNG", None),
        ("", b"anything", None),
    ],
)
def test_what_is_not_known_to_be_text_is_sent_in_base64(kind: str, body: bytes, text: str | None) -> None:
    made = event(method="POST", body=body, **({"content_type": kind} if kind else {}))

    assert made["isBase64Encoded"] is (text is None)
    assert made["body"] == (text if text is not None else base64.b64encode(body).decode())


def test_a_body_in_chunks_has_a_length_and_nothing_tells_of_the_connection() -> None:
    made = event(method="POST", body=b"abc", transfer_encoding="chunked", te="trailers", upgrade="h2c", x_a="1")

    assert made["headers"]["content-length"] == "3"
    assert made["headers"]["x-a"] == "1"
    assert not {"transfer-encoding", "te", "upgrade", "connection"} & made["headers"].keys()


def test_who_is_forwarded_for_is_told_with_those_before() -> None:
    assert event()["headers"]["x-forwarded-for"] == "10.0.0.1"
    made = event(x_forwarded_for="192.0.2.7", x_forwarded_proto="https", x_forwarded_port="99")
    told = [made["headers"][f"x-forwarded-{name}"] for name in ("for", "proto", "port")]
    assert told == ["192.0.2.7, 10.0.0.1", "http", "4566"]
    assert made["requestContext"]["http"]["sourceIp"] == "10.0.0.1"


def test_a_clients_own_trace_is_passed_on_whole_and_a_new_one_shows_its_root() -> None:
    assert event()["headers"]["x-amzn-trace-id"] == "Root=1-2-3"
    came = event(x_amzn_trace_id="Root=1-2-3;Parent=4;Sampled=0")
    assert came["headers"]["x-amzn-trace-id"] == "Root=1-2-3;Parent=4;Sampled=0"


# -- names


@pytest.mark.parametrize(
    ("host", "path", "found"),
    [
        ("abc.lambda-url.us-east-1.localhost:4566", "/a%20b", ("abc", "us-east-1", "/a%20b", "4566")),
        ("ABC.Lambda-Url.us-east-1.ON.AWS", "/", ("abc", "us-east-1", "/", "")),
        ("abc.lambda-url.eu-west-1.lambda.example.com:8080", "", ("abc", "eu-west-1", "/", "8080")),
        ("abc.lambda-url.us-east-1", "/_lambent/status", ("abc", "us-east-1", "/_lambent/status", "")),
        ("localhost:4566", "/_lambent/url/ABC/x/y", ("abc", "", "/x/y", "4566")),
        ("127.0.0.1", "/_lambent/url/abc", ("abc", "", "/", "")),
        ("a.b.lambda-url.us-east-1.localhost", "/", None),
        (".lambda-url.us-east-1.localhost", "/", None),
    ],
)
def test_hosts_and_paths_name_function_urls(host: str, path: str, found: tuple[str, ...] | None) -> None:
    came = Request("GET", path, "", {"host": host}, b"")
    address = url_address.address_of(came)

    assert url_address.is_meant(came)
    assert (address and (address.url_id, address.region, address.path, address.port)) == found


@pytest.mark.parametrize(("host", "path"), [("localhost:4566", "/_lambent/urls"), ("bucket.localhost", "/lambda-url")])
def test_other_requests_are_not_meant(host: str, path: str) -> None:
    assert not url_address.is_meant(Request("GET", path, "", {"host": host}, b""))
    assert url_address.address_of(Request("GET", path, "", {"host": host}, b"")) is None


@pytest.mark.parametrize(
    ("base", "asked", "url"),
    [
        ("", "127.0.0.1:4801", "http://abc.lambda-url.us-east-1.localhost:4801/"),
        ("", "", "http://abc.lambda-url.us-east-1.localhost:4566/"),
        ("", "lambda.internal", "http://abc.lambda-url.us-east-1.localhost/"),
        ("", "[::1]:4566", "http://abc.lambda-url.us-east-1.localhost:4566/"),
        ("https://example.com/", "127.0.0.1:4801", "https://abc.lambda-url.us-east-1.example.com/"),
        ("http://example.com:81", "127.0.0.1:4801", "http://abc.lambda-url.us-east-1.example.com:81/"),
    ],
)
def test_urls_end_in_the_port_that_the_caller_used_or_in_what_the_setting_says(base: str, asked: str, url: str) -> None:
    assert url_address.url_of("abc", "us-east-1", replace(Settings(), url_base=base), asked) == url
    assert 40 <= len(url.replace("abc", "x" * 32)) <= 100  # the service model's bounds
