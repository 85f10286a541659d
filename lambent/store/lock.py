"""One server for one data directory: a lock that dies with its process."""

import fcntl
import os
from pathlib import Path

from lambent.errors import StoreError

# Directories locked by this process. A POSIX lock does not keep its own process out, and opening and closing the file
# a second time would silently give the lock up, so this set is asked first. It changes only in take and release.
_held: set[Path] = set()


class DirectoryLock:
    """The right to use a data directory, held until `release` or the end of the process.

    A POSIX record lock and not flock: a forked child must not keep the directory locked after its parent was killed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        if self.directory in _held:
            raise StoreError(f"this process has {self.directory} open already")
        self._fd = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(self._refusal()) from error
        os.truncate(self._fd, 0)
        os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
        _held.add(self.directory)

    def release(self) -> None:
        """Give the directory back; a second call does nothing."""
        if self.directory in _held:
            _held.discard(self.directory)
            os.close(self._fd)

    def _refusal(self) -> str:
        holder = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(self._fd)
        return (
            f"another Lambent (process {holder}) is using {self.directory}; stop it, or name another directory with "
            "--data"
        )
