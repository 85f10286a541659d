"""Whom the authenticator believes, checks and refuses, and in whose words."""

import time

import msgspec
import pytest
from identity_samples import (
    ACCESS_KEY,
    ACCOUNT,
    MASTER,
    SECRET,
    MemoryKeys,
    guard,
    identify,
    keyring,
    signed,
)

from lambent.clock import FixedClock
from lambent.errors import AwsError
from lambent.iam.credentials import Mint, assumed_role
from lambent.iam.keys import Keyring
from lambent.principal import NOBODY
from lambent.wire.http import Request

FORM = {"content-type": "application/x-www-form-urlencoded"}
STS = b"Action=GetCallerIdentity&Version=2011-06-15"
ROLE = "arn:aws:iam::111122223333:role/path/worker"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(time.time())


@pytest.fixture
async def strict(clock):
    return guard(await keyring(), clock)


@pytest.fixture
async def trusting(clock):
    return guard(await keyring(), clock, auth=False)


def refusal(authenticator, request: Request) -> tuple[str, int | None, str]:
    with pytest.raises(AwsError) as caught:
        identify(authenticator, request)
    return caught.value.code, caught.value.status, caught.value.message


def unsigned(service: str) -> Request:
    if service == "sts":
        return Request("POST", "/", "", dict(FORM), STS)
    path = "/2015-03-31/functions" if service == "lambda" else "/bucket/key"
    return Request("GET", path, "", {}, b"")


def stranger(service: str, key: tuple[str, str, str | None] = ("AKIAUNKNOWN0000000000", "x", None)) -> Request:
    how = "s3 header" if service == "s3" else "header"
    if service == "sts":
        return signed("/", method="POST", body=STS, headers=dict(FORM), service="sts", key=key)
    return signed(unsigned(service).path, how=how, service=service, key=key)


# -- each service has its own words


@pytest.mark.parametrize(
    ("service", "code", "message"),
    [
        ("lambda", "MissingAuthenticationTokenException", "Missing Authentication Token"),
        ("sts", "MissingAuthenticationToken", "Request is missing Authentication Token"),
        ("s3", "AccessDenied", "Access Denied"),
    ],
)
async def test_who_has_not_signed_is_refused(strict, service: str, code: str, message: str) -> None:
    assert refusal(strict, unsigned(service)) == (code, 403, message)


