"""Conditional requests (RFC 9110, section 13; Amazon S3 API Reference, GetObject): decisions without I/O."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lambent.errors import AwsError
from lambent.services.s3 import errors
from lambent.services.s3.nouns import Stored
from lambent.wire.timestamps import moment

NOT_ACCEPTED = "We don't accept the provided value of If-None-Match header for this API"


def names(header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match header names that ETag."""
    given = [each.strip().removeprefix("W/").strip('"') for each in header.split(",")]
    return "*" in given or etag in given


def _changed_after(found: Stored, at: Any) -> bool:
    return moment(int(found.modified)) > (at if isinstance(at, datetime) else moment(at))


def judge_read(parameters: Mapping[str, Any], found: Stored, prefix: str = "") -> AwsError | None:
    """What a GET or HEAD answers instead of the object; `prefix` is CopySource for the source of a copy."""
    if_match = parameters.get(f"{prefix}IfMatch")
    if_none = parameters.get(f"{prefix}IfNoneMatch")
    since, unless = parameters.get(f"{prefix}IfModifiedSince"), parameters.get(f"{prefix}IfUnmodifiedSince")
    header = "x-amz-copy-source-" if prefix else ""
    untouched = errors.precondition_failed(f"{header}If-None-Match") if prefix else errors.not_modified()
    if if_match is not None:
        if not names(if_match, found.etag):
            return errors.precondition_failed(f"{header}If-Match")
    elif unless is not None and _changed_after(found, unless):
        return errors.precondition_failed(f"{header}If-Unmodified-Since")
    if if_none is not None:
        return untouched if names(if_none, found.etag) else None
    if since is not None and not _changed_after(found, since):
        return errors.precondition_failed(f"{header}If-Modified-Since") if prefix else errors.not_modified()
    return None


def judge_write(parameters: Mapping[str, Any], current: Stored | None, key: str) -> None:
    """Raises AwsError if what is there is not what the writer demands. A delete marker is as nothing."""
    found = None if current is None or current.marker else current
    if_none, if_match = parameters.get("IfNoneMatch"), parameters.get("IfMatch")
    if if_none is not None and if_match is not None:
        raise _implied("If-Match,If-None-Match", "Multiple conditional request headers present in the request")
    if if_none is not None:
        if if_none != "*":
            raise _implied("If-None-Match", NOT_ACCEPTED)
        if found is not None:
            raise errors.precondition_failed("If-None-Match")
    if if_match is not None:
        if found is None:
            raise errors.no_key(key)
        if not names(if_match, found.etag):
            raise errors.precondition_failed("If-Match")


def _implied(header: str, why: str) -> AwsError:
    """A header that S3 knows, used as S3 does not let it be used."""
    message = "A header you provided implies functionality that is not implemented"
    return AwsError(message, code="NotImplemented", status=501, Header=header, additionalMessage=why)
