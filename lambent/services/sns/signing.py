"""The signature of messages: RSA over a canonical text, by a key of this data directory, whose certificate is served.

Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages" (version 1: SHA1withRSA).
"""

import base64
import datetime
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lambent.store.durable import write_whole

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_OTHERS = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_DAYS = 3650
PATH = "/_lambent/sns/SimpleNotificationService.pem"


def canonical(document: Mapping[str, Any]) -> bytes:
    """What is signed: names and values, each on a line of its own."""
    names = _NOTIFICATION if document["Type"] == "Notification" else _OTHERS
    return "".join(f"{name}\n{document[name]}\n" for name in names if document.get(name)).encode()


class Signer:
    """Makes its key at the first use and keeps it; reads it afterwards."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "sns.pem"

    def sign(self, document: Mapping[str, Any]) -> str:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        signature = self._key.sign(canonical(document), padding.PKCS1v15(), hashes.SHA1())
        return base64.b64encode(signature).decode()

    def url(self, base: str) -> str:
        return base + PATH

    @cached_property
    def certificate(self) -> bytes:
        """PEM: the public half, signed by itself."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import NameOID

        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        began = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        made = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
            .serial_number(1).not_valid_before(began).not_valid_after(began + datetime.timedelta(days=_DAYS))
            .sign(self._key, hashes.SHA256())
        )  # fmt: skip
        return made.public_bytes(serialization.Encoding.PEM)

    @cached_property
    def _key(self) -> "RSAPrivateKey":
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        if not self._path.exists():
            made = rsa.generate_private_key(65537, 2048)
            text = made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            write_whole(self._path, text)
        found = serialization.load_pem_private_key(self._path.read_bytes(), None)
        assert isinstance(found, rsa.RSAPrivateKey)
        return found
