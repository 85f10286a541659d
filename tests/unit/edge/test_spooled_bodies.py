"""Bodies that go to disk while they arrive: whole or refused, hashed, and never left behind."""

import asyncio
import gc
import hashlib
import os
import weakref
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambent.edge.http_exchange import Exchange
from lambent.edge.http_limits import HttpLimits
from lambent.edge.http_reader import RequestReader
from lambent.edge.spool import BATCH, MOST_WAITING, Spool
from lambent.errors import AwsError
from lambent.store.checksums import ALGORITHMS, of
from lambent.wire.form_data import FormReader

DATA = os.urandom(3 * BATCH + 12_345)


@pytest.fixture
async def pool() -> AsyncIterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def left(directory: Path) -> list[str]:
    return os.listdir(directory)


async def gone(directory: Path) -> None:
    """Return once nothing is left there: threads may be at it."""
    while left(directory):  # noqa: ASYNC110 -- nobody tells of it
        await asyncio.sleep(0)


def framed(data: bytes, size: int, tail: bytes = b"\r\n") -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    chunks = [b"%x;chunk-signature=%b\r\n%b\r\n" % (len(each), b"f" * 64, each) for each in pieces]
    return b"".join([*chunks, b"0;chunk-signature=", b"e" * 64, b"\r\n", tail])


async def filled(spool: Spool, data: bytes, step: int) -> None:
    for at in range(0, len(data), step):
        spool.feed(data[at : at + step])
        while spool.congested:
            eased = asyncio.Event()
            spool.when_eased(eased.set)
            await eased.wait()
    spool.end()
    await spool.settled()


@pytest.mark.parametrize("step", [1000, 65_536, BATCH + 1, len(DATA)])
async def test_a_body_is_on_disk_whole_and_hashed(tmp_path: Path, pool: ThreadPoolExecutor, step: int) -> None:
    spool = Spool(tmp_path, pool, algorithms=frozenset({"MD5", "CRC64NVME"}))
    await filled(spool, DATA, step)
    assert spool.size == len(DATA)
    assert spool.digest("MD5") == hashlib.md5(DATA).digest()
    assert spool.digest("SHA256") == hashlib.sha256(DATA).digest()  # nobody had asked for it before
    spool.keep(tmp_path / "kept")
    spool.discard()
    with open(tmp_path / "kept", "rb") as file:  # noqa: ASYNC230 -- a test
        assert file.read() == DATA


