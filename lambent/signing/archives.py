"""What is signed of a zip, and where the signature lies in it.

The entry, its name and the digest are AWS Signer's: SHA-384 over the SHA-384 of name and contents of each entry in
turn, the signature's own left out (as others have observed it; AWS documents neither). That digest does not say where
a name ends and contents begin, so Lambent's own signatures carry another one beside it, which also covers modes.
"""

import hashlib
import io
import zipfile
import zlib

SIGNATURE = "META_INF/aws_signer_signature_v1.0.SF"
FOLDER = "META_INF/"
MOST_ENTRIES = 100_000
LARGEST = 256 * 1024 * 1024  # bytes unpacked: what Lambda takes is less
LARGEST_SIGNATURE = 1024 * 1024
_CHUNK = 1 << 20


class ArchiveRefused(ValueError):
    """This zip cannot be signed or checked: the message says why."""


def signature_of(package: bytes) -> bytes | None:
    """The signature in a zip; None if there is none, or this is no zip. Raises ArchiveRefused for one too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            found = [entry for entry in archive.infolist() if entry.filename == SIGNATURE]
            if not found:
                return None
            if len(found) > 1 or found[0].file_size > LARGEST_SIGNATURE:
                raise ArchiveRefused("its signature cannot be told")
            with archive.open(found[0]) as stream:
                return stream.read(LARGEST_SIGNATURE)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        if isinstance(error, ArchiveRefused):
            raise
        return None  # whoever unpacks it says what is wrong with it


def digests(package: bytes) -> tuple[bytes, bytes]:
    """(AWS's inner digest, Lambent's) of everything in a zip but its signature. Raises ArchiveRefused."""
    native, framed = hashlib.sha384(), hashlib.sha384()
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            for entry in _entries(archive):
                name, mode = entry.filename.encode(), (entry.external_attr >> 16) & 0xFFFF
                native.update(name)
                framed.update(b"%d:%d:%d:" % (len(name), mode, entry.file_size) + name)
                with archive.open(entry) as stream:
                    while chunk := stream.read(_CHUNK):
                        native.update(chunk)
                        framed.update(chunk)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise ArchiveRefused(f"it cannot be read: {error}") from None
    return native.digest(), framed.digest()


def with_folder(package: bytes) -> bytes:
    """The zip with the folder of signatures in it, which is signed too. Raises ArchiveRefused if it is signed."""
    _refuse_signed(package)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        if FOLDER in archive.namelist():
            return package
    return _appended(package, FOLDER, b"", 0o40755)


def with_signature(package: bytes, signature: bytes) -> bytes:
    return _appended(package, SIGNATURE, signature, 0o100644)


def _appended(package: bytes, name: str, contents: bytes, mode: int) -> bytes:
    buffer = io.BytesIO(package)
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        entry.external_attr = mode << 16
        entry.compress_type = zipfile.ZIP_DEFLATED if contents else zipfile.ZIP_STORED
        archive.writestr(entry, contents)
    return buffer.getvalue()


def _refuse_signed(package: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            if not archive.infolist():
                raise ArchiveRefused("it is empty")
            if SIGNATURE in archive.namelist():
                raise ArchiveRefused("it is signed already")
    except (zipfile.BadZipFile, OSError) as error:
        raise ArchiveRefused(f"it is no zip: {error}") from None


def _entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = [entry for entry in archive.infolist() if entry.filename != SIGNATURE]
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > LARGEST:
        raise ArchiveRefused("it is too large")
    if len({entry.filename for entry in entries}) != len(entries):
        raise ArchiveRefused("two of its entries have one name")
    return entries
