"""Functions and versions as they are kept, and their way into columns and back."""

from typing import Any

import msgspec

from lambent.errors import InvalidParameterValue
from lambent.store.connection import Row

LATEST = "$LATEST"


class StoredFunction(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a function apart from its versions."""

    account: str
    region: str
    name: str
    created_at: float  # epoch seconds
    last_version: int = 0  # number given out last, 0 for none; goes on counting after a delete
    tags: dict[str, str] = {}


class StoredVersion(msgspec.Struct, frozen=True, kw_only=True):
    """`$LATEST` or a published version as the API shows it, without the members that follow from others."""

    account: str
    region: str
    name: str
    version: str  # "$LATEST" or "1", "2", …
    revision: str  # UUID of the last change
    config: dict[str, Any]  # FunctionConfiguration members in AWS's names; must be JSON
    code_digest: str  # hex SHA-256 of the zip
    code_size: int  # bytes of the zip
    layer_digests: tuple[str, ...] = ()  # code of its layers, in order; kept even if the layer is deleted
    state: str = "Active"
    state_reason: str | None = None
    state_reason_code: str | None = None
    last_update_status: str | None = "Successful"
    last_update_status_reason: str | None = None
    last_update_status_reason_code: str | None = None
    last_modified: str  # "2026-01-31T12:00:00.000+0000"


Versions = list[StoredVersion]


def number_of(version: str) -> int:
    """The number that a version is kept under: 0 for $LATEST. Raises InvalidParameterValue for anything else."""
    if version == LATEST:
        return 0
    if version.isascii() and version.isdigit() and version[0] != "0" and len(version) <= 18:
        return int(version)
    raise InvalidParameterValue(f"{version!r} is not a version: it should be $LATEST or a number from 1")


def version_columns(version: StoredVersion) -> dict[str, Any]:
    """The parameters of the queries that store a version."""
    columns = msgspec.structs.asdict(version)
    columns["number"] = number_of(columns.pop("version"))
    columns["config"] = msgspec.json.encode(version.config).decode()
    columns["layer_digests"] = msgspec.json.encode(version.layer_digests).decode()
    return columns


def version_from(row: Row) -> StoredVersion:
    """The version in a row of `function_versions`."""
    columns: dict[str, Any] = dict(row)
    number = columns.pop("number")
    columns["version"] = str(number) if number else LATEST
    columns["config"] = msgspec.json.decode(columns["config"])
    columns["layer_digests"] = tuple(msgspec.json.decode(columns["layer_digests"]))
    return StoredVersion(**columns)
