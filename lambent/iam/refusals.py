"""Why a signature is not taken, in the words of the service that was asked: AWS has three vocabularies for it.

Sources: "Common errors" of each service's API reference, "Error responses" of the S3 API reference, and "Troubleshoot
Signature Version 4 signing" of the IAM User Guide.
"""

from datetime import UTC, datetime
from typing import ClassVar

from lambent.errors import AwsError
from lambent.wire import recognise
from lambent.wire.http import Request

WINDOW_S = 900  # how far the date of a signature may lie from now
_ISO_8601 = "http://en.wikipedia.org/wiki/ISO_8601"
_NO_MATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


class Words:
    """Those of the JSON protocols."""

    codes: ClassVar[dict[str, str]] = {
        "missing": "MissingAuthenticationTokenException",
        "unknown": "UnrecognizedClientException",
        "mismatch": "InvalidSignatureException",
        "incomplete": "IncompleteSignatureException",
        "expired": "ExpiredTokenException",
    }
    no_token = "Missing Authentication Token"
    incomplete_status = 403

    def missing(self) -> AwsError:
        return self._error("missing", self.no_token)

    def unknown(self) -> AwsError:
        """No such key, or a session token that is not ours."""
        return self._error("unknown", "The security token included in the request is invalid.")

    def expired(self) -> AwsError:
        return self._error("expired", "The security token included in the request is expired")

    def mismatch(self, canonical: str, to_sign: str) -> AwsError:
        return self._error(
            "mismatch",
            f"{_NO_MATCH}\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n"
            f"The String-to-Sign should have been\n'{to_sign}'\n",
        )

    def unsigned_header(self, name: str) -> AwsError:
        shown = "'Host' or ':authority'" if name == "host" else f"'{name}'"
        return self._error("mismatch", f"{shown} must be a 'SignedHeader' in the AWS Authorization.")

    def other_service(self, service: str) -> AwsError:
        return self._error("mismatch", f"Credential should be scoped to correct service: '{service}'. ")

    def other_day(self, day: str, date: str) -> AwsError:
        return self._error(
            "mismatch",
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != "
            f"'{date[:8]}', from '{date}'.",
        )

    def too_old(self, date: str, now: float, valid_s: float = WINDOW_S) -> AwsError:
        bound = f"{_iso(now - valid_s)} ({_iso(now)} - {_span(valid_s)})"
        return self._error("mismatch", f"Signature expired: {date} is now earlier than {bound}")

    def too_new(self, date: str, now: float) -> AwsError:
        bound = f"{_iso(now + WINDOW_S)} ({_iso(now)} + {_span(WINDOW_S)})"
        return self._error("mismatch", f"Signature not yet current: {date} is still later than {bound}")

    def url_too_old(self, date: str, now: float, valid_s: float) -> AwsError:
        return self.too_old(date, now, valid_s)

    def wrong_body(self, said: str, found: str) -> AwsError:
        """A body that is not what its signed hash says. Only S3 tells that from any other mismatch."""
        return self._error("mismatch", _NO_MATCH)

    def wrong_chunk(self) -> AwsError:
        return self._error("mismatch", _NO_MATCH)

    def incomplete(self, message: str) -> AwsError:
        return self._error("incomplete", message, status=self.incomplete_status)

    def incomplete_query(self, name: str) -> AwsError:
        return self.incomplete(f"AWS query-string parameters must include '{name}'. Re-examine the query-string.")

    def missing_field(self, name: str) -> AwsError:
        """A form without it; only S3 has forms."""
        message = (
            f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the "
            "fields."
        )
        return AwsError(message, code="InvalidArgument", status=400, ArgumentName=name, ArgumentValue="")

    def bad_scope(self, credential: str) -> AwsError:
        return self.incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'"
        )

    def bad_date(self, date: str) -> AwsError:
        return self.incomplete(f"Date must be in ISO-8601 'basic format'. Got '{date}'. See {_ISO_8601}")

    def bad_expiry(self, expires: str) -> AwsError:
        return self.incomplete(f"X-Amz-Expires must be a number of seconds from 1 to 604800; got '{expires}'")

    def unsupported(self, algorithm: str) -> AwsError:
        """AWS has the sentence for "any other"; SigV4A and version 2 are known here, and refused by name."""
        return self.incomplete(f"Unsupported AWS 'algorithm': '{algorithm}' (only AWS4-HMAC-SHA256 for now). ")

    def _error(self, kind: str, message: str, *, status: int = 403) -> AwsError:
        return AwsError(message, code=self.codes[kind], status=status)


