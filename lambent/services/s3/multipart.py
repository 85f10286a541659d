"""Uploads in parts: what their ends, the object, is made of. Decisions without I/O; multipart_operations does it."""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from lambent.errors import AwsError
from lambent.services.s3 import errors
from lambent.services.s3.nouns import About, Part
from lambent.store import checksums
from lambent.store.checksums import ALGORITHMS, DEFAULT

SMALLEST = 5 * 1024 * 1024  # bytes of any part but the last
MOST_PARTS = 10_000
FULL, COMPOSITE = "FULL_OBJECT", "COMPOSITE"
ONLY_FULL = ("CRC64NVME",)
ONLY_COMPOSITE = ("SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128")


class UploadAbout(msgspec.Struct, frozen=True):
    """What was said when an upload began."""

    about: About
    algorithm: str  # of its checksum; "" if none was named
    checksum_type: str
    account: str  # who began it


class Made(NamedTuple):
    """What an object is made of."""

    size: int
    etag: str
    parts: list[Part]
    checksums: dict[str, str]
    checksum_type: str


def checksum_type(algorithm: str, asked: str) -> str:
    """FULL_OBJECT or COMPOSITE. Raises InvalidRequest for what an algorithm cannot be."""
    if not algorithm:
        if asked:
            raise errors.invalid_request("The x-amz-checksum-type header can only be used with the "
                                         "x-amz-checksum-algorithm header.")  # fmt: skip
        return FULL
    kind = asked or (FULL if algorithm in ONLY_FULL else COMPOSITE)
    if (kind == COMPOSITE and algorithm in ONLY_FULL) or (kind == FULL and algorithm in ONLY_COMPOSITE):
        raise errors.invalid_request(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        )
    return kind


def chosen(asked: Sequence[dict[str, Any]], there: dict[int, Part]) -> list[Part]:
    """The parts that CompleteMultipartUpload names. Raises InvalidPart, InvalidPartOrder, EntityTooSmall."""
    numbers = [int(each.get("PartNumber") or 0) for each in asked]
    if not numbers:
        raise errors.malformed_xml()
    if numbers != sorted(set(numbers)):
        message = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise AwsError(message, code="InvalidPartOrder", status=400)
    parts = [_chosen(each, there.get(number)) for each, number in zip(asked, numbers, strict=True)]
    for part in parts[:-1]:
        if part.size < SMALLEST:
            raise AwsError(
                "Your proposed upload is smaller than the minimum allowed size", code="EntityTooSmall", status=400,
                ETag=part.etag, PartNumber=part.number, MinSizeAllowed=SMALLEST, ProposedSize=part.size,
            )  # fmt: skip
    return parts


def _chosen(asked: dict[str, Any], part: Part | None) -> Part:
    said = str(asked.get("ETag") or "").strip('"')
    wrong = part is None or part.etag != said
    for name in ALGORITHMS:
        value = asked.get(f"Checksum{name}")
        if part is not None and value and part.checksums.get(name) not in (None, value):
            wrong = True
    if wrong or part is None:
        raise AwsError(
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
            "specified entity tag may not match the part's entity tag.", code="InvalidPart", status=400, ETag=said,
            PartNumber=asked.get("PartNumber"),
        )  # fmt: skip
    return part


def joined(parts: list[Part], upload: UploadAbout) -> Made:
    """The object of these parts, in order."""
    algorithm = upload.algorithm or DEFAULT
    raw = b"".join(bytes.fromhex(part.etag) for part in parts)
    etag = f"{hashlib.md5(raw, usedforsecurity=False).hexdigest()}-{len(parts)}"
    size = sum(part.size for part in parts)
    digests = [base64.b64decode(part.checksums[algorithm]) for part in parts if algorithm in part.checksums]
    found = {} if len(digests) < len(parts) else {algorithm: _checksum(algorithm, upload.checksum_type, digests, parts)}
    return Made(size, etag, parts, found, upload.checksum_type)


def _checksum(algorithm: str, kind: str, digests: list[bytes], parts: list[Part]) -> str:
    if kind == COMPOSITE:
        return f"{checksums.shown(checksums.of(algorithm, b''.join(digests)))}-{len(parts)}"
    return checksums.shown(checksums.combined(algorithm, digests, [part.size for part in parts]))


def part_of(row: Any) -> Part:
    """From a row of s3_parts."""
    found = msgspec.json.decode(row["about"], type=dict[str, str])
    return Part(row["size"], row["file"], row["number"], row["etag"], found)


def check_number(number: int) -> None:
    if not 1 <= number <= MOST_PARTS:
        raise errors.invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive", "partNumber", number
        )
