"""Access keys: the only home of these rows. Their secrets lie here sealed; iam.keys opens them."""

from typing import Any

import msgspec

from lambent.store.database import Database


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """One access key of a user, or of an account's root."""

    access_key: str
    account: str
    user_name: str  # "": root
    secret: str  # sealed
    created_at: float  # epoch seconds


class AccessKeys:
    """Reads are sync and fast; a write is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> list[StoredKey]:
        """By account, user and age."""
        rows: list[dict[str, Any]] = [dict(row) for row in self._db.read("access_keys_all")]
        return [StoredKey(**row) for row in rows]

    async def add(self, key: StoredKey) -> bool:
        """False if there is one with that id."""
        return await self._db.write("access_key_add", **msgspec.structs.asdict(key)) == 1

    async def remove(self, access_key: str) -> bool:
        """False if there was none."""
        return await self._db.write("access_key_remove", access_key=access_key) == 1
