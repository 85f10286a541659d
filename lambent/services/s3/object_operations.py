"""Objects come and go: PutObject, DeleteObject, DeleteObjects."""

from typing import Any

from lambent.errors import AwsError
from lambent.model import Document
from lambent.services.s3 import access, bodies, conditions, errors, notices
from lambent.services.s3.about import about_of, checksum_members, quoted, version_member
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import NULL, About, Bucket, Content, Stored
from lambent.wire.parse import Call

MOST_KEY = 1024  # bytes
MOST_DELETED = 1000  # keys of one request
NOTHING = Content(0, "d41d8cd98f00b204e9800998ecf8427e", None, [], {})


async def put_object(s3: S3, call: Call) -> Document:
    return (await put(s3, call, "ObjectCreated:Put"))[1]


async def put(s3: S3, call: Call, event: str) -> tuple[Stored, Document]:
    """A new object, and what PutObject answers of it; `event` is what is told."""
    bucket = access.named(s3, call)
    key = checked_key(call.parameters["Key"])
    about = about_of(call)
    content = await bodies.received(s3, call)
    async with s3.keeping(content.parts), s3.turn(bucket, key):
        conditions.judge_write(call.parameters, s3.current(bucket, key), key)
        new = s3.made(bucket, key, content, about)
        notes = notices.entries(s3, call, bucket, event, new)
        await s3.add(bucket, new, content.inline, *notes, fresh=[part.file for part in content.parts])
    return new, {
        "ETag": quoted(new.etag), "ServerSideEncryption": "AES256", **checksum_members(new),
        **version_member(bucket, new),
    }  # fmt: skip


def checked_key(key: str) -> str:
    """Raises KeyTooLongError."""
    size = len(key.encode("utf-8", "replace"))
    if size > MOST_KEY:
        message = "Your key is too long"
        raise AwsError(message, code="KeyTooLongError", status=400, MaxSizeAllowed=MOST_KEY, Size=size)
    return key


async def delete_object(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    return await _delete(s3, call, bucket, call.parameters)


async def _delete(s3: S3, call: Call, bucket: Bucket, asked: dict[str, Any]) -> Document:
    """`asked`: the Key, and perhaps VersionId and IfMatch."""
    key, version = asked["Key"], asked.get("VersionId")
    async with s3.turn(bucket, key):
        if asked.get("IfMatch") is not None:
            _demand_match(asked["IfMatch"], s3.current(bucket, key), key)
        if version is not None:
            return await _delete_version(s3, call, bucket, key, version)
        if bucket.versioned:
            return await _delete_softly(s3, call, bucket, key)
        found = s3.current(bucket, key)
        if found is not None:
            await s3.drop(bucket, found, *notices.entries(s3, call, bucket, "ObjectRemoved:Delete", found))
        return {}


def _demand_match(header: str, current: Stored | None, key: str) -> None:
    if current is None or current.marker:
        raise errors.no_key(key)
    if not conditions.names(header, current.etag):
        raise errors.precondition_failed("If-Match")


async def _delete_version(s3: S3, call: Call, bucket: Bucket, key: str, version: str) -> Document:
    if not bucket.versioned and version != NULL:
        raise invalid_version(version)
    found = s3.version(bucket, key, version)
    if found is None:
        return {"VersionId": version}
    await s3.drop(bucket, found, *notices.entries(s3, call, bucket, "ObjectRemoved:Delete", found))
    return {"VersionId": version, **({"DeleteMarker": True} if found.marker else {})}


def invalid_version(version: str) -> AwsError:
    return errors.invalid_argument("Invalid version id specified", "versionId", version)


async def _delete_softly(s3: S3, call: Call, bucket: Bucket, key: str) -> Document:
    """A delete marker becomes the current version; without versioning's being on, in place of the null version."""
    marker = marker_for(s3, bucket, key)
    notes = notices.entries(s3, call, bucket, "ObjectRemoved:DeleteMarkerCreated", marker)
    await s3.add(bucket, marker, None, *notes)
    return {"DeleteMarker": True, "VersionId": marker.version}


def marker_for(s3: S3, bucket: Bucket, key: str) -> Stored:
    """A new delete marker."""
    return s3.made(bucket, key, NOTHING, About(), marker=True)


async def delete_objects(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    asked = call.parameters.get("Delete") or {}
    listed = asked.get("Objects") or []
    if not 0 < len(listed) <= MOST_DELETED or any(not each.get("Key") for each in listed):
        raise errors.malformed_xml()
    deleted: list[Document] = []
    failed: list[Document] = []
    for each in listed:
        named = {name: each[name] for name in ("Key", "VersionId") if each.get(name)}
        try:
            said = await _delete(s3, call, bucket, {**each, "IfMatch": each.get("ETag")})
        except AwsError as error:
            failed.append({**named, "Code": error.code, "Message": error.message})
        else:
            deleted.append({**named, **_told(said, each)})
    answer: Document = {} if asked.get("Quiet") or not deleted else {"Deleted": deleted}
    return answer | ({"Errors": failed} if failed else {})


def _told(said: Document, asked: Document) -> Document:
    """What DeleteObject answers, in the words of DeleteObjects."""
    if not said.get("DeleteMarker"):
        return {}
    return {"DeleteMarker": True, "DeleteMarkerVersionId": said["VersionId"]}
