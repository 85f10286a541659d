"""Whatever botocore signs is believed; whatever anybody makes up is refused in AWS's words, and nothing worse."""

import time
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity_samples import ACCESS_KEY, ACCOUNT, SIGNERS, guard, identify, keyring, signed

from lambent.clock import FixedClock
from lambent.errors import AwsError
from lambent.iam import sigv4
from lambent.iam.authenticator import Authenticator
from lambent.wire import query
from lambent.wire.http import Request

QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEGMENT = st.text("abZ09-_.~%", max_size=6).map(lambda text: text.replace("%", "%2F"))
PATH = st.lists(SEGMENT, max_size=4).map(lambda parts: "/" + "/".join(parts))
WORD = st.text("abcXYZ019-_.~", min_size=1, max_size=6)
QUERY = st.lists(st.tuples(WORD, WORD | st.just("%E2%82%AC") | st.just("a%20b") | st.just("")), max_size=4)
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
HEADERS = st.dictionaries(st.sampled_from(["X-Amz-Client-Context", "X-Odd", "Content-Type"]), VALUE)


@pytest.fixture
async def strict() -> Authenticator:
    return guard(await keyring(), FixedClock(time.time()))


@QUICK
@given(
    target=st.tuples(PATH, QUERY, HEADERS), body=st.binary(max_size=40), how=st.sampled_from(sorted(SIGNERS)),
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
)  # fmt: skip
def test_whatever_botocore_signs_is_believed(strict, target: Any, body: bytes, how: str, method: str) -> None:
    (path, pairs, headers), service = target, "s3" if how.startswith("s3") else "lambda"
    whole = path + ("?" + "&".join(f"{name}={value}" for name, value in pairs) if pairs else "")
    if how.endswith("query"):
        body, headers = b"", {}

    request = signed(whole, how=how, method=method, body=body, headers=headers, service=service)

    assert identify(strict, request).account == ACCOUNT


def broken(text: str) -> st.SearchStrategy[str]:
    """`text` with a piece of it replaced by something else, if only by nothing."""
    cut = st.tuples(st.integers(0, len(text)), st.integers(0, 12), st.text(max_size=6))
    return cut.map(lambda where: text[: where[0]] + where[2] + text[where[0] + where[1] :])


@QUICK
@given(data=st.data(), how=st.sampled_from(["header", "query", "s3 header", "s3 query"]))
def test_whatever_is_broken_in_a_signed_request_is_refused_and_nothing_worse(strict, data: Any, how: str) -> None:
    request = signed("/a/b?c=d", how=how, service="s3" if how.startswith("s3") else "lambda")
    part = data.draw(st.sampled_from(["path", "query", "method", *sorted(request.headers)]))
    changed = data.draw(broken(request.headers.get(part) or getattr(request, part, "")))
    if part in request.headers:
        damaged = msgspec.structs.replace(request, headers=request.headers | {part: changed})
    else:
        damaged = msgspec.structs.replace(request, **{part: changed})

    assert believed(strict, damaged) in (False, meant(request) == meant(damaged))


@QUICK
@given(header=st.text(max_size=60), asked=st.text(max_size=60), body=st.binary(max_size=40), token=st.text(max_size=60))
def test_whatever_anybody_makes_up_is_refused(strict, header: str, asked: str, body: bytes, token: str) -> None:
    for start in (
        "",
        "AWS4-HMAC-SHA256 ",
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/r/lambda/aws4_request, ",
    ):
        headers = {"authorization": start + header, "x-amz-date": "20260101T000000Z", "x-amz-security-token": token}
        assert not believed(strict, Request("GET", "/2015-03-31/functions", asked, headers, body))
    for start in ("X-Amz-Credential=", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&aX-Amz-Credential="):
        assert not believed(strict, Request("GET", "/2015-03-31/functions", start + asked, {}, body))


def believed(authenticator: Authenticator, request: Request) -> bool:
    """Anything but an AwsError fails the test."""
    try:
        return identify(authenticator, request).proven
    except AwsError:
        return False


def meant(request: Request) -> Any:
    """What a request says, without what makes no difference: blanks in header values, "." and "//" in a path, the
    order and the spelling of the query."""
    headers = {name: " ".join(value.split()) for name, value in request.headers.items()}
    path = sigv4.canonical_path(request.path, s3=False)
    return request.method, path, sorted(query.parse(request.query).items()), headers, request.body
