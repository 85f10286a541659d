"""Web pages of other origins at the buckets: preflights, the headers on answers, and what may come unsigned.

Sources: S3 User Guide, "Using cross-origin resource sharing"; API Reference, "OPTIONS object".
"""

from collections.abc import Awaitable, Callable, Mapping

from lambent.edge.places import bucket_of, place_of
from lambent.errors import AwsError
from lambent.services.s3 import cors
from lambent.services.s3.nouns import Bucket
from lambent.wire import ids
from lambent.wire.http import Request, Response
from lambent.wire.parse import Wire

# An object that is a page would be of the endpoint's own origin, and could call the API as its reader.
APART = ("Content-Security-Policy", "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts")
Api = Callable[[Request], Awaitable[Response]]


def is_of_page(request: Request) -> bool:
    """The cheap look that every request gets."""
    return "origin" in request.headers or request.method == "OPTIONS"


class BucketPages:
    """Nothing in here raises: a preflight that is refused is answered with the refusal."""

    def __init__(self, buckets: Mapping[str, Bucket], wire: Wire) -> None:
        self._buckets = buckets
        self._wire = wire

    async def answer(self, request: Request, api: Api) -> Response:
        """A preflight, or what `api` answers with the headers that let a page see it."""
        if request.method == "OPTIONS" and place_of(request)[0]:
            return self._preflight(request)
        return self.told(request, await api(request))

    def _preflight(self, request: Request) -> Response:
        """No signature is asked for: browsers send none."""
        name, key = place_of(request)
        request_id = ids.s3_request_id()
        try:
            headers = cors.preflight(self._bucket(name), "OBJECT" if key else "BUCKET", request.headers)
        except AwsError as error:
            return self._wire.render_error(request, error, request_id)
        return Response(200, [("x-amz-request-id", request_id), ("x-amz-id-2", request_id), *headers], b"")

    def told(self, request: Request, response: Response) -> Response:
        """The answer with what the bucket's rules say of the page that asked, whether it is one of success or not."""
        origin = request.headers.get("origin")
        bucket = self._bucket(place_of(request)[0]) if origin else None
        if origin and bucket is not None:
            response.headers = [*response.headers, *cors.of_answer(bucket, origin, request.method)]
        return response

    def opens(self, request: Request) -> bool:
        """Whether a page may send that unproved while no signatures are required: its bucket's rules name it, and it
        reads, or is for one object. What changes the bucket itself, or copies out of another one, stays refused.
        """
        name, key = place_of(request)
        bucket = self._bucket(name)
        if bucket is None or "x-amz-copy-source" in request.headers:
            return False
        if cors.rule_for(bucket.settings.cors, request.headers.get("origin", ""), request.method) is None:
            return False
        return bool(key) or request.method in ("GET", "HEAD") or bool(bucket_of(request))

    def _bucket(self, name: str) -> Bucket | None:
        found = self._buckets.get(name)
        return None if found is None or found.gone else found


def sandboxed(response: Response) -> Response:
    """An object for a browser that nobody vouches for: in an origin of its own, whatever it is (a wrong type becomes a
    page, too). Documents of PDF have no API to call, and no browser shows them so.
    """
    if ("Content-Type", "application/pdf") not in response.headers:
        response.headers.append(APART)
    return response
