"""The files of one function's log: appended to, rotated by size. Only the logbook's writer thread uses them."""

import os
from pathlib import Path
from typing import IO, Any

SEGMENTS = 4  # a function's allowance is kept in this many pieces; one piece goes at a time


class LogSegments:
    """The open end of one function's log, and the removal of its old beginning."""

    def __init__(self, directory: Path, keep_bytes: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.size_limit = max(1, keep_bytes // SEGMENTS)
        numbers = sorted(int(path.stem) for path in directory.glob("*.log"))
        self.number = numbers[-1] if numbers else 1
        self.file: IO[Any] = self._open()

    def _open(self) -> IO[Any]:
        file = open(self.directory / f"{self.number:012d}.log", "a+b", buffering=0)  # noqa: SIM115 - it stays open
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")  # a crash cut the last entry off: the next one must not be lost with it
        return file

    def write(self, data: bytes) -> None:
        if self.file.tell() >= self.size_limit:
            self._next(SEGMENTS)
        if self.file.write(data) < len(data):
            raise OSError("the disk took only a part")

    def start_anew(self) -> None:
        """Numbers go on: who has read up to somewhere, or remembers an entry by its place, is not misled."""
        self._next(1)

    def _next(self, keep: int) -> None:
        self.file.close()
        self.number += 1
        self.file = self._open()
        for old in sorted(self.directory.glob("*.log"))[:-keep]:
            os.unlink(old)

    def close(self) -> None:
        self.file.close()
