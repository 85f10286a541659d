"""What becomes of a function's answer: AWS's inference, CORS, and streams with their metadata."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.edge import function_url_cors as cross_origin
from lambent.edge import function_url_streams as streams
from lambent.edge.function_url_answers import MalformedAnswer, response_of
from lambent.edge.http_answer import compose
from lambent.edge.http_exchange import Exchange
from lambent.edge.http_stream import BrokenOff
from lambent.store.function_urls import Cors
from lambent.wire.http import Request, Response

JSON = [("Content-Type", "application/json")]
UNTYPED = "application/vnd.amazon.eventstream"
HTTP = "application/vnd.awslambda.http-integration-response"


# Recorded by localstack-core (tests/aws/services/lambda_/test_lambda.py, TestLambdaURL, 24 November 2025): what Python
# functions returned, as their runtime serialises it, and what AWS sent.
@pytest.mark.parametrize(
    ("payload", "body"),
    [
        (b'{"hello": "world"}', b'{"hello":"world"}'),
        (b'["hello", 3, true]', b'["hello",3,true]'),
        (b'"hello"', b"hello"),
        (b"3", b"3"),
        (b"3.1", b"3.1"),
        (b"true", b"true"),
        (b"null", b"null"),
        (b'{"headers": {"x": "y"}, "body": "no status"}', b'{"headers":{"x":"y"},"body":"no status"}'),
        ('"é"'.encode(), "é".encode()),
        (b'{"n": 123456789012345678901234567890, "m": 1E5}', b'{"n":123456789012345678901234567890,"m":1E5}'),
        (b"[1e400]", b"[1e400]"),
        (b"[" * 3000 + b"]" * 3000, b"[" * 3000 + b"]" * 3000),
        (b"not JSON", b"not JSON"),
        (b"", b""),
    ],
)
def test_an_answer_without_a_status_code_is_the_body(payload: bytes, body: bytes) -> None:
    assert response_of(payload) == Response(200, JSON, body)


@pytest.mark.parametrize(
    ("payload", "status", "headers", "body"),
    [
        (b'{"statusCode": 200, "body": "body123"}', 200, JSON, b"body123"),
        (b'{"statusCode": 204}', 204, JSON, b""),
        (b'{"statusCode": "404", "body": null}', 404, JSON, b""),
        (b'{"statusCode": 200, "body": "{\\"hello\\": \\"world\\"}"}', 200, JSON, b'{"hello": "world"}'),
        (b'{"statusCode": 200, "body": {"a": [1]}}', 200, JSON, b'{"a":[1]}'),
        (
            b'{"statusCode": 200, "headers": {"content-type": "text/html", "X-N": 1, "X-B": true, "X-0": null}}',
            200,
            [("content-type", "text/html"), ("X-N", "1"), ("X-B", "true")],
            b"",
        ),
        (
            b'{"statusCode": 200, "cookies": ["a=1; Path=/", "b=2"], "body": "x"}',
            200,
            [*JSON, ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2")],
            b"x",
        ),
        (
            b'{"statusCode": 401, "headers": {"WWW-Authenticate": "Basic", "Date": "now", "Content-Length": "9"}}',
            401,
            [
                ("x-amzn-Remapped-WWW-Authenticate", "Basic"),
                ("x-amzn-Remapped-Date", "now"),
                ("x-amzn-Remapped-Content-Length", "9"),
                *JSON,
            ],
            b"",
        ),
    ],
)
def test_an_answer_with_a_status_code_names_the_parts_of_the_response(payload, status, headers, body) -> None:
    assert response_of(payload) == Response(status, headers, body)


def test_a_body_in_base64_is_decoded() -> None:
    data = bytes(range(256))
    payload = b'{"statusCode":200,"isBase64Encoded":true,"body":"%b"}' % base64.b64encode(data)

    assert response_of(payload).body == data


def test_a_streams_metadata_counts_also_when_it_was_called_without_streaming() -> None:
    payload = b'{"statusCode":201,"headers":{"a":"b"}}' + b"\0" * 8 + b"<p>"

    assert response_of(payload) == Response(201, [("a", "b"), *JSON], b"<p>")
    assert response_of(b"plain" + b"\0" * 8 + b"more").status == 200


@pytest.mark.parametrize(
    "payload",
    [
        b'{"statusCode": null}',
        b'{"statusCode": true}',
        b'{"statusCode": 99}',
        b'{"statusCode": 600}',
        b'{"statusCode": 20.5}',
        b'{"statusCode": "ok"}',
        b'{"statusCode": 200, "headers": []}',
        b'{"statusCode": 200, "headers": {"a": {}}}',
        b'{"statusCode": 200, "headers": {"a": "x\\r\\nInjected: yes"}}',
        b'{"statusCode": 200, "headers": {"a b": "x"}}',
        b'{"statusCode": 200, "headers": {"": "x"}}',
        '{"statusCode": 200, "headers": {"a": "\u20ac"}}'.encode(),
        b'{"statusCode": 200, "cookies": "a=1"}',
        b'{"statusCode": 200, "cookies": ["a=1\\nb"]}',
        b'{"statusCode": 200, "body": 3}',
        b'{"statusCode": 200, "body": "abcde", "isBase64Encoded": true}',
    ],
)
def test_an_answer_that_http_cannot_carry_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        response_of(payload)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.dictionaries(st.sampled_from(["X-A", "Date", "Content-Length", "é", "a b", "Set-Cookie"]), JSON_VALUES)
ANSWERS = st.fixed_dictionaries(
    {"statusCode": st.sampled_from([200, 204, 304, 599, "404"]) | JSON_VALUES},
    optional={
        "headers": HEADERS | JSON_VALUES,
        "body": JSON_VALUES,
        "cookies": st.lists(st.text(max_size=8) | JSON_VALUES, max_size=3) | JSON_VALUES,
        "isBase64Encoded": JSON_VALUES,
    },
)


@given(ANSWERS | JSON_VALUES)
def test_whatever_a_function_answers_is_malformed_or_can_be_sent(answer: Any) -> None:
    exchange = Exchange(Request("GET", "/", "", {"host": "x"}, b""), keep_alive=True, http11=True)
    try:
        response = response_of(json.dumps(answer).encode())
    except MalformedAnswer:
        return
    head = compose(response, exchange, closing=False, date="Date: now").head
    assert head.count(b"\r\n\r\n") == 1
    assert head.lower().count(b"\r\ncontent-length:") <= 1


@given(st.binary(max_size=64))
def test_bytes_that_are_no_json_are_the_body(payload: bytes) -> None:
    with contextlib.suppress(MalformedAnswer):
        assert isinstance(response_of(payload).body, bytes)


# -- CORS


def asked(method: str = "GET", **headers: str) -> Request:
    return Request(method, "/", "", {name.replace("_", "-"): value for name, value in headers.items()}, b"")


def preflight(cors: Cors, method: str = "PUT", origin: str = "https://a.example", headers: str = "") -> dict[str, str]:
    wanted = {"access_control_request_headers": headers} if headers else {}
    response = cross_origin.preflight(
        asked("OPTIONS", origin=origin, access_control_request_method=method, **wanted), cors
    )
    assert response is not None
    assert (response.status, response.body) == (200, b"")
    return {name: value for name, value in response.headers if name != "Content-Type"}


def test_a_preflight_is_told_what_is_allowed() -> None:
    cors = Cors(
        allow_origins=("https://a.example",), allow_methods=("GET", "PUT"), allow_headers=("X-A", "X-B"), max_age=60
    )

    assert preflight(cors) == {
        "Access-Control-Allow-Origin": "https://a.example",
        "Vary": "Origin",
        "Access-Control-Allow-Methods": "GET,PUT",
        "Access-Control-Allow-Headers": "X-A,X-B",
        "Access-Control-Max-Age": "60",
    }
    assert preflight(cors, method="DELETE") == {"Access-Control-Allow-Origin": "https://a.example", "Vary": "Origin"}
    assert preflight(cors, origin="https://b.example") == {}


def test_wildcards_name_what_was_asked_for_since_with_credentials_a_star_means_nothing() -> None:
    every = Cors(allow_origins=("*",), allow_methods=("*",), allow_headers=("*",))

    assert preflight(every, headers="x-one, authorization") == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "x-one, authorization",
    }
    trusting = Cors(allow_origins=("*",), allow_methods=("*",), allow_credentials=True)
    assert preflight(trusting) == {
        "Access-Control-Allow-Origin": "https://a.example",
        "Vary": "Origin",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "PUT",
    }


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("https://a.example", True),
        ("HTTPS://A.EXAMPLE", True),
        ("https://*.example", True),
        ("https://*", True),
        ("http://*", False),
        ("https://a.example.org", False),
        ("https://*a.example", True),
        ("https://a.*.example", False),
    ],
)
def test_origins_may_be_patterns(pattern: str, allowed: bool) -> None:
    assert bool(preflight(Cors(allow_origins=(pattern,)))) is allowed


@pytest.mark.parametrize(
    "request_",
    [
        asked("OPTIONS"),
        asked("OPTIONS", origin="https://a.example"),
        asked("OPTIONS", access_control_request_method="GET"),
        asked("GET", origin="https://a.example", access_control_request_method="GET"),
    ],
)
def test_what_is_no_preflight_is_the_functions_matter(request_: Request) -> None:
    assert cross_origin.preflight(request_, Cors(allow_origins=("*",))) is None


def test_a_response_is_told_as_the_url_is_configured_whatever_the_function_says() -> None:
    said = Response(200, [("access-control-allow-origin", "https://evil.example"), ("X-A", "1")], b"x")
    cors = Cors(allow_origins=("https://a.example",), expose_headers=("X-A", "Date"))

    told = cross_origin.with_cors(said, asked(origin="https://a.example"), cors)
    assert told.headers == [
        ("X-A", "1"),
        ("Access-Control-Allow-Origin", "https://a.example"),
        ("Vary", "Origin"),
        ("Access-Control-Expose-Headers", "X-A,Date"),
    ]
    assert cross_origin.with_cors(said, asked(), cors).headers == [("X-A", "1")]


# -- streams


class Events:
    """The events of one stream, which remember whether they were closed."""

    def __init__(self, *pieces: bytes, error: str = "") -> None:
        self.events: list[tuple[str, dict[str, Any]]] = [("PayloadChunk", {"Payload": piece}) for piece in pieces]
        self.events.append(("InvokeComplete", {"ErrorCode": error} if error else {}))
        self.closed = False

    def __aiter__(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        return self

    async def __anext__(self) -> tuple[str, dict[str, Any]]:
        if not self.events:
            raise StopAsyncIteration
        return self.events.pop(0)

    async def aclose(self) -> None:
        self.closed = True


async def opened(events: Events, kind: str = HTTP) -> Response:
    return await streams.response_of({"EventStream": events, "ResponseStreamContentType": kind})


async def pieces_of(response: Response) -> list[bytes]:
    assert not isinstance(response.body, bytes)
    return [piece async for piece in response.body]


PRELUDE = b'{"statusCode":201,"headers":{"a":"b"},"cookies":["c=d"]}' + b"\0" * 8


@pytest.mark.parametrize("cut", [0, 1, 20, len(PRELUDE) - 4, len(PRELUDE)])
async def test_the_metadata_of_a_stream_may_come_in_any_pieces(cut: int) -> None:
    response = await opened(Events(PRELUDE[:cut], PRELUDE[cut:] + b"one", b"two"))

    assert response.status == 201
    assert response.headers == [("a", "b"), ("Content-Type", "application/octet-stream"), ("Set-Cookie", "c=d")]
    assert b"".join(await pieces_of(response)) == b"onetwo"


@pytest.mark.parametrize(
    ("kind", "shown"), [(UNTYPED, "application/octet-stream"), ("text/event-stream", "text/event-stream")]
)
async def test_a_stream_without_metadata_is_the_body_with_the_type_that_it_named(kind: str, shown: str) -> None:
    response = await opened(Events(b"one", b"", b"two"), kind)

    assert (response.status, response.headers) == (200, [("Content-Type", shown)])
    assert await pieces_of(response) == [b"one", b"two"]


async def test_a_stream_without_a_type_may_have_its_metadata_in_the_first_piece() -> None:
    response = await opened(Events(PRELUDE + b"one"), UNTYPED)
    assert (response.status, await pieces_of(response)) == (201, [b"one"])

    plain = await opened(Events(b"not {" + b"\0" * 8, b"more"), UNTYPED)
    assert (plain.status, await pieces_of(plain)) == (200, [b"not {" + b"\0" * 8, b"more"])


async def test_an_empty_stream_is_an_empty_body() -> None:
    assert await pieces_of(await opened(Events(), UNTYPED)) == []
    assert await pieces_of(await opened(Events(PRELUDE))) == []


@pytest.mark.parametrize("kind", [HTTP, UNTYPED])
async def test_a_function_that_fails_before_it_says_anything_has_failed(kind: str) -> None:
    events = Events(error="ValueError")
    with pytest.raises(streams.FunctionFailed):
        await opened(events, kind)
    assert events.closed


async def test_a_function_that_fails_midway_breaks_the_body_off() -> None:
    response = await opened(Events(PRELUDE + b"one", error="ValueError"))

    body = response.body
    assert not isinstance(body, bytes)
    assert await anext(body) == b"one"
    with pytest.raises(BrokenOff, match="ValueError"):
        await anext(body)


@pytest.mark.parametrize(
    "pieces",
    [
        (b'{"statusCode":200}',),
        (b"[]" + b"\0" * 8,),
        (b"no JSON" + b"\0" * 8,),
        (b'{"statusCode":1}' + b"\0" * 8,),
        (b"{" + b"x" * 600_000, b"x" * 600_000, b"x"),
    ],
)
async def test_metadata_that_is_none_is_malformed_and_the_stream_is_closed(pieces: tuple[bytes, ...]) -> None:
    events = Events(*pieces)
    with pytest.raises(MalformedAnswer):
        await opened(events)
    assert events.closed
