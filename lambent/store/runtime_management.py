"""When the runtime of a version may be replaced: the only home of these rows. They go with their version."""

from functools import partial
from typing import Any

import msgspec

from lambent.arns import function_arn
from lambent.errors import ResourceNotFound
from lambent.store.database import Database, Transaction
from lambent.store.rows import number_of

AUTO, MANUAL = "Auto", "Manual"


class RuntimeManagement(msgspec.Struct, frozen=True):
    """AWS's UpdateRuntimeOn, and the ARN of the runtime version that Manual names."""

    update_on: str = AUTO
    runtime_version_arn: str = ""


class RuntimeManagements:
    """By function and version. Reads are sync; what a write changed is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, account: str, region: str, name: str, version: str) -> RuntimeManagement:
        """What was said for the version, or the default."""
        row = self._db.first("runtime_management_get", **_key(account, region, name, version))
        return RuntimeManagement(row["update_on"], row["runtime_version_arn"]) if row else RuntimeManagement()

    async def put(self, account: str, region: str, name: str, version: str, wanted: RuntimeManagement) -> None:
        """Say it. Raises ResourceNotFound if the version is gone."""
        await self._db.transaction(partial(_put, key=_key(account, region, name, version), wanted=wanted))


def _key(account: str, region: str, name: str, version: str) -> dict[str, Any]:
    return {"account": account, "region": region, "name": name, "number": number_of(version)}


def _put(tx: Transaction, key: dict[str, Any], wanted: RuntimeManagement) -> None:
    if tx.first("version_get", **key) is None:
        raise ResourceNotFound(f"Function not found: {function_arn(key['account'], key['region'], key['name'])}")
    tx.write("runtime_management_put", **key, **msgspec.structs.asdict(wanted))
