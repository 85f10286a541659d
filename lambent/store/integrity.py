"""Is what is on disk whole? Asked at every start: a torn page or half of a package must be named, not met later.

A database is read through if the last stop was no orderly one, or if it is small. Packages are compared with their
recorded size, and those written since the last orderly stop with their digest, which is their name.
"""

import hashlib
import logging
import sqlite3
from pathlib import Path

from lambent.errors import StoreError
from lambent.store.code import CodeStore
from lambent.store.durable import sync_directory

log = logging.getLogger("lambent")

SMALL_BYTES = 32 * 1024 * 1024  # read through in a moment
MARK = "running"  # a file that is there from a start until the next orderly stop
CHUNK = 1 << 20


class Shift:
    """One run of the server over a data directory. `unclean`: the run before did not end in order."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._mark = directory / MARK
        self.unclean = self._mark.exists()
        self.since = self._mark.stat().st_mtime if self.unclean else 0.0  # when the run before began
        self._mark.touch()
        sync_directory(directory)

    def check(self, *databases: Path) -> None:
        """Raises StoreError if one of them is damaged."""
        for path in databases:
            check_database(path, unclean=self.unclean)

    def over(self) -> None:
        """Everything is written: the next start has nothing to look through."""
        self._mark.unlink(missing_ok=True)
        sync_directory(self._mark.parent)


def check_database(path: Path, *, unclean: bool) -> None:
    """Raises StoreError, which names the file and what is wrong with it, if it is damaged."""
    if not path.exists() or not (unclean or path.stat().st_size <= SMALL_BYTES):
        return
    if unclean and path.stat().st_size > SMALL_BYTES:
        log.info("the last stop was no orderly one: looking through %s (%d MB)", path, path.stat().st_size >> 20)
    try:
        handle = sqlite3.connect(path)
        try:
            found = [str(row[0]) for row in handle.execute("PRAGMA quick_check(3)")]
        finally:
            handle.close()
    except sqlite3.Error as error:
        found = [str(error)]
    if found != ["ok"]:
        raise StoreError(
            f"the database {path} is damaged: {'; '.join(found)}. Nothing was changed. Put a backup in its place, or "
            f"move it away (with its -wal and -shm files) to start without what it held"
        )


def damaged_packages(code: CodeStore, shift: Shift) -> list[str]:
    """Digests of packages that are not what they were when they were stored; each is told of in the log."""
    found = []
    for digest in code.digests():
        trouble = _trouble(code, digest, shift)
        if trouble:
            log.error("the code package %s in %s is damaged: %s", digest, code.root, trouble)
            found.append(digest)
    return found


def _trouble(code: CodeStore, digest: str, shift: Shift) -> str:
    try:
        stored, path = code.get(digest), code.zip(digest)
        if stored is None:
            return "package.json is missing"
        stat = path.stat()
    except (OSError, ValueError) as error:
        return str(error)
    if stat.st_size != stored.size:
        return f"package.zip has {stat.st_size} bytes instead of {stored.size}"
    if not code.path(digest).is_dir():
        return "tree is missing"
    if shift.unclean and stat.st_mtime >= shift.since and _digest(path) != digest:
        return "package.zip does not have the digest that it is named for"
    return ""


def _digest(path: Path) -> str:
    sha256 = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            sha256.update(piece)
    return sha256.hexdigest()
