"""Code packages by the digest of their zip: unpacked once, then only read.

    <root>/<digest>/package.zip    as uploaded, for GetFunction's download
    <root>/<digest>/tree/          unpacked; what sandboxes see as /var/task
    <root>/<digest>/package.json   the StoredCode
    <root>/.new-*                  being written; left behind only by a crash
    <root>/.old-*                  being removed; left behind only by a crash

The rename of .new-* to <digest> is the moment of commit: whatever has a digest for a name is whole and on disk.
"""

import asyncio
import base64
import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import msgspec

from lambent.errors import InvalidParameterValue, StoreError
from lambent.store.durable import sync_directory, sync_tree
from lambent.store.unzip import Limits, unzip

__all__ = ["CodeStore", "CodeUsage", "Limits", "StoredCode"]

UNZIPPING_AT_ONCE = 3  # leaves threads of asyncio's pool to others; the disk is the bottleneck anyway


class StoredCode(msgspec.Struct, frozen=True):
    """A package in the store."""

    digest: str  # hex SHA-256 of the zip: its key
    sha256_b64: str  # the CodeSha256 that the API shows
    size: int  # bytes of the zip
    unpacked_size: int  # bytes of all files in it


class CodeUsage(msgspec.Struct, frozen=True):
    """What all packages take, in bytes of content."""

    packages: int
    zipped: int
    unpacked: int


class CodeStore:
    """The packages below one directory, which only this store changes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._turns = asyncio.Semaphore(UNZIPPING_AT_ONCE)
        try:
            root.mkdir(parents=True, exist_ok=True)
            root.chmod(0o755)  # sandboxes run as other users; what keeps strangers out is the data directory above
        except OSError as error:
            raise StoreError(f"cannot keep code in {root}: {error.strerror}") from error

    def __repr__(self) -> str:
        return f"<CodeStore {self.root}>"

    async def add(self, zip_bytes: bytes, limits: Limits | None = None) -> StoredCode:
        """Store a package, unless it is there; on return it is on disk. Runs in a thread.

        Raises InvalidParameterValue with AWS's sentence for what is no good zip, StoreError if the disk refuses.
        """
        async with self._turns:
            return await asyncio.to_thread(self._add, zip_bytes, limits or Limits())

    def path(self, digest: str) -> Path:
        """The unpacked tree, for reading only."""
        return self.root / digest / "tree"

    def zip(self, digest: str) -> Path:
        """The zip as it was uploaded."""
        return self.root / digest / "package.zip"

    def get(self, digest: str) -> StoredCode | None:
        """What is known of a package, or None if it is not there."""
        try:
            return msgspec.json.decode((self.root / digest / "package.json").read_bytes(), type=StoredCode)
        except FileNotFoundError:
            return None

    def remove(self, digest: str) -> None:
        """Remove a package if it is there. The caller sees to it that nobody refers to it, or is about to."""
        aside = Path(tempfile.mkdtemp(prefix=".old-", dir=self.root))
        with contextlib.suppress(FileNotFoundError):
            (self.root / digest).rename(aside / digest)
        shutil.rmtree(aside)

    def repair(self) -> int:
        """At start: remove what a crash left half-written or half-removed; how many such things there were."""
        left = [path for path in self.root.iterdir() if path.name.startswith((".new-", ".old-"))]
        for path in left:
            shutil.rmtree(path)
        return len(left)

    def digests(self) -> list[str]:
        """The digests of all packages."""
        return sorted(path.name for path in self.root.iterdir() if not path.name.startswith("."))

    def usage(self) -> CodeUsage:
        """What the packages take on disk."""
        stored = [code for code in map(self.get, self.digests()) if code is not None]
        return CodeUsage(len(stored), sum(code.size for code in stored), sum(code.unpacked_size for code in stored))

    def _add(self, data: bytes, limits: Limits) -> StoredCode:
        sha256 = hashlib.sha256(data)
        there = self.get(sha256.hexdigest())
        if there is None:
            return self._unpack(data, sha256.digest(), limits)
        if there.unpacked_size > limits.unzipped:
            raise InvalidParameterValue(f"Unzipped size must be smaller than {limits.unzipped} bytes")
        sync_directory(self.root)  # another caller may have renamed it into place this instant and not synced yet
        return there

    def _unpack(self, data: bytes, sha256: bytes, limits: Limits) -> StoredCode:
        """Write a package aside and put it in its place."""
        try:
            aside = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
            try:
                stored = _write(aside, data, sha256, limits)
                self._commit(aside, stored.digest)
            finally:
                shutil.rmtree(aside, ignore_errors=True)  # there no more if it was committed
        except OSError as error:
            raise StoreError(f"cannot store code in {self.root}: {error.strerror or error}") from error
        return stored

    def _commit(self, aside: Path, digest: str) -> None:
        sync_tree(aside)
        try:
            aside.rename(self.root / digest)
        except OSError as error:
            # Another caller stored the same package meanwhile; theirs is as good as ours.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        sync_directory(self.root)


def _write(aside: Path, data: bytes, sha256: bytes, limits: Limits) -> StoredCode:
    """Write the three parts of a package into `aside`."""
    tree = aside / "tree"
    for directory in (aside, tree):
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)
    unpacked = unzip(data, str(tree), limits)
    stored = StoredCode(sha256.hex(), base64.b64encode(sha256).decode(), len(data), unpacked)
    for name, content in (("package.zip", data), ("package.json", msgspec.json.encode(stored))):
        (aside / name).write_bytes(content)
        os.chmod(aside / name, 0o644)
    return stored