class QueryWords(Words):
    """Those of the query protocol: STS, SNS, and SQS as it was."""

    codes: ClassVar[dict[str, str]] = {
        "missing": "MissingAuthenticationToken",
        "unknown": "InvalidClientTokenId",
        "mismatch": "SignatureDoesNotMatch",
        "incomplete": "IncompleteSignature",
        "expired": "ExpiredToken",
    }
    no_token = "Request is missing Authentication Token"
    incomplete_status = 400


class S3Words(Words):
    """S3's, which are others still."""

    codes: ClassVar[dict[str, str]] = QueryWords.codes | {
        "missing": "AccessDenied",
        "unknown": "InvalidAccessKeyId",
        "incomplete": "AuthorizationHeaderMalformed",
    }
    no_token = "Access Denied"
    incomplete_status = 400

    def unknown(self) -> AwsError:
        return self._error("unknown", "The AWS Access Key Id you provided does not exist in our records.")

    def expired(self) -> AwsError:
        return self._error("expired", "The provided token has expired.", status=400)

    def mismatch(self, canonical: str, to_sign: str) -> AwsError:
        message = (
            "The request signature we calculated does not match the signature you provided. Check your key and signing "
            "method."
        )
        return AwsError(
            message, code="SignatureDoesNotMatch", status=403, StringToSign=to_sign, CanonicalRequest=canonical
        )

    def unsigned_header(self, name: str) -> AwsError:
        message = "There were headers present in the request which were not signed"
        return AwsError(message, code="AccessDenied", status=403, HeadersNotSigned=name)

    def too_old(self, date: str, now: float, valid_s: float = WINDOW_S) -> AwsError:
        message = "The difference between the request time and the current time is too large."
        return AwsError(message, code="RequestTimeTooSkewed", status=403, RequestTime=date, ServerTime=_iso(now))

    def too_new(self, date: str, now: float) -> AwsError:
        return self.too_old(date, now)

    def url_too_old(self, date: str, now: float, valid_s: float) -> AwsError:
        return AwsError("Request has expired", code="AccessDenied", status=403, ServerTime=_iso(now))

    def wrong_body(self, said: str, found: str) -> AwsError:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        return AwsError(
            message, code="XAmzContentSHA256Mismatch", status=400, ClientComputedContentSHA256=said,
            S3ComputedContentSHA256=found,
        )  # fmt: skip

    def wrong_chunk(self) -> AwsError:
        return self._error("mismatch", "The chunk signature we calculated does not match the one you provided.")

    def incomplete_query(self, name: str) -> AwsError:
        message = (
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
        return AwsError(message, code="AuthorizationQueryParametersError", status=400)

    def unsupported(self, algorithm: str) -> AwsError:
        message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        return AwsError(message, code="InvalidRequest", status=400)


_JSON, _QUERY, OF_S3 = Words(), QueryWords(), S3Words()


def words_of(request: Request, service: str) -> Words:
    """Those in which `service` (botocore's name) would refuse this request."""
    if service == "s3":
        return OF_S3
    return _QUERY if "Action" in recognise.form_of(request) else _JSON


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%dT%H%M%SZ")


def _span(seconds: float) -> str:
    return f"{seconds / 60:g} min."