@pytest.mark.parametrize("step", [999, 65_536, len(DATA)])
async def test_the_framing_of_signed_chunks_is_taken_off(tmp_path: Path, pool: ThreadPoolExecutor, step: int) -> None:
    spool = Spool(tmp_path, pool, algorithms=frozenset({"MD5"}), chunked=True, signed=True)
    await filled(spool, framed(DATA, 65_536, b"x-amz-checksum-crc32:AAAA\r\n\r\n"), step)
    assert (spool.size, spool.digest("MD5")) == (len(DATA), hashlib.md5(DATA).digest())
    assert spool.trailers == {"x-amz-checksum-crc32": "AAAA"}
    marks = spool.chunk_marks
    assert len(marks) == 96 * (len(DATA) // 65_536 + 2)
    assert marks[:96] == b"f" * 64 + hashlib.sha256(DATA[:65_536]).digest()
    assert marks[-96:] == b"e" * 64 + hashlib.sha256(b"").digest()
    spool.discard()
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "body", [framed(DATA, 65_536)[:-90], b"5\r\nabc", b"zz\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"1" * 600, b"3\nabc"]
)
async def test_chunks_that_are_not_as_they_say_are_refused(
    tmp_path: Path, pool: ThreadPoolExecutor, body: bytes
) -> None:
    spool = Spool(tmp_path, pool, algorithms=frozenset({"MD5"}), chunked=True)
    with pytest.raises(AwsError) as refused:
        await filled(spool, body, 50_000)
    assert refused.value.code == "IncompleteBody"
    spool.discard()
    assert left(tmp_path) == []


async def test_small_signed_chunks_are_refused_unless_they_are_the_last(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    spool = Spool(tmp_path, pool, algorithms=frozenset(), chunked=True, signed=True)
    with pytest.raises(AwsError) as refused:
        await filled(spool, framed(DATA[:20_000], 5000), 20_000)
    assert refused.value.code == "InvalidChunkSizeError"
    spool.discard()


async def test_a_disk_that_takes_nothing_is_told_as_slow_down(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = Spool(tmp_path, pool, algorithms=frozenset())
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, spool._file)
    with pytest.raises(AwsError) as refused:
        await filled(spool, DATA, BATCH)
    assert (refused.value.code, refused.value.status) == ("SlowDown", 503)
    os.close(full)
    spool.discard()


async def test_more_than_a_few_batches_wait_for_the_disk(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    spool = Spool(tmp_path, pool, algorithms=frozenset())
    for _ in range(MOST_WAITING):
        spool.feed(bytes(BATCH))
    assert spool.congested  # no thread has come back yet: the loop has not turned
    eased = asyncio.Event()
    spool.when_eased(eased.set)
    await eased.wait()
    assert not spool.congested
    spool.discard()


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
async def test_every_checksum_of_s3_is_made(tmp_path: Path, pool: ThreadPoolExecutor, algorithm: str) -> None:
    spool = Spool(tmp_path, pool, algorithms=frozenset({algorithm}))
    await filled(spool, DATA, 65_536)
    assert spool.digest(algorithm) == spool.digest(algorithm) == of(algorithm, DATA)
    spool.discard()


async def test_the_reader_gives_large_bodies_to_whoever_takes_them(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    def spooler(method: str, path: str, query: str, headers: dict[str, str]) -> Spool | None:
        return Spool(tmp_path, pool, algorithms=frozenset()) if path == "/bucket/key" else None

    reader = RequestReader(HttpLimits(body=100, spool_from=10, spooler=spooler))
    head = b"PUT /%b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    reader.feed(head % (b"bucket/key", 1000) + bytes(1000) + head % (b"small", 50) + bytes(50))
    large, small = reader.take(), reader.take()
    assert isinstance(large, Exchange)
    assert isinstance(small, Exchange)
    assert large.request.spool is not None
    assert (large.request.spool.size, large.request.body) == (1000, b"")
    assert (small.request.spool, len(small.request.body)) == (None, 50)
    reader.feed(head % (b"other", 1000))
    assert reader.finished  # nobody takes it, and it is too large for memory
    large.request.spool.discard()


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    limits = HttpLimits(spool_from=10, spooler=lambda *head: Spool(tmp_path, pool, algorithms=frozenset()))
    head = b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    for sent in (head + bytes(50), head + bytes(100)):
        reader = RequestReader(limits)
        reader.feed(sent)
        assert len(left(tmp_path)) == 1
        reader.close()
        await gone(tmp_path)


async def test_a_body_that_was_taken_is_forgotten_without_a_garbage_collector(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    gc.disable()
    try:
        spool = Spool(tmp_path, pool, algorithms=frozenset({"MD5"}))
        await filled(spool, DATA, 65_536)
        spool.keep(tmp_path / "kept")
        alive = weakref.ref(spool)
        del spool
        async with asyncio.timeout(30):
            while alive() is not None:  # noqa: ASYNC110 -- the last thread lets go of it
                await asyncio.sleep(0)
    finally:
        gc.enable()


FORM = "multipart/form-data; boundary=XX"
FORM_HEAD = b'--XX\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n'
FILE_HEAD = b'--XX\r\nContent-Disposition: form-data; name="file"\r\n\r\n'


@pytest.mark.parametrize("step", [1000, 65_536, len(DATA)])
async def test_of_a_form_only_the_file_is_on_disk(tmp_path: Path, pool: ThreadPoolExecutor, step: int) -> None:
    form = FormReader(FORM)
    spool = Spool(tmp_path, pool, algorithms=frozenset({"MD5"}), form=form)
    await filled(spool, FORM_HEAD + FILE_HEAD + DATA + b"\r\n--XX--\r\n", step)
    assert (spool.size, spool.digest("MD5"), form.fields) == (len(DATA), hashlib.md5(DATA).digest(), {"key": "k"})
    spool.discard()
    await gone(tmp_path)


async def test_a_form_that_is_refused_or_breaks_off_leaves_nothing(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    def begin(form: FormReader) -> None:
        raise AwsError("no", code="AccessDenied")

    for form, code in ((FormReader(FORM, begin), "AccessDenied"), (FormReader(FORM), "MalformedPOSTRequest")):
        spool = Spool(tmp_path, pool, algorithms=frozenset({"MD5"}), form=form)
        with pytest.raises(AwsError) as caught:
            await filled(spool, FORM_HEAD + FILE_HEAD + DATA, 65_536)
        assert caught.value.code == code
        assert spool.size == (0 if code == "AccessDenied" else len(DATA))
        spool.discard()
        await gone(tmp_path)
