"""Signature version 4: botocore signs, we check."""

import hashlib
import time

import msgspec
import pytest
from identity_samples import (
    ACCESS_KEY,
    ACCOUNT,
    SECRET,
    guard,
    identify,
    keyring,
    signed,
)

from lambent.clock import FixedClock
from lambent.errors import AwsError
from lambent.wire.http import Request

ARN = f"arn:aws:iam::{ACCOUNT}:user/ada"


@pytest.fixture
async def authenticator():
    return guard(await keyring(), FixedClock(time.time()))


def refused(authenticator, request: Request) -> AwsError:
    with pytest.raises(AwsError) as caught:
        identify(authenticator, request)
    return caught.value


@pytest.mark.parametrize("how", ["header", "query"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/2015-03-31/functions/hello/invocations",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A111122223333%3Afunction%3Ahello/invocations",
        "/2015-03-31/functions/hello?Qualifier=%24LATEST",
        "/2015-03-31/functions?MaxItems=50&Marker=a%2Bb%3D&empty=&flag",
        "/a//b/./c/../d/",
        "/m%C3%BCll/%20x~y_z.1-2",
        "/?b=2&a=1&a=0&B=3&%E2%82%AC=1",
    ],
)
async def test_what_botocore_signs_is_believed(authenticator, how: str, path: str) -> None:
    principal = identify(authenticator, signed(path, how=how))

    assert (principal.account, principal.arn, principal.access_key, principal.proven) == (
        ACCOUNT, ARN, ACCESS_KEY, True,
    )  # fmt: skip


@pytest.mark.parametrize("how", ["s3 header", "s3 query"])
@pytest.mark.parametrize("path", ["/bucket/a%20key%2Bwith%2Fsigns~", "/bucket//twice/./same", "/b/%C3%BC?list-type=2"])
async def test_s3_has_its_own_form_of_paths_and_bodies(authenticator, how: str, path: str) -> None:
    request = signed(path, how=how, method="PUT", body=b"data" if how == "s3 header" else b"", service="s3")

    assert identify(authenticator, request).arn == ARN


async def test_a_body_and_odd_headers_are_part_of_it(authenticator) -> None:
    headers = {"X-Amz-Client-Context": "  a   b ", "X-Odd": "1, 2 ,3", "Content-Type": "application/json"}
    request = signed(method="POST", body=b'{"a": 1}', headers=headers)

    assert identify(authenticator, request).arn == ARN


@pytest.mark.parametrize("service", ["lambda", "sts", "dynamodb", "events", "states", "monitoring"])
async def test_every_service_is_signed_for_by_its_own_name(authenticator, service: str) -> None:
    assert identify(authenticator, signed(service=service)).account == ACCOUNT


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"method": "DELETE"}, "InvalidSignatureException"),
        ({"path": "/2015-03-31/functions/other"}, "InvalidSignatureException"),
        ({"query": "MaxItems=1"}, "InvalidSignatureException"),
        ({"body": b"another"}, "InvalidSignatureException"),
    ],
)
async def test_whatever_is_changed_on_the_way_is_noticed(authenticator, change: dict, code: str) -> None:
    request = msgspec.structs.replace(signed(), **change)

    error = refused(authenticator, request)

    assert (error.code, error.status) == (code, 403)
    assert error.message.startswith("The request signature we calculated does not match the signature you provided.")


@pytest.mark.parametrize("name", ["host", "x-amz-date", "x-added"])
async def test_a_signed_header_that_is_changed_is_noticed(authenticator, name: str) -> None:
    request = signed(headers={"X-Added": "1"})
    request.headers[name] = "20200101T000000Z" if name == "x-amz-date" else "changed"

    assert refused(authenticator, request).code == "InvalidSignatureException"


async def test_another_secret_does_not_sign_for_a_key(authenticator) -> None:
    error = refused(authenticator, signed(key=(ACCESS_KEY, "another secret key of 40 letters and more", None)))

    assert error.code == "InvalidSignatureException"
    assert "The Canonical String for this request should have been\n'GET\n/2015-03-31/functions\n" in error.message
    assert SECRET not in error.message


@pytest.mark.parametrize("how", ["header", "query"])
async def test_amazon_headers_must_be_signed(authenticator, how: str) -> None:
    request = signed(how=how)
    request.headers["x-amz-invocation-type"] = "Event"

    assert refused(authenticator, request).message == (
        "'x-amz-invocation-type' must be a 'SignedHeader' in the AWS Authorization."
    )


async def test_a_signature_for_one_service_is_none_for_another(authenticator) -> None:
    request = signed(service="foo")
    request.headers["x-amz-target"] = "DynamoDB_20120810.ListTables"

    assert refused(authenticator, request).message == "Credential should be scoped to correct service: 'dynamodb'. "


async def test_a_signature_holds_for_fifteen_minutes_before_and_behind() -> None:
    request, keys, at = signed(), await keyring(), time.time()
    for skew_s, sentence in (
        (-890, ""),
        (890, ""),
        (1000, "Signature expired: "),
        (-1000, "Signature not yet current: "),
    ):
        authenticator = guard(keys, FixedClock(at + skew_s))
        if sentence:
            error = refused(authenticator, request)
            assert (error.code, error.message[: len(sentence)]) == ("InvalidSignatureException", sentence)
            assert error.message.endswith("15 min.)")
        else:
            assert identify(authenticator, request).proven


async def test_a_presigned_url_holds_as_long_as_it_says() -> None:
    request, keys, at = signed(how="query", expires=7200), await keyring(), time.time()

    assert identify(guard(keys, FixedClock(at + 7100)), request).proven
    assert refused(guard(keys, FixedClock(at + 7300)), request).message.endswith("- 120 min.)")


async def test_a_presigned_url_holds_for_a_week_at_most(authenticator) -> None:
    assert refused(authenticator, signed(how="query", expires=604_801)).code == "IncompleteSignatureException"


async def test_s3_notices_a_body_that_is_not_the_signed_one_and_says_so(authenticator) -> None:
    request = signed("/b/k", how="s3 header", method="PUT", body=b"data", service="s3")
    request.body = b"atad"

    error = refused(authenticator, request)

    assert (error.code, error.status) == ("XAmzContentSHA256Mismatch", 400)
    assert error.members["S3ComputedContentSHA256"] == hashlib.sha256(b"atad").hexdigest()


async def test_a_word_in_place_of_the_hash_is_for_s3_only(authenticator) -> None:
    request = signed(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}, method="POST", body=b"any")

    assert refused(authenticator, request).code == "InvalidSignatureException"
