"""PutBucketCors, GetBucketCors, DeleteBucketCors."""

from lambent.model import Document
from lambent.services.s3 import access, cors, errors
from lambent.services.s3.engine import S3
from lambent.wire.parse import Call


async def put_bucket_cors(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    rules = cors.checked((call.parameters.get("CORSConfiguration") or {}).get("CORSRules") or [])
    await s3.change(bucket, cors=rules)
    return {}


async def get_bucket_cors(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    if not bucket.settings.cors:
        message = "The CORS configuration does not exist"
        raise errors.missing_configuration("NoSuchCORSConfiguration", message, bucket.name)
    return {"CORSRules": bucket.settings.cors}


async def delete_bucket_cors(s3: S3, call: Call) -> Document:
    await s3.change(access.named(s3, call), cors=[])
    return {}
