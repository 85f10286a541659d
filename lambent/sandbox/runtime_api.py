"""HttpLink: the Runtime API, version 2018-06-01, served to the one custom runtime in a sandbox.

Answers, statuses and state rules follow AWS's runtime interface emulator (rapi/router.go, core/states.go).
"""

import asyncio
import re
import uuid
from typing import Any

import msgspec

from lambent.sandbox.api_router import JSON, OK, TEXT, ApiServer, refuse, refuse_transition
from lambent.sandbox.link import InitDone, InitSpec, LinkClosed, Reply
from lambent.sandbox.runtime_headers import next_headers
from lambent.sandbox.runtime_http import ApiConnection, ApiRequest
from lambent.sandbox.runtime_replies import (
    MOST_RESPONSE_BYTES,
    document,
    reply_from_error,
    reply_from_response,
    too_large,
)
from lambent.sandbox.streamed import Sink

RESPONSE_MODE = "lambda-runtime-function-response-mode"

_ROOT = "/2018-06-01"
_ANSWER = re.compile(_ROOT + r"/runtime/invocation/([^/]+)/(response|error)")


class _Invocation(msgspec.Struct):
    """The invocation in hand: handed out by `next`, then answered once."""

    request_id: str
    attempt: str  # newer clients send it back, so that an answer that comes late cannot be another attempt's
    headers: list[tuple[str, str]]
    payload: bytes
    reply: asyncio.Future[Reply]
    handed_out: bool = False
    sink: Sink | None = None  # for a streamed answer; None: it is gathered
    streaming: ApiRequest | None = None  # the streamed answer that has begun to come

    @property
    def running(self) -> bool:
        return self.handed_out and not self.reply.done()


