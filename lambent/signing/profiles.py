"""Signing profiles of our own: a key that stays with whoever signs, and a certificate that the server trusts."""

import datetime
import re
import secrets
import string
import uuid

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lambent.signing import archives, envelope

LONGEST_DAYS = 135 * 30  # AWS's longest signature validity is 135 months

_NAME = re.compile(r"[a-zA-Z0-9_]{2,64}")
_ARN = re.compile(
    r"arn:aws[a-z-]*:signer:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):/signing-profiles/"
    r"(?P<name>[a-zA-Z0-9_]{2,64})/(?P<version>[a-zA-Z0-9]{10})"
)
_JOB = re.compile(r"arn:aws[a-z-]*:signer:[a-z0-9-]+:\d{12}:/signing-jobs/[0-9a-zA-Z-]+")
_ALPHABET = string.ascii_letters + string.digits


class Profile(msgspec.Struct, frozen=True):
    """Who signs: a version of a profile, with its private key."""

    arn: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def new_arn(name: str, account: str, region: str) -> str:
    """The ARN of a new version of a profile. Raises ValueError for a name that AWS Signer would not take."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a signing profile: 2 to 64 letters, digits and underscores")
    version = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"arn:aws:signer:{region}:{account}:/signing-profiles/{name}/{version}"


def is_profile(arn: str) -> bool:
    return _ARN.fullmatch(arn) is not None


def is_job(arn: str) -> bool:
    return _JOB.fullmatch(arn) is not None


def make(arn: str, now: datetime.datetime, days: int) -> Profile:
    """A new key for a profile version, with which signatures can be made for so many days."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, arn.rpartition("signing-profiles/")[2])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(arn)]), critical=False)
        .sign(key, hashes.SHA384())
    )
    return Profile(arn, key, certificate)


def to_pem(profile: Profile) -> bytes:
    """Key and certificate, for a file that nobody else may read."""
    key = profile.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + profile.certificate.public_bytes(Encoding.PEM)


def certificate_pem(profile: Profile) -> str:
    """What the server gets of it."""
    return profile.certificate.public_bytes(Encoding.PEM).decode()


def from_pem(text: bytes) -> Profile:
    """What `to_pem` wrote. Raises ValueError."""
    key, certificate = load_pem_private_key(text, None), x509.load_pem_x509_certificate(text)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not the key of a signing profile")
    return Profile(arn_of(certificate), key, certificate)


def arn_of(certificate: x509.Certificate) -> str:
    """The profile version whose certificate this is. Raises ValueError."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = None
    found = names.get_values_for_type(x509.UniformResourceIdentifier) if names else []
    if len(found) != 1 or not is_profile(found[0]):
        raise ValueError("not the certificate of a signing profile")
    return found[0]


def names_in(pem: str) -> list[str]:
    """The profile versions that certificates say they are of, "" for those of others. Raises ValueError."""
    names = []
    for certificate in x509.load_pem_x509_certificates(pem.encode()):
        try:
            names.append(arn_of(certificate))
        except ValueError:
            names.append("")
    return names


def sign_zip(package: bytes, profile: Profile, now: datetime.datetime, days: int) -> tuple[bytes, str]:
    """The zip with a signature that expires in so many days, and the ARN of the signing job. Raises ArchiveRefused."""
    package = archives.with_folder(package)
    job = f"{profile.arn.partition('/signing-profiles/')[0]}/signing-jobs/{uuid.uuid4()}"
    text = envelope.sign(
        archives.digests(package), profile.key, profile.certificate, profile_arn=profile.arn, job_arn=job,
        signed_at=now, expires=now + datetime.timedelta(days=days),
    )  # fmt: skip
    return archives.with_signature(package, text), job
