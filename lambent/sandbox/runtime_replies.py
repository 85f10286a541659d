"""What the answers and errors that a custom runtime posts mean for the invocation."""

import base64
import binascii
import re

import msgspec

from lambent.sandbox.link import Reply
from lambent.sandbox.runtime_http import ApiRequest

MOST_RESPONSE_BYTES = 6 * 1024 * 1024 + 100
_ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"
_VALID_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


def reply_from_response(request: ApiRequest) -> Reply:
    """The function's answer, or the error that the trailers of a streamed one tell of."""
    kind = request.trailers.get(_ERROR_TYPE)
    if kind is None:
        return Reply(bytes(request.body))
    kind = valid_type(kind)
    try:
        body = base64.b64decode(request.trailers.get(_ERROR_BODY, ""), validate=True)
    except binascii.Error:
        body = b""
    return Reply(body or document(kind, ""), kind)


def reply_from_error(request: ApiRequest) -> Reply:
    """The error that a runtime posted: its document as it stands, its type made one that AWS knows."""
    kind = valid_type(request.headers.get(_ERROR_TYPE, ""))
    whole = request.size == len(request.body)
    return Reply(bytes(request.body) if whole and request.body else document(kind, ""), kind)


def valid_type(kind: str) -> str:
    """An error type as AWS reports it: unknown ones lose their name (fatalerror.go)."""
    if _VALID_TYPE.fullmatch(kind):
        return kind
    return "Function.Unknown" if kind.startswith("Function.") else "Runtime.Unknown"


def too_large(size: int) -> Reply:
    kind = "Function.ResponseSizeTooLarge"
    limit = f"exceeded maximum allowed payload size ({MOST_RESPONSE_BYTES} bytes)."
    return Reply(document(kind, f"Response payload size ({size} bytes) {limit}"), kind)


def document(kind: str, message: str) -> bytes:
    """An error document that the platform makes, for the client or the runtime."""
    return msgspec.json.encode({"errorMessage": message, "errorType": kind})
