"""Container images as they lie about: OCI layouts, archives of `docker save` and the like, and local registries."""

import hashlib
import http.client
import io
import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from lambent.cli.endpoint import CommandFailed

CHUNK = 1 << 20
_INDEX_TYPES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_IMAGE_TYPES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
_REFERENCE = re.compile(
    r"(?P<host>[a-zA-Z0-9.-]+(?::\d+)?)/(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_LOCAL = ("localhost", "127.0.0.1")


class Blobs(Protocol):
    """Where the parts of an image are, by digest."""

    def open(self, digest: str) -> IO[bytes]: ...


class Source(NamedTuple):
    """An image to be sent: its manifest as it is, its parts, and what it calls itself ("" if it does not say)."""

    manifest: bytes
    blobs: Blobs
    name: str

    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.manifest))

    def config(self) -> dict[str, Any]:
        with self.blobs.open(self.document()["config"]["digest"]) as file:
            return dict(json.load(file))


@contextmanager
def opened(text: str) -> Iterator[Source]:
    """The image that `text` names: a directory, a file or a registry reference. Raises CommandFailed."""
    kind, colon, rest = text.partition(":")
    with ExitStack() as stack:
        try:
            if colon and kind in ("oci", "oci-archive", "docker-archive"):
                yield _from_path(rest, stack)
            elif _split(text)[0]:
                yield _from_path(text, stack)
            else:
                yield _from_registry(text.removeprefix("docker://"), stack)
        except (OSError, tarfile.TarError, KeyError, ValueError, TypeError, http.client.HTTPException) as error:
            raise CommandFailed(
                f"{text} cannot be read as a container image: {error or type(error).__name__}"
            ) from error


def _split(text: str) -> tuple[str, str]:
    """(path, name of the image in it) of PATH or PATH:NAME; an empty path if there is nothing at it."""
    ends = [len(text), *(at for at, character in enumerate(text) if character == ":")]
    paths = [text[:end] for end in ends if end and os.path.exists(text[:end])]
    return (paths[0], text[len(paths[0]) + 1 :]) if paths else ("", "")


def _from_path(text: str, stack: ExitStack) -> Source:
    path, tag = _split(text)
    if not path:
        raise CommandFailed(f"there is nothing at {text}")
    if os.path.isdir(path):
        return _layout(Directory(Path(path)), tag)
    archive = stack.enter_context(tarfile.open(path))  # noqa: SIM115 (the stack closes it)
    names = set(archive.getnames())
    if "manifest.json" in names:  # of `docker save`, which nowadays is an OCI layout too
        return _docker_archive(archive, tag)
    if "index.json" in names or "./index.json" in names:
        return _layout(Archive(archive, "./" if "./index.json" in names else ""), tag)
    raise CommandFailed(f"{path} has neither a manifest.json nor an index.json: it is no archive of an image")


class Directory:
    """An OCI layout on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, digest: str) -> IO[bytes]:
        algorithm, _, value = digest.partition(":")
        return open(self._path / "blobs" / algorithm / os.path.basename(value), "rb")

    def index(self) -> IO[bytes]:
        return open(self._path / "index.json", "rb")


class Archive:
    """An OCI layout in a tar."""

    def __init__(self, archive: tarfile.TarFile, prefix: str) -> None:
        self._archive = archive
        self._prefix = prefix

    def open(self, digest: str) -> IO[bytes]:
        return member(self._archive, f"{self._prefix}blobs/{digest.replace(':', '/')}")

    def index(self) -> IO[bytes]:
        return member(self._archive, f"{self._prefix}index.json")


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise CommandFailed(f"{name} in the archive is not a file")
    return file


def _layout(blobs: Directory | Archive, tag: str) -> Source:
    with blobs.index() as file:
        entries = json.load(file)["manifests"]
    names = {each.get("annotations", {}).get("org.opencontainers.image.ref.name", ""): each for each in entries}
    if tag and tag not in names:
        raise CommandFailed(f"the layout has no image {tag!r}; it has: {', '.join(filter(None, names)) or 'no names'}")
    if not tag and len(entries) != 1:
        raise CommandFailed(f"the layout has {len(entries)} images; say which: {', '.join(filter(None, names))}")
    chosen = names[tag] if tag else entries[0]
    name = chosen.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
    return Source(_image_manifest(blobs, chosen), blobs, name)


def _image_manifest(blobs: Blobs, entry: dict[str, Any]) -> bytes:
    """The manifest for this machine, through lists of platforms."""
    with blobs.open(entry["digest"]) as file:
        manifest = file.read(4 << 20)
    found = json.loads(manifest)
    if "manifests" in found:
        return _image_manifest(blobs, _for_this_machine(found["manifests"]))
    return manifest


def _for_this_machine(entries: list[dict[str, Any]]) -> dict[str, Any]:
    for each in entries:
        platform_of = each.get("platform", {})
        if platform_of.get("os") == "linux" and platform_of.get("architecture") == _ARCHITECTURE:
            return each
    raise CommandFailed(f"the image has no variant for linux/{_ARCHITECTURE}")


class _Files:
    """The parts of a docker-archive, by the digests that were measured."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._names: dict[str, str] = {}

    def measure(self, name: str) -> dict[str, Any]:
        """A descriptor of a file in the archive."""
        with member(self._archive, name) as file:
            digest, size = hashlib.sha256(), 0
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
        self._names[f"sha256:{digest.hexdigest()}"] = name
        return {"digest": f"sha256:{digest.hexdigest()}", "size": size}

    def open(self, digest: str) -> IO[bytes]:
        return member(self._archive, self._names[digest])


