"""Cross-origin requests to function URLs, answered by the service (Fetch standard, "CORS protocol"). Pure functions."""

from lambent.store.function_urls import Cors
from lambent.wire.http import Request, Response

Headers = list[tuple[str, str]]

_ALLOW = "Access-Control-Allow-"
# A function's own go: what the URL is configured for is what counts.
OWN = frozenset((
    "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
    "access-control-allow-origin", "access-control-expose-headers", "access-control-max-age",
))  # fmt: skip


def preflight(request: Request, cors: Cors) -> Response | None:
    """The answer to a browser's question whether it may send a request; None if this is no such question."""
    method = request.headers.get("access-control-request-method")
    if request.method != "OPTIONS" or method is None or "origin" not in request.headers:
        return None
    headers = _origin(request, cors)
    if headers and _allows(method, cors.allow_methods):
        headers.append((f"{_ALLOW}Methods", _listed(cors.allow_methods, method)))
        wanted = request.headers.get("access-control-request-headers", "")
        if cors.allow_headers:
            headers.append((f"{_ALLOW}Headers", _listed(cors.allow_headers, wanted)))
        if cors.max_age:
            headers.append(("Access-Control-Max-Age", str(cors.max_age)))
    return Response(200, [("Content-Type", "application/json"), *headers], b"")


def with_cors(response: Response, request: Request, cors: Cors) -> Response:
    """A response to whatever else came from another origin."""
    kept = [(name, value) for name, value in response.headers if name.lower() not in OWN]
    headers = _origin(request, cors)
    if headers and cors.expose_headers:
        headers.append(("Access-Control-Expose-Headers", ",".join(cors.expose_headers)))
    return Response(response.status, kept + headers, response.body)


def _origin(request: Request, cors: Cors) -> Headers:
    """Whose page may see the answer; nothing if the request's may not, or it comes of no page of another origin."""
    origin = request.headers.get("origin")
    if origin is None or not _matches(origin, cors.allow_origins or ()):
        return []
    if "*" in (cors.allow_origins or ()) and not cors.allow_credentials:
        return [(f"{_ALLOW}Origin", "*")]
    # With credentials browsers take no "*"; and who caches the answer must know that it depends on the origin.
    credentials = [(f"{_ALLOW}Credentials", "true")] if cors.allow_credentials else []
    return [(f"{_ALLOW}Origin", origin), ("Vary", "Origin"), *credentials]


def _matches(origin: str, allowed: tuple[str, ...]) -> bool:
    return any(_fits(origin.lower(), pattern.lower()) for pattern in allowed)


def _fits(text: str, pattern: str) -> bool:
    """With one `*` in the pattern for anything, as in https://*.example.com."""
    start, star, end = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(start) + len(end) and text.startswith(start) and text.endswith(end)


def _allows(method: str, allowed: tuple[str, ...] | None) -> bool:
    return "*" in (allowed or ()) or method in (allowed or ())


def _listed(allowed: tuple[str, ...] | None, wanted: str) -> str:
    """What is allowed; in place of `*`, which means nothing with credentials, what was asked for."""
    return wanted if "*" in (allowed or ()) and wanted else ",".join(allowed or ())
