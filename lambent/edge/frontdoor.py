"""The AWS endpoint: every request of every client comes in here, and every answer goes out."""

import logging

import msgspec

from lambent.control.control import Control
from lambent.control.registry import handle
from lambent.edge.extras import Extras
from lambent.errors import AwsError, LambentError, NotImplementedYet, ServiceException
from lambent.invoke.keys import Replay
from lambent.invoke.operations import DataPlane
from lambent.model import Document
from lambent.wire import ids
from lambent.wire.http import Request, Response
from lambent.wire.parse import Call, Wire

log = logging.getLogger("lambent")

INVOKES = ("Invoke", "InvokeAsync", "InvokeWithResponseStream")


class FrontDoor:
    """`answer` never raises: whatever happens becomes an AWS error."""

    def __init__(self, wire: Wire, control: Control, data: DataPlane, extras: Extras) -> None:
        self.wire = wire
        self.control = control
        self.data = data
        self.extras = extras
        self._runs = dict(zip(INVOKES, (data.invoke, data.invoke_async, data.stream), strict=True))

    async def answer(self, request: Request) -> Response:
        if request.path.startswith("/_lambent/"):
            return await self.extras.answer(request)
        asked: Call | Request = request
        try:
            asked = call = self.wire.parse(request)
            work = self._runs.get(call.operation)
            if work is not None and call.service == "lambda":
                return self._traced(call, *await work(call))
            if call.service != "lambda":
                raise NotImplementedYet(
                    f"{call.service}:{call.operation} is not built yet: Lambent serves AWS Lambda so far."
                )
            return self.wire.render(call, await handle(self.control, call))
        except AwsError as error:
            return self._refuse(asked, error)
        except LambentError as error:
            log.error("%s", error.message)
            return self._refuse(asked, ServiceException(error.message))
        except Exception:
            log.exception("a request could not be answered")
            return self._refuse(asked, ServiceException())

    def _traced(self, call: Call, result: Document, trace: str) -> Response:
        if isinstance(result, Replay):
            response = self.wire.render(msgspec.structs.replace(call, request_id=result.request_id), result)
            response.headers.append(("Idempotency-Replayed", "true"))
        else:
            response = self.wire.render(call, result)
        response.headers.append(("X-Amzn-Trace-Id", trace))
        return response

    def _refuse(self, asked: Call | Request, error: AwsError) -> Response:
        request_id = asked.request_id if isinstance(asked, Call) else ids.request_id()
        return self.wire.render_error(asked, error, request_id)
