"""Batches: ten entries at most, each with an id of its own. Source: Amazon SQS API Reference; recordings of AWS."""

import re
from typing import Any

from lambent.errors import AwsError
from lambent.model import Document
from lambent.services.sqs.contents import attributes_from
from lambent.services.sqs.nouns import MAX_BODY, attributes_size

Entry = dict[str, Any]
MOST_ENTRIES = 10
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def check_entries(entries: list[Entry]) -> list[Entry]:
    if not entries:
        raise _refused("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > MOST_ENTRIES:
        raise _refused(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(entries)}.",
        )
    seen: set[str] = set()
    for entry in entries:
        identifier = entry.get("Id") or ""
        if not _ID.fullmatch(identifier):
            raise _refused(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most "
                "80 letters long.",
            )
        if identifier in seen:
            raise _refused("BatchEntryIdsNotDistinct", f"Id {identifier} repeated.")
        seen.add(identifier)
    return entries


def check_size(entries: list[Entry]) -> None:
    size = sum(
        len((entry.get("MessageBody") or "").encode())
        + attributes_size(attributes_from(entry.get("MessageAttributes") or {}))
        for entry in entries
    )
    if size > MAX_BODY:
        raise _refused(
            "BatchRequestTooLong", f"Batch requests cannot be longer than {MAX_BODY} bytes. You have sent {size} bytes."
        )


def failed(entry: Entry, error: AwsError) -> Document:
    """The BatchResultErrorEntry of an entry."""
    server = (error.status or 400) >= 500
    return {
        "Id": entry["Id"],
        "SenderFault": not server,
        "Code": _CODES.get(error.code, error.code),
        "Message": error.message,
    }


# In a batch's answer AWS names errors as the query protocol does.
_CODES = {
    "InvalidParameterValueException": "InvalidParameterValue",
    "MissingRequiredParameterException": "MissingParameter",
}


def _refused(code: str, message: str) -> AwsError:
    return AwsError(message, code=code, status=400)
