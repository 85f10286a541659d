"""The link to a custom runtime: told over the channel what to become, heard over the Runtime API from then on.

Also to a managed runtime under AWS_LAMBDA_EXEC_WRAPPER: what the wrapper executes may be that runtime, which goes on
over the channel, or anything else that speaks the Runtime API or has an extension speak it.
"""

import asyncio
from typing import Any

from lambent.sandbox.channel import ChannelLink
from lambent.sandbox.link import InitDone, InitSpec, Reply, RuntimeLink
from lambent.sandbox.streamed import Sink


class CustomLink:
    """A RuntimeLink of two halves. Whichever says first that it is ready has the invocations from then on.

    The channel closes when `bootstrap` is executed, or carries the reason why it cannot be. That the process has died
    is news from the agent, which then closes this link: HTTP connections come and go and tell nothing.
    """

    def __init__(self, channel: ChannelLink, http: RuntimeLink) -> None:
        self._channel = channel
        self._http = http
        self._speaker: RuntimeLink = http

    @property
    def closed(self) -> bool:
        return self._speaker.closed or self._http.closed

    async def init(self, spec: InitSpec) -> InitDone:
        told = asyncio.ensure_future(self._channel.init(spec))
        ready = asyncio.ensure_future(self._http.init(spec))
        try:
            await asyncio.wait((told, ready), return_when=asyncio.FIRST_COMPLETED)
            if told.done() and told.exception() is None:
                self._speaker = self._channel
                return told.result()
            return await ready
        finally:
            for task in (told, ready):
                task.cancel()
            await asyncio.gather(told, ready, return_exceptions=True)

    def proceed(self) -> None:
        self._channel.proceed()

    async def invoke(self, token: bytes, meta: dict[str, Any], payload: bytes) -> Reply:
        return await self._speaker.invoke(token, meta, payload)

    async def stream(self, token: bytes, meta: dict[str, Any], payload: bytes, sink: Sink) -> Reply:
        return await self._speaker.stream(token, meta, payload, sink)

    def close(self) -> None:
        self._channel.close()
        self._http.close()
