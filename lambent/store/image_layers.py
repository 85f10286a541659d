"""Unpacking one layer of a container image, trusting nothing that it says about itself.

No path of a layer ever reaches the file system here: contents are written under numbers, and the names become an
index, from which image_tree.py computes what a root looks like. So there is nothing for "..", links or devices to do.
"""

import contextlib
import gzip
import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol, cast

import msgspec

from lambent.errors import ImageRefused

CHUNK_BYTES = 1 << 20
NODES = 400_000  # entries of one layer
HEADER_BYTES = 1 << 20  # of one extended header, which tarfile reads at once
PATH_BYTES = 4_095
DEPTH = 200
TOO_BIG = "the image is too big unpacked: AWS takes 10 GB"
OVERHEAD_BYTES = 1 << 30  # headers and padding of the largest layer: not the image's size, but not without end
SHARD = 1000  # files in one directory of contents
_EXTENDED = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
_BROKEN = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, OverflowError)
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One name in a layer: exactly one of `file` (the number of its contents), `link` and `same_as`, or a directory."""

    path: tuple[str, ...]
    file: int = -1
    link: str | None = None  # target of a symbolic link
    same_as: tuple[str, ...] | None = None  # a hard link: the path of the other name


class Unpacked(msgspec.Struct, frozen=True):
    """The index of a layer."""

    entries: list[Entry]
    size: int  # bytes of all contents


class _Member(tarfile.TarInfo):
    """A member whose extended headers are small: tarfile would read whatever size they claim into memory."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _EXTENDED and self.size > HEADER_BYTES:
            raise ImageRefused(f"a layer has a header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc,no-any-return]


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Hashed:
    """A stream that knows the SHA-256 of what was read from it, and refuses to give more than `most` bytes."""

    def __init__(self, source: _Readable, most: int) -> None:
        self._source = source
        self._most = most
        self.size = 0
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES))
        self.size += len(data)
        if self.size > self._most:
            raise ImageRefused(TOO_BIG)
        self.sha256.update(data)
        return data

    def drain(self) -> None:
        while self.read(CHUNK_BYTES):
            pass


def unpack(blob: Path, diff_id: str, into: Path, most: int) -> Unpacked:
    """Write the contents of a layer below `into`, and say what it consists of.

    `diff_id` is the hex SHA-256 of the layer uncompressed. Raises ImageRefused for whatever is no good layer of at
    most `most` bytes; OSError is the disk's.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open(blob, "rb"))
        stream = _Hashed(_inflated(file), most + OVERHEAD_BYTES)
        try:
            with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|", tarinfo=_Member) as archive:
                unpacked = _unpack(archive, str(into), most)
            stream.drain()
        except _BROKEN as error:
            raise ImageRefused(f"a layer cannot be read: {error}") from error
    if stream.sha256.hexdigest() != diff_id:
        raise ImageRefused(f"a layer is not what the image says: sha256:{diff_id} was expected")
    return unpacked


def _inflated(file: IO[bytes]) -> _Readable:
    """The layer uncompressed, whatever media type was claimed: the first bytes tell."""
    magic = file.read(4)
    file.seek(0)
    if magic == _ZSTD:
        raise ImageRefused(
            "its layers are compressed with zstd, which Lambent cannot read yet. Copy it with gzip layers: "
            "skopeo copy --dest-compress-format gzip …"
        )
    return gzip.GzipFile(fileobj=file) if magic.startswith(_GZIP) else file


def _unpack(archive: tarfile.TarFile, into: str, most: int) -> Unpacked:
    entries: list[Entry] = []
    size = files = 0
    for member in archive:
        if len(entries) >= NODES:
            raise ImageRefused(f"a layer has more than {NODES} entries")
        path = path_of(member.name)
        if not path:
            continue
        if member.isreg():
            size += _write(archive, member, content(into, files), most - size)
            entries.append(Entry(path, file=files))
            files += 1
        else:
            entries.extend(_special(member, path))
    return Unpacked(entries, size)


def _special(member: tarfile.TarInfo, path: tuple[str, ...]) -> Iterator[Entry]:
    """Directories and links. Devices and pipes are left out: a sandbox has the harmless ones and may have no others."""
    if member.isdir():
        yield Entry(path)
    elif member.issym():
        if not member.linkname or "\0" in member.linkname or len(os.fsencode(member.linkname)) > PATH_BYTES:
            raise ImageRefused(f"the link {'/'.join(path)!r} leads to no path")
        yield Entry(path, link=member.linkname)
    elif member.islnk():
        yield Entry(path, same_as=path_of(member.linkname))


def path_of(name: str) -> tuple[str, ...]:
    """The parts of a name, as if it stood at the root. Raises ImageRefused for one that goes up or is too long."""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if not name.isprintable() and any("\ud800" <= character <= "\udfff" for character in name):
        raise ImageRefused(f"the name {name!r} in a layer is not UTF-8")
    if ".." in parts or "\0" in name:
        raise ImageRefused(f"the name {name!r} in a layer leads out of the image")
    if len(parts) > DEPTH or len(os.fsencode(name)) > PATH_BYTES or any(len(os.fsencode(part)) > 255 for part in parts):
        raise ImageRefused(f"the name {name[:80]!r}… in a layer is too long or too deep")
    return parts


def content(into: str, number: int) -> str:
    """Where the contents with this number are."""
    return f"{into}/{number // SHARD}/{number % SHARD}"


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, most: int) -> int:
    """Write one file, readable by all: sandboxes run as other users. No set-id bits; times are kept."""
    source = archive.extractfile(member)
    assert source is not None
    if path.endswith("/0"):
        os.mkdir(os.path.dirname(path), 0o755)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    size = 0
    with os.fdopen(fd, "wb") as file:
        while chunk := source.read(CHUNK_BYTES):
            size += len(chunk)
            if size > most:
                raise ImageRefused(TOO_BIG)
            file.write(chunk)
        os.fchmod(fd, 0o755 if member.mode & 0o111 else 0o644)
    modified = min(max(0, int(member.mtime)), 2**33)
    os.utime(path, (modified, modified))
    return size
