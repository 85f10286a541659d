"""The contents of S3's objects that are too large for a row: files of random names, whole and on disk or not there.

<root>/<two digits>/<name>     the content of an object, or of one part of it
<root>/new/                    on its way; left behind only by a crash
"""

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from lambent.store.checksums import ALGORITHMS
from lambent.store.durable import sync_directory

BLOCK = 1024 * 1024  # bytes read at once
log = logging.getLogger("lambent")


class Arrived(Protocol):
    """A body that is in a file already."""

    def keep(self, target: Path) -> None: ...


class ObjectFiles:
    """All of it blocks: for threads. Names are made up here, and never given again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.new = root / "new"

    def __repr__(self) -> str:
        return f"<ObjectFiles {self._root}>"

    def path(self, name: str) -> Path:
        return self._root / name[:2] / name

    def write(self, content: bytes) -> str:
        """A new file with that content; its name."""
        name = self._name()
        draft = self.new / name
        with open(draft, "xb") as file:
            file.write(content)
            file.flush()
            os.fdatasync(file.fileno())
        os.rename(draft, self.path(name))
        sync_directory(self.path(name).parent)
        return name

    def keep(self, spool: Arrived) -> str:
        """The same of a body that is in a file already."""
        name = self._name()
        spool.keep(self.path(name))
        sync_directory(self.path(name).parent)
        return name

    def twin(self, name: str) -> str:
        """The same content under another name, which costs no room."""
        other = self._name()
        os.link(self.path(name), self.path(other))
        sync_directory(self.path(other).parent)
        return other

    def gather(self, pieces: Iterable[tuple[str, int, int]], algorithms: Iterable[str]) -> tuple[str, dict[str, bytes]]:
        """A new file of (file, offset, length) one behind the other; its name and checksums."""
        name = self._name()
        digests = {each: ALGORITHMS[each]() for each in algorithms}
        draft = self.new / name
        try:
            with open(draft, "xb") as file:
                for source, offset, length in pieces:
                    for block in self._blocks(source, offset, length):
                        file.write(block)
                        for digest in digests.values():
                            digest.update(block)
                file.flush()
                os.fdatasync(file.fileno())
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        os.rename(draft, self.path(name))
        sync_directory(self.path(name).parent)
        return name, {each: digest.digest() for each, digest in digests.items()}

    def _blocks(self, name: str, offset: int, length: int) -> Iterator[bytes]:
        with open(self.path(name), "rb") as file:
            file.seek(offset)
            while length > 0:
                block = file.read(min(BLOCK, length))
                if not block:
                    raise OSError(f"the file {name} of an object is shorter than it should be")
                yield block
                length -= len(block)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path(name))

    def sweep(self, known: Callable[[str], bool], began: float) -> int:
        """Remove what a crash left: files from before `began` (epoch seconds) that nobody knows; how many."""
        left = [
            entry.name
            for directory in self._root.iterdir()
            if directory != self.new and directory.is_dir()
            for entry in os.scandir(directory)
            if entry.stat().st_ctime < began and not known(entry.name)
        ]
        self.remove(left)
        return len(left)

    def _name(self) -> str:
        name = secrets.token_hex(16)
        directory = self._root / name[:2]
        if not directory.exists():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(self._root)
        self.new.mkdir(mode=0o700, exist_ok=True)
        return name


def now() -> float:
    """By the clock that dates files, which is not the product's."""
    return time.time()
