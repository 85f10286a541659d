"""Where code comes from: a zip in the request or in S3, or an image that was added to this machine."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from lambent.arns import FunctionRef
from lambent.control import images, rules
from lambent.control.control import Control
from lambent.control.documents import IMAGE_URI
from lambent.control.objects import Wanted
from lambent.errors import InvalidParameterValue, ObjectRefused
from lambent.wire.parse import Call

_S3 = ("S3Bucket", "S3Key", "S3ObjectVersion")
_OF_ZIPS = ("ZipFile", *_S3, "S3ObjectStorageMode", "SourceKMSKeyArn")


class Source(msgspec.Struct, frozen=True):
    """What a request named: one of the three. `place` is where the package still has to be fetched."""

    package: bytes = b""
    image_uri: str = ""
    place: Wanted | None = None

    @property
    def size(self) -> int:
        """Bytes that count as code storage: images count where they are kept, which on AWS is another service."""
        return len(self.package)


class Stored(msgspec.Struct, frozen=True):
    """Code that is in its store: its key there, the CodeSize to show, and what its version's configuration keeps."""

    digest: str
    size: int
    config: dict[str, Any]


def named(call: Call, code: Mapping[str, Any], package_type: str, doing: str) -> Source:
    """What FunctionCode, or the parameters of UpdateFunctionCode, name; `doing` is creating or updating.

    Raises InvalidParameterValue where that does not go with the package type.
    """
    given = bool(code.get("ImageUri"))
    if package_type == "Image":
        for name in [name for name in _OF_ZIPS if code.get(name)][:1]:
            raise InvalidParameterValue(f"Please don't provide {name} when {doing} a function with packageType Image.")
        if not given:
            raise InvalidParameterValue(f"Please provide ImageUri when {doing} a function with packageType Image.")
        return Source(image_uri=code["ImageUri"])
    if given:
        raise InvalidParameterValue(f"Please don't provide ImageUri when {doing} a function with packageType Zip.")
    return zipped(call, code, "function code")


def zipped(call: Call, code: Mapping[str, Any], what: str) -> Source:
    """The zip that a request brings or names; `what` is it: function code, layer content."""
    if code.get("S3ObjectStorageMode") == "REFERENCE":
        raise InvalidParameterValue(
            "S3ObjectStorageMode REFERENCE is not available here: Lambent runs code from its own copy, which it keeps "
            "until nobody needs it. Use COPY, or leave S3ObjectStorageMode out."
        )
    package: bytes | None = code.get("ZipFile")
    elsewhere = [name for name in _S3 if code.get(name)]
    if package is not None and elsewhere:
        raise InvalidParameterValue("Please do not provide other FunctionCode parameters when providing a ZipFile.")
    if elsewhere:
        return Source(place=_place(call, code))
    if package is None:
        raise InvalidParameterValue(f"Please provide a source for {what}.")
    rules.check_zipped(package)
    return Source(package)


def _place(call: Call, code: Mapping[str, Any]) -> Wanted:
    if not (code.get("S3Bucket") and code.get("S3Key")):
        raise InvalidParameterValue("S3 Bucket and Key are required for uploading with S3 parameters.")
    return Wanted(code["S3Bucket"], code["S3Key"], code.get("S3ObjectVersion"), call.account, call.region)


async def fetched(control: Control, source: Source) -> Source:
    """`source` with its package here. Raises InvalidParameterValue in AWS's words if S3 does not give it."""
    if source.place is None:
        return source
    try:
        package = await control.objects.fetch(source.place, rules.UNZIPPED_BYTES)
    except ObjectRefused as refused:
        raise InvalidParameterValue(
            f"Error occurred while GetObject. S3 Error Code: {refused.code}. S3 Error Message: {refused.message}"
        ) from None
    if len(package) > rules.UNZIPPED_BYTES:  # no zip is larger than what is in it
        raise InvalidParameterValue(f"Unzipped size must be smaller than {rules.UNZIPPED_BYTES} bytes")
    return replace(source, package=package, place=None)


@contextlib.asynccontextmanager
async def kept(
    control: Control, ref: FunctionRef, source: Source, architectures: Sequence[str], instead_of: int = 0
) -> AsyncIterator[Stored]:
    """The code, safe in its store until the block ends, by when a row of that function should refer to it.

    Raises AwsError if the account's code storage has no room for it, `instead_of` being the bytes that it replaces.
    """
    with control.code_quota.claiming(ref.account, ref.region, source.size - instead_of):
        async with _stored(control, source, architectures) as stored:
            yield stored


@contextlib.asynccontextmanager
async def _stored(control: Control, source: Source, architectures: Sequence[str]) -> AsyncIterator[Stored]:
    if source.image_uri:
        async with control.blobs.holding():
            digest = images.resolve(control, source.image_uri, architectures)
            yield Stored(digest, 0, {IMAGE_URI: source.image_uri})
        return
    async with control.blobs.storing(source.package) as code:
        yield Stored(code.digest, code.size, {})
