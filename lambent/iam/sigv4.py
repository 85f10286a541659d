"""Signature version 4, as the server computes it: pure functions of a request, a claim and a key.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from typing import NamedTuple
from urllib.parse import quote, unquote, unquote_plus

from lambent.iam.claim import ALGORITHM, Claim
from lambent.wire.http import Request

UNSIGNED = "UNSIGNED-PAYLOAD"
_SAFE = "-_.~"
_PLAIN = re.compile(r"[A-Za-z0-9/._~-]+")  # what encoding leaves as it is
_SIGNATURE = "X-Amz-Signature"


class Computed(NamedTuple):
    """What the signature of a request should have been made from, for the client that got it wrong."""

    canonical: str
    to_sign: str


def signing_key(secret: str, scope: str) -> hmac.HMAC:
    """The key of one day, region and service, ready to sign many texts: keying costs more than signing."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, digestmod="sha256")


def sign(key: hmac.HMAC, text: str) -> str:
    signature = key.copy()
    signature.update(text.encode())
    return signature.hexdigest()


def compute(request: Request, claim: Claim, payload: str) -> Computed:
    """The strings of this request; `payload` is the hash of its body or the word that stands for it."""
    s3 = claim.service == "s3"
    names = ";".join(claim.headers)
    lines = "".join([f"{name}:{_value(request.headers.get(name, ''))}\n" for name in claim.headers])
    path = canonical_path(request.path, s3=s3)
    query = canonical_query(request.query, presigned=claim.presigned) if request.query else ""
    canonical = f"{request.method}\n{path}\n{query}\n{lines}\n{names}\n{payload}"
    # Header values are the client's bytes, read as Latin-1; everything else is ASCII by now.
    digest = hashlib.sha256(canonical.encode("latin-1", "backslashreplace")).hexdigest()
    return Computed(canonical, f"{ALGORITHM}\n{claim.date}\n{claim.scope}\n{digest}")


def canonical_path(path: str, *, s3: bool) -> str:
    """S3 encodes a path once and takes it as it is; every other service tidies it up and encodes it once more."""
    if s3:
        return "/".join([_recoded(part) for part in path.split("/")]) or "/"
    tidy = _tidy(path)
    return tidy if _PLAIN.fullmatch(tidy) else quote(tidy, safe=f"/{_SAFE}")


def _recoded(part: str) -> str:
    return quote(unquote(part, errors="surrogateescape"), safe=_SAFE, errors="surrogateescape")


def _tidy(path: str) -> str:
    """Without empty segments, "." and ".." (RFC 3986, section 5.2.4; a last "." leaves no slash, as with botocore)."""
    if "//" not in path and "/." not in path and path:
        return path
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    end = "/" if kept and path.endswith("/") else ""
    return f"/{'/'.join(kept)}{end}"


def canonical_query(text: str, *, presigned: bool) -> str:
    """Names and values decoded and encoded again, in order; without the signature itself."""
    pairs = []
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if part and not (presigned and name == _SIGNATURE):
            pairs.append((_encoded(name), _encoded(value)))
    return "&".join([f"{name}={value}" for name, value in sorted(pairs)])


def _encoded(text: str) -> str:
    if text.isalnum() and text.isascii():
        return text
    return quote(unquote_plus(text, errors="surrogateescape"), safe=_SAFE, errors="surrogateescape")


def _value(text: str) -> str:
    """Without blanks around it, and with one where there were several."""
    return " ".join(text.split())
