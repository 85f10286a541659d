"""Container images for functional tests, made without Docker or a network: a compiled bootstrap in a few tars."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BOOTSTRAP = Path(__file__).parent / "images" / "bootstrap.c"


def compiled(into: Path, *, static: bool = True) -> Path:
    """The bootstrap as a program."""
    program = into / ("static" if static else "dynamic")
    if not program.exists():
        how = ["-static"] if static else []
        subprocess.run(["gcc", "-O1", "-w", "-D_GNU_SOURCE", *how, "-o", program, BOOTSTRAP], check=True)
    return program


def libraries(program: Path) -> list[Path]:
    """The loader and the libraries that a dynamic program needs."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    return [Path(word) for word in done.stdout.split() if word.startswith("/")]


def layer(files: Mapping[str, str | bytes | Path | None]) -> bytes:
    """A tar: contents, a program on this machine, "-> target" for a link, None for a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, what in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode, data = 0o755, b""
            if what is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(what, str) and what.startswith("-> "):
                entry.type, entry.linkname = tarfile.SYMTYPE, what[3:]
            else:
                data = what.read_bytes() if isinstance(what, Path) else what.encode() if isinstance(what, str) else what
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def config(layers: list[bytes], **process: Any) -> bytes:
    diff_ids = [f"sha256:{digest(each)}" for each in layers]
    machine = {"aarch64": "arm64"}.get(subprocess.check_output(["uname", "-m"], text=True).strip(), "amd64")
    return json.dumps(
        {"architecture": machine, "os": "linux", "config": process, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    ).encode()


def layout(path: Path, layers: list[bytes], tag: str = "latest", **process: Any) -> Path:
    """An OCI layout directory with gzipped layers."""
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def put(data: bytes) -> dict[str, Any]:
        (blobs / digest(data)).write_bytes(data)
        return {"digest": f"sha256:{digest(data)}", "size": len(data)}

    described = {
        "schemaVersion": 2,
        "config": put(config(layers, **process)),
        "layers": [put(gzip.compress(each, 1, mtime=0)) for each in layers],
    }
    manifest = put(json.dumps(described).encode())
    manifest["annotations"] = {"org.opencontainers.image.ref.name": tag}
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    return path


def docker_archive(path: Path, name: str, layers: list[bytes], **process: Any) -> Path:
    """What `docker save` writes."""
    described = config(layers, **process)
    files = {f"{digest(described)}.json": described} | {f"{digest(each)}/layer.tar": each for each in layers}
    entry = {
        "Config": f"{digest(described)}.json",
        "RepoTags": [name],
        "Layers": [f"{digest(each)}/layer.tar" for each in layers],
    }
    path.write_bytes(layer(files | {"manifest.json": json.dumps([entry]).encode()}))
    return path
