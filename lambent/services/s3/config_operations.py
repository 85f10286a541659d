"""What else a bucket can be told: policies and public access, and what is so for every bucket here."""

from typing import Any

import msgspec

from lambent.errors import AwsError, NotImplementedYet
from lambent.iam.policy import statements_of
from lambent.model import Document
from lambent.services.s3 import access, errors, lifecycle
from lambent.services.s3.about import no_acls
from lambent.services.s3.bucket_operations import GRANTS, owner
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import Bucket
from lambent.services.s3.read_operations import found_object
from lambent.wire.parse import Call

MOST_POLICY = 20_480  # bytes
SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


async def get_bucket_policy(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    return {"Policy": _policy(bucket)}


def _policy(bucket: Bucket) -> str:
    if not bucket.settings.policy:
        raise errors.missing_configuration("NoSuchBucketPolicy", "The bucket policy does not exist", bucket.name)
    return bucket.settings.policy


async def put_bucket_policy(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    text = str(call.parameters.get("Policy") or "")
    document = _document(text, bucket)
    if access.is_public(document) and (bucket.settings.public_access or {}).get("BlockPublicPolicy"):
        raise errors.denied(
            f"User: {call.caller.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
            f'"{bucket.arn}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block '
            "Public Access."
        )
    await s3.change(bucket, policy=text)
    return {}


def _document(text: str, bucket: Bucket) -> dict[str, Any]:
    """Raises MalformedPolicy."""
    if len(text.encode()) > MOST_POLICY:
        raise _malformed("Policies may not exceed 20480 bytes.")
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
    except ValueError:
        raise _malformed("Policies must be valid JSON and the first byte must be '{'") from None
    try:
        statements = statements_of(document)
    except ValueError as error:
        raise _malformed(str(error)) from None
    for statement in statements:
        for resource in statement.resources:
            if not _is_of(resource, bucket):
                raise _malformed("Policy has invalid resource")
    return document


def _is_of(resource: str, bucket: Bucket) -> bool:
    return resource == bucket.arn or resource.startswith((f"{bucket.arn}/", f"{bucket.arn}*"))


def _malformed(message: str) -> AwsError:
    return AwsError(message, code="MalformedPolicy", status=400)


async def delete_bucket_policy(s3: S3, call: Call) -> Document:
    await s3.change(access.named(s3, call), policy="")
    return {}


async def get_bucket_policy_status(s3: S3, call: Call) -> Document:
    document = msgspec.json.decode(_policy(access.named(s3, call)), type=dict[str, Any])
    return {"PolicyStatus": {"IsPublic": access.is_public(document)}}


async def get_public_access_block(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    found = bucket.settings.public_access
    if found is None:
        message = "The public access block configuration was not found"
        raise errors.missing_configuration("NoSuchPublicAccessBlockConfiguration", message, bucket.name)
    return {"PublicAccessBlockConfiguration": found}


async def put_public_access_block(s3: S3, call: Call) -> Document:
    given = call.parameters.get("PublicAccessBlockConfiguration")
    if not given:
        raise errors.malformed_xml()
    wanted = {name: bool(given.get(name)) for name in SWITCHES}
    await s3.change(access.named(s3, call), public_access=wanted)
    return {}


async def delete_public_access_block(s3: S3, call: Call) -> Document:
    await s3.change(access.named(s3, call), public_access=None)
    return {}


async def get_bucket_lifecycle_configuration(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    if not bucket.settings.lifecycle:
        message = "The lifecycle configuration does not exist"
        raise errors.missing_configuration("NoSuchLifecycleConfiguration", message, bucket.name)
    return {"Rules": list(bucket.settings.lifecycle)}


async def put_bucket_lifecycle_configuration(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    rules = lifecycle.checked((call.parameters.get("LifecycleConfiguration") or {}).get("Rules") or [])
    await s3.change(bucket, lifecycle=rules)
    s3.reap()
    return {}


async def delete_bucket_lifecycle(s3: S3, call: Call) -> Document:
    await s3.change(access.named(s3, call), lifecycle=[])
    return {}


# What is so for every bucket here


async def get_bucket_acl(s3: S3, call: Call) -> Document:
    return _acl(access.named(s3, call))


async def get_object_acl(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    found_object(s3, bucket, call.parameters["Key"], call.parameters.get("VersionId"))
    return _acl(bucket)


def _acl(bucket: Bucket) -> Document:
    grantee = owner(bucket.account) | {"Type": "CanonicalUser"}
    return {"Owner": owner(bucket.account), "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}


async def put_acl(s3: S3, call: Call) -> Document:
    """There is only the one that everything has. Raises AccessControlListNotSupported for any other."""
    bucket = access.named(s3, call)
    if "Key" in call.parameters:
        found_object(s3, bucket, call.parameters["Key"], call.parameters.get("VersionId"))
    asked = call.parameters
    if asked.get("ACL") != "private" or asked.get("AccessControlPolicy") or any(asked.get(each) for each in GRANTS):
        raise no_acls()
    return {}


async def get_bucket_ownership_controls(s3: S3, call: Call) -> Document:
    access.named(s3, call)
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}


async def put_bucket_ownership_controls(s3: S3, call: Call) -> Document:
    access.named(s3, call)
    rules = (call.parameters.get("OwnershipControls") or {}).get("Rules") or []
    if [rule.get("ObjectOwnership") for rule in rules] != ["BucketOwnerEnforced"]:
        raise NotImplementedYet("S3 has no ACLs here: ObjectOwnership is always BucketOwnerEnforced.")
    return {}


async def get_bucket_encryption(s3: S3, call: Call) -> Document:
    access.named(s3, call)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


async def put_bucket_encryption(s3: S3, call: Call) -> Document:
    access.named(s3, call)
    rules = (call.parameters.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or []
    for rule in rules:
        if (rule.get("ApplyServerSideEncryptionByDefault") or {}).get("SSEAlgorithm") != "AES256":
            raise NotImplementedYet("S3 encrypts with no key of its own here: use AES256, or nothing.")
    return {}


async def get_bucket_request_payment(s3: S3, call: Call) -> Document:
    access.named(s3, call)
    return {"Payer": "BucketOwner"}


async def nothing_set(s3: S3, call: Call) -> Document:
    access.named(s3, call)
    return {}


MISSING = {
    "GetBucketReplication": (
        "ReplicationConfigurationNotFoundError", "The replication configuration was not found",
    ),
    "GetBucketWebsite": ("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
    "GetObjectLockConfiguration": (
        "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket",
    ),
}  # fmt: skip


async def never_set(s3: S3, call: Call) -> Document:
    """Raises what AWS answers for a bucket that was not given one, which none can be here."""
    bucket = access.named(s3, call)
    raise errors.missing_configuration(*MISSING[call.operation], bucket.name)
