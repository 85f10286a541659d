"""What S3 tells of an event: the record that functions, queues and topics get, and the detail for EventBridge.

Source: S3 User Guide, "Event message structure" and "EventBridge event message structure"; recordings of AWS.
"""

import urllib.parse
from typing import Any, NamedTuple

from lambent.clock import iso
from lambent.services.s3.nouns import NULL, Bucket, Stored


class Happened(NamedTuple):
    """One event: what it was, to what, and by whose request."""

    name: str  # without "s3:": ObjectCreated:Put
    found: Stored
    request_id: str
    client: str  # address
    requester: str  # account
    user_id: str
    sequencer: str  # later events of a key have a greater one


def record(happened: Happened, bucket: Bucket, configuration: str, now: float) -> dict[str, Any]:
    tells = happened.name.startswith(("ObjectTagging", "ObjectAcl"))
    return {
        "eventVersion": "2.3" if tells else "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": iso(now),
        "eventName": happened.name,
        "userIdentity": {"principalId": f"AWS:{happened.user_id or happened.requester}"},
        "requestParameters": {"sourceIPAddress": happened.client or "127.0.0.1"},
        "responseElements": {"x-amz-request-id": happened.request_id, "x-amz-id-2": happened.request_id},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration,
            "bucket": {
                "name": bucket.name, "ownerIdentity": {"principalId": f"A{bucket.account}"}, "arn": bucket.arn,
            },
            "object": _object(happened, bucket, tells=tells),
        },
    }  # fmt: skip


def _object(happened: Happened, bucket: Bucket, *, tells: bool) -> dict[str, Any]:
    found = happened.found
    members: dict[str, Any] = {"key": urllib.parse.quote_plus(found.key, safe="/*")}
    created = happened.name.startswith("ObjectCreated")
    if created:
        members["size"] = found.size
    if created or tells or happened.name.endswith("DeleteMarkerCreated"):
        members["eTag"] = found.etag
    if bucket.versioned and found.version != NULL:
        members["versionId"] = found.version
    return members if tells else members | {"sequencer": happened.sequencer}


DETAIL_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "LifecycleExpiration": "Object Deleted",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
}
REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
    "LifecycleExpiration:Delete": "Lifecycle Expiration",
    "LifecycleExpiration:DeleteMarkerCreated": "Lifecycle Expiration",
}


def detail_type(name: str) -> str:
    return DETAIL_TYPES.get(name) or DETAIL_TYPES[name.partition(":")[0]]


def detail(happened: Happened, bucket: Bucket) -> dict[str, Any]:
    """The `detail` of an event on the bus."""
    found = happened.found
    thing: dict[str, Any] = {"key": found.key}
    if happened.name.startswith("ObjectCreated"):
        thing["size"] = found.size
    removed = happened.name.startswith(("ObjectRemoved", "LifecycleExpiration"))
    if not removed or happened.name.endswith("MarkerCreated"):
        thing["etag"] = found.etag
    if bucket.versioned and found.version != NULL:
        thing["version-id"] = found.version
    if not happened.name.startswith("ObjectTagging"):
        thing["sequencer"] = happened.sequencer
    members: dict[str, Any] = {
        "version": "0", "bucket": {"name": bucket.name}, "object": thing, "request-id": happened.request_id,
        "requester": happened.requester, "source-ip-address": happened.client or "127.0.0.1",
    }  # fmt: skip
    if happened.name in REASONS:
        members["reason"] = REASONS[happened.name]
    if removed:
        softly = happened.name.endswith("MarkerCreated")
        members["deletion-type"] = "Delete Marker Created" if softly else "Permanently Deleted"
    return members


def test_event(bucket: Bucket, request_id: str, now: float) -> dict[str, str]:
    """What a queue or topic gets when it is named in a bucket's configuration."""
    return {
        "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": iso(now), "Bucket": bucket.name,
        "RequestId": request_id, "HostId": request_id,
    }  # fmt: skip
