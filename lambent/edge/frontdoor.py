"""The AWS endpoint: every request of every client comes in here, and every answer goes out."""

import logging
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from lambent.control.control import Control
from lambent.control.registry import handle
from lambent.control.url_address import is_meant
from lambent.edge.bucket_pages import BucketPages, is_of_page, sandboxed
from lambent.edge.extras import Extras
from lambent.edge.forms import FormDoor
from lambent.edge.http_state import Handler
from lambent.edge.places import bucket_of
from lambent.errors import AwsError, LambentError, NotImplementedYet, ServiceException
from lambent.invoke.keys import Keyed, Replay
from lambent.invoke.operations import DataPlane
from lambent.model import Document
from lambent.wire import ids
from lambent.wire.http import Request, Response, Spooled
from lambent.wire.parse import Call, Wire

log = logging.getLogger("lambent")

Answers = Callable[[Call], Awaitable[Document]]  # one service's operations
Neighbour = Callable[[Call], Awaitable[Response]]

INVOKES = ("Invoke", "InvokeAsync", "InvokeWithResponseStream")


class FrontDoor:
    """`answer` never raises: whatever happens becomes an AWS error."""

    def __init__(
        self,
        wire: Wire,
        control: Control,
        data: DataPlane,
        extras: Extras,
        services: Mapping[str, Answers] | None = None,
        *,
        urls: Handler | None = None,
        durable: Mapping[str, Answers] | None = None,
        neighbours: Mapping[str, Neighbour] | None = None,
        pages: BucketPages | None = None,
        forms: FormDoor | None = None,
    ) -> None:
        """`services`: what answers calls of the services beside Lambda, by botocore's name; `urls`: what answers
        requests to function URLs; `durable`: what answers Lambda's operations on durable executions, by their names;
        `neighbours`: what answers for services that are not ours; `pages`: what web pages of other origins are told;
        `forms`: what takes the uploads of browsers.
        """
        self.wire = wire
        self.control = control
        self.data = data
        self.extras = extras
        self.services = services or {}
        self.durable = durable or {}
        self.neighbours = neighbours or {}
        self.urls = urls
        self.pages = pages
        self.forms = forms
        self._runs = dict(zip(INVOKES, (data.invoke, data.invoke_async, data.stream), strict=True))

    async def answer(self, request: Request) -> Response:
        if request.spool is not None and not request.spool.is_settled:
            return await self._answer_spooled(request, request.spool)
        if self.urls is not None and is_meant(request):
            return await self.urls(request)
        if request.path.startswith("/_lambent/"):
            return await self.extras.answer(request)
        if self.pages is not None and is_of_page(request):
            return await self.pages.answer(request, self._api)
        return await self._api(request)

    async def _api(self, request: Request) -> Response:
        asked: Call | Request = request
        try:
            if self.forms is not None and bucket_of(request):
                return await self.forms.answer(request)
            asked = call = self.wire.parse(request)
            work = self._runs.get(call.operation)
            if work is not None and call.service == "lambda":
                return self._traced(call, *await work(call))
            if call.service == "lambda":
                durable = self.durable.get(call.operation)
                return self.wire.render(call, await (durable(call) if durable else handle(self.control, call)))
            return await self._beside(call)
        except AwsError as error:
            return self._refuse(asked, error)
        except LambentError as error:
            log.error("%s", error.message)
            return self._refuse(asked, ServiceException(error.message))
        except Exception:
            log.exception("a request could not be answered")
            return self._refuse(asked, ServiceException())

    async def _answer_spooled(self, request: Request, spool: Spooled) -> Response:
        """The body is on disk, or about to be; what nobody has taken of it goes."""
        try:
            await spool.settled()
            return await self.answer(request)
        except AwsError as error:
            refused = self._refuse(request, error)
            return refused if self.pages is None else self.pages.told(request, refused)
        finally:
            spool.discard()

    async def _beside(self, call: Call) -> Response:
        """A service beside Lambda: ours, or a neighbour's, whose answer goes out as it is."""
        answer = self.services.get(call.service)
        if answer is not None:
            response = self.wire.render(call, await answer(call))
            return sandboxed(response) if call.operation == "GetObject" and not call.caller.proven else response
        neighbour = self.neighbours.get(call.service)
        if neighbour is not None:
            return await neighbour(call)
        served = ", ".join(["lambda", *sorted(self.services)])
        raise NotImplementedYet(f"{call.service}:{call.operation} is not built yet. Lambent serves: {served}.")

    def _traced(self, call: Call, result: Document, trace: str) -> Response:
        if isinstance(result, Replay):
            call = msgspec.structs.replace(call, request_id=result.request_id)
        response = self.wire.render(call, result)
        if isinstance(result, Keyed):
            response.headers.append(("Idempotency-Replayed", "true" if isinstance(result, Replay) else "false"))
        response.headers.append(("X-Amzn-Trace-Id", trace))
        return response

    def _refuse(self, asked: Call | Request, error: AwsError) -> Response:
        request_id = asked.request_id if isinstance(asked, Call) else ids.request_id()
        return self.wire.render_error(asked, error, request_id)
