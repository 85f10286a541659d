"""Signatures of zips: what they cover, whose they are, and that nothing else passes for one."""

import base64
import datetime
import io
import random
import zipfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lambent.signing import archives, der, envelope, profiles, verdicts
from lambent.signing.verdicts import Trusted, Verdict, Worth

NOW = datetime.datetime(2026, 1, 12, tzinfo=datetime.UTC)
ARN = profiles.new_arn("release", "111111111111", "eu-west-1")
JOB = "arn:aws:signer:eu-west-1:111111111111:/signing-jobs/1"


@pytest.fixture(scope="module")
def profile() -> profiles.Profile:
    return profiles.make(ARN, NOW, 1000)


def make(files: dict[str, bytes], modes: dict[str, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, contents in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (modes or {}).get(name, 0o100644) << 16
            archive.writestr(entry, contents)
    return buffer.getvalue()


def remade(package: bytes, change, modes=None) -> bytes:
    """A signed zip, written anew with other files."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        files = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        kept = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    return make(change(files), kept | (modes or {}))


def judged(package: bytes, profile: profiles.Profile, *, own: bool = True, now=NOW, revoked=()) -> Verdict:
    trusted = verdicts.trusted(profile.arn, profiles.certificate_pem(profile), own=own)
    return verdicts.judge(package, {profile.arn: trusted}.get, lambda *arns: bool(set(arns) & set(revoked)), now)


def test_a_signed_zip_is_good_until_it_expires_or_is_revoked(profile):
    package, job = profiles.sign_zip(make({"app.py": b"1"}), profile, NOW, 10)

    assert judged(package, profile) == Verdict(Worth.GOOD, ARN, job)
    assert judged(package, profile, now=NOW + datetime.timedelta(days=10)).worth == Worth.EXPIRED
    assert judged(package, profile, revoked=[job]).worth == Worth.REVOKED
    assert judged(package, profile, revoked=[ARN]) == Verdict(Worth.REVOKED, ARN, job)
    assert judged(make({"app.py": b"1"}), profile).worth == Worth.UNSIGNED
    assert judged(b"no zip", profile).worth == Worth.UNSIGNED


def test_compression_and_dates_are_not_signed(profile):
    package, _ = profiles.sign_zip(make({"app.py": b"1" * 1000}), profile, NOW, 10)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            contents = old.read(entry)
            entry.date_time, entry.compress_type = (2020, 2, 2, 2, 2, 2), zipfile.ZIP_DEFLATED
            new.writestr(entry, contents)

    assert judged(buffer.getvalue(), profile).worth == Worth.GOOD


@pytest.mark.parametrize(
    ("change", "modes"),
    [
        (lambda files: files | {"app.py": b"2"}, {}),
        (lambda files: files | {"more.py": b"2"}, {}),
        (lambda files: {name: files[name] for name in files if name != "b.py"}, {}),
        (lambda files: {{"b.py": "c.py"}.get(name, name): files[name] for name in files}, {}),
        (lambda files: dict(reversed(files.items())), {}),
        # The same bytes, another border between a name and contents: AWS's digest alone does not see it.
        (lambda files: {("b.pyr" if name == "b.py" else name): (b"un()" if name == "b.py" else files[name])
                        for name in files}, {}),
        (lambda files: files, {"app.py": 0o120777}),  # a file made a link
    ],
)  # fmt: skip
def test_whatever_is_changed_after_signing_breaks_the_signature(profile, change, modes):
    package, _ = profiles.sign_zip(make({"app.py": b"1", "b.py": b"run()"}), profile, NOW, 10)

    assert judged(remade(package, lambda files: files), profile).worth == Worth.GOOD
    assert judged(remade(package, change, modes), profile) == Verdict(Worth.BROKEN)


def test_the_signature_of_another_key_is_not_the_profiles(profile):
    other = profiles.make(ARN, NOW, 1000)
    package, _ = profiles.sign_zip(make({"app.py": b"1"}), other, NOW, 10)

    assert judged(package, profile) == Verdict(Worth.BROKEN)


def test_a_profile_that_nobody_trusts_is_unknown(profile):
    package, _ = profiles.sign_zip(make({"app.py": b"1"}), profile, NOW, 10)

    assert verdicts.judge(package, lambda arn: None, lambda *arns: False, NOW) == Verdict(Worth.UNKNOWN)


def test_a_key_signs_nothing_before_or_after_its_time(profile):
    early = profiles.sign_zip(make({"app.py": b"1"}), profile, NOW - datetime.timedelta(days=1), 10)[0]
    late = profiles.sign_zip(make({"app.py": b"1"}), profile, NOW + datetime.timedelta(days=1001), 10)[0]

    assert [judged(each, profile).worth for each in (early, late)] == [Worth.BROKEN] * 2


@pytest.mark.parametrize(
    ("package", "why"),
    [(make({}), "it is empty"), (b"no zip", "it is no zip"), (make({"a": b"1", "META_INF/x": b""}) + b"", None)],
)
def test_what_cannot_be_signed_is_said(profile, package, why):
    if why is None:
        signed = profiles.sign_zip(package, profile, NOW, 1)[0]
        with pytest.raises(archives.ArchiveRefused, match="it is signed already"):
            profiles.sign_zip(signed, profile, NOW, 1)
        return
    with pytest.raises(archives.ArchiveRefused, match=why):
        profiles.sign_zip(package, profile, NOW, 1)


def test_two_entries_of_one_name_break_a_signature(profile):
    package, _ = profiles.sign_zip(make({"app.py": b"1"}), profile, NOW, 10)
    buffer = io.BytesIO(package)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("app.py", b"2")

    assert judged(buffer.getvalue(), profile).worth == Worth.BROKEN


def test_the_names_that_a_key_file_holds_are_those_of_its_profile(profile):
    read = profiles.from_pem(profiles.to_pem(profile))

    assert (read.arn, read.certificate) == (ARN, profile.certificate)
    for bad in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        with pytest.raises((ValueError, TypeError)):
            profiles.from_pem(bad)


# -- AWS Signer's own: a chain of authorities, BER with an indefinite length, and no digest of ours


def authority(name: str, key, issuer=None, *, ca: bool = True) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    above, signing = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(above).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - datetime.timedelta(days=9))
    builder = builder.not_valid_after(NOW + datetime.timedelta(days=9))
    return builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True).sign(
        signing, hashes.SHA384()
    )


class Elsewhere:
    """A signer as AWS's is: its certificate is issued over an intermediate authority."""

    def __init__(self, *, middle_is_ca: bool = True) -> None:
        keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(3)]
        self.root = authority("root", keys[0])
        self.middle = authority("middle", keys[1], (self.root, keys[0]), ca=middle_is_ca)
        self.leaf = authority("leaf", keys[2], (self.middle, keys[1]), ca=False)
        self.key = keys[2]

    def sign(self, package: bytes) -> bytes:
        package = archives.with_folder(package)
        text = envelope.sign(
            archives.digests(package), self.key, self.leaf, profile_arn=ARN, job_arn=JOB, signed_at=NOW,
            expires=NOW + datetime.timedelta(days=1),
        )  # fmt: skip
        return archives.with_signature(package, self._as_aws(text))

    def _as_aws(self, text: bytes) -> bytes:
        """With all certificates, in BER."""
        document = der.read_one(base64.b64decode(b"".join(text.splitlines()[1:-1])))
        kind, wrapped = document.children()
        parts = der.read_one(wrapped.body).children()
        chain = b"".join(each.public_bytes(Encoding.DER) for each in (self.middle, self.leaf, self.root))
        signed = der.sequence(*(der.write(0xA0, chain) if part.tag == 0xA0 else part.raw for part in parts))
        ber = b"\x30\x80" + kind.raw + b"\xa0\x80" + signed + b"\0\0\0\0"
        return b"-----BEGIN PKCS7-----\n" + base64.encodebytes(ber) + b"-----END PKCS7-----\n"

    def judge(self, package: bytes, anchor: x509.Certificate) -> Worth:
        trusted = Trusted(ARN, (anchor.public_bytes(Encoding.DER),), own=False)
        return verdicts.judge(package, {ARN: trusted}.get, lambda *arns: False, NOW).worth


def test_signatures_made_elsewhere_lead_to_an_authority_that_is_trusted():
    elsewhere, stranger = Elsewhere(), Elsewhere()
    package = elsewhere.sign(make({"app.py": b"1"}))

    assert elsewhere.judge(package, elsewhere.root) == Worth.GOOD
    assert elsewhere.judge(package, elsewhere.leaf) == Worth.GOOD
    assert elsewhere.judge(package, stranger.root) == Worth.BROKEN
    assert elsewhere.judge(remade(package, lambda files: files | {"app.py": b"2"}), elsewhere.root) == Worth.BROKEN


def test_who_is_no_authority_issues_nothing():
    elsewhere = Elsewhere(middle_is_ca=False)

    assert elsewhere.judge(elsewhere.sign(make({"app.py": b"1"})), elsewhere.root) == Worth.BROKEN


def test_a_damaged_signature_is_broken_and_nothing_worse(profile):
    package, job = profiles.sign_zip(make({"app.py": b"1"}), profile, NOW, 10)
    text = archives.signature_of(package)
    assert text is not None
    whole = base64.b64decode(b"".join(text.splitlines()[1:-1]))
    dice = random.Random(7)
    seen = set()
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        cut = bytes(damaged[: dice.choice([len(damaged), dice.randrange(len(damaged))])])
        if cut == whole:
            continue
        pem = b"-----BEGIN PKCS7-----\n" + base64.encodebytes(cut) + b"-----END PKCS7-----\n"
        changed = remade(package, lambda files, pem=pem: files | {archives.SIGNATURE: pem})
        seen.add(judged(changed, profile))

    # A byte of the profile's ARN may have become another. What the signature does not cover may be anything.
    assert {Verdict(Worth.BROKEN), Verdict(Worth.UNKNOWN), Verdict(Worth.GOOD, ARN, job)} >= seen
    assert Verdict(Worth.BROKEN) in seen


@pytest.mark.parametrize(
    "data",
    [b"\x30", b"\x30\x05\x01", b"\x1f\x81\x01\x00", b"\x04\x80\x00\x00", b"\x30\x80" * 2000, b"\x30\x80\x02\x01"],
)
def test_what_is_no_element_is_refused(data):
    with pytest.raises(ValueError, match=r"element|cut|end|deep"):
        der.read_one(data)