@pytest.mark.parametrize(
    ("service", "code", "message"),
    [
        ("lambda", "UnrecognizedClientException", "The security token included in the request is invalid."),
        ("sts", "InvalidClientTokenId", "The security token included in the request is invalid."),
        ("s3", "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    ],
)
async def test_an_unknown_key_is_refused(strict, service: str, code: str, message: str) -> None:
    assert refusal(strict, stranger(service)) == (code, 403, message)


@pytest.mark.parametrize(
    ("service", "code"),
    [("lambda", "InvalidSignatureException"), ("sts", "SignatureDoesNotMatch"), ("s3", "SignatureDoesNotMatch")],
)
async def test_a_wrong_signature_is_refused(strict, service: str, code: str) -> None:
    found = refusal(strict, stranger(service, (ACCESS_KEY, "not the secret", None)))

    assert found[:2] == (code, 403)


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [("lambda", "ExpiredTokenException", 403), ("sts", "ExpiredToken", 403), ("s3", "ExpiredToken", 400)],
)
async def test_credentials_that_have_expired_are_refused(strict, clock, service: str, code: str, status: int) -> None:
    made = Mint(MASTER).mint(assumed_role(ROLE, "me", ACCOUNT), clock.epoch())

    found = refusal(strict, stranger(service, (made.access_key, made.secret_key, made.token)))

    assert found[:2] == (code, status)


@pytest.mark.parametrize(
    ("service", "code", "sentence"),
    [
        ("lambda", "InvalidSignatureException", "Signature expired: "),
        ("sts", "SignatureDoesNotMatch", "Signature expired: "),
        ("s3", "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
    ],
)
async def test_an_old_signature_is_refused(service: str, code: str, sentence: str) -> None:
    found = refusal(
        guard(await keyring(), FixedClock(time.time() + 1000)), stranger(service, (ACCESS_KEY, SECRET, None))
    )

    assert found[:2] == (code, 403)
    assert found[2].startswith(sentence)


@pytest.mark.parametrize(
    ("header", "lambda_says", "s3_says"),
    [
        ("AWS4-HMAC-SHA256 Credential=A/20260101/r/lambda/aws4_request, Signature=0", "'SignedHeaders' parameter", ""),
        ("AWS4-HMAC-SHA256 Credential=A/20260101/r/lambda, SignedHeaders=host, Signature=0", "exactly 5 slash", ""),
        ("AWS4-HMAC-SHA256 nonsense", "'nonsense' not a valid key=value pair (missing equal-sign)", ""),
        ("Bearer abc", "Unsupported AWS 'algorithm': 'Bearer'", "Please use AWS4-HMAC-SHA256."),
        ("AWS4-ECDSA-P256-SHA256 Credential=A/20260101/lambda/aws4_request", "'AWS4-ECDSA-P256-SHA256'", "Please use"),
        ("AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=", "Unsupported AWS 'algorithm': 'AWS'", "Please use"),
    ],
)
async def test_a_signature_that_is_not_whole_is_told_so(strict, header: str, lambda_says: str, s3_says: str) -> None:
    headers = {"authorization": header, "x-amz-date": "20260101T000000Z"}
    code, status, message = refusal(strict, Request("GET", "/2015-03-31/functions", "", headers, b""))

    if code in ("InvalidRequest", "AuthorizationHeaderMalformed"):  # a header that names no service: S3 is what is left
        assert s3_says in message
        assert status == 400
    else:
        assert (code, status) == ("IncompleteSignatureException", 403)
        assert lambda_says in message


async def test_a_form_of_millions_of_fields_is_refused_before_it_fills_the_memory(strict) -> None:
    request = Request("POST", "/", "", dict(FORM), b"a&" * 200_000)

    assert refusal(strict, request)[:2] == ("SerializationException", 400)


async def test_a_url_that_was_presigned_in_the_old_way_is_told_to_use_the_new_one(strict) -> None:
    query = f"AWSAccessKeyId={ACCESS_KEY}&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D&Expires=1175139620"

    assert refusal(strict, Request("GET", "/bucket/key", query, {}, b"")) == (
        "InvalidRequest", 400,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )  # fmt: skip


# -- who is believed


async def test_without_authentication_an_access_key_of_12_digits_is_the_account(trusting) -> None:
    found = identify(trusting, signed(key=("444455556666", "any", None)))

    assert (found.account, found.arn, found.proven) == ("444455556666", "arn:aws:iam::444455556666:root", False)


@pytest.mark.parametrize("key", ["test", "AKIAUNKNOWN0000000000", "ASIAUNKNOWNTEMPORARY"])
async def test_without_authentication_any_other_key_means_the_account_of_the_server(trusting, key: str) -> None:
    assert identify(trusting, signed(key=(key, "any", "a token of somebody else"))).account == "000000000000"


async def test_without_authentication_nobody_has_to_sign(trusting) -> None:
    assert identify(trusting, unsigned("lambda")).account == "000000000000"


@pytest.mark.parametrize("key", [None, ("test", "any", None)])
async def test_a_web_page_is_not_believed_unless_it_is_our_own(trusting, key) -> None:
    """Browsers send what a page asks them to, and name the page; a user of this machine may look at any page."""
    for origin, fits in (("https://evil.example", False), ("http://localhost:4566", True), ("null", False)):
        request = signed(key=key) if key else unsigned("lambda")
        identify(trusting, request)  # as its own client sends it, and remembered
        request.headers |= {"host": "localhost:4566", "origin": origin}
        if fits:
            assert identify(trusting, request).account == "000000000000"
        else:
            assert refusal(trusting, request)[:2] == ("AccessDeniedException", 403)


async def test_a_web_page_that_signs_with_a_known_key_may_call(trusting) -> None:
    request = signed()
    request.headers["origin"] = "https://app.example"

    assert identify(trusting, request).proven


async def test_a_known_key_is_checked_even_without_authentication(trusting) -> None:
    assert identify(trusting, signed()).proven
    assert refusal(trusting, signed(key=(ACCESS_KEY, "another", None)))[0] == "InvalidSignatureException"


async def test_a_key_that_was_believed_is_checked_once_it_is_known(trusting) -> None:
    request = signed(key=("AKIALATER", "its real secret is this", None))
    assert not identify(trusting, request).proven

    await trusting.keys.add("777788889999", "", 0.0, access_key="AKIALATER", secret="its real secret is this")
    trusting.forget("AKIALATER")

    assert (identify(trusting, request).account, identify(trusting, request).proven) == ("777788889999", True)


async def test_a_key_that_was_removed_is_no_longer_taken(strict) -> None:
    await strict.keys.remove(ACCESS_KEY)

    assert refusal(strict, signed())[0] == "UnrecognizedClientException"


async def test_a_key_does_not_come_with_a_session_token(strict) -> None:
    assert refusal(strict, signed(key=(ACCESS_KEY, SECRET, "token")))[0] == "UnrecognizedClientException"


async def test_who_has_not_signed_a_request_that_is_no_api_call_is_nobody(strict, trusting) -> None:
    assert strict.signer(unsigned("lambda")) is NOBODY
    assert trusting.signer(unsigned("lambda")) is NOBODY
    assert strict.signer(signed()).account == ACCOUNT


async def test_a_signature_for_another_service_is_none_for_a_function_url(strict) -> None:
    with pytest.raises(AwsError, match="Credential should be scoped to correct service: 'lambda'"):
        strict.signer(signed(service="execute-api"))


@pytest.mark.parametrize("how", ["s3 header", "s3 query"])
async def test_an_upload_is_admitted_by_its_head_alone_and_a_strangers_is_not(strict, trusting, how: str) -> None:
    """What is signed of the body is in the head, so that no byte of a stranger's need be read."""
    body = b"a large object" if how == "s3 header" else b""
    head = msgspec.structs.replace(signed("/b/k", how=how, method="PUT", body=body, service="s3"), body=b"")
    strangers = msgspec.structs.replace(
        signed("/b/k", how=how, method="PUT", body=body, service="s3", key=("AKIAUNKNOWN", "x", None)), body=b""
    )

    assert strict.admits(head)
    assert not strict.admits(strangers)
    assert not strict.admits(msgspec.structs.replace(head, path="/b/other"))
    assert not strict.admits(unsigned("s3"))
    assert not strict.admits(msgspec.structs.replace(signed(), method="PUT", path="/b/k"))
    assert trusting.admits(strangers)


# -- temporary credentials


@pytest.mark.parametrize("how", ["header", "query"])
async def test_temporary_credentials_are_recognised_as_the_role(strict, clock, how: str) -> None:
    made = Mint(MASTER).mint(assumed_role(ROLE, "orders", ACCOUNT), clock.epoch() + 900)

    found = identify(strict, signed(how=how, key=(made.access_key, made.secret_key, made.token)))

    assert (found.account, found.arn, found.role, found.proven) == (
        ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/orders", ROLE, True,
    )  # fmt: skip
    assert found.user_id.startswith("AROA")
    assert found.user_id.endswith(":orders")


@pytest.mark.parametrize("case", ["no token", "another's token", "a changed token", "another server's"])
async def test_temporary_credentials_hold_only_with_their_own_token(strict, trusting, clock, case: str) -> None:
    mint, other = Mint(MASTER), Mint(b"another server's")
    made = mint.mint(assumed_role(ROLE, "me", ACCOUNT), clock.epoch() + 900)
    token = {
        "no token": None,
        "another's token": mint.mint(assumed_role(ROLE, "you", ACCOUNT), clock.epoch() + 900).token,
        "a changed token": made.token[:-8] + "AAAAAAA=",
        "another server's": other.mint(assumed_role(ROLE, "me", ACCOUNT), clock.epoch() + 900).token,
    }[case]
    request = signed(key=(made.access_key, made.secret_key, token))

    assert refusal(strict, request)[0] == "UnrecognizedClientException"
    assert refusal(trusting, request)[0] == "UnrecognizedClientException"


async def test_a_role_of_another_account_is_still_of_the_account_that_names_it() -> None:
    found = assumed_role("arn:aws:iam::999999999999:role/admin", "me", ACCOUNT)

    assert (found.account, found.arn) == (ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/me")


# -- keys as they are kept


async def test_secrets_are_stored_sealed_and_open_under_their_own_key_only() -> None:
    store = MemoryKeys()
    await keyring(store)
    row = store.rows[ACCESS_KEY]

    assert SECRET not in repr(row)
    assert Keyring(store, MASTER).get(ACCESS_KEY).secret == SECRET  # type: ignore[arg-type,union-attr]


@pytest.mark.parametrize("harm", ["another master key", "moved to another id"])
@pytest.mark.parametrize("auth", [True, False])
async def test_a_key_whose_secret_cannot_be_opened_is_refused_and_told_of(clock, caplog, harm: str, auth: bool) -> None:
    store = MemoryKeys()
    await keyring(store)
    if harm == "moved to another id":
        store.rows = {"AKIAMOVED": msgspec.structs.replace(store.rows[ACCESS_KEY], access_key="AKIAMOVED")}
    access_key = next(iter(store.rows))

    ring = Keyring(store, b"another" if harm == "another master key" else MASTER)  # type: ignore[arg-type]

    for secret in (SECRET, ""):
        code = refusal(guard(ring, clock, auth=auth), signed(key=(access_key, secret, None)))[0]
        assert code == "InvalidSignatureException"
    assert "Restore that file from a backup" in caplog.text
    await ring.remove(access_key)
    assert len(ring) == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"account": "1"}, "12 digits"),
        ({"user": "a b"}, "A user has"),
        ({"access_key": "ASIAIOSFODNN7EXAMPLE", "secret": "a" * 40}, "does not begin with ASIA"),
        ({"access_key": "AKIA/..", "secret": "a" * 40}, "letters, digits and underscores"),
        ({"access_key": "AKIAIOSFODNN7EXAMPL2", "secret": "short"}, "A secret has 16 to 128"),
        ({"access_key": "AKIAIOSFODNN7EXAMPL2"}, "A secret has"),
        ({"secret": "a" * 40}, "letters, digits and underscores"),
        ({"access_key": ACCESS_KEY, "secret": "a" * 40}, "There is an access key"),
    ],
)
async def test_what_cannot_be_a_key_is_refused(given: dict[str, str], says: str) -> None:
    ring = await keyring()
    asked = {"account": ACCOUNT, "user": "", **given}

    with pytest.raises(AwsError, match=says):
        await ring.add(asked.pop("account"), asked.pop("user"), 0.0, **asked)


async def test_made_up_keys_look_as_on_aws_and_sign() -> None:
    ring = await keyring()
    key = await ring.add(ACCOUNT, "", 0.0)
    principal = key.principal

    assert (len(principal.access_key), principal.access_key[:4], len(key.secret)) == (20, "AKIA", 40)
    found = identify(guard(ring, FixedClock(time.time())), signed(key=(principal.access_key, key.secret, None)))
    assert found.arn == f"arn:aws:iam::{ACCOUNT}:root"
