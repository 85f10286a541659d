"""Making files survive a power cut."""

import ctypes
import os
import secrets
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


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """A small file, whole or not at all: written aside and renamed. On disk, under its name, when this returns."""
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_directory(path.parent)


def made_once(path: Path, size: int) -> bytes:
    """The random bytes in a file that is its owner's only, made at the first call."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(size)
        write_whole(path, key)
        return key


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
