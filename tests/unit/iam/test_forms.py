"""Forms of browsers whose policy is signed: whom of them the authenticator believes."""

import time

import pytest
from botocore.auth import S3SigV4PostAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from identity_samples import ACCESS_KEY, ACCOUNT, MASTER, SECRET, guard, keyring

from lambent.clock import FixedClock
from lambent.errors import AwsError
from lambent.iam.credentials import Mint, assumed_role
from lambent.wire.http import Request

POST = Request("POST", "/b", "", {"host": "localhost:4566"}, b"")
PAGE = Request("POST", "/b", "", {"host": "localhost:4566", "origin": "http://localhost:3000"}, b"")
VERSION_2 = {"awsaccesskeyid": ACCESS_KEY, "policy": "e30=", "signature": "x"}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(time.time())


@pytest.fixture
async def strict(clock):
    return guard(await keyring(), clock)


@pytest.fixture
async def trusting(clock):
    return guard(await keyring(), clock, auth=False)


def signed(access_key: str = ACCESS_KEY, secret: str = SECRET, token: str | None = None, service: str = "s3"):
    """The fields of a form as botocore signs it."""
    request = AWSRequest("POST", "http://localhost:4566/b")
    request.context["s3-presign-post-policy"] = {"expiration": "2100-01-01T00:00:00Z"}
    S3SigV4PostAuth(Credentials(access_key, secret, token), service, "eu-west-1").add_auth(request)
    return request.context["s3-presign-post-fields"]


def refusal(authenticator, fields: dict[str, str], request: Request = POST) -> str:
    with pytest.raises(AwsError) as caught:
        authenticator.of_form(request, fields)
    return caught.value.code


def test_a_known_key_is_believed_once_its_signature_is_right(strict, trusting) -> None:
    for authenticator in (strict, trusting):
        who, caller = authenticator.of_form(PAGE, signed())
        assert (caller.account, caller.proven, who.region) == (ACCOUNT, True, "eu-west-1")
        assert refusal(authenticator, signed(secret="wrong")) == "SignatureDoesNotMatch"
        assert refusal(authenticator, signed() | {"policy": "e30="}) == "SignatureDoesNotMatch"
        assert refusal(authenticator, signed(service="sqs")) == "SignatureDoesNotMatch"
        assert refusal(authenticator, signed() | {"x-amz-credential": ACCESS_KEY}) == "AuthorizationHeaderMalformed"
        assert refusal(authenticator, VERSION_2) == "InvalidRequest"
        assert refusal(authenticator, {"x-amz-credential": f"{ACCESS_KEY}/x"}) == "InvalidArgument"


def test_temporary_credentials_sign_forms_until_they_end(strict, clock) -> None:
    role = assumed_role("arn:aws:iam::111122223333:role/worker", "s", ACCOUNT)
    made = Mint(MASTER).mint(role, clock.epoch() + 60)
    fields = signed(made.access_key, made.secret_key, made.token)
    assert strict.of_form(POST, fields)[1].arn == role.arn
    assert (
        refusal(strict, {name: value for name, value in fields.items() if "token" not in name}) == "InvalidAccessKeyId"
    )
    clock.advance(61)
    assert refusal(strict, fields) == "ExpiredToken"


def test_strangers_are_refused_where_signatures_are_required(strict) -> None:
    assert refusal(strict, {}) == "AccessDenied"
    assert refusal(strict, signed("AKIAUNKNOWN0000000000")) == "InvalidAccessKeyId"
    assert refusal(strict, VERSION_2 | {"awsaccesskeyid": "AKIAUNKNOWN0000000000"}) == "InvalidRequest"


def test_strangers_are_who_they_say_otherwise_unless_a_page_sends_them(trusting) -> None:
    assert trusting.of_form(POST, signed("444455556666"))[1].account == "444455556666"
    assert trusting.of_form(POST, {})[1].account == "000000000000"
    assert refusal(trusting, signed("444455556666"), PAGE) == "AccessDeniedException"
    trusting.opens = lambda request: True
    assert trusting.of_form(PAGE, {})[1].account == "000000000000"
