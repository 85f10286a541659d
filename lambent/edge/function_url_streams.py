"""Responses of function URLs whose InvokeMode is RESPONSE_STREAM: status and headers first, then the body as it comes.

A stream of the type application/vnd.awslambda.http-integration-response begins with its metadata (JSON), then eight NUL
bytes (lambda-semantics.md §13). Here a stream without a type may begin so too, if all of it is in the first piece:
Python functions, which stream only here, have no way to name a type.
"""

from collections.abc import AsyncIterator
from typing import Any

from lambent.edge.function_url_answers import SEPARATOR, MalformedAnswer, prelude_of
from lambent.edge.http_stream import BrokenOff
from lambent.model import Document
from lambent.wire.eventstream import CONTENT_TYPE as UNTYPED
from lambent.wire.http import Response

HTTP_TYPE = "application/vnd.awslambda.http-integration-response"
LARGEST_PRELUDE = 1_048_576  # bytes: as much as an HTTP head may have

Event = tuple[str, dict[str, Any]]  # PayloadChunk or InvokeComplete, and its members


class FunctionFailed(Exception):
    """The function failed before it had said anything."""


async def response_of(result: Document) -> Response:
    """The response to InvokeWithResponseStream's result, as soon as its head is known.

    Raises FunctionFailed, MalformedAnswer; the stream is closed then.
    """
    body = Body(result["EventStream"])
    try:
        kind = result["ResponseStreamContentType"]
        if kind == HTTP_TYPE:
            status, headers = prelude_of(await body.take_until(SEPARATOR))
        else:
            first = await body.peek()
            head, separator, _ = first.partition(SEPARATOR)
            if kind == UNTYPED and separator and head.startswith(b"{"):
                status, headers = prelude_of(await body.take_until(SEPARATOR))
            else:
                status, headers = 200, [("Content-Type", "application/octet-stream" if kind == UNTYPED else kind)]
    except BaseException:
        await body.aclose()
        raise
    return Response(status, headers, body)


class Body:
    """The body of a stream, which the edge iterates over and closes; closing it ends no invocation.

    State: `_ahead`, what was taken from the stream and not yet given out; `_begun`, that something was taken.
    """

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._ahead = b""
        self._begun = False
        self._over = False

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        """The next piece. Raises BrokenOff if the function failed in the middle."""
        ahead, self._ahead = self._ahead, b""
        piece = ahead or await self._next()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()

    async def peek(self) -> bytes:
        """The first piece, which stays; b"" if there is none."""
        if not self._ahead:
            self._ahead = await self._next()
        return self._ahead

    async def take_until(self, separator: bytes) -> bytes:
        """What comes before `separator`, and takes that away too. Raises MalformedAnswer if it does not come."""
        while separator not in self._ahead:
            if len(self._ahead) > LARGEST_PRELUDE:
                raise MalformedAnswer("the metadata of the stream does not end")
            piece = await self._next()
            if not piece:
                raise MalformedAnswer("the stream ended within its metadata")
            self._ahead += piece
        head, _, self._ahead = self._ahead.partition(separator)
        return head

    async def _next(self) -> bytes:
        """The next piece that is not empty, b"" at the end."""
        while not self._over:
            name, members = await anext(self._events)
            if name == "InvokeComplete":
                self._over = True
                self._check_end(members)
            elif members["Payload"]:
                self._begun = True
                return bytes(members["Payload"])
        return b""

    def _check_end(self, members: dict[str, Any]) -> None:
        if "ErrorCode" not in members:
            return
        if not self._begun:
            raise FunctionFailed(members["ErrorCode"])
        raise BrokenOff(f"the function failed while it streamed: {members['ErrorCode']}")
