"""Functions, their versions and tags: the only home of these rows."""

from collections.abc import Iterable, Mapping
from functools import partial

import msgspec

from lambent.arns import function_arn
from lambent.errors import PreconditionFailed, ResourceConflict, ResourceNotFound
from lambent.store.code_signing import attach
from lambent.store.database import Database, Transaction
from lambent.store.rows import LATEST, StoredFunction, StoredVersion, Versions, number_of, version_columns, version_from

__all__ = ["LATEST", "Functions", "StoredFunction", "StoredVersion"]


class Functions:
    """Functions by account, region and name. Reads are sync and fast; what a write changed is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(
        self, function: StoredFunction, latest: StoredVersion, *, code_signing: str = ""
    ) -> StoredFunction:
        """Store a new function with its $LATEST, tags and the id of its code signing configuration, if it has one.

        Raises ResourceConflict if the name is taken, CodeSigningConfigGone.
        """
        work = partial(_create, function=function, latest=latest, code_signing=code_signing)
        return await self._db.transaction(work)

    def get(self, account: str, region: str, name: str) -> StoredFunction:
        """The function with its tags. Raises ResourceNotFound."""
        row = self._db.first("function_get", account=account, region=region, name=name)
        if row is None:
            raise _not_found(account, region, name)
        tags = self.tags(account, region, name)
        return StoredFunction(**dict(row), tags=tags)

    def get_version(self, account: str, region: str, name: str, version: str = LATEST) -> StoredVersion:
        """One version. Raises ResourceNotFound, which names what was asked for."""
        row = self._db.first("version_get", account=account, region=region, name=name, number=number_of(version))
        if row is None:
            raise _not_found(account, region, name, version)
        return version_from(row)

    async def update_latest(self, version: StoredVersion, expected_revision: str | None) -> None:
        """Replace $LATEST. Raises PreconditionFailed if it is not at `expected_revision` (None: at any)."""
        await self._db.transaction(partial(_update_latest, version=version, expected=expected_revision))

    async def settle(self, version: StoredVersion, expected_revision: str) -> bool:
        """Store only the revision and the six state members of `version`; False, and nothing done, if it is no longer
        at `expected_revision` or is gone.
        """
        columns = version_columns(version)
        return await self._db.write("version_settle", **columns, expected=expected_revision) == 1

    async def publish(self, snapshot: StoredVersion, expected_revision: str | None) -> StoredVersion:
        """Store `snapshot` under the next number (its own `version` is ignored), which it is returned with.

        Raises PreconditionFailed if $LATEST is not at `expected_revision` (None: at any), ResourceNotFound.
        """
        return await self._db.transaction(partial(_publish, snapshot=snapshot, expected=expected_revision))

    def list(self, account: str, region: str, after: str | None = None, limit: int = 50) -> Versions:
        """$LATEST of at most `limit` functions whose names come after `after`, by name."""
        rows = self._db.read("versions_latest", account=account, region=region, after_name=after or "", limit=limit)
        return [version_from(row) for row in rows]

    def list_all_versions(
        self, account: str, region: str, after: tuple[str, str] | None = None, limit: int = 50
    ) -> Versions:
        """At most `limit` versions of all functions after (name, version), by name and number, $LATEST first."""
        name, number = (after[0], number_of(after[1])) if after else ("", -1)
        rows = self._db.read(
            "versions_all", account=account, region=region, after_name=name, after_number=number, limit=limit
        )
        return [version_from(row) for row in rows]

    def list_versions(
        self, account: str, region: str, name: str, after: str | None = None, limit: int = 50
    ) -> Versions:
        """At most `limit` versions of one function after `after`, $LATEST first. Raises ResourceNotFound."""
        number = number_of(after) if after else -1
        rows = self._db.read("versions_of", account=account, region=region, name=name, after_number=number, limit=limit)
        if not rows:
            self.get(account, region, name)
        return [version_from(row) for row in rows]

    async def delete(self, account: str, region: str, name: str) -> None:
        """Delete a function with all its versions and tags. Raises ResourceNotFound."""
        if not await self._db.write("function_delete", account=account, region=region, name=name):
            raise _not_found(account, region, name)

    async def delete_version(self, account: str, region: str, name: str, version: str) -> None:
        """Delete a published version; its number is never given again.

        Raises ResourceConflict for $LATEST, which goes only with its function, and ResourceNotFound.
        """
        if version == LATEST:
            raise ResourceConflict("$LATEST version cannot be deleted without deleting the function.")
        number = number_of(version)
        if not await self._db.write("version_delete", account=account, region=region, name=name, number=number):
            raise _not_found(account, region, name, version)

    def tags(self, account: str, region: str, name: str) -> dict[str, str]:
        """The tags of a function, by key; empty also for a function that does not exist."""
        rows = self._db.read("tags_get", account=account, region=region, name=name)
        return {row["tag_key"]: row["tag_value"] for row in rows}

    async def put_tags(self, account: str, region: str, name: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite these tags. Raises ResourceNotFound."""
        await self._db.transaction(partial(_put_tags, key=(account, region, name), tags=tags))

    async def remove_tags(self, account: str, region: str, name: str, keys: Iterable[str]) -> None:
        """Remove the tags with these keys; keys that are not there do not matter. Raises ResourceNotFound."""
        await self._db.transaction(partial(_remove_tags, key=(account, region, name), tag_keys=list(keys)))

    def totals(self, account: str, region: str) -> tuple[int, int]:
        """(number of functions, bytes of the zips of all their versions)."""
        row = self._db.read("function_totals", account=account, region=region)[0]
        return row["function_count"], row["code_bytes"]

    def all_latest(self) -> Versions:
        """$LATEST of every function of every account and region, for start-up."""
        return [version_from(row) for row in self._db.read("versions_everywhere")]

    def unsettled(self) -> Versions:
        """Versions that are Pending or have an update in progress: at start-up, what a crash left half-way."""
        return [version_from(row) for row in self._db.read("versions_unsettled")]

    def unsealed(self) -> Versions:
        """Versions whose environment variables are stored as they are, as an older Lambent did."""
        found = [version_from(row) for row in self._db.read("versions_unsealed")]
        return [version for version in found if "Variables" in (version.config.get("Environment") or {})]

    async def store_config(self, version: StoredVersion) -> None:
        """Store only the configuration of `version`, unless it has changed meanwhile."""
        await self._db.write("version_config", **version_columns(version))

    def all_digests(self) -> set[str]:
        """The code that any version refers to; all other code is garbage."""
        return {row["code_digest"] for row in self._db.read("digests_all")}


