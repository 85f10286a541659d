"""What a request says of an object beside its content, and how an object shows that again."""

from typing import Any
from urllib.parse import parse_qsl

from lambent.errors import AwsError, NotImplementedYet
from lambent.services.s3 import errors
from lambent.services.s3.nouns import About, Bucket, Stored
from lambent.wire.parse import Call

HEADERS = (
    "ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "Expires",
    "WebsiteRedirectLocation",
)  # fmt: skip
MOST_METADATA = 2048  # bytes of names and values
STORAGE_CLASSES = (
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE",
    "GLACIER_IR",
)  # fmt: skip
ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
NOT_HERE = (
    "SSECustomerAlgorithm", "SSECustomerKey", "SSEKMSKeyId", "SSEKMSEncryptionContext", "BucketKeyEnabled",
    "ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus", "GrantFullControl", "GrantRead",
    "GrantReadACP", "GrantWriteACP", "WriteOffsetBytes", "ObjectLockEventHold", "ObjectLockEventHoldDurationDays",
    "ObjectLockEventHoldDurationYears", "CopySourceSSECustomerAlgorithm", "CopySourceSSECustomerKey",
)  # fmt: skip


def check_options(parameters: dict[str, Any]) -> None:
    """Raises NotImplementedYet, or AWS's refusal, for what would be asked in vain."""
    for name in NOT_HERE:
        if parameters.get(name):
            raise NotImplementedYet(f"S3 does not take {name} here: it would be without effect.")
    if parameters.get("ServerSideEncryption") not in (None, "AES256"):
        raise NotImplementedYet(
            f"ServerSideEncryption {parameters['ServerSideEncryption']} is not here: objects are encrypted as the disk "
            "is that they lie on. Use AES256, or leave it out."
        )
    if parameters.get("ACL") not in (None, "private", "bucket-owner-full-control"):
        raise no_acls()
    storage = parameters.get("StorageClass")
    if storage in ARCHIVED:
        raise NotImplementedYet(f"StorageClass {storage} is not here: nothing is ever archived. Use another one.")
    if storage is not None and storage not in STORAGE_CLASSES:
        raise AwsError(
            "The storage class you specified is not valid", code="InvalidStorageClass", status=400,
            StorageClassRequested=storage,
        )  # fmt: skip


def no_acls() -> AwsError:
    """What AWS answers for every bucket whose owner has not turned ACLs on; here nobody can."""
    return AwsError("The bucket does not allow ACLs", code="AccessControlListNotSupported", status=400)


def about_of(call: Call) -> About:
    """Headers, metadata, tags and storage class that a request gives a new object."""
    parameters = call.parameters
    check_options(parameters)
    headers = {name: str(parameters[name]) for name in HEADERS if parameters.get(name) and name != "Expires"}
    if "expires" in call.request.headers:
        headers["Expires"] = call.request.headers["expires"]
    headers["ContentEncoding"] = _without_chunked(headers.get("ContentEncoding", ""))
    metadata = {name.lower(): value for name, value in (parameters.get("Metadata") or {}).items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > MOST_METADATA:
        raise AwsError(
            "Your metadata headers exceed the maximum allowed metadata size", code="MetadataTooLarge", status=400,
            Size=size, MaxSizeAllowed=MOST_METADATA,
        )  # fmt: skip
    return About(
        headers={name: value for name, value in headers.items() if value}, metadata=metadata,
        tags=tags_of_header(parameters.get("Tagging")), storage_class=parameters.get("StorageClass") or "STANDARD",
    )  # fmt: skip


def _without_chunked(encoding: str) -> str:
    return ",".join(part.strip() for part in encoding.split(",") if part.strip() not in ("", "aws-chunked"))


def tags_of_header(text: str | None) -> dict[str, str]:
    """From `a=1&b=2`."""
    if not text:
        return {}
    pairs = parse_qsl(text, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise errors.invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates.", "x-amz-tagging", text,
        )  # fmt: skip
    check_tags(pairs, 10, "Object")
    return dict(pairs)


def check_tags(pairs: list[tuple[str, str]], most: int, what: str) -> None:
    """Raises BadRequest for too many, InvalidTag for those that AWS does not take."""
    if len(pairs) > most:
        raise AwsError(f"{what} tags cannot be greater than {most}", code="BadRequest", status=400)
    for name, value in pairs:
        if not 0 < len(name) <= 128:
            raise _invalid_tag("The TagKey you have provided is invalid", name)
        if len(value) > 256:
            raise _invalid_tag("The TagValue you have provided is invalid", name)
        if name.lower().startswith("aws:"):
            raise _invalid_tag("Your TagKey cannot be prefixed with aws:", name)
    if len({name for name, _ in pairs}) != len(pairs):
        raise _invalid_tag("Cannot provide multiple Tags with the same key", pairs[0][0])


def _invalid_tag(message: str, name: str) -> AwsError:
    return AwsError(message, code="InvalidTag", status=400, TagKey=name)


def checksum_members(found: Stored) -> dict[str, str]:
    members = {f"Checksum{name}": value for name, value in found.about.checksums.items()}
    return members | {"ChecksumType": found.about.checksum_type} if members else {}


def version_member(bucket: Bucket, found: Stored) -> dict[str, str]:
    return {"VersionId": found.version} if bucket.versioned else {}


def quoted(etag: str) -> str:
    return f'"{etag}"'
