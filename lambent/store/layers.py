"""Layers, their immutable versions and who else may use them: the only home of these rows."""

from functools import partial
from typing import Any

import msgspec

from lambent.errors import ResourceConflict, ResourceNotFound
from lambent.store.connection import Row
from lambent.store.database import Database, Transaction

EVERY = 2**62  # above every number that is given out


class StoredLayer(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a layer."""

    account: str
    region: str
    name: str
    number: int  # from 1; 0 before it has one
    details: dict[str, Any]  # members in AWS's names: Description, LicenseInfo, CreatedDate, Compatible…
    code_digest: str  # hex SHA-256 of the zip
    code_size: int  # bytes of the zip

    @property
    def arn(self) -> str:
        """Without a version: the LayerArn."""
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}"

    @property
    def version_arn(self) -> str:
        return f"{self.arn}:{self.number}"


class LayerGrant(msgspec.Struct, frozen=True, kw_only=True):
    """One statement of a layer version's policy: who may get it."""

    statement_id: str
    principal: str  # an account, its root's ARN, or *
    organization: str = ""  # with *: only the accounts of that organization


class Layers:
    """Layers by account, region and name. Reads are sync; what a write changed is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def publish(self, layer: StoredLayer) -> StoredLayer:
        """Store `layer` under the next number of its name, with which it is returned."""
        return await self._db.transaction(partial(_publish, layer=layer))

    def get(self, account: str, region: str, name: str, number: int) -> StoredLayer | None:
        row = self._db.first("layer_version_get", account=account, region=region, name=name, number=number)
        return _from(row) if row else None

    def versions(
        self, account: str, region: str, name: str, before: int = EVERY, limit: int = 100
    ) -> list[StoredLayer]:
        """At most `limit` versions with numbers below `before`, the newest first."""
        rows = self._db.read(
            "layer_versions_of", account=account, region=region, name=name, before_number=before, limit=limit
        )
        return [_from(row) for row in rows]

    def names(self, account: str, region: str, after: str = "", limit: int = 100) -> list[str]:
        """At most `limit` layers that have a version and whose names come after `after`."""
        rows = self._db.read("layer_names", account=account, region=region, after_name=after, limit=limit)
        return [row["name"] for row in rows]

    async def delete(self, account: str, region: str, name: str, number: int) -> None:
        """Delete a version if it is there; its number is never given again."""
        await self._db.write("layer_version_delete", account=account, region=region, name=name, number=number)

    def code_bytes(self, account: str, region: str) -> int:
        """Bytes of the zips of all versions."""
        return int(self._db.read("layer_bytes", account=account, region=region)[0]["code_bytes"])

    def all_digests(self) -> set[str]:
        """The code that any layer version, or any function that once took one, refers to."""
        used = [msgspec.json.decode(row["layer_digests"]) for row in self._db.read("layer_digests_used")]
        return {row["code_digest"] for row in self._db.read("layer_digests_all")}.union(*used)

    def grants(self, layer: StoredLayer) -> list[LayerGrant]:
        """Who may use a version besides its owner."""
        rows = self._db.read("layer_grants_of", **_key(layer))
        return [LayerGrant(**{name: row[name] for name in LayerGrant.__struct_fields__}) for row in rows]

    async def grant(self, layer: StoredLayer, grant: LayerGrant) -> None:
        """Add a statement. Raises ResourceConflict if its id is taken, ResourceNotFound if the version is gone."""
        await self._db.transaction(partial(_grant, layer=layer, grant=grant))

    async def revoke(self, layer: StoredLayer, statement_id: str) -> bool:
        """Remove a statement; False if there is none of that id."""
        return await self._db.write("layer_grant_remove", **_key(layer), statement_id=statement_id) == 1


def _key(layer: StoredLayer) -> dict[str, Any]:
    return {"account": layer.account, "region": layer.region, "name": layer.name, "number": layer.number}


def _publish(tx: Transaction, layer: StoredLayer) -> StoredLayer:
    name = {"account": layer.account, "region": layer.region, "name": layer.name}
    tx.write("layer_add", **name)
    tx.write("layer_next", **name)
    row = tx.first("layer_get", **name)
    assert row is not None
    published = msgspec.structs.replace(layer, number=int(row["last_version"]))
    columns = msgspec.structs.asdict(published) | {"details": msgspec.json.encode(layer.details).decode()}
    tx.write("layer_version_add", **columns)
    return published


def _grant(tx: Transaction, layer: StoredLayer, grant: LayerGrant) -> None:
    if tx.first("layer_version_get", **_key(layer)) is None:
        raise ResourceNotFound(f"Layer version {layer.version_arn} does not exist.")
    if not tx.write("layer_grant_add", **_key(layer), **msgspec.structs.asdict(grant)):
        raise ResourceConflict(
            f"The statement id ({grant.statement_id}) provided already exists. Please provide a new statement id, or "
            "remove the existing statement."
        )


def _from(row: Row) -> StoredLayer:
    columns: dict[str, Any] = dict(row)
    columns["details"] = msgspec.json.decode(columns["details"])
    return StoredLayer(**columns)
