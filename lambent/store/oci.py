"""The two documents that an image consists of besides its layers, and what is kept of them.

Source: opencontainers/image-spec manifest.md and config.md; Docker's schema 2 has the same members.
"""

import re

import msgspec

from lambent.errors import ImageRefused

CONFIG_BYTES = 4 * 1024 * 1024
MOST_LAYERS = 127  # Docker's own limit
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_LISTS = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MACHINES = {"amd64": "x86_64", "arm64": "arm64"}  # OCI's word -> AWS's


class Descriptor(msgspec.Struct, frozen=True):
    """A reference to a blob."""

    digest: str
    size: int
    media_type: str = msgspec.field(default="", name="mediaType")


class Manifest(msgspec.Struct, frozen=True):
    """Which blobs make an image of one architecture."""

    config: Descriptor
    layers: list[Descriptor]
    media_type: str = msgspec.field(default="", name="mediaType")


class Process(msgspec.Struct, frozen=True):
    """How an image wants to be run."""

    env: list[str] | None = msgspec.field(default=None, name="Env")
    entrypoint: list[str] | None = msgspec.field(default=None, name="Entrypoint")
    cmd: list[str] | None = msgspec.field(default=None, name="Cmd")
    working_dir: str | None = msgspec.field(default=None, name="WorkingDir")


class RootFs(msgspec.Struct, frozen=True):
    diff_ids: list[str]


class Config(msgspec.Struct, frozen=True):
    """The configuration of an image."""

    architecture: str
    os: str
    rootfs: RootFs
    config: Process | None = None


class ImageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an image; the rest is its root."""

    digest: str  # hex SHA-256 of its manifest
    layers: list[str]  # hex SHA-256 of each layer uncompressed, the lowest first
    size: int  # bytes of all layers unpacked
    architecture: str  # in AWS's words
    environ: dict[str, str] = {}
    entry_point: list[str] = []
    command: list[str] = []
    working_directory: str = ""
    extensions: list[str] = []  # names in /opt/extensions, as they are inside


def read_manifest(data: bytes) -> Manifest:
    """Raises ImageRefused for what is no manifest of one image."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise ImageRefused(f"this is no image manifest: {error}") from error
    if manifest.media_type in _LISTS:
        raise ImageRefused("this is a list of images for several platforms; name one of them")
    if len(manifest.layers) > MOST_LAYERS:
        raise ImageRefused(f"the image has more than {MOST_LAYERS} layers")
    return manifest


def read_config(data: bytes, manifest: Manifest) -> Config:
    """Raises ImageRefused for what is no configuration of a Linux image with these layers."""
    try:
        config = msgspec.json.decode(data, type=Config)
    except msgspec.DecodeError as error:
        raise ImageRefused(f"this is no image configuration: {error}") from error
    if config.os != "linux":
        raise ImageRefused(f"the image is for {config.os or 'no system'}, not for Linux")
    if len(config.rootfs.diff_ids) != len(manifest.layers):
        raise ImageRefused("the image's manifest and configuration name different numbers of layers")
    return config


def hex_of(digest: str) -> str:
    """The 64 digits of a digest. Raises ImageRefused for other algorithms, since they would not be verified."""
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise ImageRefused(f"{digest!r} is not a SHA-256 digest")
    return match[1]


def info(digest: str, config: Config, size: int, extensions: list[str]) -> ImageInfo:
    process = config.config or Process()
    return ImageInfo(
        digest=digest,
        layers=[hex_of(diff_id) for diff_id in config.rootfs.diff_ids],
        size=size,
        architecture=_MACHINES.get(config.architecture, config.architecture),
        environ=dict(pair.split("=", 1) for pair in process.env or () if "=" in pair),
        entry_point=process.entrypoint or [],
        command=process.cmd or [],
        working_directory=process.working_dir or "",
        extensions=extensions,
    )
