"""Function URLs at work: an HTTP request becomes an event, and what the function answers becomes the response.

The order: is there such a URL; is it a browser's preflight; may this caller use it; then the function. Decision 25.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from lambent.arns import FunctionRef
from lambent.clock import Clock
from lambent.control import url_address
from lambent.control.permits import Permits
from lambent.control.url_address import Address
from lambent.edge import function_url_answers as answers
from lambent.edge import function_url_cors as cross_origin
from lambent.edge import function_url_events as events
from lambent.edge import function_url_refusals as refusals
from lambent.edge import function_url_streams as streams
from lambent.edge.function_url_refusals import Forbidden
from lambent.errors import AwsError, LambentError, ResourceConflict, ResourceNotFound
from lambent.invoke.operations import SYNC_LIMIT, DataPlane
from lambent.observe.journal import Journal
from lambent.observe.metrics import Metrics
from lambent.principal import NOBODY, Principal, root_of
from lambent.settings import Settings
from lambent.store.function_urls import AWS_IAM, NO_CORS, STREAMED, FunctionUrl, FunctionUrls
from lambent.wire import ids, recognise
from lambent.wire.http import Request, Response
from lambent.wire.parse import Call, Wire
from lambent.wire.protocols import Operation

log = logging.getLogger("lambent")

ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")  # both are needed
LARGE = 262_144  # bytes of a query, a body or an answer
T = TypeVar("T")
# In the path form a function's page would be of the endpoint's own origin, and could call the API as its reader.
APART = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"
Signer = Callable[[Request, str], Principal]  # who signed for a service; NOBODY if nobody did. Raises AwsError


async def _aside(size: int, work: Callable[[], T]) -> T:
    """Do it at once, or in a thread if others would have to wait for it: megabytes take a tenth of a second."""
    return work() if size < LARGE else await asyncio.to_thread(work)


class FunctionUrlDoor:
    """`answer` never raises."""

    def __init__(
        self, urls: FunctionUrls, data: DataPlane, permits: Permits, signer: Signer, *, wire: Wire, settings: Settings,
        clock: Clock, metrics: Metrics, journal: Journal,
    ) -> None:  # fmt: skip
        self._urls = urls
        self._data = data
        self._permits = permits
        self._signer = signer
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._journal = journal
        self._operation: Callable[[str], Operation] = lru_cache(
            lambda name: wire.service("lambda").operation(name, "rest-json")
        )

    async def answer(self, request: Request) -> Response:
        came, request_id = time.monotonic(), ids.request_id()
        address = url_address.address_of(request)
        url = self._urls.by_id(address.url_id) if address else None
        if address is None or url is None or address.region not in ("", url.region):
            response = refusals.nowhere()
        else:
            response = await self._serve(request, address, url, request_id)
            self._count(url, response.status, (time.monotonic() - came) * 1000)
        response.headers.append(("x-amzn-RequestId", request_id))
        if request.path.startswith(url_address.PREFIX):
            response.headers.append(("Content-Security-Policy", APART))
        if request.method == "HEAD" and isinstance(response.body, bytes):
            response.headers.append(("Content-Length", str(len(response.body))))
        return response

    # -- details

    async def _serve(self, request: Request, address: Address, url: FunctionUrl, request_id: str) -> Response:
        """With CORS, the preflight is the service's matter, and needs no permission: browsers do not sign it."""
        if url.cors == NO_CORS:
            return await self._guarded(request, address, url, request_id)
        response = cross_origin.preflight(request, url.cors)
        if response is not None:
            return response
        return cross_origin.with_cors(await self._guarded(request, address, url, request_id), request, url.cors)

    async def _guarded(self, request: Request, address: Address, url: FunctionUrl, request_id: str) -> Response:
        """Whatever happens as a response."""
        try:
            caller = self._admit(request, url)
        except AwsError as error:
            return refusals.denied(error)
        try:
            return await self._invoke(request, address, url, request_id, caller)
        except streams.FunctionFailed:
            return refusals.failed()
        except answers.MalformedAnswer as error:
            self._tell(request_id, "malformed-answer", why=error.message)
            return refusals.failed()
        except (ResourceConflict, ResourceNotFound) as error:  # it cannot run now, or went in the meantime
            self._tell(request_id, "failed", message=error.message)
            return refusals.failed()
        except LambentError as error:
            return refusals.failed(error)
        except Exception:
            log.exception("a request to the function URL of %s could not be answered", url.arn)
            return refusals.failed()

    def _admit(self, request: Request, url: FunctionUrl) -> Principal:
        """Who calls. Raises AwsError for whoever may not."""
        who = self._signed(request, url) if url.auth_type == AWS_IAM else NOBODY
        ref = FunctionRef(url.account, url.region, url.name, url.qualifier or None)
        conditions = {"lambda:FunctionUrlAuthType": url.auth_type, "lambda:InvokedViaFunctionUrl": "true"}
        if request.client:
            conditions["aws:SourceIp"] = request.client
        if not all(self._permits.may(who, action, ref, conditions) for action in ACTIONS):
            raise Forbidden()
        return who

    def _signed(self, request: Request, url: FunctionUrl) -> Principal:
        who, said = self._signer(request, "lambda"), recognise.sender(request)
        if not who.account:
            raise Forbidden()
        if said.scope != "lambda":
            raise Forbidden("Credential should be scoped to correct service: 'lambda'.")
        if said.region != url.region:
            raise Forbidden("Credential should be scoped to a valid region.")
        return who

    async def _invoke(
        self, request: Request, address: Address, url: FunctionUrl, request_id: str, caller: Principal
    ) -> Response:
        if len(request.body) > SYNC_LIMIT:  # before it is made larger still
            raise AwsError(
                f"Request must be smaller than {SYNC_LIMIT} bytes for the InvokeFunction operation",
                code="RequestEntityTooLargeException", status=413,
            )  # fmt: skip
        about = self._circumstances(request, address, url, request_id, caller)
        size = len(request.query) + len(request.body)
        payload = await _aside(size, lambda: events.payload_of(request, about))
        if url.invoke_mode == STREAMED:
            result, trace = await self._data.stream(self._call(url, about, payload, "InvokeWithResponseStream"))
            response = await streams.response_of(result)
        else:
            result, trace = await self._data.invoke(self._call(url, about, payload, "Invoke"))
            answer = result["Payload"]
            failed = "FunctionError" in result
            response = refusals.failed() if failed else await _aside(len(answer), lambda: answers.response_of(answer))
        response.headers.append(("X-Amzn-Trace-Id", trace))
        return response

    def _circumstances(
        self, request: Request, address: Address, url: FunctionUrl, request_id: str, caller: Principal
    ) -> events.Circumstances:
        scheme, authority = url_address.base_of(self._settings, "")
        standard = "443" if scheme == "https" else "80"
        port = (url_address.split_port(authority)[1] if self._settings.url_base else address.port) or standard
        now, qualifier = self._clock.epoch(), url.qualifier or None
        version, _ = self._data.resolver.resolve(url.account, url.region, url.name, qualifier)
        return events.Circumstances(
            url_id=url.url_id,
            account=url.account,
            domain=address.domain or url_address.domain_of(url.url_id, url.region, self._settings),
            path=address.path,
            scheme=scheme,
            port=port,
            request_id=request_id,
            trace=self._data.sampler.header(request.headers.get("x-amzn-trace-id"), version, now),
            now=now,
            caller=caller if url.auth_type == AWS_IAM else None,
        )

    def _call(self, url: FunctionUrl, about: events.Circumstances, payload: bytes, operation: str) -> Call:
        """The call that stands behind it, on behalf of the function's own account: who may was asked before."""
        parameters = {"FunctionName": url.name, "Payload": payload}
        if url.qualifier:
            parameters["Qualifier"] = url.qualifier
        # Of the client's headers only the trace: an Idempotency-Key, for one, is the function's matter here.
        behind = Request("POST", "/", "", {"x-amzn-trace-id": about.trace}, b"")
        owner = root_of(url.account)
        return Call(
            "lambda", operation, parameters, behind, about.request_id, "", url.account, url.region,
            self._operation(operation), owner,
        )  # fmt: skip

    def _tell(self, request_id: str, kind: str, **facts: str) -> None:
        """Let `lambent explain` know what the client does not; not of each where there is a storm of them."""
        if self._journal.spare():
            self._journal.tell(self._clock.epoch(), request_id, kind, **facts)

    def _count(self, url: FunctionUrl, status: int, latency_ms: float) -> None:
        function = (url.account, url.region, url.name)
        self._metrics.add("UrlRequestCount", function, 1.0, url.qualifier)
        self._metrics.add("UrlRequestLatency", function, latency_ms, url.qualifier)
        if status >= 400:
            self._metrics.add("Url5xxCount" if status >= 500 else "Url4xxCount", function, 1.0, url.qualifier)
