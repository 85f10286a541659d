"""Uploads in parts: create, upload, complete, abort, and what there is of them."""

import secrets
from typing import Any

import msgspec

from lambent.model import Document
from lambent.services.s3 import access, bodies, conditions, errors, multipart, notices, pages
from lambent.services.s3.about import about_of, checksum_members, quoted, version_member
from lambent.services.s3.bucket_operations import owner
from lambent.services.s3.engine import S3, Row
from lambent.services.s3.multipart import UploadAbout, part_of
from lambent.services.s3.nouns import Bucket, Content, Part
from lambent.services.s3.object_operations import checked_key
from lambent.services.s3.pages import shown
from lambent.store.checksums import DEFAULT
from lambent.wire.parse import Call

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(UploadAbout).decode


async def create_multipart_upload(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    key = checked_key(call.parameters["Key"])
    algorithm = bodies.named_algorithm(call.parameters)
    kind = multipart.checksum_type(algorithm, call.parameters.get("ChecksumType") or "")
    about = UploadAbout(about_of(call), algorithm, kind, call.account)
    upload = secrets.token_urlsafe(48)
    row = {"id": upload, "bucket": bucket.name, "key": key, "begun": s3.clock.epoch(), "about": _encode(about)}
    async with s3.turn(bucket, key):
        await s3.enter([("s3_upload_add", row)])
    answer: Document = {"Bucket": bucket.name, "Key": key, "UploadId": upload, "ServerSideEncryption": "AES256"}
    return answer | ({"ChecksumAlgorithm": algorithm, "ChecksumType": kind} if algorithm else {})


def named_upload(s3: S3, call: Call, bucket: Bucket) -> UploadAbout:
    """Raises NoSuchUpload."""
    upload = call.parameters["UploadId"]
    row = s3.store.upload(upload)
    if row is None or row["bucket"] != bucket.name or row["key"] != call.parameters["Key"]:
        raise errors.no_upload(upload)
    return _decode(row["about"])


async def upload_part(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    number = int(call.parameters["PartNumber"])
    multipart.check_number(number)
    upload = named_upload(s3, call, bucket)
    wanted = upload.algorithm or DEFAULT
    content = await bodies.received(s3, call, to_file=True, algorithm=wanted)
    part = await keep_part(s3, call, bucket, content)
    answer: Document = {"ETag": quoted(part.etag), "ServerSideEncryption": "AES256"}
    given = bodies.given(call.parameters)
    told = given[0] if given else upload.algorithm
    return answer | ({f"Checksum{told}": part.checksums[told]} if told in part.checksums else {})


async def keep_part(s3: S3, call: Call, bucket: Bucket, content: Content) -> Part:
    """Enter a part whose file is there, instead of the one with that number."""
    upload, number = call.parameters["UploadId"], int(call.parameters["PartNumber"])
    part = Part(content.size, content.parts[0].file, number, content.etag, content.checksums)
    async with s3.keeping([part]), s3.turn(bucket, call.parameters["Key"]):
        named_upload(s3, call, bucket)
        before = [row["file"] for row in s3.store.parts(upload, number - 1, 1) if row["number"] == number]
        row = {
            "upload": upload, "number": number, "size": part.size, "etag": part.etag, "modified": s3.clock.epoch(),
            "about": _encode(part.checksums), "file": part.file,
        }  # fmt: skip
        rows: list[Row] = [("s3_file_drop", {"name": name}) for name in before]
        await s3.enter([*rows, ("s3_file_add", {"name": part.file}), ("s3_part_put", row)])
    s3.forget(before)
    return part


async def complete_multipart_upload(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    parameters = call.parameters
    key, upload_id = parameters["Key"], parameters["UploadId"]
    async with s3.turn(bucket, key):
        upload = named_upload(s3, call, bucket)
        conditions.judge_write(parameters, s3.current(bucket, key), key)
        there = {row["number"]: part_of(row) for row in s3.store.parts(upload_id, 0, multipart.MOST_PARTS)}
        asked = (parameters.get("MultipartUpload") or {}).get("Parts") or []
        made = multipart.joined(multipart.chosen(asked, there), upload)
        _check_said(parameters, made)
        content = Content(made.size, made.etag, None, made.parts, made.checksums, made.checksum_type)
        about = msgspec.structs.replace(upload.about, uploaded_in_parts=True)
        new = s3.made(bucket, key, content, about)
        rows, unused = s3.upload_rows(upload_id, frozenset(part.file for part in made.parts))
        notes = notices.entries(s3, call, bucket, "ObjectCreated:CompleteMultipartUpload", new)
        await s3.add(bucket, new, None, *notes, rows=rows)
    s3.forget(unused)
    host = call.request.headers.get("host", "")
    return {
        "Location": f"http://{host}/{bucket.name}/{key}", "Bucket": bucket.name, "Key": key,
        "ETag": quoted(new.etag), "ServerSideEncryption": "AES256", **checksum_members(new),
        **version_member(bucket, new),
    }  # fmt: skip


def _check_said(parameters: dict[str, Any], made: multipart.Made) -> None:
    """What the request says of the whole must be so."""
    size = parameters.get("MpuObjectSize")
    if size is not None and int(size) != made.size:
        raise errors.invalid_request(
            f"The provided 'x-amz-mp-object-size' header value {size} does not match what was computed: {made.size}"
        )
    said = bodies.given(parameters)
    if said is None:
        return
    name, value = said
    found = made.checksums.get(name)
    if found is None or found.partition("-")[0] != value.partition("-")[0]:
        raise errors.bad_digest(name)


async def abort_multipart_upload(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    async with s3.turn(bucket, call.parameters["Key"]):
        named_upload(s3, call, bucket)
        rows, files = s3.upload_rows(call.parameters["UploadId"])
        await s3.enter(rows)
    s3.forget(files)
    return {}


async def list_parts(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    upload = named_upload(s3, call, bucket)
    parameters = call.parameters
    after, most = int(parameters.get("PartNumberMarker") or 0), pages.limit(parameters.get("MaxParts"), "max-parts")
    rows = s3.store.parts(parameters["UploadId"], after, most + 1)
    listed = rows[:most]
    answer: Document = {
        "Bucket": bucket.name, "Key": parameters["Key"], "UploadId": parameters["UploadId"],
        "PartNumberMarker": after, "NextPartNumberMarker": listed[-1]["number"] if listed else 0, "MaxParts": most,
        "IsTruncated": len(rows) > most, "StorageClass": upload.about.storage_class,
        "Initiator": owner(upload.account), "Owner": owner(bucket.account),
    }  # fmt: skip
    if upload.algorithm:
        answer |= {"ChecksumAlgorithm": upload.algorithm, "ChecksumType": upload.checksum_type}
    if listed:
        answer["Parts"] = [_listed_part(row, upload.algorithm) for row in listed]
    return answer


def _listed_part(row: Any, algorithm: str) -> Document:
    part = part_of(row)
    document: Document = {
        "PartNumber": part.number, "LastModified": int(row["modified"]), "ETag": quoted(part.etag), "Size": part.size,
    }  # fmt: skip
    return document | ({f"Checksum{algorithm}": part.checksums[algorithm]} if algorithm in part.checksums else {})


async def list_multipart_uploads(s3: S3, call: Call) -> Document:
    bucket = access.named(s3, call)
    parameters = call.parameters
    key, upload = parameters.get("KeyMarker") or "", parameters.get("UploadIdMarker") or ""
    encoding, most = parameters.get("EncodingType"), pages.limit(parameters.get("MaxUploads"), "max-uploads")
    prefix, delimiter = parameters.get("Prefix") or "", parameters.get("Delimiter") or ""
    rows, prefixes, more = _uploads(s3, bucket, (prefix, delimiter), (key, upload), most)
    answer: Document = {
        "Bucket": bucket.name, "KeyMarker": shown(key, encoding), "UploadIdMarker": upload, "MaxUploads": most,
        "IsTruncated": more, "Prefix": shown(prefix, encoding),
    }  # fmt: skip
    if delimiter:
        answer["Delimiter"] = shown(delimiter, encoding)
    if encoding:
        answer["EncodingType"] = encoding
    if more and rows:
        answer |= {"NextKeyMarker": shown(rows[-1]["key"], encoding), "NextUploadIdMarker": rows[-1]["id"]}
    if prefixes:
        answer["CommonPrefixes"] = [{"Prefix": shown(each, encoding)} for each in prefixes]
    if rows:
        answer["Uploads"] = [_listed_upload(row, bucket, encoding) for row in rows]
    return answer


def _uploads(
    s3: S3, bucket: Bucket, fold: tuple[str, str], after: tuple[str, str], most: int
) -> tuple[list[Any], list[str], bool]:
    """Uploads and common prefixes behind `after` (key, id), and whether there are more; `fold`: prefix, delimiter."""
    key, upload = after
    upload = upload or ("\U0010ffff" if key else "")  # a key alone: all its uploads are behind us
    rows: list[Any] = []
    prefixes: list[str] = []
    while found := s3.store.uploads(bucket.name, key, upload, 1000):
        for row in found:
            key, upload = row["key"], row["id"]
            if not key.startswith(fold[0]):
                continue
            gathered = pages.common_prefix(key, *fold)
            if gathered in prefixes and gathered:
                continue
            if len(rows) + len(prefixes) >= most:
                return rows, prefixes, True
            if gathered:
                prefixes.append(gathered)
            else:
                rows.append(row)
    return rows, prefixes, False


def _listed_upload(row: Any, bucket: Bucket, encoding: str | None) -> Document:
    upload = _decode(row["about"])
    document: Document = {
        "UploadId": row["id"], "Key": shown(row["key"], encoding), "Initiated": int(row["begun"]),
        "StorageClass": upload.about.storage_class, "Owner": owner(bucket.account),
        "Initiator": owner(upload.account),
    }  # fmt: skip
    if upload.algorithm:
        document |= {"ChecksumAlgorithm": upload.algorithm, "ChecksumType": upload.checksum_type}
    return document
