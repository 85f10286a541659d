"""Bytes to requests, and the refusals of what is not one."""

import pytest

from lambent.edge.http_exchange import Exchange, Refusal
from lambent.edge.http_limits import HttpLimits
from lambent.edge.http_reader import RequestReader


def read(*pieces: bytes, **limits: int) -> list[Exchange | Refusal]:
    reader = RequestReader(HttpLimits(**limits))
    for piece in pieces:
        if not reader.finished:
            reader.feed(piece)
    return [reader.take() for _ in range(len(reader.ready))]


def one(*pieces: bytes, **limits: int) -> Exchange:
    (item,) = read(*pieces, **limits)
    assert isinstance(item, Exchange)
    return item


def refused(*pieces: bytes, **limits: int) -> Refusal:
    item = read(*pieces, **limits)[-1]
    assert isinstance(item, Refusal)
    return item


def test_a_request_keeps_its_path_and_query_as_the_client_encoded_them() -> None:
    request = one(b"GET /a%2Fb/%C3%A9?x=%20&y HTTP/1.1\r\nHost: h\r\n\r\n").request
    assert (request.method, request.path, request.query, request.body) == ("GET", "/a%2Fb/%C3%A9", "x=%20&y", b"")


def test_header_names_are_lowered_and_repeated_values_joined_in_order() -> None:
    request = one(b"GET / HTTP/1.1\r\nHost: h\r\nX-A: 1 \t\r\nx-b: 2\r\nX-a: 3\r\nx-A:4\r\n\r\n").request
    assert request.headers == {"host": "h", "x-a": "1,3,4", "x-b": "2"}


def test_a_header_value_that_is_not_ascii_survives_as_latin_1() -> None:
    assert (
        one(b"GET / HTTP/1.1\r\nHost: h\r\nX: \xc3\xa9\r\n\r\n").request.headers["x"].encode("latin-1") == b"\xc3\xa9"
    )


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [(b"http://host:1/a?b", "/a", "b"), (b"http://host", "/", ""), (b"*", "*", ""), (b"/a?b?c", "/a", "b?c")],
)
def test_every_form_of_target_gives_a_path(target: bytes, path: str, query: str) -> None:
    request = one(b"OPTIONS " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n").request
    assert (request.path, request.query) == (path, query)


def test_a_chunked_body_is_joined_and_its_trailers_do_not_become_headers() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange = one(head + b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Evil: 1\r\n\r\n")
    assert exchange.request.body == b"abcde"
    assert "x-evil" not in exchange.request.headers


def test_every_request_of_a_pipeline_is_found() -> None:
    post = b"POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
    items = read(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n" + post + b"GET /3 HTTP/1.1\r\n")
    assert [item.request.path for item in items if isinstance(item, Exchange)] == ["/1", "/2"]


def test_what_follows_a_request_to_close_is_ignored() -> None:
    items = read(b"GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
    assert len(items) == 1


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n", False),
        (b"GET / HTTP/1.0\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_the_connection_is_kept_as_the_client_wants(head: bytes, keep_alive: bool) -> None:
    assert one(head + b"\r\n").keep_alive is keep_alive


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",  # a TLS hello
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no Host
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: h\n\n",
        b"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nA: b\x00c\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
    ],
)
def test_what_is_not_proper_http_or_could_be_read_in_two_ways_is_refused_with_400(request_bytes: bytes) -> None:
    assert refused(request_bytes).status == 400


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: h\r\nExpect: a miracle\r\nContent-Length: 1\r\n", 417),
        (b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n", 405),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n", 413),
    ],
)
def test_what_is_proper_but_not_served_has_its_own_status(head: bytes, status: int) -> None:
    assert refused(head + b"\r\n", body=10).status == status


def test_http_0_9_and_2_0_are_refused() -> None:
    assert refused(b"GET /\r\n\r\n").status == 505
    assert refused(b"GET / HTTP/2.0\r\nHost: h\r\n\r\n").status in (400, 505)


def test_complete_requests_before_a_malformed_one_are_still_served() -> None:
    first, second = read(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nrubbish\r\n\r\n")
    assert isinstance(first, Exchange)
    assert isinstance(second, Refusal)


def test_a_body_that_grows_over_the_limit_is_refused_while_it_comes() -> None:
    chunk = b"4\r\nabcd\r\n"
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert one(head + chunk * 2 + b"0\r\n\r\n", body=8).request.body == b"abcdabcd"
    assert refused(head, chunk, chunk, chunk, body=8).status == 413


@pytest.mark.parametrize(
    "endless",
    [
        (b"GET /", b"a" * 100),
        (b"GET / HTTP/1.1\r\nX: ", b"a" * 100),
        (b"GET / HTTP/1.1\r\n", b"a" * 100),
        (b"GET / HTTP/1.1\r\n", b"X: a\r\n" * 10),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;", b"a" * 100),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a" * 100),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: a\r\n" * 10),
    ],
)
def test_nothing_without_an_end_is_collected_for_ever(endless: tuple[bytes, bytes]) -> None:
    start, more = endless
    assert refused(start, *[more] * 80, head=2000).status == 431


def test_a_head_may_have_its_exact_size_and_not_one_byte_more() -> None:
    padding = 100 - len("/") - len("Host") - len("h") - len("X") - 2 * 4
    head = b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * padding
    assert one(head + b"\r\n\r\n", head=100)
    assert refused(head + b"a\r\n\r\n", head=100).status == 431


def test_more_headers_than_allowed_are_refused() -> None:
    assert refused(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: 1\r\n" * 10 + b"\r\n", headers=10).status == 431


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_offer_to_upgrade_is_ignored_and_the_body_not_lost(framing: bytes, step: int) -> None:
    whole = b"POST /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + framing
    exchange = one(*(whole[i : i + step] for i in range(0, len(whole), step)))
    assert (exchange.request.method, exchange.request.path, exchange.request.body) == ("POST", "/x", b"abc")
    assert exchange.keep_alive is False


def test_an_offer_to_upgrade_without_a_body_keeps_the_connection() -> None:
    upgrade = b"GET /1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    first, second = read(upgrade + b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
    assert isinstance(first, Exchange)
    assert isinstance(second, Exchange)
    assert (first.request.path, first.keep_alive, second.request.path) == ("/1", True, "/2")


def test_invented_header_names_are_not_remembered_for_ever() -> None:
    from lambent.edge.http_exchange import NAMES

    for i in range(3000):
        read(b"GET / HTTP/1.1\r\nHost: h\r\nX-%d: 1\r\n\r\n" % i)
    assert len(NAMES) <= 1024
