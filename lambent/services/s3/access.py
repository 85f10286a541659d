"""Which bucket a request names, and whether its sender may do this with it.

An account may do everything with its own buckets unless their policy says Deny; others need its Allow.
"""

from typing import Any

import msgspec

from lambent.iam.policy import ALLOW, SILENT, Asked, Verdict, refusal, verdict_in
from lambent.services.s3 import errors
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import Bucket
from lambent.wire.parse import Call

# Actions that are not called as the operation is (Service Authorization Reference, Amazon S3).
ACTIONS = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
}


def named(s3: S3, call: Call) -> Bucket:
    """The bucket of the request, if the caller may do this operation there. Raises NoSuchBucket, AccessDenied."""
    bucket = s3.bucket(call.parameters["Bucket"])
    owner = call.parameters.get("ExpectedBucketOwner")
    if owner is not None and owner != bucket.account:
        raise errors.denied()
    action = ACTIONS.get(call.operation, call.operation)
    if call.parameters.get("VersionId") and action in ("GetObject", "DeleteObject", "GetObjectTagging"):
        action = action.replace("Object", "ObjectVersion") if "Tagging" in action else f"{action}Version"
    demand(call, bucket, action, call.parameters.get("Key"))
    return bucket


def demand(call: Call, bucket: Bucket, action: str, key: str | None = None) -> None:
    """Raises AccessDenied, in AWS's words, unless the caller may."""
    arn = bucket.arn if key is None else f"{bucket.arn}/{key}"
    conditions = {"aws:sourceip": call.request.client}
    prefix = call.parameters.get("Prefix")
    if prefix is not None:
        conditions["s3:prefix"] = prefix
    account = call.caller.account or ("" if call.caller.proven else call.account)
    require(account, bucket, Asked(call.caller, f"s3:{action}", arn, conditions))


def require(account: str, bucket: Bucket, asked: Asked) -> None:
    """`account` is the sender's. Raises AccessDenied."""
    said = verdict(bucket, asked)
    if _passes(said, account, bucket, asked):
        return
    raise errors.denied(refusal(asked, said, quote='"'))


def may(account: str, bucket: Bucket, asked: Asked) -> bool:
    return _passes(verdict(bucket, asked), account, bucket, asked)


def _passes(said: Verdict, account: str, bucket: Bucket, asked: Asked) -> bool:
    """A public policy opens nothing to others where RestrictPublicBuckets says so."""
    own = account == bucket.account and not asked.principal.service
    if said is SILENT:
        return own
    restricted = (bucket.settings.public_access or {}).get("RestrictPublicBuckets")
    if said is ALLOW and not own and restricted and not asked.principal.service:
        return not is_public(msgspec.json.decode(bucket.settings.policy, type=dict[str, Any]))
    return said is ALLOW


def is_public(document: dict[str, Any]) -> bool:
    """Whether a policy lets anybody in, without a condition on who or where they are."""
    given = document.get("Statement")
    statements: list[dict[str, Any]] = given if isinstance(given, list) else [given or {}]
    for statement in statements:
        principal = statement.get("Principal")
        everybody = principal == "*" or (isinstance(principal, dict) and principal.get("AWS") in ("*", ["*"]))
        if statement.get("Effect") == "Allow" and everybody and not statement.get("Condition"):
            return True
    return False


def verdict(bucket: Bucket, asked: Asked) -> Verdict:
    """What the bucket's policy alone says."""
    return verdict_in(bucket.settings.policy, asked)