class HttpLink:
    """A RuntimeLink over the API server of one environment.

    Mutable state is one invocation at most, and the connection on which the runtime waits for the next, if it does.
    """

    def __init__(self, server: ApiServer, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._server = server
        self._loop = loop or asyncio.get_running_loop()
        self._asking: ApiConnection | None = None
        self._started: asyncio.Future[InitDone] = self._loop.create_future()
        self._invocation: _Invocation | None = None
        self.closed = False
        self._add_routes(server)

    def __repr__(self) -> str:
        busy = self._invocation is not None and self._invocation.running
        return f"<HttpLink {'closed' if self.closed else 'busy' if busy else 'asking' if self._asking else 'silent'}>"

    def _add_routes(self, server: ApiServer) -> None:
        router = server.router
        router.add("GET", _ROOT + "/runtime/invocation/next", self._next)
        router.add("POST", _ANSWER, self._answer)
        router.add("POST", _ROOT + "/runtime/init/error", self._init_error)
        router.add("GET", _ROOT + "/ping", self._ping)
        router.cut_off = self._cut_off
        router.opened = self._opened
        server.on_lost(self._lost)

    async def init(self, spec: InitSpec) -> InitDone:
        """Start listening; the runtime is ready when it first asks for an invocation. It got `spec` as its process."""
        if self.closed:
            raise LinkClosed
        await self._server.serve()
        return await asyncio.shield(self._started)

    def proceed(self) -> None:
        """It asks for an invocation when it is ready; nobody has to tell it to begin."""

    async def invoke(self, token: bytes, meta: dict[str, Any], payload: bytes) -> Reply:
        return await self._run(token, meta, payload, None)

    async def stream(self, token: bytes, meta: dict[str, Any], payload: bytes, sink: Sink) -> Reply:
        return await self._run(token, meta, payload, sink)

    async def _run(self, token: bytes, meta: dict[str, Any], payload: bytes, sink: Sink | None) -> Reply:
        """Hand the invocation to the runtime as soon as it asks, and wait for its answer."""
        if self.closed or (self._invocation is not None and not self._invocation.reply.done()):
            raise LinkClosed("the runtime is gone or busy")
        reply: asyncio.Future[Reply] = self._loop.create_future()
        attempt = str(uuid.UUID(bytes=token))
        headers = [*next_headers(meta), ("Lambda-Runtime-Invocation-Id", attempt)]
        self._invocation = _Invocation(meta["id"], attempt, headers, payload, reply, sink=sink)
        self._hand_out()
        return await reply

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if not self._server.shared:
            self._server.close()
        for waiting in (self._started, self._invocation.reply if self._invocation else None):
            if waiting is not None and not waiting.done():
                waiting.set_exception(LinkClosed("the runtime is gone"))
                waiting.exception()  # nobody may be waiting any more, which is no reason for a warning

    def _lost(self, connection: ApiConnection) -> None:
        if self._asking is connection:
            self._asking = None

    # -- the calls of the API

    def _ping(self, connection: ApiConnection, request: ApiRequest) -> None:
        connection.respond(200, TEXT, b"pong")

    def _next(self, connection: ApiConnection, request: ApiRequest) -> None:
        """Cases: 1 asks twice, 2 has an answer due, 3 has failed its init: all refused; 4 waits for work."""
        running = self._invocation is not None and self._invocation.running
        failed = self._started.done() and self._started.result().error_type is not None
        if self._asking is not None or running or failed:
            refuse_transition(connection, "Ready")
            return
        if not self._started.done():
            self._started.set_result(InitDone())
        self._asking = connection
        self._hand_out()

    def _hand_out(self) -> None:
        """Bring the invocation and the runtime that asks for one together, when both are there."""
        invocation, connection = self._invocation, self._asking
        if invocation is None or connection is None or invocation.handed_out:
            return
        self._asking = None
        if not connection.alive:
            return  # the runtime hung up while it waited, and will ask again
        invocation.handed_out = True
        connection.respond(200, JSON + invocation.headers, invocation.payload)
        invocation.payload = b""

    def _answer(self, connection: ApiConnection, request: ApiRequest) -> None:
        match = _ANSWER.fullmatch(request.path)
        assert match is not None
        invocation = self._invocation
        if invocation is None or not invocation.handed_out or not _is_answer(request, match[1], invocation):
            refuse(connection, 400, "Invalid request ID", "InvalidRequestID")
        elif not invocation.running or invocation.streaming not in (None, request):
            refuse_transition(connection, "InvocationResponse" if match[2] == "response" else "InvocationErrorResponse")
        elif match[2] == "error":
            connection.respond(202, JSON, OK)
            invocation.reply.set_result(reply_from_error(request))
        else:
            self._respond(connection, request, invocation)

    def _respond(self, connection: ApiConnection, request: ApiRequest, invocation: _Invocation) -> None:
        mode = request.headers.get(RESPONSE_MODE, "buffered")
        if request.sink is not None:
            self._end_stream(connection, request.sink, reply_from_response(request), invocation)
        elif mode not in ("streaming", "buffered"):
            kind = "Runtime.InvalidResponseModeHeader"
            refuse(connection, 400, f"Invalid response mode header: {mode}", kind)
            invocation.reply.set_result(Reply(document(kind, f"Invalid response mode header: {mode}"), kind))
        elif request.size > MOST_RESPONSE_BYTES:
            message = f"Exceeded maximum allowed payload size ({MOST_RESPONSE_BYTES} bytes)."
            refuse(connection, 413, message, "RequestEntityTooLarge")
            invocation.reply.set_result(too_large(request.size))
        else:
            connection.respond(202, JSON, OK)
            invocation.reply.set_result(reply_from_response(request))

    def _opened(self, connection: ApiConnection, request: ApiRequest) -> None:
        """Have a streamed answer passed on while it comes, if that is wanted and the call is one to be accepted."""
        match, invocation = _ANSWER.fullmatch(request.path), self._invocation
        if match is None or match[2] != "response" or request.method != "POST":
            return
        if invocation is None or not invocation.running or match[1] != invocation.request_id:
            return
        if invocation.sink is not None and request.headers.get(RESPONSE_MODE) == "streaming":
            request.sink, invocation.sink, invocation.streaming = invocation.sink, None, request
            request.sink.begin(request.headers.get("content-type", ""), connection)

    def _end_stream(self, connection: ApiConnection, sink: Sink, reply: Reply, invocation: _Invocation) -> None:
        sink.end()
        made = sink.reply(reply.payload, reply.error_type)
        if made.error_type != reply.error_type:
            refuse(connection, 413, "Exceeded the maximum size of a streamed response.", "RequestEntityTooLarge")
        else:
            connection.respond(202, JSON, OK)
        invocation.reply.set_result(made)

    def _init_error(self, connection: ApiConnection, request: ApiRequest) -> None:
        if self._started.done():
            refuse_transition(connection, "InitError")
            return
        reply = reply_from_error(request)
        connection.respond(202, JSON, OK)
        self._started.set_result(InitDone(reply.error_type, reply.payload))

    def _cut_off(self, request: ApiRequest) -> None:
        """A streamed answer that broke off is an error at once; any other the runtime may still send again."""
        match, invocation = _ANSWER.fullmatch(request.path), self._invocation
        if match is None or invocation is None or not invocation.running or match[1] != invocation.request_id:
            return
        if invocation.streaming not in (None, request):
            return
        if request.headers.get(RESPONSE_MODE) == "streaming":
            if request.sink is not None:
                request.sink.end()
            kind = "Runtime.TruncatedResponse"
            invocation.reply.set_result(Reply(document(kind, "Response was truncated."), kind))


def _is_answer(request: ApiRequest, request_id: str, invocation: _Invocation) -> bool:
    """Does what was posted answer this invocation, in this attempt if it says so?"""
    attempt = request.headers.get("lambda-runtime-invocation-id", invocation.attempt)
    return request_id == invocation.request_id and attempt == invocation.attempt