def _docker_archive(archive: tarfile.TarFile, tag: str) -> Source:
    """docker save writes no manifest as registries have it, so one is made; the same archive makes the same one."""
    with member(archive, "manifest.json") as file:
        entries = json.load(file)
    chosen = [each for each in entries if not tag or tag in (each.get("RepoTags") or [])]
    if len(chosen) != 1:
        names = [name for each in entries for name in each.get("RepoTags") or []]
        raise CommandFailed(f"the archive has these images, say which with ARCHIVE:NAME: {', '.join(names) or 'none'}")
    files = _Files(archive)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _IMAGE_TYPES[0],
        "config": files.measure(chosen[0]["Config"]),
        "layers": [files.measure(name) for name in chosen[0]["Layers"]],
    }
    return Source(json.dumps(manifest).encode(), files, (chosen[0].get("RepoTags") or [""])[0])


def _from_registry(reference: str, stack: ExitStack) -> Source:
    """With skopeo, which knows credentials and TLS; without it from registries on this machine only."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise CommandFailed(
            f"{reference} is neither a file nor a directory here, nor a reference like host:5000/app:tag"
        )
    if match["host"].partition(":")[0] in _LOCAL:
        registry = Registry(match["host"], match["name"])
        return Source(registry.manifest(match["digest"] or match["tag"] or "latest"), registry, reference)
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        raise CommandFailed(
            f"{match['host']} is not on this machine: install skopeo (apt-get install skopeo), or save the image with "
            "`docker save -o image.tar` and add the file"
        )
    layout = stack.enter_context(tempfile.TemporaryDirectory(prefix="lambent-image-"))
    done = subprocess.run([skopeo, "copy", "--quiet", f"docker://{reference}", f"oci:{layout}:image"], check=False)
    if done.returncode:
        raise CommandFailed(f"skopeo could not copy {reference}")
    return _layout(Directory(Path(layout)), "image")._replace(name=reference)


class Registry:
    """A registry on this machine, over plain HTTP. Source: opencontainers/distribution-spec, pull."""

    def __init__(self, host: str, name: str) -> None:
        self._host = host
        self._name = name

    def manifest(self, reference: str) -> bytes:
        data = self._get(f"manifests/{reference}").read()
        found = json.loads(data)
        if "manifests" in found:
            return self.manifest(_for_this_machine(found["manifests"])["digest"])
        return data

    def open(self, digest: str) -> IO[bytes]:
        return io.BufferedReader(self._get(f"blobs/{digest}"), CHUNK)

    def _get(self, what: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        connection.request(
            "GET", f"/v2/{self._name}/{what}", headers={"Accept": ", ".join(_IMAGE_TYPES + _INDEX_TYPES)}
        )
        response = connection.getresponse()
        if response.status != 200:
            raise CommandFailed(f"the registry {self._host} answered {response.status} for {self._name}/{what}")
        return response
