"""What a request says of its own signature: read from its Authorization header or its presigned query, and unproved."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple

from lambent.iam.refusals import Words
from lambent.wire import query
from lambent.wire.http import Request

ALGORITHM = "AWS4-HMAC-SHA256"
_DATE = re.compile(r"\d{8}T\d{6}Z")
_USUAL = re.compile(
    r"Credential=(?P<Credential>[^, ]+), ?SignedHeaders=(?P<SignedHeaders>[^, ]+), ?Signature=(?P<Signature>\w+)"
)
_HEADER_PARTS = ("Credential", "Signature", "SignedHeaders")
_QUERY_PARTS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature")
_FORM_PARTS = ("policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
LONGEST_S = 604_800  # that a presigned URL may be valid: a week


class Claim(NamedTuple):
    """A signature and all that it was made from besides the request itself."""

    access_key: str
    day: str  # "20260131"
    region: str
    service: str
    headers: tuple[str, ...]  # names of the signed ones, in lower case and in order
    signature: str
    date: str  # "20260131T120000Z"
    at: float  # the same in epoch seconds
    token: str = ""  # of temporary credentials
    expires_s: int | None = None  # of a presigned URL: how long it is valid

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"

    @property
    def presigned(self) -> bool:
        return self.expires_s is not None


def of(request: Request, words: Words) -> Claim:
    """The claim that a signed request makes. Raises AwsError, in its service's words, for one that is not whole."""
    header = request.headers.get("authorization")
    return _from_header(request, header, words) if header is not None else _from_query(request, words)


def of_form(fields: Mapping[str, str], words: Words) -> Claim:
    """The claim of a form that a browser posts to S3, whose policy is signed; `fields` by names in lower case."""
    if "awsaccesskeyid" in fields:
        raise words.unsupported("AWS")  # version 2
    for name in _FORM_PARTS:
        if not fields.get(name):
            raise words.missing_field(name)
    if fields["x-amz-algorithm"] != ALGORITHM:
        raise words.unsupported(fields["x-amz-algorithm"])
    parts = {"Credential": fields["x-amz-credential"], "Signature": fields["x-amz-signature"], "SignedHeaders": ""}
    return _claim(parts, fields["x-amz-date"], fields.get("x-amz-security-token", ""), None, words)


def token_of(request: Request) -> str:
    """The session token that goes with a request; "" for none."""
    given = request.headers.get("x-amz-security-token", "")
    if not given and "X-Amz-Security-Token=" in request.query:
        given = query.parse(request.query).get("X-Amz-Security-Token", [""])[0]
    return given


def _from_header(request: Request, header: str, words: Words) -> Claim:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise words.unsupported(algorithm)
    parts = _parts(rest, header, words)
    date = request.headers.get("x-amz-date") or _plain_date(request.headers.get("date", ""))
    missing = [f"Authorization header requires '{name}' parameter." for name in _HEADER_PARTS if not parts.get(name)]
    if not date:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing:
        raise words.incomplete(f"{' '.join(missing)} Authorization={header}")
    return _claim(parts, date, request.headers.get("x-amz-security-token", ""), None, words)


def _parts(text: str, header: str, words: Words) -> dict[str, str]:
    """The `key=value` pairs between the commas."""
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        return usual.groupdict()
    found = {}
    for piece in text.split(","):
        name, equals, value = piece.strip().partition("=")
        if not equals:
            why = "not a valid key=value pair (missing equal-sign) in Authorization header"
            raise words.incomplete(f"'{piece.strip()}' {why}: '{header}'.")
        if name not in _HEADER_PARTS or name in found:
            raise words.incomplete(f"'{name}' is not expected (here) in Authorization header: '{header}'.")
        found[name] = value
    return found


def _from_query(request: Request, words: Words) -> Claim:
    given = {name: values[0] for name, values in query.parse(request.query).items()}
    algorithm = given.get("X-Amz-Algorithm", "")
    missing = [name for name in _QUERY_PARTS if not given.get(name)]
    if missing:
        raise words.incomplete_query(missing[0])
    if algorithm != ALGORITHM:
        raise words.unsupported(algorithm)
    parts = {name: given[f"X-Amz-{name}"] for name in _HEADER_PARTS}
    expires = given.get("X-Amz-Expires", "900")
    if not (expires.isascii() and expires.isdigit() and 1 <= int(expires[:9]) <= LONGEST_S and len(expires) < 9):
        raise words.bad_expiry(expires)
    return _claim(parts, given["X-Amz-Date"], given.get("X-Amz-Security-Token", ""), int(expires), words)


def _claim(parts: Mapping[str, str], date: str, token: str, expires_s: int | None, words: Words) -> Claim:
    scope = _split(parts["Credential"])
    if scope is None:
        raise words.bad_scope(parts["Credential"])
    at = _epoch(date)
    if at is None:
        raise words.bad_date(date)
    if scope[1] != date[:8]:
        raise words.other_day(scope[1], date)
    return Claim(*scope, _names(parts["SignedHeaders"]), parts["Signature"], date, at, token, expires_s)


@lru_cache(maxsize=256)  # the same all day, for one client
def _split(credential: str) -> tuple[str, str, str, str] | None:
    """Access key, day, region and service; None for what is not whole."""
    access_key, _, scope = credential.partition("/")
    day, region, service, last = (scope.split("/") + [""] * 4)[:4]
    whole = access_key and day and region and service and last == "aws4_request" and scope.count("/") == 3
    return (access_key, day, region, service) if whole else None


@lru_cache(maxsize=256)
def _names(text: str) -> tuple[str, ...]:
    """The names of the signed headers."""
    return tuple(text.lower().split(";"))


@lru_cache(maxsize=256)  # a busy client signs many requests in one second
def _epoch(date: str) -> float | None:
    """Epoch seconds of "20260131T120000Z"; None for what is no date."""
    if not _DATE.fullmatch(date):
        return None
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _plain_date(text: str) -> str:
    """A Date header in the form of X-Amz-Date; "" for none."""
    if not text or _DATE.fullmatch(text):
        return text
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, OverflowError):
        return text
