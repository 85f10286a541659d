"""ChannelLink: frames over a socket pair to our own guests.

A frame is a 28-byte header (type, sizes of meta and body, a 16-byte token), a JSON object and raw bytes. The token of
an invocation is unguessable and echoed by its answer, so that nothing written earlier can become the answer of this.
"""

import asyncio
import contextlib
import os
import socket
from typing import Any, cast

import msgspec

from lambent.sandbox.link import InitDone, InitSpec, LinkClosed, Reply
from lambent.sandbox.stream_frames import CHUNK, END, HEADER, BadFrame, Frame, StreamFrames
from lambent.sandbox.streamed import Sink

INIT, INVOKE, READY, RESULT, ERROR, INIT_ERROR = 1, 2, 17, 18, 19, 20
PROCEED = 5
_NO_TOKEN = bytes(16)
# A function may answer 6 MB; anything far beyond is not an answer but an attempt to fill the host's memory.
LARGEST_BODY = 64 << 20
LARGEST_META = 1 << 20
SMALL_BODY = 65536

_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder(dict[str, Any]).decode


class ChannelLink(asyncio.Protocol):
    """One guest at the other end. All that it says is a breach, unless an answer is due: then `_waiting` is set or,
    once the answer has begun to come as a stream, `_streaming` in its place."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Frame] | None = None
        self._told: asyncio.Future[Frame] | None = None  # the answer to an INIT that was sent before the transport was
        self._fd = -1
        self._sink: Sink | None = None  # for the answer that is due, if it is a stream; None: to be gathered
        self._streaming: StreamFrames | None = None
        self._heard: Sink | None = None  # has the whole stream that END has just ended
        self._paused = False  # reading is, since nobody takes what the stream brings
        self._token = _NO_TOKEN
        self._buffer = bytearray()  # of an answer that has not come in one piece
        self._wanted = HEADER.size  # bytes that the buffer must hold before it is worth another look
        self.closed = False
        self.on_closed: list[Any] = []

    def __repr__(self) -> str:
        return f"<ChannelLink {'closed' if self.closed else 'busy' if self._waiting else 'idle'}>"

    @classmethod
    async def open(cls, sock: socket.socket, told: InitSpec | None = None) -> "ChannelLink":
        """A link over our end of a channel. The runtime is `told` what to become at once: while the event loop takes
        the socket over it is importing already. `init` with the same spec then only waits for its answer."""
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        link = cls(loop)
        if told is not None:
            link._tell(sock, told)
        await loop.create_unix_connection(lambda: link, sock=sock)
        return link

    # -- RuntimeLink

    async def init(self, spec: InitSpec) -> InitDone:
        told, self._told = self._told, None
        if told is None:
            told = self._exchange(INIT, _to_json(spec), b"", _NO_TOKEN)
        kind, meta, body = await told
        if kind == READY:
            return InitDone()
        if kind == INIT_ERROR:
            return InitDone(self._type_of(meta), body)
        raise self._breach(f"a frame of type {kind} in answer to INIT")

    def proceed(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.write(HEADER.pack(PROCEED, 0, 0, _NO_TOKEN))

    async def invoke(self, token: bytes, meta: dict[str, Any], payload: bytes) -> Reply:
        kind, answer_meta, body = await self._exchange(INVOKE, _to_json(meta), payload, token)
        if kind == RESULT:
            return Reply(body)
        if kind == ERROR:
            return Reply(body, self._type_of(answer_meta), b'"last":true' in answer_meta)
        sink, self._heard = self._heard, None
        if kind == END and sink is not None:
            failed = self._type_of(answer_meta) if body or answer_meta else None
            return sink.reply(body, failed, b'"last":true' in answer_meta)
        raise self._breach(f"a frame of type {kind} in answer to INVOKE")

    async def stream(self, token: bytes, meta: dict[str, Any], payload: bytes, sink: Sink) -> Reply:
        self._sink = sink
        try:
            return await self.invoke(token, meta, payload)
        finally:
            self._sink = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._end(LinkClosed("the channel was closed"))

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are not subclasses
        self._fd = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        if self._waiting is None:
            self._hear_more(data)
            return
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._wanted:
                return
            data = bytes(self._buffer)
        if len(data) < HEADER.size:
            self._keep(data, HEADER.size)
            return
        kind, meta_size, body_size, token = HEADER.unpack_from(data)
        if kind == CHUNK:
            self._begin_stream(data, self._waiting)
            return
        if body_size > LARGEST_BODY or meta_size > LARGEST_META or token != self._token:
            self._breach("a frame that answers no invocation")
            return
        total = HEADER.size + meta_size + body_size
        if len(data) < total:
            self._keep(data, total)
        elif len(data) > total:
            self._breach("more than one answer")
        else:
            self._answer(kind, data, meta_size)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(LinkClosed("the runtime closed its channel"))

    # -- a streamed answer's Source

    def hold(self) -> None:
        if self._transport is not None and not self.closed and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self._transport is not None and not self.closed and self._paused:
            self._paused = False
            self._transport.resume_reading()

    # -- details

    def _begin_stream(self, data: bytes, waiting: "asyncio.Future[Frame]") -> None:
        """The first frame of the answer is a chunk: from now on there are more."""
        self._streaming = StreamFrames(self._token, self._sink, self, waiting)
        self._waiting = None
        if self._buffer:
            self._buffer, self._wanted = bytearray(), HEADER.size
        self._hear_more(data)

    def _hear_more(self, data: bytes) -> None:
        stream = self._streaming
        if stream is None:
            self._breach("data while no answer was due")
            return
        try:
            end = stream.feed(data)
        except BadFrame as error:
            self._breach(str(error))
            return
        if end is not None:
            self._streaming, self._token, self._heard = None, _NO_TOKEN, stream.sink
            if not stream.waiting.done():
                stream.waiting.set_result(end)

    def _exchange(self, kind: int, meta: bytes, body: bytes, token: bytes) -> "asyncio.Future[Frame]":
        """Send a frame; the future is its answer."""
        if self.closed or self._transport is None:
            raise LinkClosed("the runtime is gone")
        self._token = token
        waiting = self._waiting = self._loop.create_future()
        header = HEADER.pack(kind, len(meta), len(body), token)
        if len(body) < SMALL_BODY and not self._transport.get_write_buffer_size():
            self._send(header + meta + body)
        else:
            self._transport.writelines([header + meta, body])
        return waiting

    def _send(self, frame: bytes) -> None:
        """To the kernel at once: a transport's write waits for the end of the loop's turn, the runtime need not."""
        assert self._transport is not None
        try:
            sent = os.write(self._fd, frame)
        except OSError:  # a full buffer, or a dead runtime: the transport knows what to do with either
            sent = 0
        if sent < len(frame):
            self._transport.write(frame[sent:])

    def _tell(self, sock: socket.socket, spec: InitSpec) -> None:
        """INIT is a few kilobytes, which an empty socket takes; if it does not, `init` sends it as usual.

        Nor is it told here that the runtime has gone: the transport will hear it, and `init` say it.
        """
        meta = _to_json(spec)
        frame = HEADER.pack(INIT, len(meta), 0, _NO_TOKEN) + meta
        with contextlib.suppress(OSError):
            if len(frame) <= SMALL_BODY and sock.send(frame) == len(frame):
                self._told = self._waiting = self._loop.create_future()

    def _keep(self, data: bytes, wanted: int) -> None:
        self._wanted = wanted
        if not self._buffer:
            self._buffer += data

    def _answer(self, kind: int, data: bytes, meta_size: int) -> None:
        waiting, self._waiting, self._token = self._waiting, None, _NO_TOKEN
        if self._buffer:
            self._buffer, self._wanted = bytearray(), HEADER.size
        start = HEADER.size
        if waiting is not None and not waiting.done():
            waiting.set_result((kind, data[start : start + meta_size], data[start + meta_size :]))

    def _type_of(self, meta: bytes) -> str:
        try:
            return str(_from_json(meta).get("type") or "Runtime.Unknown")  # an error without a name is an error
        except msgspec.DecodeError:
            return "Runtime.Unknown"

    def _breach(self, what: str) -> LinkClosed:
        """The runtime said what it must not: it cannot be trusted with another invocation."""
        error = LinkClosed(f"the runtime broke the protocol: {what}")
        if self._transport is not None:
            self._transport.abort()
        self._end(error)
        return error

    def _end(self, error: LinkClosed) -> None:
        if self.closed:
            return
        self.closed = True
        waiting, self._waiting = self._waiting, None
        if self._streaming is not None:
            waiting, self._streaming = self._streaming.waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
        for callback in self.on_closed:
            callback()
