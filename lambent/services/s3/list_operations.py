"""ListObjects, ListObjectsV2, ListObjectVersions."""

from typing import Any

from lambent.model import Document
from lambent.services.s3 import access, errors, pages
from lambent.services.s3.about import quoted
from lambent.services.s3.bucket_operations import owner
from lambent.services.s3.engine import S3
from lambent.services.s3.nouns import Bucket, stored
from lambent.services.s3.pages import Page, shown
from lambent.wire.parse import Call

NEWEST = 2**62


async def list_objects(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    parameters = call.parameters
    marker, encoding = parameters.get("Marker") or "", parameters.get("EncodingType")
    page = _page(s3, bucket, parameters, marker)
    answer = _common(bucket, parameters, page) | {"Marker": shown(marker, encoding)}
    if page.more and parameters.get("Delimiter"):
        answer["NextMarker"] = shown(page.last, encoding)
    if page.rows:
        answer["Contents"] = _contents(bucket, page, encoding, with_owner=True)
    return answer


async def list_objects_v2(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    parameters = call.parameters
    token, encoding = parameters.get("ContinuationToken"), parameters.get("EncodingType")
    if token == "":
        raise errors.invalid_argument("The continuation token provided is incorrect", "continuation-token", "")
    after = pages.from_token(token) if token else parameters.get("StartAfter") or ""
    page = _page(s3, bucket, parameters, after)
    answer = _common(bucket, parameters, page) | {"KeyCount": len(page.rows) + len(page.prefixes)}
    if token:
        answer["ContinuationToken"] = token
    elif parameters.get("StartAfter"):
        answer["StartAfter"] = shown(parameters["StartAfter"], encoding)
    if page.more:
        answer["NextContinuationToken"] = pages.token(page.last)
    if page.rows:
        answer["Contents"] = _contents(bucket, page, encoding, with_owner=bool(parameters.get("FetchOwner")))
    return answer


def _page(s3: S3, bucket: Bucket, parameters: dict[str, Any], after: str) -> Page:
    return pages.page(
        lambda begin, limit: s3.store.objects(bucket.name, begin, limit), parameters.get("Prefix") or "",
        parameters.get("Delimiter") or "", after, pages.limit(parameters.get("MaxKeys")),
    )  # fmt: skip


def _common(bucket: Bucket, parameters: dict[str, Any], page: Page) -> Document:
    encoding = parameters.get("EncodingType")
    answer: Document = {
        "Name": bucket.name, "Prefix": shown(parameters.get("Prefix") or "", encoding),
        "MaxKeys": pages.limit(parameters.get("MaxKeys")), "IsTruncated": page.more,
    }  # fmt: skip
    if parameters.get("Delimiter"):
        answer["Delimiter"] = shown(parameters["Delimiter"], encoding)
    if encoding:
        answer["EncodingType"] = encoding
    if page.prefixes:
        answer["CommonPrefixes"] = [{"Prefix": shown(each, encoding)} for each in page.prefixes]
    return answer


def _contents(bucket: Bucket, page: Page, encoding: str | None, *, with_owner: bool) -> list[Document]:
    more = {"Owner": owner(bucket.account)} if with_owner else {}
    return [_listed(row, bucket, encoding) | more for row in page.rows]


def _listed(row: Any, bucket: Bucket, encoding: str | None) -> Document:
    found = stored(row, bucket.name)
    document: Document = {
        "Key": shown(found.key, encoding), "LastModified": int(found.modified), "ETag": quoted(found.etag),
        "Size": found.size, "StorageClass": found.about.storage_class,
    }  # fmt: skip
    if found.about.checksums:
        document["ChecksumAlgorithm"] = list(found.about.checksums)
        document["ChecksumType"] = found.about.checksum_type
    return document


async def list_object_versions(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    parameters = call.parameters
    key, version = parameters.get("KeyMarker") or "", parameters.get("VersionIdMarker") or ""
    if version and not key:
        raise errors.invalid_argument(
            "A version-id marker cannot be specified without a key marker.", "version-id-marker", version
        )
    most = pages.limit(parameters.get("MaxKeys"))
    page, next_version = _versions(s3, bucket, parameters, (key, version), most)
    encoding = parameters.get("EncodingType")
    answer = _common(bucket, parameters, page) | {
        "KeyMarker": shown(key, encoding), "VersionIdMarker": version, "MaxKeys": most,
    }  # fmt: skip
    if page.more:
        answer["NextKeyMarker"] = shown(page.last, encoding)
        if next_version:
            answer["NextVersionIdMarker"] = next_version
    for row in page.rows:
        document = _listed(row, bucket, encoding) | {
            "VersionId": row["version"], "IsLatest": bool(row["latest"]), "Owner": owner(bucket.account),
        }  # fmt: skip
        if row["marker"]:
            kept = ("Key", "VersionId", "IsLatest", "LastModified", "Owner")
            answer.setdefault("DeleteMarkers", []).append({name: document[name] for name in kept})
        else:
            answer.setdefault("Versions", []).append(document)
    return answer


def _versions(
    s3: S3, bucket: Bucket, parameters: dict[str, Any], after: tuple[str, str], most: int
) -> tuple[Page, str]:
    """A page of versions, and the version that came last if it was no common prefix."""
    prefix, delimiter = parameters.get("Prefix") or "", parameters.get("Delimiter") or ""
    begin, below = _start(s3, bucket, prefix, after)
    passed = pages.common_prefix(after[0], prefix, delimiter) if after[0].startswith(prefix) else ""
    if passed:
        begin, below = pages.successor(passed), NEWEST
    rows: list[Any] = []
    prefixes: list[str] = []
    last = ("", "")
    while True:
        found = s3.store.versions(bucket.name, begin, below, max(pages.AHEAD, most + 1))
        for row in found:
            if not row["key"].startswith(prefix):
                return Page(rows, prefixes, False, last[0]), last[1]
            if len(rows) + len(prefixes) >= most:
                return Page(rows, prefixes, most > 0, last[0]), last[1]
            gathered = pages.common_prefix(row["key"], prefix, delimiter)
            if gathered:
                prefixes.append(gathered)
                last, begin, below = (gathered, ""), pages.successor(gathered), NEWEST
                break
            rows.append(row)
            last, begin, below = (row["key"], row["version"]), row["key"], row["id"]
        else:
            if not found:
                return Page(rows, prefixes, False, last[0]), last[1]


def _start(s3: S3, bucket: Bucket, prefix: str, after: tuple[str, str]) -> tuple[str, int]:
    key, version = after
    if not key or key < prefix:
        return prefix, NEWEST
    row = s3.store.version(bucket.name, key, version) if version else None
    return (key, row["id"]) if row is not None else (f"{key}\0", NEWEST)
