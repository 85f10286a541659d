"""What a signature in a zip is worth: judged against the profiles that the operator trusts."""

import datetime
from collections.abc import Callable
from enum import StrEnum

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from lambent.signing import archives, envelope

LONGEST_CHAIN = 6


class Worth(StrEnum):
    """The checks of AWS's guide (configuration-codesigning), and what is not there to be checked."""

    GOOD = "good"
    UNSIGNED = "unsigned"
    BROKEN = "broken"  # integrity: it is not the signature of these contents
    UNKNOWN = "unknown"  # nobody here trusts the profile that it names
    EXPIRED = "expired"
    REVOKED = "revoked"


class Verdict(msgspec.Struct, frozen=True):
    """Profile and job are known where the signature is that of a trusted profile, expired and revoked ones included."""

    worth: Worth
    profile_arn: str = ""
    job_arn: str = ""


class Trusted(msgspec.Struct, frozen=True):
    """A profile version that the operator trusts: signatures lead to one of its certificates."""

    arn: str
    certificates: tuple[bytes, ...]  # DER: the signer's own, or those of an authority above it
    own: bool  # made by Lambent, so that its signatures have to have Lambent's digest too


def trusted(arn: str, pem: str, *, own: bool) -> Trusted:
    """What is trusted of a profile version, from its certificates. Raises ValueError."""
    found = x509.load_pem_x509_certificates(pem.encode())
    return Trusted(arn, tuple(each.public_bytes(Encoding.DER) for each in found), own)


# By the ARN of a profile version; None: nobody trusts it.
Find = Callable[[str], Trusted | None]
Revoked = Callable[[str, str], bool]  # is that profile version, or that job, revoked?


def judge(package: bytes, find: Find, revoked: Revoked, now: datetime.datetime) -> Verdict:
    """Reads the whole zip if it is signed by a profile that is trusted. Blocks; for a thread."""
    try:
        text = archives.signature_of(package)
        if text is None:
            return Verdict(Worth.UNSIGNED)
        found = envelope.parse(text)
    except ValueError:
        return Verdict(Worth.BROKEN)
    trust = find(found.profile_arn)
    if trust is None:
        return Verdict(Worth.UNKNOWN)
    if not _is_intact(package, found, trust):
        return Verdict(Worth.BROKEN)
    names = (found.profile_arn, found.job_arn)
    if revoked(*names):
        return Verdict(Worth.REVOKED, *names)
    if found.expires is not None and found.expires <= now:
        return Verdict(Worth.EXPIRED, *names)
    return Verdict(Worth.GOOD, *names)


def _is_intact(package: bytes, found: envelope.Envelope, trust: Trusted) -> bool:
    try:
        signer = found.signer()
        if signer is None or not _leads_to(signer, found, trust) or not found.is_signed_by(signer):
            return False
        if trust.own and found.framed_digest is None:
            return False
        return found.is_of(*archives.digests(package))
    except (ValueError, UnsupportedAlgorithm):  # a certificate that cannot be read, a zip that cannot
        return False


def _leads_to(signer: x509.Certificate, found: envelope.Envelope, trust: Trusted) -> bool:
    """Is the signer one of the trusted certificates, or issued by one, over authorities that the signature brings?"""
    anchors = [x509.load_der_x509_certificate(each) for each in trust.certificates]
    current = signer
    for _ in range(LONGEST_CHAIN):
        if not _was_valid(current, found.signed_at):
            return False
        if current in anchors:
            return True
        issuer = next(
            (each for each in (*anchors, *found.certificates) if each != current and _issued(current, each)), None
        )
        if issuer is None:
            return False
        current = issuer
    return False


def _was_valid(certificate: x509.Certificate, moment: datetime.datetime) -> bool:
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature):
        return False
    return constraints.ca
