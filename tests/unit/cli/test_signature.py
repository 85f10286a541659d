"""botocore is the oracle of our few lines of Signature V4."""

import datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as TheirCredentials

from lambent.cli.signature import Credentials, credentials_of, sign

NOW = 1_700_000_000.0


def theirs(who: Credentials, method: str, target: str, body: bytes, monkeypatch: pytest.MonkeyPatch) -> str:
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: moment, raising=True)
    request = AWSRequest(method, f"http://127.0.0.1:4566{target}", data=body, headers={"Host": "127.0.0.1:4566"})
    auth = SigV4Auth(TheirCredentials(who.access_key, who.secret_key, who.token or None), "lambda", who.region)
    auth.add_auth(request)
    return str(request.headers["Authorization"])


@pytest.mark.parametrize("token", ["", "a-session-token"])
@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/_lambent/status", b""),
        ("POST", "/2015-03-31/functions/hello/invocations", b'{"a": 1}'),
        ("POST", "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST", b"{}"),
        ("GET", "/_lambent/logs/hello?since=1.5&limit=3&follow=1", b""),
    ],
)
def test_botocore_signs_the_same_way(
    method: str, target: str, body: bytes, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = Credentials("AKIDEXAMPLE", "secret", token, "eu-west-1")
    ours = sign(who, method, target, {"Host": "127.0.0.1:4566"}, body, now=NOW)
    assert ours["Authorization"] == theirs(who, method, target, body, monkeypatch)


def test_without_credentials_and_region_nothing_is_signed() -> None:
    assert credentials_of({}, None) is None


def test_a_region_alone_is_told_with_a_made_up_key() -> None:
    assert credentials_of({}, "eu-west-1") == Credentials("lambent", "lambent", "", "eu-west-1")


def test_the_environments_credentials_and_region_are_taken() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "111122223333", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-north-1"}
    assert credentials_of(environ, None) == Credentials("111122223333", "x", "", "eu-north-1")


def test_the_option_beats_the_environment() -> None:
    found = credentials_of({"AWS_REGION": "eu-west-1"}, "us-west-2")
    assert found is not None
    assert found.region == "us-west-2"
