"""Which function does which operation of S3. What is not here is named in a refusal."""

from collections.abc import Awaitable, Callable

from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.services.s3 import (
    bucket_operations,
    list_operations,
    object_operations,
    read_operations,
)
from lambent.services.s3.engine import S3
from lambent.wire.parse import Call

Handler = Callable[[S3, Call], Awaitable[Document]]

operations: dict[str, Handler] = {
    "CreateBucket": bucket_operations.create_bucket,
    "DeleteBucket": bucket_operations.delete_bucket,
    "DeleteBucketTagging": bucket_operations.delete_bucket_tagging,
    "DeleteObject": object_operations.delete_object,
    "DeleteObjects": object_operations.delete_objects,
    "GetBucketLocation": bucket_operations.get_bucket_location,
    "GetBucketTagging": bucket_operations.get_bucket_tagging,
    "GetBucketVersioning": bucket_operations.get_bucket_versioning,
    "GetObject": read_operations.get_object,
    "GetObjectAttributes": read_operations.get_object_attributes,
    "HeadBucket": bucket_operations.head_bucket,
    "HeadObject": read_operations.head_object,
    "ListBuckets": bucket_operations.list_buckets,
    "ListObjectVersions": list_operations.list_object_versions,
    "ListObjects": list_operations.list_objects,
    "ListObjectsV2": list_operations.list_objects_v2,
    "PutBucketTagging": bucket_operations.put_bucket_tagging,
    "PutBucketVersioning": bucket_operations.put_bucket_versioning,
    "PutObject": object_operations.put_object,
}


async def handle(s3: S3, call: Call) -> Document:
    """Do an operation. Raises NotImplementedYet, which names it, for one that is not here."""
    handler = operations.get(call.operation)
    if handler is None:
        raise NotImplementedYet(f"Lambent does not support the operation s3:{call.operation}.")
    return await handler(s3, call)
