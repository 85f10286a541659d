"""From an HTTP request to the event that the function is given: payload format 2.0, as AWS's function URLs send it.

Sources: lambda-semantics.md §14.1 and §15; what function URLs on AWS sent to echo functions (aws-lambda-go,
lambdaurl/testdata: `cookie` stays among the headers, `authorization` goes where AWS_IAM has read it, absent parts are
left out); localstack-core 2026.3.0 for which bodies are text.
"""

import base64
import datetime
from typing import Any, NamedTuple

import msgspec

from lambent.principal import Principal
from lambent.wire import query
from lambent.wire.http import Request

STAGE = "$default"  # and the key of the one route; function URLs have neither
ANONYMOUS = "anonymous"
_TEXT = ("text", "json", "xml", "javascript")  # somewhere in the content type; everything else is binary
# Between a client and the next hop, hence no part of the request that the function sees (RFC 9110 7.6.1).
_HOPS = frozenset(("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"))
_json = msgspec.json.Encoder().encode


class Circumstances(NamedTuple):
    """What an event says that is not in the request."""

    url_id: str
    account: str  # of the function
    domain: str  # the URL's host without a port
    path: str  # percent-encoded, without the prefix of the path form
    scheme: str  # http, or https with a proxy in front
    port: str
    request_id: str
    trace: str  # X-Amzn-Trace-Id: the client's, or a new one, of which the function sees the root
    now: float  # epoch seconds
    caller: Principal | None  # of AWS_IAM; None: whoever has the address may call


def event_of(request: Request, about: Circumstances) -> dict[str, Any]:
    """The event, in the order in which AWS writes it; parts that would be empty are left out."""
    cookies = _cookies(request.headers.get("cookie", ""))
    parameters = {name: ",".join(values) for name, values in query.parse(request.query).items()}
    body, encoded = _body(request)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": STAGE,
        "rawPath": about.path,
        "rawQueryString": request.query,
        **({"cookies": cookies} if cookies else {}),
        "headers": _headers(request, about),
        **({"queryStringParameters": parameters} if parameters else {}),
        "requestContext": _context(request, about),
        **({"body": body} if request.body else {}),
        "isBase64Encoded": encoded,
    }
    return event


def payload_of(request: Request, about: Circumstances) -> bytes:
    """The event as the function's payload: JSON, in UTF-8."""
    return _json(event_of(request, about))


def _headers(request: Request, about: Circumstances) -> dict[str, str]:
    # An authorization that AWS_IAM has checked is no business of the function's; a bearer token is.
    unseen = _HOPS | {"authorization"} if about.caller else _HOPS
    headers = {name: value for name, value in request.headers.items() if name not in unseen}
    if request.body:
        headers["content-length"] = str(len(request.body))
    came_through = request.headers.get("x-forwarded-for")
    headers |= {
        "x-amzn-trace-id": about.trace if "x-amzn-trace-id" in headers else about.trace.partition(";")[0],
        "x-forwarded-for": f"{came_through}, {request.client}" if came_through else request.client,
        "x-forwarded-port": about.port,
        "x-forwarded-proto": about.scheme,
    }
    return headers


def _context(request: Request, about: Circumstances) -> dict[str, Any]:
    moment = datetime.datetime.fromtimestamp(about.now, datetime.UTC)
    return {
        "accountId": about.account if about.caller else ANONYMOUS,
        "apiId": about.url_id,
        **({"authorizer": {"iam": _iam(about.caller)}} if about.caller else {}),
        "domainName": about.domain,
        "domainPrefix": about.url_id,
        "http": {
            "method": request.method,
            "path": about.path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.client,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": about.request_id,
        "routeKey": STAGE,
        "stage": STAGE,
        "time": f"{moment:%d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000",
        "timeEpoch": int(about.now * 1000),
    }


# strftime's %b would speak the machine's language.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _iam(caller: Principal) -> dict[str, Any]:
    """Who signed, as IAM authorizers tell it; what no function URL fills is null, as in AWS's guide."""
    return {
        "accessKey": caller.access_key,
        "accountId": caller.account,
        "callerId": caller.user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.user_id,
    }


def _cookies(header: str) -> list[str]:
    return [cookie for cookie in (part.strip() for part in header.split(";")) if cookie]


def _body(request: Request) -> tuple[str, bool]:
    """The body, and whether it is in base64: whatever is not known to be text."""
    kind = request.headers.get("content-type", "").lower()
    if not request.body:
        return "", False
    if any(word in kind for word in _TEXT):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True