Key = tuple[str, str, str]  # account, region, name


def _create(tx: Transaction, function: StoredFunction, latest: StoredVersion, code_signing: str = "") -> StoredFunction:
    account, region, name = key = (function.account, function.region, function.name)
    created = function.created_at
    if not tx.write("function_add", account=account, region=region, name=name, created_at=created):
        raise ResourceConflict(f"Function already exist: {name}")
    tx.write("counter_add", account=account, region=region, name=name)
    tx.write("version_add", **version_columns(msgspec.structs.replace(latest, version=LATEST)))
    if function.tags:
        _put_tags(tx, key, function.tags)
    if code_signing:
        attach(tx, (account, region, code_signing), name)
    return msgspec.structs.replace(function, last_version=_require(tx, key))


def _update_latest(tx: Transaction, version: StoredVersion, expected: str | None) -> None:
    columns = version_columns(msgspec.structs.replace(version, version=LATEST))
    if not tx.write("version_update", **columns, expected=expected):
        _require(tx, (version.account, version.region, version.name))
        raise PreconditionFailed()


def _publish(tx: Transaction, snapshot: StoredVersion, expected: str | None) -> StoredVersion:
    account, region, name = key = (snapshot.account, snapshot.region, snapshot.name)
    latest = tx.first("version_get", account=account, region=region, name=name, number=0)
    if latest is None:
        raise _not_found(*key)
    if expected is not None and latest["revision"] != expected:
        raise PreconditionFailed()
    tx.write("counter_next", account=account, region=region, name=name)
    published = msgspec.structs.replace(snapshot, version=str(_require(tx, key)))
    tx.write("version_add", **version_columns(published))
    return published


def _put_tags(tx: Transaction, key: Key, tags: Mapping[str, str]) -> None:
    _require(tx, key)
    account, region, name = key
    for tag_key, tag_value in tags.items():
        tx.write("tag_put", account=account, region=region, name=name, tag_key=tag_key, tag_value=tag_value)


def _remove_tags(tx: Transaction, key: Key, tag_keys: Iterable[str]) -> None:
    _require(tx, key)
    account, region, name = key
    for tag_key in tag_keys:
        tx.write("tag_remove", account=account, region=region, name=name, tag_key=tag_key)


def _require(tx: Transaction, key: Key) -> int:
    """The number given out last for a function that is there. Raises ResourceNotFound."""
    account, region, name = key
    row = tx.first("function_get", account=account, region=region, name=name)
    if row is None:
        raise _not_found(account, region, name)
    return int(row["last_version"])


def _not_found(account: str, region: str, name: str, version: str = LATEST) -> ResourceNotFound:
    arn = function_arn(account, region, name)
    return ResourceNotFound(f"Function not found: {arn}" + ("" if version == LATEST else f":{version}"))
