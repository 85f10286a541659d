"""Buckets as wholes: create, delete, head, list, location, versioning, tags."""

import hashlib
import re

from lambent.errors import AwsError, NotImplementedYet
from lambent.model import Document
from lambent.services.s3 import access, errors
from lambent.services.s3.about import check_tags, no_acls
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import Bucket, Settings
from lambent.wire.parse import Call

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
BLOCK_ALL = {
    "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True,
}  # fmt: skip
HOME = "us-east-1"  # where a bucket is created twice without an error


def check_name(name: str) -> None:
    """Raises InvalidBucketName (S3 User Guide, "General purpose bucket naming rules")."""
    odd = ".." in name or name.startswith(("xn--", "sthree-")) or name.endswith(("-s3alias", "--ol-s3"))
    if not _NAME.fullmatch(name) or _ADDRESS.fullmatch(name) or odd:
        message = "The specified bucket is not valid."
        raise AwsError(message, code="InvalidBucketName", status=400, BucketName=name)


async def create_bucket(s3: S3, call: Call) -> Document:
    parameters = call.parameters
    name = parameters["Bucket"]
    check_name(name)
    _check_options(parameters)
    region = _region(call)
    existing = s3.buckets.get(name)
    if existing is not None:
        return _exists(existing, call, region)
    bucket = Bucket(name, call.account, region, s3.clock.epoch(), Settings(public_access=BLOCK_ALL, tags=_tags(call)))
    await s3.create(bucket)
    return _created(name, region)


def _created(name: str, region: str) -> Document:
    arn = {"BucketArn": f"arn:aws:s3:::{name}"}
    return {"Location": f"/{name}" if region == HOME else f"http://{name}.s3.amazonaws.com/", **arn}


def _exists(bucket: Bucket, call: Call, region: str) -> Document:
    if bucket.account != call.account:
        raise AwsError(
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
            "Please select a different name and try again.", code="BucketAlreadyExists", status=409,
            BucketName=bucket.name,
        )  # fmt: skip
    if region == bucket.region == HOME and not bucket.gone:
        return _created(bucket.name, region)
    message = "Your previous request to create the named bucket succeeded and you already own it."
    raise AwsError(message, code="BucketAlreadyOwnedByYou", status=409, BucketName=bucket.name)


def _region(call: Call) -> str:
    asked = (call.parameters.get("CreateBucketConfiguration") or {}).get("LocationConstraint") or ""
    asked = "eu-west-1" if asked == "EU" else asked
    if asked and call.region == HOME and asked != HOME:
        return str(asked)  # the one endpoint that makes buckets of every region
    if asked == HOME:
        message = "The specified location-constraint is not valid"
        raise AwsError(message, code="InvalidLocationConstraint", status=400, LocationConstraint=asked)
    if asked != ("" if call.region == HOME else call.region):
        which = asked or "unspecified"
        message = (
            f"The {which} location constraint is incompatible for the region specific endpoint this request was sent "
            "to."
        )
        raise AwsError(message, code="IllegalLocationConstraintException", status=400)
    return asked or call.region


def _check_options(parameters: Document) -> None:
    if parameters.get("ObjectLockEnabledForBucket"):
        raise NotImplementedYet("S3 Object Lock is not here: nothing is kept from being deleted.")
    if parameters.get("ACL") not in (None, "private") or any(parameters.get(each) for each in GRANTS):
        raise no_acls()
    if parameters.get("ObjectOwnership") not in (None, "BucketOwnerEnforced"):
        raise NotImplementedYet("S3 has no ACLs here: ObjectOwnership is always BucketOwnerEnforced.")
    given = parameters.get("CreateBucketConfiguration") or {}
    if given.get("Location") or given.get("Bucket"):
        raise NotImplementedYet("S3 has no directory buckets here.")


GRANTS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")


def _tags(call: Call) -> list[dict[str, str]]:
    return checked_tags((call.parameters.get("CreateBucketConfiguration") or {}).get("Tags") or [])


def checked_tags(given: list[dict[str, str]]) -> list[dict[str, str]]:
    check_tags([(each.get("Key", ""), each.get("Value", "")) for each in given], 50, "Bucket")
    return given


async def delete_bucket(s3: S3, call: Call) -> Document:
    await s3.delete(access.named(s3, call))
    return {}


async def head_bucket(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    return {"BucketRegion": bucket.region, "AccessPointAlias": False, "BucketArn": bucket.arn}


async def list_buckets(s3: S3, call: Call) -> Document:
    parameters = call.parameters
    prefix, most = parameters.get("Prefix") or "", int(parameters.get("MaxBuckets") or 10_000)
    after, region = parameters.get("ContinuationToken") or "", parameters.get("BucketRegion")
    found = [
        each
        for name, each in sorted(s3.buckets.items())
        if each.account == call.account and name.startswith(prefix) and name > after and not each.gone
        and region in (None, each.region)
    ]  # fmt: skip
    shown = found[:most]
    answer: Document = {
        "Buckets": [
            {"Name": each.name, "CreationDate": int(each.created), "BucketRegion": each.region, "BucketArn": each.arn}
            for each in shown
        ],
        "Owner": owner(call.account),
    }
    if len(found) > most:
        answer["ContinuationToken"] = shown[-1].name
    return answer | ({"Prefix": prefix} if prefix else {})


def owner(account: str) -> Document:
    """An account as S3 calls it, by a canonical id: 64 digits that are always the same for it."""
    return {"ID": hashlib.sha256(f"canonical user of {account}".encode()).hexdigest()}


async def get_bucket_location(s3: S3, call: Call) -> Document:
    region = access.named(s3, call).region
    return {"LocationConstraint": None if region == HOME else region}


async def get_bucket_versioning(s3: S3, call: Call) -> Document:
    status = access.named(s3, call).settings.versioning
    return {"Status": status} if status else {}


async def put_bucket_versioning(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    given = call.parameters.get("VersioningConfiguration") or {}
    if given.get("MFADelete") == "Enabled":
        raise NotImplementedYet("S3 has no MFA delete here.")
    if given.get("Status") not in ("Enabled", "Suspended"):
        raise errors.malformed_xml()
    await s3.change(bucket, versioning=given["Status"])
    return {}


async def get_bucket_tagging(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    if not bucket.settings.tags:
        raise errors.missing_configuration("NoSuchTagSet", "The TagSet does not exist", bucket.name)
    return {"TagSet": bucket.settings.tags}


async def put_bucket_tagging(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    await s3.change(bucket, tags=checked_tags((call.parameters.get("Tagging") or {}).get("TagSet") or []))
    return {}


async def delete_bucket_tagging(s3: S3, call: Call) -> Document:
    await s3.change(access.named(s3, call), tags=[])
    return {}
