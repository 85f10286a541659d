"""Objects in a directory of the operator's, BUCKET/KEY below it: what stands in for S3 as a place of code."""

import asyncio
import os
import stat
from pathlib import Path
from typing import Protocol

from lambent.errors import ObjectRefused


class Named(Protocol):
    """As control.objects.Wanted, of which only the names matter here."""

    @property
    def bucket(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def version(self) -> str | None: ...


class Buckets:
    """Each directory below `root` is a bucket; an empty `root` has none. Everybody may read, nobody writes."""

    def __init__(self, root: str) -> None:
        self._root = Path(root).resolve() if root else None

    async def fetch(self, wanted: Named, most: int) -> bytes:
        """See control.objects.Objects."""
        return await asyncio.to_thread(self._read, wanted, most)

    def _read(self, wanted: Named, most: int) -> bytes:
        path = self._path(wanted.bucket, wanted.key)
        if wanted.version not in (None, "null"):  # the version that S3 gives objects in buckets without versioning
            raise ObjectRefused("The specified version does not exist.", code="NoSuchVersion")
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe in there would never end
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise _no_such_key()
                return file.read(most + 1)
        except PermissionError:
            raise ObjectRefused("Access Denied", code="AccessDenied") from None
        except OSError:
            raise _no_such_key() from None

    def _path(self, bucket: str, key: str) -> Path:
        """Where the object lies. Nothing but a link that the operator made leads out of a bucket, and no link at all
        out of the directory of buckets.
        """
        home = self._root / bucket if self._root and bucket not in (".", "..") else None
        if home is None or self._root is None or not home.is_dir():
            raise ObjectRefused("The specified bucket does not exist", code="NoSuchBucket")
        parts = key.split("/")
        if "\0" in key or any(part in ("", ".", "..") for part in parts):
            raise _no_such_key()
        found = Path(os.path.realpath(home.joinpath(*parts)))  # which also survives links in a circle
        if not found.is_relative_to(self._root):
            raise _no_such_key()
        return found


def _no_such_key() -> ObjectRefused:
    return ObjectRefused("The specified key does not exist.", code="NoSuchKey")
