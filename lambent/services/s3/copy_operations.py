"""Copies: CopyObject, UploadPartCopy. A whole file is linked, not copied; a part of one is read and written."""

import asyncio
from typing import Any, NamedTuple
from urllib.parse import unquote

from lambent.model import Document
from lambent.services.s3 import access, bodies, conditions, errors, multipart, notices, ranges
from lambent.services.s3.about import about_of, check_options, checksum_members, quoted, version_member
from lambent.services.s3.engine import S3
from lambent.services.s3.multipart_operations import keep_part, named_upload
from lambent.services.s3.nouns import INLINE, About, Bucket, Content, Part, Stored
from lambent.services.s3.object_operations import checked_key
from lambent.services.s3.ranges import Span
from lambent.services.s3.read_operations import found_object
from lambent.store import checksums
from lambent.store.checksums import DEFAULT
from lambent.wire.parse import Call

TO_ITSELF = (
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
    "metadata, storage class, website redirect location or encryption attributes."
)


class Source(NamedTuple):
    """What is copied."""

    bucket: Bucket
    found: Stored
    version: str | None  # as it was named


def _source(s3: S3, call: Call) -> Source:
    """Raises InvalidArgument, NoSuchBucket, AccessDenied, NoSuchKey, and what its conditions demand."""
    text = call.parameters["CopySource"]
    path, _, query = text.partition("?versionId=")
    name, _, key = unquote(path).lstrip("/").partition("/")
    if not name or not key:
        message = "Invalid copy source object key" if name else "Invalid copy source bucket name"
        raise errors.invalid_argument(message, "x-amz-copy-source", text)
    bucket = s3.bucket(name)
    version = query or None
    access.demand(call, bucket, "GetObjectVersion" if version else "GetObject", key)
    found = found_object(s3, bucket, key, version)
    instead = conditions.judge_read(call.parameters, found, "CopySource")
    if instead is not None:
        raise instead
    return Source(bucket, found, version)


