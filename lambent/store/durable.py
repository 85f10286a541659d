"""Making files survive a power cut."""

import ctypes
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_syncfs = getattr(_libc, "syncfs", None)
_sync_file_range = getattr(_libc, "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_WRITE = 2  # SYNC_FILE_RANGE_WRITE


def sync_tree(root: Path) -> None:
    """Return once everything below `root` is on disk.

    One syncfs instead of an fsync for each file: for 500 small files 8 ms instead of 87 ms (decision 0003).
    """
    if _syncfs is None:  # not Linux
        return _sync_each(root)
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(root))
    finally:
        os.close(fd)


def sync_directory(directory: Path) -> None:
    """Return once the names in `directory` (renames, removals) are on disk."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def start_writing(file: int, offset: int, length: int) -> None:
    """Have these bytes of a file on their way to disk, so that the sync at its end has little left to wait for."""
    if _sync_file_range is not None:
        _sync_file_range(file, offset, length, _WRITE)


def _sync_each(root: Path) -> None:
    for directory, _, files in os.walk(root):
        for file in files:
            path = os.path.join(directory, file)
            if not os.path.islink(path):
                _sync_file(path)
        sync_directory(Path(directory))


def _sync_file(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
