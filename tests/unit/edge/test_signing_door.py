"""/_lambent/signing: whose signatures are believed, and what the door refuses."""

import datetime
import json

import pytest

from lambent.clock import FixedClock
from lambent.edge.signing import SigningDoor
from lambent.errors import AwsError
from lambent.settings import Settings
from lambent.signing import profiles
from lambent.stores import Stores
from lambent.wire.http import Request

NOW = datetime.datetime(2026, 1, 12, tzinfo=datetime.UTC)
ARN = "arn:aws:signer:eu-west-1:111111111111:/signing-profiles/release/Ab3dEf6hIj"
PEM = profiles.certificate_pem(profiles.make(ARN, NOW, 10))
JSON = {"content-type": "application/json"}


@pytest.fixture
def ask(tmp_path):
    stores = Stores(tmp_path)
    settings = Settings(data=str(tmp_path), account="111111111111", region="eu-west-1")
    door = SigningDoor(stores.code_signing, settings, FixedClock(NOW.timestamp()))

    async def ask(method, path="/_lambent/signing", document=None, headers=JSON):
        body = b"" if document is None else document if isinstance(document, bytes) else json.dumps(document).encode()
        return json.loads((await door.answer(Request(method, path, "", headers, body))).body)

    yield ask
    stores.close()


async def test_profiles_are_trusted_listed_and_revoked(ask):
    job = "arn:aws:signer:eu-west-1:111111111111:/signing-jobs/1"
    shown = await ask("POST", document={"arn": ARN, "certificates": PEM, "own": True})
    for arn in (ARN, job, job):
        assert await ask("POST", "/_lambent/signing/revocations", {"arn": arn}) == {"revoked": arn}
    listed = await ask("GET")

    assert shown == {"arn": ARN, "made_here": True, "created": "2026-01-12T00:00:00.000Z"}
    assert listed == {
        "account": "111111111111",
        "region": "eu-west-1",
        "profiles": [shown | {"revoked": "2026-01-12T00:00:00.000Z"}],
        "revocations": [{"arn": each, "revoked": "2026-01-12T00:00:00.000Z"} for each in (job, ARN)],
    }


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        (("POST", "/_lambent/signing", {"arn": ARN, "certificates": PEM}, {}), 400, "Content-Type must be"),
        (("POST", "/_lambent/signing", b"{"), 400, "The body is not what this request takes"),
        (("POST", "/_lambent/signing", {"arn": ARN}), 400, "certificates"),
        (
            ("POST", "/_lambent/signing", {"arn": "a", "certificates": PEM}),
            400,
            "a is not the ARN of a signing profile",
        ),
        (("POST", "/_lambent/signing", {"arn": ARN, "certificates": "none"}), 400, "certificates cannot be read"),
        (
            ("POST", "/_lambent/signing", {"arn": ARN[:-1] + "x", "certificates": PEM, "own": True}),
            400,
            "not that of the profile version",
        ),
        (("POST", "/_lambent/signing/revocations", {"arn": "arn:aws:s3:::b"}), 400, "neither of a profile version nor"),
        (("DELETE", "/_lambent/signing"), 405, "DELETE is not for"),
        (("GET", "/_lambent/signing/more"), 405, "GET is not for"),
    ],
)
async def test_what_is_not_right_is_refused(ask, request_, status, sentence):
    with pytest.raises(AwsError, match=sentence) as refused:
        await ask(*request_)
    assert refused.value.status == status


async def test_a_profile_version_never_changes(ask):
    await ask("POST", document={"arn": ARN, "certificates": PEM})
    with pytest.raises(AwsError, match="is trusted already") as refused:
        await ask("POST", document={"arn": ARN, "certificates": PEM, "own": True})
    assert refused.value.status == 409
