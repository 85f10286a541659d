"""Container images by the digest of their manifest: unpacked once, then only read; layers are shared.

    <root>/layers/<diff id>/files/       contents, under numbers
    <root>/layers/<diff id>/index        what they are called (image_layers.Unpacked)
    <root>/roots/<digest>/root/          the image's file system: hard links into layers
    <root>/roots/<digest>/image.json     the ImageInfo
    <root>/uploads/<digest>              blobs that are on their way in
    …/.new-*, …/.old-*                   being written or removed; left behind only by a crash

As in the code store, a rename is the moment of commit: whatever has a digest for a name is whole and on disk.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lambent.errors import ImageRefused, StoreError
from lambent.store import image_layers, oci
from lambent.store.durable import sync_directory, sync_tree
from lambent.store.image_layers import Unpacked
from lambent.store.image_tree import Tree, lay_out
from lambent.store.oci import ImageInfo

MOST_BYTES = 10 * 1024**3  # of an image, unpacked


class ImageStore:
    """The images below one directory, which only this store changes.

    Mutable: the disk. The one rule: whatever adds or removes images or layers does so under `_turn`, so that a layer
    which an image is about to link is not taken for garbage.
    """

    def __init__(self, root: Path, most_bytes: int = MOST_BYTES) -> None:
        self.root = root
        self.most_bytes = most_bytes
        self._layers, self._roots, self._uploads = root / "layers", root / "roots", root / "uploads"
        self._turn = threading.Lock()
        try:
            for directory in (root, self._layers, self._roots, self._uploads):
                directory.mkdir(parents=True, exist_ok=True)
                directory.chmod(0o755)  # sandboxes run as other users; the data directory above keeps strangers out
        except OSError as error:
            raise StoreError(f"cannot keep images in {root}: {error.strerror}") from error

    def __repr__(self) -> str:
        return f"<ImageStore {self.root}>"

    # -- what is there

    def path(self, digest: str) -> Path:
        """The root of an image, for reading only."""
        return self._roots / digest / "root"

    def get(self, digest: str) -> ImageInfo | None:
        try:
            return msgspec.json.decode((self._roots / digest / "image.json").read_bytes(), type=ImageInfo)
        except FileNotFoundError:
            return None

    def digests(self) -> list[str]:
        return sorted(path.name for path in self._roots.iterdir() if not path.name.startswith("."))

    def has_layer(self, diff_id: str) -> bool:
        return (self._layers / diff_id).is_dir()

    # -- adding

    def append(self, digest: str, offset: int, data: bytes) -> int:
        """Write a piece of a blob; how much of it there is now. Raises ImageRefused if it does not follow."""
        path = self._uploads / digest
        if offset and not path.exists():
            raise ImageRefused(f"the beginning of the blob {digest} is missing")
        with _disk(self.root), open(path, "r+b" if offset else "wb") as file:
            end = file.seek(0, os.SEEK_END)
            if end != offset:
                raise ImageRefused(f"a piece at {offset} does not follow the {end} bytes that are there")
            if offset + len(data) > self.most_bytes:
                raise ImageRefused(image_layers.TOO_BIG)
            file.write(data)
        return offset + len(data)

    def add(self, manifest_json: bytes) -> ImageInfo:
        """Make an image of blobs that were uploaded and of layers that are there; on return it is on disk. Blocks.

        Raises ImageRefused for whatever is wrong with it, StoreError if the disk refuses.
        """
        digest = hashlib.sha256(manifest_json).hexdigest()
        with self._turn, _disk(self.root):
            return self.get(digest) or self._add(digest, oci.read_manifest(manifest_json))

    def _add(self, digest: str, manifest: oci.Manifest) -> ImageInfo:
        config = oci.read_config(self._config(manifest.config), manifest)
        diff_ids = [oci.hex_of(each) for each in config.rootfs.diff_ids]
        size = 0
        for diff_id, layer in zip(diff_ids, manifest.layers, strict=True):
            size += self._layer(diff_id, layer, self.most_bytes - size).size
        tree = Tree()
        for diff_id in diff_ids:
            tree.apply(self._index(diff_id).entries, str(self._layers / diff_id / "files"))
        tree.reserve()
        info = oci.info(digest, config, size, tree.files(("opt", "extensions")))
        with self._aside(self._roots, digest) as aside:
            (aside / "root").mkdir()
            (aside / "root").chmod(0o755)
            lay_out(tree.root, aside / "root")
            (aside / "image.json").write_bytes(msgspec.json.encode(info))
        for blob in (manifest.config, *manifest.layers):
            (self._uploads / oci.hex_of(blob.digest)).unlink(missing_ok=True)
        return info

    def _config(self, blob: oci.Descriptor) -> bytes:
        path = self._verified(blob)
        if path.stat().st_size > oci.CONFIG_BYTES:
            raise ImageRefused(f"its configuration is bigger than {oci.CONFIG_BYTES} bytes")
        return path.read_bytes()

    def _layer(self, diff_id: str, blob: oci.Descriptor, most: int) -> Unpacked:
        """A layer, unpacked now unless another image had it."""
        if self.has_layer(diff_id):
            unpacked = self._index(diff_id)
            if unpacked.size > most:
                raise ImageRefused(image_layers.TOO_BIG)
            return unpacked
        path = self._verified(blob)
        with self._aside(self._layers, diff_id) as aside:
            (aside / "files").mkdir()
            (aside / "files").chmod(0o755)
            unpacked = image_layers.unpack(path, diff_id, aside / "files", most)
            (aside / "index").write_bytes(msgspec.msgpack.encode(unpacked))
        return unpacked

    def _index(self, diff_id: str) -> Unpacked:
        return msgspec.msgpack.decode((self._layers / diff_id / "index").read_bytes(), type=Unpacked)

    def _verified(self, blob: oci.Descriptor) -> Path:
        """An uploaded blob that is what its digest says."""
        path = self._uploads / oci.hex_of(blob.digest)
        try:
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise ImageRefused(f"the blob {blob.digest} is missing") from None
        if found != path.name:
            path.unlink()
            raise ImageRefused(f"the blob {blob.digest} has arrived damaged: it is sha256:{found}")
        return path

    @contextlib.contextmanager
    def _aside(self, home: Path, digest: str) -> Iterator[Path]:
        """A directory to fill, which is renamed to `digest` at the end of the block."""
        aside = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
        try:
            aside.chmod(0o755)
            yield aside
            sync_tree(aside)
            aside.rename(home / digest)
            sync_directory(home)
        finally:
            shutil.rmtree(aside, ignore_errors=True)  # there no more if it was committed

    # -- removing

    def remove(self, digest: str) -> None:
        """Remove an image if it is there, and layers that no other has. The caller sees to it that nobody needs it."""
        with self._turn:
            if not _take(self._roots, digest):
                return
            images = [self.get(each) for each in self.digests()]
            used = {layer for image in images if image is not None for layer in image.layers}
            for path in [path for path in self._layers.iterdir() if not path.name.startswith(".")]:
                if path.name not in used:
                    _take(self._layers, path.name)

    def repair(self) -> None:
        """At start: remove what a crash left half-written, half-removed or half-uploaded."""
        for home in (self._layers, self._roots):
            for path in [path for path in home.iterdir() if path.name.startswith(".")]:
                shutil.rmtree(path)
        for path in self._uploads.iterdir():
            path.unlink()


def _take(home: Path, name: str) -> bool:
    """Remove a directory in a way that a crash cannot leave half of it under its name; False if it is not there."""
    aside = Path(tempfile.mkdtemp(prefix=".old-", dir=home))
    try:
        (home / name).rename(aside / name)
    except FileNotFoundError:
        return False
    finally:
        shutil.rmtree(aside)
    return True


@contextlib.contextmanager
def _disk(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StoreError(f"cannot store the image in {root}: {'no space is left' if full else error}") from error
