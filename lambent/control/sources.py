"""Where a function's code comes from: a zip in the request, or an image that was added to this machine."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec

from lambent.control import images, rules
from lambent.control.control import Control
from lambent.control.documents import IMAGE_URI
from lambent.errors import InvalidParameterValue


class Source(msgspec.Struct, frozen=True):
    """What a request named: one of the two."""

    package: bytes = b""
    image_uri: str = ""

    @property
    def size(self) -> int:
        """Bytes that count as code storage: images count where they are kept, which on AWS is another service."""
        return len(self.package)


class Stored(msgspec.Struct, frozen=True):
    """Code that is in its store: its key there, the CodeSize to show, and what its version's configuration keeps."""

    digest: str
    size: int
    config: dict[str, Any]


def named(code: Mapping[str, Any], package_type: str, doing: str) -> Source:
    """What FunctionCode, or the parameters of UpdateFunctionCode, name; `doing` is creating or updating.

    Raises InvalidParameterValue where that does not go with the package type.
    """
    given = {"ImageUri"} & {name for name in code if code[name]}
    if package_type == "Image":
        others = [name for name in ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion") if code.get(name)]
        for name in others[:1]:
            raise InvalidParameterValue(f"Please don't provide {name} when {doing} a function with packageType Image.")
        if not given:
            raise InvalidParameterValue(f"Please provide ImageUri when {doing} a function with packageType Image.")
        return Source(image_uri=code["ImageUri"])
    if given:
        raise InvalidParameterValue(f"Please don't provide ImageUri when {doing} a function with packageType Zip.")
    return Source(package=rules.package_of(code))


@contextlib.asynccontextmanager
async def kept(control: Control, source: Source, architectures: Sequence[str]) -> AsyncIterator[Stored]:
    """The code, safe in its store until the block ends, by when a row should refer to it."""
    if source.image_uri:
        async with control.blobs.holding():
            digest = images.resolve(control, source.image_uri, architectures)
            yield Stored(digest, 0, {IMAGE_URI: source.image_uri})
        return
    async with control.blobs.storing(source.package) as code:
        yield Stored(code.digest, code.size, {})
