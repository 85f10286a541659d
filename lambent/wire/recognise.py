"""Who sent a request and to which service: read from the signature, the target, the form, the host or the path."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from lambent.wire.http import Request
from lambent.wire.query import Query, parse, path_text
from lambent.wire.services import BY_OWN_SCOPE, BY_SCOPE, BY_TARGET, BY_VERSION

_DATE = re.compile(r"/\d{4}-\d{2}-\d{2}/")
_CBOR_PATH = re.compile(r"/service/([^/]+)/operation/([^/]+)$")
_BUCKET_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+?)\.(?:s3[.-].*|localhost)")


class Sender(NamedTuple):
    """What a signature claims, unproved: "" where it says nothing."""

    access_key: str
    region: str
    scope: str
    account: str = ""  # the access key, if it is an account id


NOBODY = Sender("", "", "")
# Senders by the part of their header that changes once a day. Forgotten all at once when there are many.
_SEEN: dict[str, Sender] = {}
_MOST_SEEN = 1000


def sender(request: Request) -> Sender:
    """The sender that the Authorization header or a presigned query names."""
    header = request.headers.get("authorization", "")
    credential = header[: header.find(",")]
    known = _SEEN.get(credential)
    if known is not None:
        return known
    if header.startswith("AWS4-"):
        if len(_SEEN) >= _MOST_SEEN:
            _SEEN.clear()
        found = _SEEN[credential] = _from_credential(credential.partition("Credential=")[2])
        return found
    if header.startswith("AWS "):  # signature version 2, which old S3 tools still make
        return Sender(header[4:].partition(":")[0], "", "s3")
    if "X-Amz-Credential=" in request.query:
        return _from_credential(parse(request.query).get("X-Amz-Credential", [""])[0])
    return NOBODY


def form_sender(fields: Mapping[str, str]) -> Sender:
    """The sender that a browser's form to S3 names, in the fields of either version of signatures."""
    if "x-amz-credential" in fields:
        return _from_credential(fields["x-amz-credential"])
    return Sender(fields.get("awsaccesskeyid", ""), "", "s3")


def _from_credential(credential: str) -> Sender:
    """From `key/date/region/service/aws4_request`; version 4A leaves the region out."""
    key, *scope = credential.strip().split("/")
    account = key if len(key) == 12 and key.isascii() and key.isdigit() else ""
    if len(scope) >= 4:
        return Sender(key, scope[1], scope[2], account)
    return Sender(key, "", scope[1] if len(scope) == 3 else "", account)


def service(request: Request, scope: str) -> str:
    """botocore's name of the service that a request is for. S3 is what remains: its paths may be anything."""
    own = BY_OWN_SCOPE.get(scope)
    if own is not None:
        return own
    target = request.headers.get("x-amz-target")
    if target is not None:
        found = BY_TARGET.get(target.rpartition(".")[0])
        if found is not None:
            return found
    if scope:
        found = BY_SCOPE.get(scope, scope)
        return "apigatewayv2" if found == "apigateway" and request.path.startswith("/v2/") else found
    return _unsigned(request)


def _unsigned(request: Request) -> str:
    if _DATE.match(request.path):
        return "lambda"
    cbor = _CBOR_PATH.match(request.path)
    if cbor is not None and cbor[1] in BY_TARGET:
        return BY_TARGET[cbor[1]]
    form = form_of(request)
    if "Action" in form:
        return BY_VERSION.get(form.get("Version", [""])[0], "s3")
    return "s3"


def form_of(request: Request) -> Query:
    """The fields of the query protocol, from a form body or, for GET, the query; {} when there are none."""
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return parse(request.body.decode("utf-8", "replace"))
    return parse(request.query) if "Action=" in request.query else {}


def protocol(request: Request, spoken: tuple[str, ...]) -> str:
    """The protocol of a request to a service that speaks several; the answer goes out in the same."""
    headers = request.headers
    if "smithy-rpc-v2-cbor" in spoken and headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "smithy-rpc-v2-cbor"
    if "json" in spoken and "x-amz-target" in headers:
        return "json"
    if "query" in spoken and "Action" in form_of(request):
        return "query"
    return next((name for name in spoken if name.startswith("rest")), spoken[0])


def cbor_operation(path: str) -> str:
    """The operation that an rpc-v2-cbor path names, or ""."""
    found = _CBOR_PATH.search(path)
    return path_text(found[2]) if found else ""


def bucket_in_host(request: Request) -> str:
    """The bucket of a virtual-hosted S3 request (`bucket.s3.…`, `bucket.localhost`), or "" for path style."""
    host = request.headers.get("host", "").partition(":")[0].lower()
    if host.startswith(("s3.", "s3-")):
        return ""
    found = _BUCKET_HOST.fullmatch(host)
    return found["bucket"] if found else ""
