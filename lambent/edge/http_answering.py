"""From one request to its answer: the handler is run, and what it says is sent."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Protocol

from lambent.edge.http_answer import BARE, CLOSE, Answer, compose, internal_error
from lambent.edge.http_exchange import Exchange
from lambent.edge.http_state import ListenerState
from lambent.edge.http_stream import BrokenOff, Sink, send_stream
from lambent.wire.http import Response

_log = logging.getLogger("lambent.edge")


class Link(Sink, Protocol):
    """The connection, as far as answering needs it."""

    shared: ListenerState
    at_end: bool  # the client has ended its side

    def on_leaving(self, task: asyncio.Task[None] | None) -> bool: ...
    def send(self, head: bytes, body: bytes) -> None: ...
    def finish(self, keep_alive: bool) -> None: ...
    def abort(self) -> None: ...


async def answer_exchange(link: Link, exchange: Exchange) -> None:
    """Run the handler and send its answer, or drop it if the client has left; then let the connection go on."""
    keep_alive = False
    try:
        try:
            response = await link.shared.handler(exchange.request)
        except (Exception, asyncio.CancelledError) as error:
            response = _failed(exchange, error)
        if link.gone:
            await _drop(response.body)
        else:
            answer, sent = _compose(link.shared, exchange, response)
            if sent is not response:
                await _drop(getattr(response, "body", b""))  # a handler may have answered with anything
            body = sent.body
            if isinstance(body, bytes):
                link.send(answer.head, b"" if answer.framing == BARE else body)
                keep_alive = answer.keep_alive
            else:
                keep_alive = await _send_stream(link, answer, body) and answer.keep_alive
    except asyncio.CancelledError:
        link.abort()  # the server stops, and there will be no answer
        raise
    finally:
        link.finish(keep_alive)


def _failed(exchange: Exchange, error: BaseException) -> Response:
    """The answer to a handler's mistake, which is logged here and nowhere else. Our own cancellation passes on."""
    if isinstance(error, asyncio.CancelledError) and _is_cancelled():
        raise error
    _log.error("the handler of %s %s failed", exchange.request.method, exchange.request.path, exc_info=error)
    return internal_error()


def _compose(shared: ListenerState, exchange: Exchange, response: Response) -> tuple[Answer, Response]:
    """The answer's head; to a response that HTTP cannot carry, that of an error."""
    try:
        return compose(response, exchange, closing=shared.draining, date=shared.date), response
    except (ValueError, TypeError, AttributeError) as error:  # a header that is no text, or breaks its line
        instead = _failed(exchange, error)
        return compose(instead, exchange, closing=shared.draining, date=shared.date), instead


async def _send_stream(link: Link, answer: Answer, body: AsyncIterator[bytes]) -> bool:
    """Send a streamed body and close its iterator; says whether the client has all of it."""
    complete = False
    try:
        if not link.at_end:
            link.send(answer.head, b"")
            complete = answer.framing == BARE or await _stream_until_left(link, answer, body)
    except Exception as error:
        ours = None if isinstance(error, BrokenOff) else error
        _log.log(logging.ERROR if ours else logging.WARNING, "a streamed answer broke off: %s", error, exc_info=ours)
        # Without a length or chunks only a reset can tell the client that the body is not complete.
        if answer.framing == CLOSE:
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
