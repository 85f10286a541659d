"""Which function does which operation of S3. What is not here is named in a refusal."""

from collections.abc import Awaitable, Callable

from lambent.errors import NotImplementedYet
from lambent.model import Document
from lambent.services.s3 import (
    bodies,
    bucket_operations,
    config_operations,
    copy_operations,
    cors_operations,
    list_operations,
    multipart_operations,
    notification_operations,
    object_operations,
    read_operations,
    tag_operations,
)
from lambent.services.s3.engine import S3
from lambent.wire.parse import Call

Handler = Callable[[S3, Call], Awaitable[Document]]

operations: dict[str, Handler] = {
    "AbortMultipartUpload": multipart_operations.abort_multipart_upload,
    "CompleteMultipartUpload": multipart_operations.complete_multipart_upload,
    "CopyObject": copy_operations.copy_object,
    "CreateBucket": bucket_operations.create_bucket,
    "CreateMultipartUpload": multipart_operations.create_multipart_upload,
    "DeleteBucket": bucket_operations.delete_bucket,
    "DeleteBucketPolicy": config_operations.delete_bucket_policy,
    "DeleteBucketTagging": bucket_operations.delete_bucket_tagging,
    "DeleteObject": object_operations.delete_object,
    "DeleteObjectTagging": tag_operations.delete_object_tagging,
    "DeleteObjects": object_operations.delete_objects,
    "DeletePublicAccessBlock": config_operations.delete_public_access_block,
    "GetBucketAccelerateConfiguration": config_operations.nothing_set,
    "GetBucketAcl": config_operations.get_bucket_acl,
    "DeleteBucketCors": cors_operations.delete_bucket_cors,
    "GetBucketCors": cors_operations.get_bucket_cors,
    "PutBucketCors": cors_operations.put_bucket_cors,
    "GetBucketEncryption": config_operations.get_bucket_encryption,
    "GetBucketLifecycleConfiguration": config_operations.get_bucket_lifecycle_configuration,
    "PutBucketLifecycleConfiguration": config_operations.put_bucket_lifecycle_configuration,
    "DeleteBucketLifecycle": config_operations.delete_bucket_lifecycle,
    "GetBucketLocation": bucket_operations.get_bucket_location,
    "GetBucketLogging": config_operations.nothing_set,
    "GetBucketNotificationConfiguration": notification_operations.get_bucket_notification_configuration,
    "GetBucketOwnershipControls": config_operations.get_bucket_ownership_controls,
    "GetBucketPolicy": config_operations.get_bucket_policy,
    "GetBucketPolicyStatus": config_operations.get_bucket_policy_status,
    "GetBucketReplication": config_operations.never_set,
    "GetBucketRequestPayment": config_operations.get_bucket_request_payment,
    "GetBucketTagging": bucket_operations.get_bucket_tagging,
    "GetBucketVersioning": bucket_operations.get_bucket_versioning,
    "GetBucketWebsite": config_operations.never_set,
    "GetObject": read_operations.get_object,
    "GetObjectAcl": config_operations.get_object_acl,
    "GetObjectAttributes": read_operations.get_object_attributes,
    "GetObjectLockConfiguration": config_operations.never_set,
    "GetObjectTagging": tag_operations.get_object_tagging,
    "GetPublicAccessBlock": config_operations.get_public_access_block,
    "HeadBucket": bucket_operations.head_bucket,
    "HeadObject": read_operations.head_object,
    "ListBuckets": bucket_operations.list_buckets,
    "ListMultipartUploads": multipart_operations.list_multipart_uploads,
    "ListObjectVersions": list_operations.list_object_versions,
    "ListObjects": list_operations.list_objects,
    "ListObjectsV2": list_operations.list_objects_v2,
    "ListParts": multipart_operations.list_parts,
    "PutBucketAcl": config_operations.put_acl,
    "PutBucketEncryption": config_operations.put_bucket_encryption,
    "PutBucketNotificationConfiguration": notification_operations.put_bucket_notification_configuration,
    "PutBucketOwnershipControls": config_operations.put_bucket_ownership_controls,
    "PutBucketPolicy": config_operations.put_bucket_policy,
    "PutBucketTagging": bucket_operations.put_bucket_tagging,
    "PutBucketVersioning": bucket_operations.put_bucket_versioning,
    "PutObject": object_operations.put_object,
    "PutObjectAcl": config_operations.put_acl,
    "PutObjectTagging": tag_operations.put_object_tagging,
    "PutPublicAccessBlock": config_operations.put_public_access_block,
    "UploadPart": multipart_operations.upload_part,
    "UploadPartCopy": copy_operations.upload_part_copy,
}


async def handle(s3: S3, call: Call) -> Document:
    """Do an operation. Raises NotImplementedYet, which names it, for one that is not here."""
    handler = operations.get(call.operation)
    if handler is None:
        raise NotImplementedYet(f"Lambent does not support the operation s3:{call.operation}.")
    bodies.check_document(call)
    return await handler(s3, call)
