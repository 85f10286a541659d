"""Links to a function's code: for ten minutes, for whoever has the link."""

import hashlib
import hmac
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from lambent.errors import AwsError, ResourceNotFound
from lambent.store.durable import made_once

PREFIX = "/_lambent/code/"
VALID_S = 600  # as on AWS
_KEY_FILE = "download.key"
_KEY_BYTES = 32


def secret(data_dir: Path) -> bytes:
    """The key of a data directory, made at the first call; links survive a restart and fit no other server."""
    return made_once(data_dir / _KEY_FILE, _KEY_BYTES)


def make_url(host: str, digest: str, key: bytes, now: float) -> str:
    """A link to the zip of `digest` on the endpoint that the client reached as `host`; `now` is epoch seconds."""
    expires = int(now) + VALID_S
    query = urlencode({"expires": expires, "signature": _sign(digest, expires, key)})
    return f"http://{host}{PREFIX}{digest}?{query}"


def check(path: str, query: str, key: bytes, now: float) -> str:
    """The digest whose zip the holder of this link may have. Raises AwsError 403, ResourceNotFound for no digest."""
    digest = path.removeprefix(PREFIX)
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ResourceNotFound("There is no such code.")
    given = dict(parse_qsl(query))
    expires = given.get("expires", "")
    known = expires.isascii() and expires.isdigit() and len(expires) < 16
    signature = _sign(digest, int(expires), key) if known else ""
    if not known or not hmac.compare_digest(signature, given.get("signature", "")):
        raise _denied("The signature of this link is not ours.")
    if now > int(expires):
        raise _denied("This link has expired; GetFunction gives another.")
    return digest


def _sign(digest: str, expires: int, key: bytes) -> str:
    return hmac.new(key, f"{digest}\n{expires}".encode(), hashlib.sha256).hexdigest()


def _denied(message: str) -> AwsError:
    return AwsError(message, code="AccessDeniedException", status=403)
