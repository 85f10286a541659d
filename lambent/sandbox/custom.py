"""The link to a custom runtime: told over the channel what to become, heard over the Runtime API from then on."""

import asyncio
from typing import Any

from lambent.sandbox.channel import ChannelLink
from lambent.sandbox.link import InitDone, InitSpec, Reply, RuntimeLink


class CustomLink:
    """A RuntimeLink of two halves.

    The channel closes when `bootstrap` is executed, or carries the reason why it cannot be. That the process has died
    is news from the agent, which then closes this link: HTTP connections come and go and tell nothing.
    """

    def __init__(self, channel: ChannelLink, http: RuntimeLink) -> None:
        self._channel = channel
        self._http = http

    @property
    def closed(self) -> bool:
        return self._http.closed

    async def init(self, spec: InitSpec) -> InitDone:
        told = asyncio.ensure_future(self._channel.init(spec))
        ready = asyncio.ensure_future(self._http.init(spec))
        try:
            await asyncio.wait((told, ready), return_when=asyncio.FIRST_COMPLETED)
            if told.done() and told.exception() is None:
                return told.result()
            return await ready
        finally:
            for task in (told, ready):
                task.cancel()
            await asyncio.gather(told, ready, return_exceptions=True)

    async def invoke(self, token: bytes, meta: dict[str, Any], payload: bytes) -> Reply:
        return await self._http.invoke(token, meta, payload)

    def close(self) -> None:
        self._channel.close()
        self._http.close()
