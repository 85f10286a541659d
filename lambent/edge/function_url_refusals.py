"""What function URLs say when there is no answer of the function's.

Recorded by localstack-core 2026.3.0, but for the words of 413 and 429, which are those of Invoke.
"""

import logging
from collections.abc import Mapping

import msgspec

from lambent.errors import AwsError, LambentError, TooManyRequests
from lambent.wire.http import Response

log = logging.getLogger("lambent")

TROUBLE = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)
_json = msgspec.json.Encoder().encode


class Forbidden(AwsError):
    """The caller may not use this function URL."""

    code = "AccessDeniedException"
    status = 403

    def __init__(self, message: str = TROUBLE) -> None:
        super().__init__(message)


def nowhere() -> Response:
    """To whoever asks for a URL that there is not."""
    return _refusal(403, "AccessDeniedException", {"Message": None})


def denied(error: AwsError) -> Response:
    """To a caller whom the URL does not believe, or does not let in."""
    return _refusal(error.status or 403, error.code, {"Message": error.message})


def failed(error: LambentError | None = None) -> Response:
    """A function error (None), an answer that is no response, a throttle, a request too large, or trouble of ours."""
    if isinstance(error, TooManyRequests):
        document = {"Message": error.message}
        document |= {name: error.members[name] for name in ("Reason", "Type") if name in error.members}
        response = _refusal(429, error.code, document)
        response.headers.append(("Retry-After", str(error.members.get("retryAfterSeconds", "1"))))
        return response
    if isinstance(error, AwsError) and error.status == 413:
        return _refusal(413, error.code, {"Message": error.message})
    if error is not None and not isinstance(error, AwsError):
        log.error("%s", error.message)
    return Response(502, [("Content-Type", "application/json")], b"Internal Server Error")


def _refusal(status: int, code: str, document: Mapping[str, str | None]) -> Response:
    return Response(status, [("x-amzn-ErrorType", code), ("Content-Type", "application/json")], _json(document))
