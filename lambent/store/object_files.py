"""The contents of S3's objects that are too large for a row: files of random names, whole and on disk or not there.

<root>/<two digits>/<name>     the content of an object, or of one part of it
<root>/new/                    on its way; left behind only by a crash
"""

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from lambent.store.durable import sync_directory

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
