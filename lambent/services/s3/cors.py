"""What a bucket lets pages of other origins do: its rules, and the headers that tell browsers. Pure functions.

Source: S3 User Guide, "Elements of a CORS configuration" and "How does Amazon S3 evaluate the CORS configuration";
Fetch standard, "CORS protocol".
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lambent.errors import AwsError
from lambent.services.s3 import errors
from lambent.services.s3.nouns import Bucket

Rule = Mapping[str, Any]
Headers = list[tuple[str, str]]

MOST_RULES = 100
MOST_BYTES = 65_536  # of a configuration
MOST_ID = 255
METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
_ALLOW = "Access-Control-Allow-"


def checked(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules as they are kept. Raises MalformedXML, InvalidRequest, InvalidArgument, MaxMessageLengthExceeded."""
    if not given:
        raise errors.malformed_xml()
    if len(given) > MOST_RULES:
        message = f"The number of CORS rules should not exceed allowed limit of {MOST_RULES} rules."
        raise errors.invalid_request(message)
    for rule in given:
        _check(rule)
    if len(msgspec.json.encode(given)) > MOST_BYTES:
        raise AwsError("Your request was too big.", code="MaxMessageLengthExceeded", status=400)
    return given


def _check(rule: Rule) -> None:
    if not rule.get("AllowedMethods") or not rule.get("AllowedOrigins"):
        raise errors.malformed_xml()
    for method in rule["AllowedMethods"]:
        if method not in METHODS:
            message = f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            raise errors.invalid_request(message)
    for name in ("AllowedOrigin", "AllowedHeader"):
        for value in rule.get(f"{name}s") or ():
            if value.count("*") > 1:
                raise errors.invalid_request(f'{name} "{value}" can not have more than one wildcard.')
    for value in rule.get("ExposeHeaders") or ():
        if "*" in value:
            message = (
                f'ExposeHeader "{value}" contains wildcard. We currently do not support wildcard for ExposeHeader.'
            )
            raise errors.invalid_request(message)
    if len(rule.get("ID") or "") > MOST_ID:
        raise errors.invalid_argument(f"ID length should not exceed allowed limit of {MOST_ID}", "ID", rule["ID"])


def rule_for(rules: Sequence[Rule], origin: str, method: str, headers: Sequence[str] = ()) -> Rule | None:
    """The first rule that allows all of it; `headers` are names that a page would send."""
    for rule in rules:
        origins, names = rule["AllowedOrigins"], rule.get("AllowedHeaders") or ()
        if method not in rule["AllowedMethods"] or not _any_fits(origin, origins):
            continue
        if all(_any_fits(header.lower(), [name.lower() for name in names]) for header in headers):
            return rule
    return None


def _any_fits(text: str, patterns: Sequence[str]) -> bool:
    return any(_fits(text, pattern) for pattern in patterns)


def _fits(text: str, pattern: str) -> bool:
    start, star, end = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(start) + len(end) and text.startswith(start) and text.endswith(end)


def headers_of(rule: Rule, origin: str, asked: Sequence[str] = ()) -> Headers:
    """What tells the browser that the rule allows it; `asked` are the headers of a preflight."""
    everybody = "*" in rule["AllowedOrigins"]
    headers = [(f"{_ALLOW}Origin", "*" if everybody else origin)]
    headers.append((f"{_ALLOW}Methods", ", ".join(rule["AllowedMethods"])))
    if asked:
        headers.append((f"{_ALLOW}Headers", ", ".join(name.lower() for name in asked)))
    if rule.get("ExposeHeaders"):
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule["ExposeHeaders"])))
    if rule.get("MaxAgeSeconds") is not None:
        headers.append(("Access-Control-Max-Age", str(rule["MaxAgeSeconds"])))
    if not everybody:
        headers.append((f"{_ALLOW}Credentials", "true"))  # with "*" browsers would take no answer that says so
    return [*headers, VARY]


def preflight(bucket: Bucket | None, kind: str, headers: Mapping[str, str]) -> Headers:
    """What S3 answers a browser that asks whether a page may; `kind` is OBJECT or BUCKET. Raises BadRequest,
    AccessForbidden.
    """
    origin, method = headers.get("origin"), headers.get("access-control-request-method")
    if not origin:
        raise _bad("Insufficient information. Origin request header needed.")
    if method not in METHODS:
        raise _bad(f"Invalid Access-Control-Request-Method: {'null' if method is None else method}")
    if bucket is None:
        raise _forbidden("Bucket not found", method, "BUCKET")
    if not bucket.settings.cors:
        raise _forbidden("CORS is not enabled for this bucket.", method, kind)
    asked = [name.strip() for name in headers.get("access-control-request-headers", "").split(",") if name.strip()]
    rule = rule_for(bucket.settings.cors, origin, method, asked)
    if rule is None:
        raise _forbidden(NOT_ALLOWED, method, kind)
    return headers_of(rule, origin, asked)


# In AWS's spelling.
NOT_ALLOWED = (
    "This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)


def _bad(message: str) -> AwsError:
    return AwsError(message, code="BadRequest", status=400)


def _forbidden(message: str, method: str, kind: str) -> AwsError:
    return AwsError(
        f"CORSResponse: {message}", code="AccessForbidden", status=403, Method=method, ResourceType=kind
    )  # fmt: skip


def of_answer(bucket: Bucket, origin: str, method: str) -> Headers:
    """The headers of an answer to a request that a page of `origin` has sent."""
    if not bucket.settings.cors:
        return []
    rule = rule_for(bucket.settings.cors, origin, method)
    # A cache must not give one origin what was said to another, so every answer says what it depends on.
    return [VARY] if rule is None else headers_of(rule, origin)