async def copy_object(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    key = checked_key(call.parameters["Key"])
    source = _source(s3, call)
    about = _about(call, source, bucket, key)
    wanted = bodies.named_algorithm(call.parameters) or _plain_algorithm(source.found)
    content = await _twin(s3, source.found, wanted)
    async with s3.keeping(content.parts), s3.turn(bucket, key):
        conditions.judge_write(call.parameters, s3.current(bucket, key), key)
        new = s3.made(bucket, key, content, about)
        notes = notices.entries(s3, call, bucket, "ObjectCreated:Copy", new)
        await s3.add(bucket, new, content.inline, *notes, fresh=[part.file for part in content.parts])
    result = {"ETag": quoted(new.etag), "LastModified": int(new.modified), **checksum_members(new)}
    return {
        "CopyObjectResult": result, "ServerSideEncryption": "AES256", **_source_version(source),
        **version_member(bucket, new),
    }  # fmt: skip


def _source_version(source: Source) -> Document:
    return {"CopySourceVersionId": source.found.version} if source.bucket.versioned else {}


def _plain_algorithm(found: Stored) -> str:
    return next(iter(found.about.checksums), DEFAULT)


def _about(call: Call, source: Source, bucket: Bucket, key: str) -> About:
    """What the copy is said to be: as its source, or as the request says."""
    parameters = call.parameters
    asked, before = about_of(call), source.found.about
    replaces = _directive(parameters, "MetadataDirective")
    retags = _directive(parameters, "TaggingDirective")
    to_itself = source.bucket is bucket and source.found.key == key and source.found.latest and source.version is None
    storage = parameters.get("StorageClass") or "STANDARD"
    if to_itself and not replaces and storage == before.storage_class and not parameters.get("ServerSideEncryption"):
        raise errors.invalid_request(TO_ITSELF)
    described = asked if replaces else before
    redirect = {name: each for name, each in asked.headers.items() if name == "WebsiteRedirectLocation"}
    kept = {name: each for name, each in described.headers.items() if name != "WebsiteRedirectLocation"}
    return About(
        headers=kept | redirect, metadata=described.metadata, tags=asked.tags if retags else before.tags,
        storage_class=storage,
    )  # fmt: skip


def _directive(parameters: dict[str, Any], name: str) -> bool:
    """Whether it says REPLACE. Raises InvalidArgument."""
    value = parameters.get(name)
    if value not in (None, "COPY", "REPLACE"):
        header = "x-amz-metadata-directive" if name.startswith("Meta") else "x-amz-tagging-directive"
        raise errors.invalid_argument("Unknown metadata directive.", header, value)
    return bool(value == "REPLACE")


async def _twin(s3: S3, found: Stored, algorithm: str) -> Content:
    """The content of an object once more; in one piece, as every copy is, whatever it was uploaded in."""
    about = found.about
    if not about.parts:
        inline = s3.store.content(found.id)
        if inline is None:
            raise errors.no_key(found.key)
        return Content(found.size, found.etag, inline, [], _checksums(about, inline, algorithm))
    if about.uploaded_in_parts or algorithm not in about.checksums:
        return await _rewritten(s3, found, Span(0, found.size), algorithm)
    file = await asyncio.to_thread(_linked, s3, found)
    return Content(found.size, found.etag, None, [Part(found.size, file, etag=found.etag)], about.checksums)


def _checksums(about: About, content: bytes, algorithm: str) -> dict[str, str]:
    known = about.checksums.get(algorithm) if not about.uploaded_in_parts else None
    return {algorithm: known or checksums.shown(checksums.of(algorithm, content))}


def _linked(s3: S3, found: Stored) -> str:
    try:
        return s3.files.twin(found.about.parts[0].file)
    except FileNotFoundError:
        raise errors.no_key(found.key) from None


async def _rewritten(s3: S3, found: Stored, span: Span, algorithm: str) -> Content:
    """Those bytes of an object in a new file."""
    pieces = list(ranges.pieces(found.about.parts, span))
    try:
        file, digests = await asyncio.to_thread(s3.files.gather, pieces, ("MD5", algorithm))
    except FileNotFoundError:
        raise errors.no_key(found.key) from None
    etag = digests["MD5"].hex()
    named = {algorithm: checksums.shown(digests[algorithm])}
    return Content(span.length, etag, None, [Part(span.length, file, etag=etag)], named)


async def upload_part_copy(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    multipart.check_number(int(call.parameters["PartNumber"]))
    check_options(call.parameters)
    upload = named_upload(s3, call, bucket)
    source = _source(s3, call)
    span = _part_span(call.parameters.get("CopySourceRange"), source.found.size)
    algorithm = upload.algorithm or DEFAULT
    content = await _copied_part(s3, source.found, span, algorithm)
    part = await keep_part(s3, call, bucket, content)
    result: Document = {"ETag": quoted(part.etag), "LastModified": int(s3.clock.epoch())}
    if upload.algorithm:
        result[f"Checksum{algorithm}"] = part.checksums[algorithm]
    return {"CopyPartResult": result, "ServerSideEncryption": "AES256", **_source_version(source)}


async def _copied_part(s3: S3, found: Stored, span: Span, algorithm: str) -> Content:
    if found.about.parts:
        return await _rewritten(s3, found, span, algorithm)
    inline = s3.store.content(found.id)
    if inline is None:
        raise errors.no_key(found.key)
    data = inline[span.begin : span.end]
    assert len(data) <= INLINE
    file = await asyncio.to_thread(s3.files.write, data)
    etag = checksums.of("MD5", data).hex()
    named = {algorithm: checksums.shown(checksums.of(algorithm, data))}
    return Content(len(data), etag, None, [Part(len(data), file, etag=etag)], named)


def _part_span(header: str | None, size: int) -> Span:
    if header is None:
        return Span(0, size)
    span = ranges.span_of(header, size)
    if span is None or not header.removeprefix("bytes=").partition("-")[0]:
        raise errors.invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy", "x-amz-copy-source-range", header,
        )  # fmt: skip
    last = header.rpartition("-")[2]
    if not last or int(last) >= size:
        raise errors.invalid_argument(
            f"Range specified is not valid for source object of size: {size}", "x-amz-copy-source-range", header
        )
    return span
