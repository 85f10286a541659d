"""Contents on their way out: read by threads, a block ahead of the client, so that memory stays flat."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from lambent.services.s3 import errors
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import Stored
from lambent.services.s3.ranges import Span, pieces

BLOCK = 512 * 1024


async def opened(s3: S3, found: Stored, span: Span) -> "bytes | Reader":
    """Those bytes, or what reads them; it holds the files from now on, whatever becomes of the object.

    Raises NoSuchKey if it has gone meanwhile.
    """
    if span.length == 0:
        return b""
    if not found.about.parts:
        content = s3.store.content(found.id)
        if content is None:
            raise errors.no_key(found.key)
        return content[span.begin : span.end]
    return await asyncio.to_thread(_open, s3, found, span)


def _open(s3: S3, found: Stored, span: Span) -> "Reader":
    handles: list[tuple[int, int, int]] = []
    try:
        for file, offset, length in pieces(found.about.parts, span):
            handles.append((os.open(s3.files.path(file), os.O_RDONLY | os.O_CLOEXEC), offset, length))
    except OSError:
        for handle, _, _ in handles:
            os.close(handle)
        raise errors.no_key(found.key) from None
    return Reader(handles)


class Reader:
    """An iterator over (file, offset, length); `aclose` gives the files back, and so does the end."""

    def __init__(self, pieces: list[tuple[int, int, int]]) -> None:
        self._blocks = [
            (handle, at, min(BLOCK, offset + length - at))
            for handle, offset, length in pieces
            for at in range(offset, offset + length, BLOCK)
        ]
        self._blocks.reverse()
        self._handles = {handle for handle, _, _ in pieces}
        self._ahead: asyncio.Future[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        ahead = self._ahead or self._next()
        if ahead is None:
            await self.aclose()
            raise StopAsyncIteration
        self._ahead = None
        block = await ahead
        self._ahead = self._next()
        return block

    def _next(self) -> "asyncio.Future[bytes] | None":
        if not self._blocks:
            return None
        handle, offset, length = self._blocks.pop()
        return asyncio.get_running_loop().run_in_executor(None, _read, handle, offset, length)

    async def aclose(self) -> None:
        self._blocks = []
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            with contextlib.suppress(Exception):
                await ahead
        handles, self._handles = self._handles, set()
        for handle in handles:
            os.close(handle)

    def __del__(self) -> None:
        for handle in self._handles:
            os.close(handle)


def _read(handle: int, offset: int, length: int) -> bytes:
    block = os.pread(handle, length, offset)
    while len(block) < length:
        more = os.pread(handle, length - len(block), offset + len(block))
        if not more:
            raise OSError("a file of an object is shorter than it should be")
        block += more
    return block
