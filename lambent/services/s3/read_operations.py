"""Objects as they are read: GetObject, HeadObject, GetObjectAttributes."""

from typing import Any

from lambent.errors import AwsError
from lambent.model import Document
from lambent.services.s3 import access, conditions, errors, ranges, reading
from lambent.services.s3.about import checksum_members, quoted, version_member
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import NULL, Bucket, Part, Stored
from lambent.services.s3.object_operations import invalid_version
from lambent.services.s3.ranges import Span
from lambent.wire.parse import Call

OVERRIDES = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")
MOST_PARTS = 1000


def found_object(s3: S3, bucket: Bucket, key: str, version: str | None, method: str = "GET") -> Stored:
    """The version that a request names, or the current one. Raises NoSuchKey, NoSuchVersion, MethodNotAllowed."""
    if version is None:
        found = s3.current(bucket, key)
        if found is None or found.marker:
            raise errors.no_key(key)
        return found
    if not bucket.versioned and version != NULL:
        raise invalid_version(version)
    found = s3.version(bucket, key, version)
    if found is None:
        raise errors.no_version(key, version)
    if found.marker:
        raise errors.marker_in_the_way(method)
    return found


async def get_object(s3: S3, call: Call) -> Document:
    answer, found, span = _asked(s3, call)
    for name in OVERRIDES:
        if call.parameters.get(f"Response{name}") is not None:
            answer[name] = call.parameters[f"Response{name}"]
    return answer | {"Body": await reading.opened(s3, found, span)}


async def head_object(s3: S3, call: Call) -> Document:
    return _asked(s3, call)[0]


def _asked(s3: S3, call: Call) -> tuple[Document, Stored, Span]:
    """All but the body, and which part of which object that is."""
    bucket = access.named(s3, call)
    parameters = call.parameters
    found = found_object(s3, bucket, parameters["Key"], parameters.get("VersionId"), call.request.method)
    instead = conditions.judge_read(parameters, found)
    if instead is not None:
        raise instead
    span, partial = _span(parameters, found)
    answer = _described(bucket, found) | {"ContentLength": span.length}
    if parameters.get("ChecksumMode") == "ENABLED" and not (partial and not parameters.get("PartNumber")):
        answer |= checksum_members(found)
    if partial:
        answer["ContentRange"] = span.header(found.size)
    if parameters.get("PartNumber") and found.about.uploaded_in_parts:
        answer["PartsCount"] = len(found.about.parts)
    return answer, found, span


def _described(bucket: Bucket, found: Stored) -> Document:
    about = found.about
    answer: Document = {
        "AcceptRanges": "bytes", "LastModified": int(found.modified), "ETag": quoted(found.etag),
        "ServerSideEncryption": "AES256", "ContentType": "binary/octet-stream", **about.headers,
        **version_member(bucket, found),
    }  # fmt: skip
    if about.metadata:
        answer["Metadata"] = about.metadata
    if about.storage_class != "STANDARD":
        answer["StorageClass"] = about.storage_class
    if about.tags:
        answer["TagCount"] = len(about.tags)
    return answer


def _span(parameters: dict[str, Any], found: Stored) -> tuple[Span, bool]:
    """The bytes that are wanted, and whether that is a part of all."""
    number = parameters.get("PartNumber")
    if number is None:
        span = ranges.span_of(parameters.get("Range"), found.size)
        return (Span(0, found.size), False) if span is None else (span, True)
    if parameters.get("Range") is not None:
        raise errors.invalid_request("Cannot specify both Range header and partNumber query parameter")
    parts = found.about.parts if found.about.uploaded_in_parts else [Part(found.size)]
    begin = 0
    for part in parts:
        if part.number == number:
            return Span(begin, begin + part.size), found.size > 0
        begin += part.size
    message = "The requested partnumber is not satisfiable"
    raise AwsError(
        message, code="InvalidPartNumber", status=416, PartNumberRequested=number, ActualPartCount=len(parts)
    )


async def get_object_attributes(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    parameters = call.parameters
    found = found_object(s3, bucket, parameters["Key"], parameters.get("VersionId"))
    wanted = parameters.get("ObjectAttributes") or []
    answer: Document = {"LastModified": int(found.modified), **version_member(bucket, found)}
    if "ETag" in wanted:
        answer["ETag"] = found.etag
    if "StorageClass" in wanted:
        answer["StorageClass"] = found.about.storage_class
    if "ObjectSize" in wanted:
        answer["ObjectSize"] = found.size
    if "Checksum" in wanted and found.about.checksums:
        answer["Checksum"] = {name: value.partition("-")[0] for name, value in checksum_members(found).items()}
    if "ObjectParts" in wanted and found.about.uploaded_in_parts:
        answer["ObjectParts"] = _parts(found, parameters)
    return answer


def _parts(found: Stored, parameters: dict[str, Any]) -> Document:
    after, most = int(parameters.get("PartNumberMarker") or 0), int(parameters.get("MaxParts") or MOST_PARTS)
    behind = [part for part in found.about.parts if part.number > after]
    shown = behind[:most]
    answer: Document = {
        "TotalPartsCount": len(found.about.parts), "IsTruncated": len(behind) > most, "MaxParts": most,
        "PartNumberMarker": after, "NextPartNumberMarker": shown[-1].number if shown else 0,
    }  # fmt: skip
    if any(part.checksums for part in shown):
        answer["Parts"] = [
            {"PartNumber": part.number, "Size": part.size}
            | {f"Checksum{name}": value for name, value in part.checksums.items()}
            for part in shown
        ]
    return answer
