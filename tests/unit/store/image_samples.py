"""Container images made by hand: layers as tars, and the documents around them."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from lambent.store.images import ImageStore

MTIME = 1_700_000_000


def layer(*members: tuple[Any, ...]) -> bytes:
    """A tar. A member is (name, content), (name, None) for a directory, or (name, content, changes of its TarInfo)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content, *more in members:
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.mode = MTIME, 0o644
            entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            data = content.encode() if isinstance(content, str) else content or b""
            entry.size = len(data)
            for attribute, value in (more[0] if more else {}).items():
                setattr(entry, attribute, value)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def link(name: str, target: str) -> tuple[Any, ...]:
    return (name, b"", {"type": tarfile.SYMTYPE, "linkname": target})


def hard_link(name: str, target: str) -> tuple[Any, ...]:
    return (name, b"", {"type": tarfile.LNKTYPE, "linkname": target})


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def descriptor(data: bytes, **more: Any) -> dict[str, Any]:
    return {"digest": f"sha256:{sha256(data)}", "size": len(data), **more}


class Image:
    """An image's blobs, its manifest first of all."""

    def __init__(self, *layers: bytes, compress: bool = True, config: dict[str, Any] | None = None, **more: Any):
        packed = [gzip.compress(each, mtime=0) if compress else each for each in layers]
        document = {
            "architecture": "amd64", "os": "linux", "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(each)}" for each in layers]},
        } | more  # fmt: skip
        described = json.dumps(document).encode()
        self.blobs = [described, *packed]
        self.manifest = json.dumps(
            {"schemaVersion": 2, "config": descriptor(described), "layers": [descriptor(each) for each in packed]}
        ).encode()
        self.digest = sha256(self.manifest)


def add(store: ImageStore, image: Image) -> Path:
    """Upload an image's blobs and take it in; its root."""
    for blob in image.blobs:
        store.append(sha256(blob), 0, blob)
    return store.path(store.add(image.manifest).digest)


def files(root: Path) -> dict[str, str]:
    """What is in a root: contents of files, "-> target" of links, "/" for directories."""
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        found[name] = f"-> {path.readlink()}" if path.is_symlink() else "/" if path.is_dir() else path.read_text()
    return found
