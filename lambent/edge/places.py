"""Which bucket and key a request is for, before anybody has read it as a call of S3."""

from lambent.wire import recognise
from lambent.wire.http import Request
from lambent.wire.query import path_text

FORM = "multipart/form-data"


def place_of(request: Request) -> tuple[str, str]:
    """Bucket and key that a request names; "" for what it does not, or if it is not for S3."""
    if recognise.service(request, recognise.sender(request).scope) != "s3":
        return "", ""
    path = request.path.removeprefix("/")
    bucket = recognise.bucket_in_host(request)
    if not bucket:
        bucket, _, path = path.partition("/")
    return path_text(bucket), path_text(path)


def is_form(request: Request) -> bool:
    """The cheap look that every request gets."""
    return request.method == "POST" and request.headers.get("content-type", "")[: len(FORM)].lower() == FORM


def bucket_of(request: Request) -> str:
    """The bucket that a form uploads to; "" for what is none, as other operations that POST to a bucket."""
    if not is_form(request) or request.query or request.path.startswith("/_lambent/"):
        return ""
    bucket, key = place_of(request)
    return "" if key else bucket
