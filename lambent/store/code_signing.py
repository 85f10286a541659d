"""Code signing configurations, which functions have them, and whose signatures are believed: the home of these rows."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from lambent.arns import function_arn
from lambent.errors import CodeSigningConfigGone, ResourceConflict, ResourceNotFound
from lambent.store.connection import Row
from lambent.store.database import Database, Transaction

ALL = 2**31

Key = tuple[str, str, str]  # account, region, id of a configuration


class StoredSigning(msgspec.Struct, frozen=True, kw_only=True):
    """A CodeSigningConfig: who may have signed what its functions run, and what becomes of other code."""

    account: str
    region: str
    id: str  # csc-…
    publishers: tuple[str, ...]  # ARNs of profile versions
    policy: str = "Warn"  # or Enforce
    description: str | None = None
    last_modified: str
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return signing_arn((self.account, self.region, self.id))


class StoredProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile version whose signatures are believed."""

    arn: str
    certificates: str  # PEM
    own: bool  # made by `lambent signing create`
    created_at: float  # epoch seconds


def signing_arn(key: Key) -> str:
    account, region, own = key
    return f"arn:aws:lambda:{region}:{account}:code-signing-config:{own}"


def gone(arn: str) -> CodeSigningConfigGone:
    return CodeSigningConfigGone(
        f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}."
    )


Change = Callable[[StoredSigning], StoredSigning]


class CodeSigning:
    """Reads are sync; what a write changed is on disk on return. What a function has goes with the function."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self, config: StoredSigning) -> None:
        await self._db.write("code_signing_add", **_columns(config))

    def get(self, key: Key) -> StoredSigning | None:
        return _found(self._db.first("code_signing_get", **_key(key)))

    async def change(self, key: Key, change: Change) -> StoredSigning | None:
        """Store what `change` makes of one; None if there is none. Raises what `change` raises."""
        return await self._db.transaction(partial(_change, key=_key(key), change=change))

    async def remove(self, key: Key) -> bool:
        """False if there is none. Raises ResourceConflict while a function has it."""
        return await self._db.transaction(partial(_remove, key=_key(key)))

    def page(self, account: str, region: str, after: str = "", limit: int = ALL) -> list[StoredSigning]:
        """At most `limit` whose ids come after `after`, by id."""
        rows = self._db.read("code_signing_page", account=account, region=region, after_id=after, limit=limit)
        return [_from(row) for row in rows]

    def of(self, account: str, region: str, name: str) -> StoredSigning | None:
        """The configuration of a function, if it has one."""
        return _found(self._db.first("code_signing_of", account=account, region=region, name=name))

    async def attach(self, key: Key, name: str) -> None:
        """Let a function have a configuration. Raises CodeSigningConfigGone, and ResourceNotFound for the function."""
        await self._db.transaction(partial(_attach, key=key, name=name))

    async def detach(self, account: str, region: str, name: str) -> bool:
        """False if it had none."""
        return await self._db.write("code_signing_detach", account=account, region=region, name=name) == 1

    def functions(self, key: Key, after: str = "", limit: int = ALL) -> list[str]:
        """The names of at most `limit` functions that have a configuration, by name."""
        rows = self._db.read("code_signing_functions", **_key(key), after_name=after, limit=limit)
        return [row["name"] for row in rows]

    async def trust(self, profile: StoredProfile) -> bool:
        """Believe a profile version; False if it is known already, and nothing is changed."""
        return await self._db.write("signing_profile_put", **msgspec.structs.asdict(profile)) == 1

    def profile(self, arn: str) -> StoredProfile | None:
        row = self._db.first("signing_profile_get", arn=arn)
        return _profile(row) if row else None

    def profiles(self) -> list[StoredProfile]:
        """Every profile version that is believed."""
        return [_profile(row) for row in self._db.read("signing_profiles")]

    async def revoke(self, arn: str, now: float) -> None:
        """Of a profile version or a signing job; for ever, as with AWS Signer."""
        await self._db.write("signing_revoke", arn=arn, revoked_at=now)

    def revocations(self) -> dict[str, float]:
        """When (epoch seconds) what was revoked."""
        return {row["arn"]: row["revoked_at"] for row in self._db.read("signing_revocations")}

    def is_revoked(self, profile: str, job: str) -> bool:
        return self._db.first("signing_revoked", profile=profile, job=job) is not None


def _change(tx: Transaction, key: dict[str, str], change: Change) -> StoredSigning | None:
    found = _found(tx.first("code_signing_get", **key))
    if found is None:
        return None
    changed = change(found)
    tx.write("code_signing_put", **_columns(changed))
    return changed


def _remove(tx: Transaction, key: dict[str, str]) -> bool:
    if tx.first("code_signing_functions", **key, after_name="", limit=1) is not None:
        raise ResourceConflict(
            "The code signing configuration cannot be deleted while functions use it. "
            "ListFunctionsByCodeSigningConfig names them."
        )
    return tx.write("code_signing_remove", **key) == 1


def attach(tx: Transaction, key: Key, name: str) -> None:
    """Part of a transaction in which the function is there. Raises CodeSigningConfigGone."""
    if tx.first("code_signing_get", **_key(key)) is None:
        raise gone(signing_arn(key))
    tx.write("code_signing_attach", **_key(key), name=name)


def _attach(tx: Transaction, key: Key, name: str) -> None:
    account, region, _ = key
    if tx.first("function_get", account=account, region=region, name=name) is None:
        raise ResourceNotFound(f"Function not found: {function_arn(account, region, name)}")
    attach(tx, key, name)


def _key(key: Key) -> dict[str, str]:
    account, region, own = key
    return {"account": account, "region": region, "id": own}


def _columns(config: StoredSigning) -> dict[str, Any]:
    encoded = {name: msgspec.json.encode(getattr(config, name)).decode() for name in ("publishers", "tags")}
    return msgspec.structs.asdict(config) | encoded


def _found(row: Row | None) -> StoredSigning | None:
    return _from(row) if row else None


def _from(row: Row) -> StoredSigning:
    columns: dict[str, Any] = dict(row)
    columns["publishers"] = msgspec.json.decode(columns["publishers"], type=tuple[str, ...])
    columns["tags"] = msgspec.json.decode(columns["tags"], type=dict[str, str])
    return StoredSigning(**columns)


def _profile(row: Row) -> StoredProfile:
    columns: dict[str, Any] = dict(row)
    return StoredProfile(**(columns | {"own": bool(columns["own"])}))
