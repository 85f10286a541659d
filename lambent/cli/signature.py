"""Signature version 4 with the standard library alone, so that the commands need no SDK to name account and region.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import os
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from lambent.errors import SettingError


class Credentials(NamedTuple):
    """Who signs, and for which region."""

    access_key: str
    secret_key: str
    token: str
    region: str


def credentials_of(environ: Mapping[str, str], region: str | None) -> Credentials | None:
    """The credentials in the environment, or in the file or the profile that it names; None: requests go unsigned, to
    the server's own account and region. A ~/.aws/credentials that nobody asked for is left alone.
    """
    region = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    found = _in_environment(environ) or _in_file(environ)
    if found is not None:
        return Credentials(*found, region or "us-east-1")
    return Credentials("lambent", "lambent", "", region) if region else None


def _in_environment(environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    return (access_key, secret_key, environ.get("AWS_SESSION_TOKEN", "")) if access_key and secret_key else None


def _in_file(environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Raises SettingError for a file or a profile that is asked for and not there."""
    named, profile = environ.get("AWS_SHARED_CREDENTIALS_FILE"), environ.get("AWS_PROFILE")
    if not named and not profile:
        return None
    import configparser

    path, parser = os.path.expanduser(named or "~/.aws/credentials"), configparser.RawConfigParser()
    try:
        with open(path) as file:
            parser.read_file(file)
        section = parser[profile or "default"]
        return section["aws_access_key_id"], section["aws_secret_access_key"], section.get("aws_session_token", "")
    except OSError as error:
        raise SettingError(f"cannot read the credentials in {path}: {error.strerror}") from error
    except (configparser.Error, KeyError) as error:
        raise SettingError(f"{path} has no credentials of the profile {profile or 'default'!r}") from error


def sign(
    who: Credentials, method: str, target: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None
) -> dict[str, str]:
    """The headers with X-Amz-Date and Authorization added; `now` is epoch seconds (None: the present)."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {**headers, "X-Amz-Date": moment}
    if who.token:
        signed["X-Amz-Security-Token"] = who.token
    lower = {name.lower(): value.strip() for name, value in signed.items()}
    names = ";".join(sorted(lower))
    scope = f"{moment[:8]}/{who.region}/lambda/aws4_request"
    canonical = _canonical(method, target, lower, names, body)
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = _key(who, moment[:8])
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    signed["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={who.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


def _canonical(method: str, target: str, lower: Mapping[str, str], names: str, body: bytes) -> str:
    path, _, query = target.partition("?")
    lines = "".join(f"{name}:{lower[name]}\n" for name in sorted(lower))
    ordered = "&".join(sorted(part if "=" in part else part + "=" for part in query.split("&") if part))
    # Every service but S3 encodes the already encoded path once more.
    return "\n".join([method, quote(path, safe="/~-_."), ordered, lines, names, hashlib.sha256(body).hexdigest()])


def _key(who: Credentials, day: str) -> bytes:
    key = b"AWS4" + who.secret_key.encode()
    for part in (day, who.region, "lambda", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
