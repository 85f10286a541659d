"""From one request to its answer: the handler is run, and what it says is sent."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Protocol

from lambent.edge.http_answer import Answer, Framing, compose, internal_error
from lambent.edge.http_exchange import Exchange
from lambent.edge.http_state import ListenerState
from lambent.edge.http_stream import Sink, send_stream
from lambent.wire.http import Response

_log = logging.getLogger("lambent.edge")


class Link(Sink, Protocol):
    """The connection, as far as answering needs it."""

    shared: ListenerState
    at_end: bool  # the client has ended its side

    def on_leaving(self, task: asyncio.Task[None] | None) -> bool: ...
    def finish(self, keep_alive: bool) -> None: ...
    def abort(self) -> None: ...


async def answer_exchange(link: Link, exchange: Exchange) -> None:
    """Run the handler and send its answer, or drop it if the client has left; then let the connection go on."""
    keep_alive = False
    try:
        response = await _ask_handler(link, exchange)
        if not link.gone:
            keep_alive = await _send(link, exchange, response)
        else:
            await _drop(response.body)
    except asyncio.CancelledError:
        link.abort()  # the server stops, or a handler let its own cancellation out: there will be no answer
        raise
    finally:
        link.finish(keep_alive)


async def _ask_handler(link: Link, exchange: Exchange) -> Response:
    request = exchange.request
    try:
        return await link.shared.handler(request)
    except asyncio.CancelledError:
        if _is_cancelled():
            raise
        _log.exception("the handler of %s %s let out the cancellation of something else", request.method, request.path)
        return internal_error()
    except Exception:
        _log.exception("the handler of %s %s failed", request.method, request.path)
        return internal_error()


async def _send(link: Link, exchange: Exchange, response: Response) -> bool:
    """Send `response`; says whether the connection can be used further."""
    shared = link.shared
    try:
        answer = compose(response, exchange, closing=shared.draining, date=shared.date)
    except (ValueError, TypeError, AttributeError):  # a header that is no text, or breaks its line
        _log.exception("the answer to %s %s cannot be sent", exchange.request.method, exchange.request.path)
        await _drop(response.body)
        response = internal_error()
        answer = compose(response, exchange, closing=shared.draining, date=shared.date)
    body = response.body
    if not isinstance(body, bytes):
        return await _send_stream(link, answer, body) and answer.keep_alive
    link.write([answer.head, body] if answer.framing is not Framing.NONE else [answer.head])
    return answer.keep_alive


async def _send_stream(link: Link, answer: Answer, body: AsyncIterator[bytes]) -> bool:
    """Send a streamed body and close its iterator; says whether the client has all of it."""
    complete = False
    try:
        if not link.at_end:
            link.write([answer.head])
            complete = answer.framing is Framing.NONE or await _stream_until_left(link, answer, body)
    except Exception:
        _log.exception("a streamed answer broke off")
        # Without a length or chunks only a reset can tell the client that the body is not complete.
        if answer.framing is Framing.CLOSE:
            link.abort()
    finally:
        await _drop(body)
    return complete


async def _stream_until_left(link: Link, answer: Answer, body: AsyncIterator[bytes]) -> bool:
    """Send the body; False when the client left. An iterator that waits when that happens is cancelled there."""
    link.on_leaving(asyncio.current_task())
    try:
        await send_stream(link, body, answer)
    except asyncio.CancelledError:
        if link.on_leaving(None):
            raise  # not because of the client
        _forgive(asyncio.current_task())
        return False
    finally:
        link.on_leaving(None)
    return not link.gone


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _forgive(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.uncancel()


async def _drop(body: bytes | AsyncIterator[bytes]) -> None:
    """Close a body that is not sent, or not further."""
    try:
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()
    except Exception:
        _log.exception("a streamed answer could not be closed")
