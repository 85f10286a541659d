"""From what a function answered to the HTTP response: AWS's inference for payload format 2.0.

Sources: lambda-semantics.md §14.1; AWS's guide, "Invoking Lambda function URLs"; localstack-core's recordings of
November 2025: JSON is written anew without spaces, a string goes out without its quotes, and application/json is the
type of everything that names none.
"""

import base64
import binascii
import re
from typing import Any

import msgspec

from lambent.errors import LambentError
from lambent.wire.http import Response

JSON = "application/json"
SEPARATOR = b"\0" * 8  # between the metadata of a streamed answer and its body
# What the service sets itself. A function's own go out under another name, as AWS sends them.
REMAPPED = frozenset((
    "connection", "content-length", "date", "keep-alive", "proxy-authenticate", "server", "trailer",
    "transfer-encoding", "upgrade", "www-authenticate", "x-amzn-requestid", "x-amzn-trace-id",
))  # fmt: skip
_REMAPPED_PREFIX = "x-amzn-Remapped-"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")  # in a header's value

Headers = list[tuple[str, str]]


class MalformedAnswer(LambentError):
    """The function's answer is no response that HTTP could carry; the client gets a 502."""


def response_of(payload: bytes) -> Response:
    """The response to a buffered call. Raises MalformedAnswer."""
    head, separator, body = payload.partition(SEPARATOR)
    if separator and (metadata := _object(head)) is not None:  # a function that streams, called without streaming
        status, headers = head_of(metadata)
        return Response(status, headers, body)
    try:
        answer = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):  # no JSON, or such as we need not understand
        return Response(200, [("Content-Type", JSON)], payload)
    if isinstance(answer, dict) and "statusCode" in answer:
        status, headers = head_of(answer)
        return Response(status, headers, _body(answer))
    # Not encoded anew: numbers and escapes stay as the function wrote them.
    body = answer.encode() if isinstance(answer, str) else msgspec.json.format(payload, indent=-1)
    return Response(200, [("Content-Type", JSON)], body)


def head_of(answer: dict[str, Any], default_type: str = JSON) -> tuple[int, Headers]:
    """Status and headers of an answer that names them, or of a stream's metadata. Raises MalformedAnswer."""
    headers = _headers(answer.get("headers"))
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", default_type))
    cookies = answer.get("cookies") or []
    if not isinstance(cookies, list):
        raise MalformedAnswer("cookies is not a list")
    return _status(answer.get("statusCode", 200)), headers + [("Set-Cookie", _value(cookie)) for cookie in cookies]


def prelude_of(head: bytes) -> tuple[int, Headers]:
    """Status and headers in the metadata of a streamed answer. Raises MalformedAnswer."""
    metadata = _object(head)
    if metadata is None:
        raise MalformedAnswer("the metadata of the stream is not a JSON object")
    return head_of(metadata, "application/octet-stream")


def _status(given: Any) -> int:
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or not 200 <= given <= 599:
        raise MalformedAnswer("statusCode is not a number from 200 to 599")
    return given


def _headers(given: Any) -> Headers:
    if given is None:
        return []
    if not isinstance(given, dict):
        raise MalformedAnswer("headers is not an object")
    return [(_name(name), _value(value)) for name, value in given.items() if value is not None]


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise MalformedAnswer("a header has a name that HTTP does not have")
    return f"{_REMAPPED_PREFIX}{name}" if name.lower() in REMAPPED else name


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float) or _UNSENDABLE.search(text := str(value)):
        raise MalformedAnswer("a header or cookie has a value that HTTP cannot carry")
    return text


def _body(answer: dict[str, Any]) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if isinstance(body, dict | list):
        return msgspec.json.encode(body)
    if not isinstance(body, str):
        raise MalformedAnswer("body is not a string")
    if not answer.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body)
    except (binascii.Error, ValueError):
        raise MalformedAnswer("body is not in base64") from None


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
