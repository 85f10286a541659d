"""Writing out an uploaded zip, trusting nothing that it says about itself."""

import calendar
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator

import msgspec

from lambent.errors import InvalidParameterValue
from lambent.store import layout
from lambent.store.layout import Directory, File, Link, Plan, refuse

CHUNK_BYTES = 256 * 1024
_CENTRAL_ENTRY = b"PK\x01\x02"
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    IndexError,
)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Limits(msgspec.Struct, frozen=True):
    """How much an upload may be."""

    unzipped: int = 262_144_000  # bytes, measured while inflating


def unzip(data: bytes, root: str, limits: Limits) -> int:
    """Write what is in the zip `data` below the empty directory `root`; the bytes of all files.

    Raises InvalidParameterValue for anything that is not an ordinary, complete zip inside the limits; `root` then
    holds a part of it. OSError is the disk's.
    """
    with _open(data) as archive:
        nodes = layout.plan(archive.infolist(), lambda entry: _target(archive, entry))
        _check_promised(nodes, limits)
        _make_directories(root, nodes)
        unpacked = _write_files(archive, root, nodes, limits)
        _make_links(root, nodes)  # last, so that nothing is ever written through one
        return unpacked


def _open(data: bytes) -> zipfile.ZipFile:
    # zipfile reads the whole directory at once, at some µs and hundreds of bytes for each entry: count before.
    if data.count(_CENTRAL_ENTRY) > layout.NODES:
        raise refuse(f"it has more than {layout.NODES} entries")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _BROKEN as error:
        raise refuse() from error
    if not archive.infolist():
        raise InvalidParameterValue("Uploaded file must be a non-empty zip")
    return archive


def _check_promised(nodes: Plan, limits: Limits) -> None:
    """Refuse at once what says itself that it is too big; the true size is measured all the same."""
    if sum(node.entry.file_size for node in nodes.values() if isinstance(node, File)) > limits.unzipped:
        raise _too_big(limits)


def _too_big(limits: Limits) -> InvalidParameterValue:
    return InvalidParameterValue(f"Unzipped size must be smaller than {limits.unzipped} bytes")


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The inflated bytes of an entry, never more than CHUNK_BYTES at once; the checksum is verified at the end."""
    try:
        with archive.open(entry) as source:
            while chunk := source.read(CHUNK_BYTES):
                yield chunk
    except _BROKEN as error:
        raise refuse() from error


def _target(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    """Where a link leads: the contents of its entry."""
    target = b""
    for chunk in _chunks(archive, entry):
        target += chunk
        if len(target) > layout.TARGET_BYTES:
            raise refuse(f"the link {entry.filename!r} is too long")
    try:
        return target.decode()
    except UnicodeDecodeError:
        raise refuse(f"the link {entry.filename!r} does not lead to a UTF-8 name") from None


def _make_directories(root: str, nodes: Plan) -> None:
    for path in sorted(path for path, node in nodes.items() if isinstance(node, Directory)):  # parents come first
        name = _on_disk(root, path)
        os.mkdir(name, 0o755)
        os.chmod(name, 0o755)  # whatever the umask


def _write_files(archive: zipfile.ZipFile, root: str, nodes: Plan, limits: Limits) -> int:
    unpacked = 0
    for path, node in nodes.items():
        if isinstance(node, File):
            unpacked += _write_file(archive, node, _on_disk(root, path), limits, unpacked)
    return unpacked


def _write_file(archive: zipfile.ZipFile, file: File, name: bytes, limits: Limits, before: int) -> int:
    """Write one file; its bytes. `before` were written so far, and count."""
    size = 0
    fd = os.open(name, _CREATE, 0o600)
    try:
        for chunk in _chunks(archive, file.entry):
            size += len(chunk)
            if before + size > limits.unzipped:
                raise _too_big(limits)
            _write_all(fd, chunk)
        os.fchmod(fd, 0o755 if file.executable else 0o644)
        modified = modified_at(file.entry)
        os.utime(fd, (modified, modified))
    finally:
        os.close(fd)
    return size


def _write_all(fd: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(fd, view) :]


def _make_links(root: str, nodes: Plan) -> None:
    for path, node in nodes.items():
        if isinstance(node, Link):
            os.symlink(node.target.encode(), _on_disk(root, path))


def _on_disk(root: str, path: layout.Path) -> bytes:
    """As bytes: a zip's names are UTF-8 whatever the locale of the server."""
    return os.path.join(os.fsencode(root), *(part.encode() for part in path))


def modified_at(entry: zipfile.ZipInfo) -> int:
    """When the file was changed, epoch seconds. Kept, because Python trusts a shipped .pyc only if its source's agrees.

    The extended timestamp (tag 0x5455) if there is one, else the DOS date as if it were UTC, else 1980.
    """
    extra = entry.extra
    while len(extra) >= 4:
        tag, length = struct.unpack_from("<HH", extra)
        if tag == 0x5455 and length >= 5 and len(extra) >= 9 and extra[4] & 1:
            return max(0, int(struct.unpack_from("<i", extra, 5)[0]))
        extra = extra[4 + length :]
    try:
        return calendar.timegm((*entry.date_time, 0, 0, 0))
    except ValueError:
        return calendar.timegm((1980, 1, 1, 0, 0, 0))
