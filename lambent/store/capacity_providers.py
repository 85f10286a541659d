"""Capacity providers: the only home of these rows."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from lambent.errors import AwsError, ResourceConflict, ResourceNotFound
from lambent.store.connection import Row
from lambent.store.database import Database, Transaction

MOST = 1000  # of an account in a region, which is AWS's quota


class StoredProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A capacity provider as it was asked for."""

    account: str
    region: str
    name: str
    details: dict[str, Any]  # members of CapacityProvider in AWS's names, without those that follow from others
    tags: dict[str, str] = {}
    last_modified: str  # "2026-01-31T12:00:00.000+0000"

    @property
    def arn(self) -> str:
        return provider_arn(self.account, self.region, self.name)


def provider_arn(account: str, region: str, name: str) -> str:
    return f"arn:aws:lambda:{region}:{account}:capacity-provider:{name}"


Change = Callable[[StoredProvider], StoredProvider]


class CapacityProviders:
    """Capacity providers by account, region and name. Reads are sync; what a write changed is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self, provider: StoredProvider) -> None:
        """Raises ResourceConflict for a name that is taken, and AWS's error where there are too many."""
        await self._db.transaction(partial(_create, provider=provider))

    def get(self, account: str, region: str, name: str) -> StoredProvider | None:
        row = self._db.first("capacity_provider_get", account=account, region=region, name=name)
        return _from(row) if row else None

    def page(self, account: str, region: str, after: str = "", limit: int = MOST) -> list[StoredProvider]:
        """At most `limit` whose names come after `after`, by name."""
        rows = self._db.read("capacity_providers_of", account=account, region=region, after_name=after, limit=limit)
        return [_from(row) for row in rows]

    async def change(self, account: str, region: str, name: str, change: Change) -> StoredProvider:
        """Store what `change` makes of one. Raises what it raises, and ResourceNotFound."""
        key = {"account": account, "region": region, "name": name}
        return await self._db.transaction(partial(_change, key=key, change=change))

    async def delete(self, account: str, region: str, name: str) -> bool:
        """False if there was none."""
        return await self._db.write("capacity_provider_delete", account=account, region=region, name=name) == 1


def _create(tx: Transaction, provider: StoredProvider) -> None:
    count = tx.first("capacity_providers_count", account=provider.account, region=provider.region)
    if count is not None and count["number"] >= MOST:
        raise AwsError(
            f"The maximum number of capacity providers ({MOST}) for your account in this Region has been reached.",
            code="CapacityProviderLimitExceededException",
            status=400,
        )
    if not tx.write("capacity_provider_add", **_columns(provider)):
        raise ResourceConflict(f"Capacity provider already exists: {provider.arn}")


def _change(tx: Transaction, key: dict[str, str], change: Change) -> StoredProvider:
    row = tx.first("capacity_provider_get", **key)
    if row is None:
        raise ResourceNotFound(f"Capacity provider not found: {provider_arn(**key)}")
    changed = change(_from(row))
    tx.write("capacity_provider_replace", **_columns(changed))
    return changed


def _columns(provider: StoredProvider) -> dict[str, Any]:
    columns = msgspec.structs.asdict(provider)
    return columns | {name: msgspec.json.encode(columns[name]).decode() for name in ("details", "tags")}


def _from(row: Row) -> StoredProvider:
    columns: dict[str, Any] = dict(row)
    return StoredProvider(**columns | {name: msgspec.json.decode(columns[name]) for name in ("details", "tags")})
