"""Keeping code as long as somebody needs it, and no longer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Set
from contextlib import AbstractContextManager
from typing import Any

from lambent.store.code import CodeStore, StoredCode
from lambent.store.images import ImageStore

LOOK_EVERY_S = 1.0  # at calls that run on although the product's clock says that their time is over
GRACE_S = 10  # beyond a function's own time-out, before the code of running calls may go


class CodeKeeper:
    """Stores packages, and removes those (and images) that nobody refers to any more.

    Mutable: `_storing`, how many callers have stored or found a package whose row is not written yet, and `_doubtful`,
    digests that may be garbage. The one rule: packages are removed only under `_gate`, while `_storing` is 0, and after
    asking the database; so a package that is about to be referred to cannot be taken for garbage.
    """

    def __init__(
        self,
        in_use: Callable[[], set[str]],
        code: CodeStore,
        images: ImageStore,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        sleep: Callable[[float], Awaitable[None]],
        *,
        read: Callable[[Set[str]], bool],
        working: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """`sleep` and `working` are the product clock's; `read` tells whether a call may still read one of these."""
        self._in_use = in_use
        self._code = code
        self._images = images
        self._spawn = spawn
        self._sleep = sleep
        self._read = read
        self._working = working
        self._gate = asyncio.Lock()
        self._storing = 0
        self._doubtful: set[str] = set()

    @contextlib.asynccontextmanager
    async def storing(self, package: bytes) -> AsyncIterator[StoredCode]:
        """Store a package and keep it safe until the block ends, by when a row should refer to it."""
        async with self.holding():
            stored = await self._code.add(package)
            self._doubtful.add(stored.digest)  # the block may fail, or be a dry run
            yield stored

    @contextlib.asynccontextmanager
    async def holding(self) -> AsyncIterator[None]:
        """Nothing is removed until the block ends: what is looked up in it may be referred to in it."""
        async with self._gate:
            self._storing += 1
        try:
            yield
        finally:
            self._storing -= 1
            if self._doubtful and not self._storing:
                self._spawn(self._remove_garbage())

    def release(self, digests: Iterable[str], timeout_s: int) -> None:
        """Remove these packages, unless somebody else needs them, when calls of at most `timeout_s` have ended."""
        self._spawn(self._release(set(digests), timeout_s + GRACE_S))

    async def sweep(self) -> None:
        """Remove every package that nobody refers to: at start, since a crash may have come before `release`."""
        self._doubtful |= set(await asyncio.to_thread(self._code.digests)) | set(self._images.digests())
        await self._remove_garbage()

    async def _release(self, digests: set[str], after_s: float) -> None:
        """A virtual clock may be far ahead of a call, whose own time is real: that is waited for."""
        await self._sleep(after_s)
        while self._read(digests):  # noqa: ASYNC110 - nobody tells of the end of a call that matters to nobody else
            await asyncio.sleep(LOOK_EVERY_S)
        with self._working():
            self._doubtful |= digests
            await self._remove_garbage()

    async def _remove_garbage(self) -> None:
        async with self._gate:
            if self._storing:
                return  # the last one to finish comes here again
            garbage = self._doubtful - self._in_use()
            self._doubtful.clear()
            for digest in garbage:
                await asyncio.to_thread(self._code.remove, digest)
                await asyncio.to_thread(self._images.remove, digest)
