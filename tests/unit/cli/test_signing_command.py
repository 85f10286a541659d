"""`lambent signing` without a server: signing a zip, and what it refuses before it asks anybody."""

import datetime
import io
import zipfile
from pathlib import Path

import pytest

from lambent.cli.main import main
from lambent.cli.signing import describe
from lambent.signing import profiles, verdicts

ARN = "arn:aws:signer:eu-west-1:111111111111:/signing-profiles/release/Ab3dEf6hIj"


@pytest.fixture(scope="module")
def key_text() -> bytes:
    return profiles.to_pem(profiles.make(ARN, datetime.datetime.now(datetime.UTC), 10))


@pytest.fixture
def key(tmp_path: Path, key_text: bytes) -> Path:
    path = tmp_path / "release.pem"
    path.write_bytes(key_text)
    return path


@pytest.fixture
def package(tmp_path: Path) -> Path:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", "1")
    path = tmp_path / "app.zip"
    path.write_bytes(buffer.getvalue())
    return path


def test_a_zip_is_signed_beside_the_one_that_was_given(key, package, capsys):
    before = package.read_bytes()
    assert main(["signing", "sign", str(package), "--key", str(key), "--days", "3"]) == 0

    signed, now = package.with_name("app-signed.zip"), datetime.datetime.now(datetime.UTC)
    trusted = verdicts.trusted(ARN, profiles.certificate_pem(profiles.from_pem(key.read_bytes())), own=True)
    worth = [
        verdicts.judge(signed.read_bytes(), {ARN: trusted}.get, lambda *arns: False, moment).worth
        for moment in (now, now + datetime.timedelta(days=4))
    ]
    assert worth == ["good", "expired"]
    assert package.read_bytes() == before
    assert ARN in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sign", "app.zip"], "needs --key FILE"),
        (["create", "release"], "needs --key FILE"),
        (["sign", "--key", "release.pem"], "takes other words"),
        (["trust", "arn"], "takes other words"),
        (["list", "more"], "takes other words"),
        (["sign", "app.zip", "--key", "release.pem", "--days", "5000"], "--days is from 1 to 4050"),
        (["sign", "nothing.zip", "--key", "release.pem"], "cannot read nothing.zip"),
        (["sign", "app.zip", "--key", "app.zip"], "app.zip is not a key that `lambent signing create` made"),
        (["sign", "release.pem", "--key", "release.pem"], "cannot sign release.pem: it is no zip"),
    ],
)
def test_what_cannot_be_done_is_said(key, package, words, sentence, capsys, monkeypatch, tmp_path):  # noqa: PLR0917
    monkeypatch.chdir(tmp_path)
    assert main(["signing", *words]) == 1
    assert sentence in capsys.readouterr().err


def test_the_list_names_profiles_and_single_jobs_that_are_revoked():
    job = "arn:aws:signer:eu-west-1:111111111111:/signing-jobs/1"
    at = "2026-01-12T00:00:00.000Z"
    profile = {"arn": ARN, "made_here": True, "created": at, "revoked": at}
    text = describe({"profiles": [profile], "revocations": [{"arn": ARN, "revoked": at}, {"arn": job, "revoked": at}]})

    assert text.count(ARN) == 1
    assert f"{job} is revoked since {at}" in text
    assert describe({"profiles": [], "revocations": []}).startswith("no profiles;")
