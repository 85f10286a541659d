"""The signature itself: a CMS SignedData (RFC 5652) with the signed attributes of AWS Signer.

Where the digest is not part of it (detached), what is signed is the set of attributes, one of which is the digest.
"""

import base64
import datetime
import hashlib
import re

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from lambent.signing import der

DATA, SIGNED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{number}" for number in (3, 4, 5))
JOB, EXPIRY, PROFILE = (f"1.3.187.137.1.{number}" for number in (2, 3, 4))  # AWS Signer's
FRAMED = "2.25.233176423947305187914735521870347021893"  # ours: the digest that says where names end
SHA384, ECDSA_SHA384 = "2.16.840.1.101.3.4.2.2", "1.2.840.10045.4.3.3"

_PEM = re.compile(rb"-----BEGIN (PKCS7|CMS)-----(.*?)-----END \1-----", re.DOTALL)
_NAMES = {der.oid(name): name for name in (MESSAGE_DIGEST, SIGNING_TIME, JOB, EXPIRY, PROFILE, FRAMED)}


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature says. Nothing of it is to be believed before `is_signed_by`."""

    message_digest: bytes
    framed_digest: bytes | None
    profile_arn: str
    job_arn: str
    signed_at: datetime.datetime
    expires: datetime.datetime | None
    certificates: tuple[x509.Certificate, ...]
    serial: int  # of the signer's certificate, with its issuer
    issuer: bytes
    attributes: bytes  # what is signed
    signature: bytes

    def signer(self) -> x509.Certificate | None:
        """The certificate that the signature names."""
        for each in self.certificates:
            if each.serial_number == self.serial and each.issuer.public_bytes() == self.issuer:
                return each
        return None

    def is_signed_by(self, certificate: x509.Certificate) -> bool:
        key = certificate.public_key()
        try:
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(self.signature, self.attributes, ec.ECDSA(hashes.SHA384()))
            elif isinstance(key, rsa.RSAPublicKey):
                key.verify(self.signature, self.attributes, padding.PKCS1v15(), hashes.SHA384())
            else:
                return False
        except InvalidSignature:
            return False
        return True

    def is_of(self, native: bytes, framed: bytes) -> bool:
        """Is it the signature of contents with these digests?"""
        if self.framed_digest is not None and self.framed_digest != framed:
            return False
        return self.message_digest == hashlib.sha384(native).digest()


def sign(
    digests: tuple[bytes, bytes], key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, *,
    profile_arn: str, job_arn: str, signed_at: datetime.datetime, expires: datetime.datetime,
) -> bytes:  # fmt: skip
    """A PEM to be put into the zip."""
    native, framed = digests
    attributes = [
        _attribute(CONTENT_TYPE, der.oid(DATA)),
        _attribute(MESSAGE_DIGEST, der.write(der.OCTETS, hashlib.sha384(native).digest())),
        _attribute(SIGNING_TIME, _time(signed_at)),
        _attribute(EXPIRY, _time(expires)),
        _attribute(JOB, der.write(der.UTF8, job_arn.encode())),
        _attribute(PROFILE, der.write(der.UTF8, profile_arn.encode())),
        _attribute(FRAMED, der.write(der.OCTETS, framed)),
    ]
    signature = key.sign(der.set_of(attributes), ec.ECDSA(hashes.SHA384()))
    signer = der.sequence(
        der.integer(1),
        der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number)),
        der.sequence(der.oid(SHA384)),
        der.set_of(attributes, 0xA0),
        der.sequence(der.oid(ECDSA_SHA384)),
        der.write(der.OCTETS, signature),
    )
    signed = der.sequence(
        der.integer(1),
        der.set_of([der.sequence(der.oid(SHA384))]),
        der.sequence(der.oid(DATA)),
        der.write(0xA0, certificate.public_bytes(Encoding.DER)),
        der.set_of([signer]),
    )
    document = der.sequence(der.oid(SIGNED_DATA), der.write(0xA0, signed))
    return b"-----BEGIN PKCS7-----\n" + base64.encodebytes(document) + b"-----END PKCS7-----\n"


def parse(text: bytes) -> Envelope:
    """Raises ValueError for what is no such signature."""
    found = _PEM.search(text)
    if found is None:
        raise ValueError("no PEM")
    try:
        return _signed_data(der.read_one(base64.b64decode(found[2])))
    except (IndexError, UnicodeDecodeError, KeyError) as error:
        raise ValueError(f"no signature of AWS Signer's form: {error}") from None


def _signed_data(document: der.Element) -> Envelope:
    kind, wrapped = document.children()[:2]
    if kind.raw != der.oid(SIGNED_DATA):
        raise ValueError("no SignedData")
    parts = der.read_one(wrapped.body).children()
    certificates = [
        x509.load_der_x509_certificate(each.raw) for part in parts if part.tag == 0xA0 for each in part.children()
    ]
    signers = parts[-1].children()
    if parts[-1].tag != der.SET or len(signers) != 1:
        raise ValueError("not one signer")
    return _signer(signers[0], tuple(certificates))


def _signer(signer: der.Element, certificates: tuple[x509.Certificate, ...]) -> Envelope:
    _, named, algorithm, attributes, _, signature = signer.children()[:6]
    if algorithm.children()[0].raw != der.oid(SHA384) or attributes.tag != 0xA0:
        raise ValueError("not SHA-384 over attributes")
    issuer, serial = named.children()
    values = _attributes(attributes)
    expiry = values.get(EXPIRY)
    framed = values.get(FRAMED)
    return Envelope(
        message_digest=values[MESSAGE_DIGEST].body,
        framed_digest=framed.body if framed else None,
        profile_arn=values[PROFILE].body.decode(),
        job_arn=values[JOB].body.decode(),
        signed_at=_moment(values[SIGNING_TIME]),
        expires=_moment(expiry) if expiry else None,
        certificates=certificates,
        serial=int.from_bytes(serial.body, "big"),
        issuer=issuer.raw,
        attributes=der.set_of(each.raw for each in attributes.children()),
        signature=signature.body,
    )


def _attributes(attributes: der.Element) -> dict[str, der.Element]:
    """The one value of each attribute that we know. Raises ValueError for one that comes twice."""
    values: dict[str, der.Element] = {}
    for attribute in attributes.children():
        kind, found = attribute.children()
        name = _NAMES.get(kind.raw)
        if name is None:
            continue
        if name in values or len(found.children()) != 1:
            raise ValueError("an attribute comes twice")
        values[name] = found.children()[0]
    return values


def _attribute(name: str, value: bytes) -> bytes:
    return der.sequence(der.oid(name), der.set_of([value]))


def _time(moment: datetime.datetime) -> bytes:
    at = moment.astimezone(datetime.UTC)
    return der.write(der.TIME, f"{at:%Y%m%d%H%M%S}.{at.microsecond // 1000:03d}Z".encode())


def _moment(element: der.Element) -> datetime.datetime:
    text = element.body.decode("ascii")
    if element.tag == der.UTC_TIME:
        return datetime.datetime.strptime(text, "%y%m%d%H%M%SZ").replace(tzinfo=datetime.UTC)
    form = "%Y%m%d%H%M%S.%fZ" if "." in text else "%Y%m%d%H%M%SZ"
    return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.UTC)
