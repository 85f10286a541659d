"""Tags of objects."""

from lambent.model import Document
from lambent.services.s3 import access, notices
from lambent.services.s3.about import check_tags, version_member
from lambent.services.s3.engine import S3
from lambent.services.s3.read_operations import found_object
from lambent.wire.parse import Call


async def get_object_tagging(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    found = found_object(s3, bucket, call.parameters["Key"], call.parameters.get("VersionId"))
    tags = [{"Key": name, "Value": value} for name, value in found.about.tags.items()]
    return {"TagSet": tags, **version_member(bucket, found)}


async def put_object_tagging(s3: S3, call: Call) -> Document:
    given = (call.parameters.get("Tagging") or {}).get("TagSet") or []
    pairs = [(each.get("Key", ""), each.get("Value", "")) for each in given]
    check_tags(pairs, 10, "Object")
    return await _tag(s3, call, dict(pairs), "ObjectTagging:Put")


async def delete_object_tagging(s3: S3, call: Call) -> Document:
    return await _tag(s3, call, {}, "ObjectTagging:Delete")


async def _tag(s3: S3, call: Call, tags: dict[str, str], event: str) -> Document:
    bucket = access.named(s3, call)
    key = call.parameters["Key"]
    async with s3.turn(bucket, key):
        found = found_object(s3, bucket, key, call.parameters.get("VersionId"), call.request.method)
        await s3.describe(found, {"tags": tags}, *notices.entries(s3, call, bucket, event, found))
    return version_member(bucket, found)
