"""Large bodies on their way to disk: written and hashed by threads while they arrive, so that memory stays flat.

The event loop feeds and the threads of one pool work: writing and each hash in a lane of its own. Who feeds stops at
`congested` and goes on when `eased`.
"""

import asyncio
import contextlib
import hashlib
import itertools
import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from lambent.edge.lanes import BATCH, Batch, Lanes, Work
from lambent.errors import AwsError
from lambent.store.checksums import ALGORITHMS, Data, Digest
from lambent.store.durable import start_writing
from lambent.wire.aws_chunked import trailers_of
from lambent.wire.aws_chunked_stream import SMALLEST_SIGNED, ChunkEnd, Unchunker
from lambent.wire.faults import incomplete
from lambent.wire.form_data import FormReader

log = logging.getLogger("lambent")

MOST_WAITING = 8  # batches of one body in memory
FEW_WAITING = 4  # then more may come
_numbers = itertools.count()


class Spool:
    """One body (wire.http.Spooled). Its state changes on the event loop; the threads touch a batch, the file and the
    digests, never those that are being filled.
    """

    def __init__(
        self, directory: Path, pool: ThreadPoolExecutor, *, algorithms: frozenset[str], chunked: bool = False,
        signed: bool = False, form: FormReader | None = None,
    ) -> None:  # fmt: skip
        """`algorithms`: the checksums to make; `chunked`: the body is framed; `signed`: its chunks are signed; `form`:
        it is a form, and only its file counts.
        """
        self.path = directory / f"{os.getpid()}-{next(_numbers)}"
        self.size = 0
        self.form = form
        self.trailers: Mapping[str, str] = {}
        self.trailer_bytes = b""
        self.chunk_marks = b""
        self._pool = pool
        self._digests: dict[str, Digest] = {name: ALGORITHMS[name]() for name in algorithms}
        self._unchunker = Unchunker() if chunked else None
        self._marks = _Marks() if signed else None
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._gathering = Batch()
        self._lanes: Lanes | None = None  # from the first batch on
        self._under_way = 0  # batches that threads are at, or will be
        self._free: list[Batch] = []
        self._ended = self._finished = self._gone = self._told = False
        self._failure: Exception | None = None
        self._eased: Callable[[], None] | None = None
        self._settled: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<Spool {self.path.name} {self.size} bytes{' ended' if self._ended else ''}>"

    # Feeding

    @property
    def congested(self) -> bool:
        return self._under_way >= MOST_WAITING

    def when_eased(self, callback: Callable[[], None]) -> None:
        self._eased = callback

    def feed(self, piece: bytes) -> None:
        if self._failure is not None or self._gone:
            return  # the rest is read and dropped; whoever asks is told why
        try:
            self._take(piece)
        except AwsError as error:
            self._fail(error)

    def _take(self, piece: bytes) -> None:
        if self.form is not None:
            for data in self.form.feed(piece):
                self._gather(memoryview(data))
            return
        if self._unchunker is None:
            self._gather(memoryview(piece))
            return
        for item in self._unchunker.feed(piece):
            if isinstance(item, ChunkEnd):
                self._gathering.ends.append((len(self._gathering.view), item.signature))
            else:
                self._gather(item)

    def _gather(self, data: memoryview) -> None:
        self.size += len(data)
        while data:
            data = self._gathering.take(data)
            if len(self._gathering.view) == BATCH:
                self._pass_on()

    def _pass_on(self) -> None:
        batch = self._gathering
        self._gathering = self._free.pop() if self._free else Batch()
        self._under_way += 1
        self._lanes = self._lanes or Lanes(self._pool, self._works(), self._worked)
        self._lanes.put(batch)

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        if self.form is not None and self._failure is None:
            try:
                self.form.end()
            except AwsError as error:
                self._failure = error
        if self._unchunker is not None:
            self.trailer_bytes = self._unchunker.trailers
            self.trailers = trailers_of(self.trailer_bytes)
            if not self._unchunker.done and self._failure is None:
                self._failure = incomplete("The request body terminated unexpectedly")
        self._pass_on()

    # Working

    def _works(self) -> list[Work]:
        works: list[Work] = [self._write]
        works += [partial(_hash, digest) for digest in self._digests.values()]
        return works if self._marks is None else [*works, self._marks.add]

    def _worked(self, batch: Batch, error: Exception | None) -> None:
        self._under_way -= 1
        batch.empty()
        self._free.append(batch)
        if error is not None:
            self._fail(error)
        if not self._under_way and (self._gone or self._ended):
            self._finish()
        if self._under_way <= FEW_WAITING and self._eased is not None:
            eased, self._eased = self._eased, None
            eased()

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        if self._lanes is not None:
            self._lanes.stop()

    def _write(self, batch: Batch) -> None:
        before, view = os.lseek(self._file, 0, os.SEEK_CUR), batch.view
        while view:
            view = view[os.write(self._file, view) :]
        start_writing(self._file, before, len(batch.view))

    def _finish(self) -> None:
        if self._lanes is not None:
            self._lanes.close()
        self._lanes, self._free = None, []
        if self._gone:
            self._remove()
        elif self._ended:
            self._finished = True
            if self._marks is not None:
                self.chunk_marks = bytes(self._marks.marks)
                self._failure = self._failure or self._marks.failure
            if self._settled is not None and not self._settled.done():
                self._settled.set_result(None)

    # What becomes of it

    @property
    def is_settled(self) -> bool:
        """Whoever asked for it has been told."""
        return self._told

    async def settled(self) -> None:
        """See Spooled."""
        self._told = True
        if not self._finished:
            self._settled = asyncio.get_running_loop().create_future()
            await self._settled
        if isinstance(self._failure, AwsError):
            raise self._failure
        if self._failure is not None:
            log.error("a body could not be written to %s: %s", self.path, self._failure)
            raise AwsError("Please reduce your request rate.", code="SlowDown", status=503)

    def digest(self, algorithm: str) -> bytes:
        if algorithm not in self._digests:
            digest = ALGORITHMS[algorithm]()
            with open(os.dup(self._file), "rb") as file:
                file.seek(0)
                while piece := file.read(BATCH):
                    digest.update(piece)
            return digest.digest()
        made = self._digests[algorithm]
        if not isinstance(made, _Made):
            made = self._digests[algorithm] = _Made(made.digest())
        return made.digest()

    def keep(self, target: Path) -> None:
        """Make it the file `target`, all of it on disk; its directory is the caller's to sync. Blocks."""
        os.fdatasync(self._file)
        os.rename(self.path, target)
        os.close(self._file)
        self._file = -1

    def discard(self) -> None:
        """Remove it, unless it was kept; at once or when no thread is at it."""
        self._gone = True
        if self._lanes is not None:
            self._lanes.stop()
        if not self._under_way:
            self._remove()

    def _remove(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            with contextlib.suppress(OSError):
                os.unlink(self.path)


class _Made:
    """A digest that is finished: XXHash may be asked once only."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def update(self, data: Data, /) -> None:
        raise AssertionError("it is finished")

    def digest(self) -> bytes:
        return self._value


class _Marks:
    """Signature and hash of each chunk, for whoever checks them once all is there."""

    def __init__(self) -> None:
        self.marks = bytearray()
        self.failure: AwsError | None = None
        self._hash = hashlib.sha256()
        self._size = 0
        self._small = False

    def add(self, batch: Batch) -> None:
        view, at = batch.view, 0
        for end, signature in batch.ends:
            self._hash.update(view[at:end])
            self._size += end - at
            self._end(signature)
            at = end
        self._hash.update(view[at:])
        self._size += len(view) - at

    def _end(self, signature: bytes) -> None:
        if self._small and self._size:
            self.failure = AwsError(
                "Only the last chunk is allowed to have a size less than 8192 bytes", code="InvalidChunkSizeError",
                status=403,
            )  # fmt: skip
        self._small = self._small or self._size < SMALLEST_SIGNED
        self.marks += signature[:64].ljust(64) + self._hash.digest()
        self._hash, self._size = hashlib.sha256(), 0


def _hash(digest: Digest, batch: Batch) -> None:
    digest.update(batch.view)
