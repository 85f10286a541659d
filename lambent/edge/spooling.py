"""Which bodies go to disk while they arrive: objects on their way into S3, and nothing else."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lambent.control.url_address import is_meant
from lambent.edge.http_exchange import Refusal
from lambent.edge.spool import Spool
from lambent.store.checksums import ALGORITHMS, DEFAULT
from lambent.wire import aws_chunked, recognise
from lambent.wire.form_data import FormReader
from lambent.wire.http import Request

MOST = 5 * 1024**3  # bytes of one object or part (S3, "Amazon S3 multipart upload limits")
THREADS = 2 * (os.cpu_count() or 1) + 2
_HASH = 64  # digits of a SHA-256


class Spooling:
    """`spool` is the listener's Spooler. What the last server left in `directory` is of nobody."""

    def __init__(
        self, directory: Path, admits: Callable[[Request], bool] = lambda head: True,
        form: Callable[[Request], FormReader | None] = lambda head: None,
    ) -> None:  # fmt: skip
        """`admits` tells by its head whether a request could be believed; a stranger's goes to no disk. `form` gives
        the reader of a form that brings an object, which refuses a stranger's before the file begins.
        """
        self._directory = directory
        self._admits = admits
        self._form = form
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in directory.iterdir():
            left.unlink()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="spool")

    def spool(self, method: str, path: str, query: str, headers: dict[str, str]) -> Spool | None:
        """Raises Refusal for what is larger than an object may be, or finds no room."""
        head = Request(method, path, query, headers, b"")
        form = self._form(head) if method == "POST" else None
        if form is None and not (method == "PUT" and _is_object(head) and self._admits(head)):
            return None
        length = headers.get("x-amz-decoded-content-length", headers.get("content-length", "0"))
        if length.isdecimal() and int(length) > MOST:
            raise Refusal(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        said = headers.get("x-amz-content-sha256", "")
        chunked = form is None and aws_chunked.is_chunked(head)
        try:
            return Spool(
                self._directory, self._pool, algorithms=_algorithms(headers, said),
                chunked=chunked, signed=chunked and said.startswith("STREAMING-AWS4-"), form=form,
            )  # fmt: skip
        except OSError as error:
            raise Refusal(503, "SlowDown", "Please reduce your request rate.") from error


def _is_object(head: Request) -> bool:
    if head.path.startswith("/_lambent/") or is_meant(head):
        return False
    if recognise.service(head, recognise.sender(head).scope) != "s3":
        return False
    return bool(recognise.bucket_in_host(head)) or "/" in head.path.strip("/")


def _algorithms(headers: dict[str, str], said: str) -> frozenset[str]:
    """The checksums that somebody will ask for: the ETag's, those that the client names, and the default."""
    named = {name for name in ALGORITHMS if f"x-amz-checksum-{name.lower()}" in headers}
    trailer = headers.get("x-amz-trailer", "").strip().lower().removeprefix("x-amz-checksum-").upper()
    asked = headers.get("x-amz-sdk-checksum-algorithm", "").upper()
    named |= {name for name in (trailer, asked) if name in ALGORITHMS}
    return frozenset({"MD5", DEFAULT, *named, *(("SHA256",) if len(said) == _HASH else ())})
