"""Aliases of functions: the only home of these rows. They go with their function."""

from functools import partial
from typing import Any

import msgspec

from lambent.arns import function_arn
from lambent.errors import PreconditionFailed, ResourceConflict, ResourceNotFound
from lambent.store.connection import Row
from lambent.store.database import Database, Transaction
from lambent.store.rows import number_of

ALL = 2**31


class StoredAlias(msgspec.Struct, frozen=True, kw_only=True):
    """A name that stands for a version, or for two of them by weight."""

    account: str
    region: str
    name: str  # of the function
    alias: str
    version: str  # "$LATEST" or "1", "2", …
    additional: dict[str, float] = {}  # at most one other version, and the share of the invocations that it gets
    description: str = ""
    revision: str  # UUID of the last change

    @property
    def arn(self) -> str:
        return f"{function_arn(self.account, self.region, self.name)}:{self.alias}"

    @property
    def versions(self) -> tuple[str, ...]:
        """All that it stands for, the one that gets what the weights leave first."""
        return (self.version, *self.additional)


class Aliases:
    """Aliases by account, region, function and name. Reads are sync and fast; a write is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self, alias: StoredAlias) -> None:
        """Store a new alias. Raises ResourceConflict if there is one, ResourceNotFound for a version that is gone."""
        await self._db.transaction(partial(_create, alias=alias))

    def get(self, account: str, region: str, name: str, alias: str) -> StoredAlias | None:
        row = self._db.first("alias_get", account=account, region=region, name=name, alias=alias)
        return _from(row) if row else None

    async def update(self, alias: StoredAlias, expected_revision: str) -> None:
        """Replace one. Raises PreconditionFailed if it is not at that revision, ResourceNotFound for what is gone."""
        await self._db.transaction(partial(_update, alias=alias, expected=expected_revision))

    async def delete(self, account: str, region: str, name: str, alias: str) -> bool:
        """Delete one, and with it the settings of its own; False if there was none."""
        key = {"account": account, "region": region, "name": name}
        return await self._db.transaction(partial(_delete, key=key, alias=alias))

    def page(
        self, account: str, region: str, name: str, *, version: str = "", after: str = "", limit: int = ALL
    ) -> list[StoredAlias]:
        """At most `limit` aliases of a function after one, by name; with `version`, those whose main version it is."""
        rows = self._db.read(
            "aliases_of", account=account, region=region, name=name, version=version, after_alias=after, limit=limit
        )
        return [_from(row) for row in rows]

    def standing_for(self, account: str, region: str, name: str, version: str) -> list[str]:
        """The names of the aliases that stand for a version, with any weight."""
        weighted = self._db.read("aliases_weighted", account=account, region=region, name=name)
        second = {row["alias"] for row in weighted if version in msgspec.json.decode(row["additional"])}
        return sorted(second | {each.alias for each in self.page(account, region, name, version=version)})


def _create(tx: Transaction, alias: StoredAlias) -> None:
    _require_versions(tx, alias)
    if not tx.write("alias_add", **_columns(alias)):
        raise ResourceConflict(f"Alias already exists: {alias.arn}")


def _update(tx: Transaction, alias: StoredAlias, expected: str) -> None:
    _require_versions(tx, alias)
    if not tx.write("alias_update", **_columns(alias), expected=expected):
        raise PreconditionFailed()


def _delete(tx: Transaction, key: dict[str, str], alias: str) -> bool:
    """Whoever makes an alias of the same name later must not find the settings of this one."""
    for query in ("provisioned_remove", "invoke_config_remove", "scaling_target_remove", "scaling_activities_remove"):
        tx.write(query, **key, qualifier=alias)
    return tx.write("alias_delete", **key, alias=alias) == 1


def _require_versions(tx: Transaction, alias: StoredAlias) -> None:
    """An alias never stands for what is not there. Raises ResourceNotFound."""
    key = {"account": alias.account, "region": alias.region, "name": alias.name}
    for version in alias.versions:
        if tx.first("version_get", **key, number=number_of(version)) is None:
            raise ResourceNotFound(f"Function not found: {function_arn(**key)}:{version}")


def _columns(alias: StoredAlias) -> dict[str, Any]:
    return msgspec.structs.asdict(alias) | {"additional": msgspec.json.encode(alias.additional).decode()}


def _from(row: Row) -> StoredAlias:
    columns: dict[str, Any] = dict(row)
    columns["additional"] = msgspec.json.decode(columns["additional"], type=dict[str, float])
    return StoredAlias(**columns)
