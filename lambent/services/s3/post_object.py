"""PostObject: what a browser's form brings becomes a PutObject, and its answer what the form asks for.

Source: S3 API Reference, "POST Object" (RESTObjectPOST). botocore's models do not have it.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlencode, urlsplit

from lambent.iam.refusals import OF_S3
from lambent.services.s3 import errors
from lambent.services.s3.about import quoted
from lambent.services.s3.nouns import Stored
from lambent.wire.form_data import FILE, FormReader
from lambent.wire.formats.xml import DECLARATION, escaped
from lambent.wire.http import Request, Response, Spooled

FILENAME = "${filename}"
# Fields that are headers of a PutObject, by their names or how these begin; of other fields nothing is kept.
HEADERS = frozenset({
    "cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires",
    "x-amz-sdk-checksum-algorithm", "x-amz-storage-class", "x-amz-website-redirect-location",
})  # fmt: skip
BEGINNINGS = ("x-amz-checksum-", "x-amz-meta-", "x-amz-object-lock-", "x-amz-server-side-encryption")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # of a header (RFC 9110, section 5.6.2)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
URL_SAFE = "!#$%&'()*+,/:;=?@[]~"
RENAMED = {"acl": "x-amz-acl", "x-amz-checksum-algorithm": "x-amz-sdk-checksum-algorithm"}


def fields_of(form: FormReader, bucket: str) -> dict[str, str]:
    """The fields as the policy sees them: with the bucket, and the file's name wherever one asks for it. Raises
    InvalidArgument.
    """
    if not form.has_file:
        raise errors.invalid_argument("POST requires exactly one file upload per request.", FILE, "0")
    fields = {
        name: value if name == "policy" else value.replace(FILENAME, form.filename)
        for name, value in form.fields.items()
    }
    if "key" not in fields:
        raise OF_S3.missing_field("key")
    if not fields["key"]:
        raise errors.invalid_argument("User key must have a length greater than 0.", "key", "")
    return fields | {"bucket": bucket}


def as_put(request: Request, fields: Mapping[str, str], data: bytes | Spooled, tags: str = "") -> Request:
    """The PutObject that the form stands for; `tags` as its header has them."""
    headers = dict(_headers(fields))
    if tags:
        headers["x-amz-tagging"] = tags
    size = len(data) if isinstance(data, bytes) else data.size
    headers["content-length"] = str(size)
    path = f"/{fields['bucket']}/{quote(fields['key'])}"
    if isinstance(data, bytes):
        return Request("PUT", path, "", headers, data, request.client)
    return Request("PUT", path, "", headers, b"", request.client, data)


def _headers(fields: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for given, value in fields.items():
        name = RENAMED.get(given, given)
        if name not in HEADERS and name != "x-amz-acl" and not name.startswith(BEGINNINGS):
            continue
        if not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise errors.invalid_argument("A header cannot have this value.", given, value)
        if name == "content-encoding":  # it is of uploads in signed chunks, which this is not
            value = ",".join(each for each in value.split(",") if each.strip() != "aws-chunked")  # noqa: PLW2901
        yield name, value.encode().decode("latin-1")  # as it would have come in a head


def as_tagging(fields: Mapping[str, str]) -> Request:
    """The PutObjectTagging that the field `tagging` would be the body of."""
    return Request("PUT", f"/{fields['bucket']}/{quote(fields['key'])}", "tagging", {}, fields["tagging"].encode())


def tags_of(tagging: Mapping[str, object]) -> str:
    """The same as a header has it."""
    found = tagging.get("TagSet") or []
    return urlencode([(each.get("Key", ""), each.get("Value", "")) for each in found])  # type: ignore[attr-defined]


def answered(request: Request, fields: Mapping[str, str], put: Response, new: Stored) -> Response:
    """The answer of the PutObject as the form wants it: 204, another status, or another page."""
    url = fields.get("success_action_redirect") or fields.get("redirect") or ""
    if _is_page(url):
        query = urlencode({"bucket": new.bucket, "key": new.key, "etag": quoted(new.etag)}, quote_via=quote)
        target = f"{quote(url, safe=URL_SAFE)}{'&' if '?' in url else '?'}{query}"
        return Response(303, [*put.headers, ("Location", target)], b"")
    location = _location(request, new)
    headers = [*put.headers, ("Location", location)]
    status = fields.get("success_action_status")
    if status == "201":
        return Response(201, [*headers, ("Content-Type", "application/xml")], _document(location, new))
    return Response(200 if status == "200" else 204, headers, b"")


def _is_page(url: str) -> bool:
    """What is no URL is passed over, as if it were not there."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _location(request: Request, new: Stored) -> str:
    host = request.headers.get("host", "")
    inside = "" if host.lower().startswith(f"{new.bucket}.") else f"/{new.bucket}"
    return f"http://{host}{inside}/{quote(new.key, safe='')}"


def _document(location: str, new: Stored) -> bytes:
    members = {"Location": location, "Bucket": new.bucket, "Key": new.key, "ETag": quoted(new.etag)}
    inner = "".join(f"<{name}>{escaped(value)}</{name}>" for name, value in members.items())
    return f"{DECLARATION}<PostResponse>{inner}</PostResponse>".encode()
