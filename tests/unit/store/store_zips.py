"""Zips for tests, good and bad, made entry by entry."""

import io
import stat
import zipfile

FILE = stat.S_IFREG
LINK = stat.S_IFLNK
DIRECTORY = stat.S_IFDIR
FIFO = stat.S_IFIFO


def entry(name: str, mode: int = FILE | 0o644, method: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    """An entry with this name and Unix mode; the name is taken as it is."""
    info = zipfile.ZipInfo("x", (2024, 2, 3, 4, 5, 6))
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    info.compress_type = method
    return info


def make_zip(*entries: tuple[zipfile.ZipInfo | str, bytes | str]) -> bytes:
    """The bytes of a zip of (entry or name, contents)."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for info, content in entries:
            archive.writestr(entry(info) if isinstance(info, str) else info, content)
    return target.getvalue()


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, str]:
    return entry(name, LINK | 0o777), target
