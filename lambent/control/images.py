"""Container images as the Lambda API sees them: which one an ImageUri means, and what ImageConfig may say."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lambent.control.control import Control
from lambent.errors import InvalidParameterValue
from lambent.model import Document

SETTINGS_BYTES = 16_384  # of ImageConfig
_ECR = re.compile(r"\d{12}\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/")
_NAME = re.compile(
    r"(?P<repository>(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@sha256:(?P<digest>[0-9a-f]{64}))?"
)
_LONGEST_NAME = 512


def canonical(uri: str) -> tuple[str, str | None]:
    """(repository:tag, digest or None) of an ImageUri: any account's ECR registry stands for this machine.

    Raises InvalidParameterValue for what is no name of an image.
    """
    match = _NAME.fullmatch(_ECR.sub("", uri, count=1)) if len(uri) <= _LONGEST_NAME else None
    if match is None:
        raise InvalidParameterValue(f"Source image {uri} is not valid. Provide a valid source image.")
    return f"{match['repository']}:{match['tag'] or 'latest'}", match["digest"]


def resolve(control: Control, uri: str, architectures: Sequence[str]) -> str:
    """The digest of the image that an ImageUri means now. Raises InvalidParameterValue."""
    name, digest = canonical(uri)
    if digest is None:
        named = control.image_names.get(name)
        digest = named.digest if named else ""
    info = control.images.get(digest)
    if info is None:
        raise InvalidParameterValue(
            f"Source image {uri} does not exist. Provide a valid source image. (`lambent images` lists those that this "
            "machine has, `lambent images add` takes one in.)"
        )
    for architecture in architectures:
        if info.architecture != architecture:
            raise InvalidParameterValue(
                f"Source image {uri} is made for {info.architecture}, and the function's architecture is {architecture}"
            )
    return digest


def resolved_uri(uri: str, digest: str) -> str:
    """An ImageUri with the digest that it meant in the place of its tag."""
    bare = uri.partition("@")[0]
    repository, colon, tag = bare.rpartition(":")
    return f"{repository if colon and '/' not in tag else bare}@sha256:{digest}"


def check(asked: Mapping[str, Any], package_type: str) -> None:
    """Which parameters go with which package type. Raises InvalidParameterValue."""
    config = asked.get("ImageConfig")
    if package_type != "Image":
        if config is not None and any(config.values()):
            raise InvalidParameterValue("Please don't provide ImageConfig when the function's PackageType is Zip.")
        return
    if any(asked.get(name) for name in ("Handler", "Runtime", "Layers")):
        raise InvalidParameterValue(
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
        )
    if config is not None and len(msgspec.json.encode(config)) > SETTINGS_BYTES:
        raise InvalidParameterValue(f"ImageConfig must be smaller than {SETTINGS_BYTES} bytes.")


def shown(config: Mapping[str, Any] | None) -> Document:
    """ImageConfigResponse, if there is anything to show."""
    wanted = {name: value for name, value in (config or {}).items() if value}
    return {"ImageConfigResponse": {"ImageConfig": wanted}} if wanted else {}
