"""What an older Lambent, which had no queues, topics, buses and buckets, would have sent there: calls of AWS's APIs.

Nothing comes into the outbox any more; what is in it is shown, and goes when its days are over or it is purged.
"""

from typing import Any

import msgspec

from lambent.store.connection import Row
from lambent.store.database import Database, Transaction
from lambent.store.kept import AT_ONCE, Which


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One message of the outbox, whole: `parameters` are those of the operation besides the body."""

    id: int
    request_id: str
    account: str
    region: str
    name: str
    qualifier: str
    kind: str
    success: bool
    target: str
    operation: str  # SendMessage | Publish | PutEvents | PutObject
    body: bytes
    parameters: dict[str, Any]
    delivered: float  # epoch seconds


class OutboxStore:
    """What a write changed is on disk on return. Reads are sync; of a long list they take a while."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def listed(self, which: Which, limit: int) -> list[dict[str, Any]]:
        """Without bodies and parameters, oldest first."""
        rows = self._db.read("outbox_list", **msgspec.structs.asdict(which), limit=limit)
        return [{column: row[column] for column in row.keys()} for row in rows]  # noqa: SIM118  a row is no mapping

    def of_request(self, request_id: str) -> list[Sent]:
        return [_sent(row) for row in self._db.read("outbox_of_request", request_id=request_id)]

    def last(self) -> int:
        """The highest number there is."""
        row = self._db.first("outbox_last")
        return int(row["last"]) if row else 0

    async def purge(self, which: Which) -> tuple[int, int]:
        """Forget the next few: how many, and the number after which to go on (0: these were the last)."""
        columns = msgspec.structs.asdict(which)

        def purge(tx: Transaction) -> tuple[int, int]:
            ids = [row["id"] for row in tx.read("outbox_next", **columns, limit=AT_ONCE)]
            tx.write_many("outbox_drop", [{"id": each} for each in ids])
            return len(ids), ids[-1] if len(ids) == AT_ONCE else 0

        return await self._db.transaction(purge)


def _sent(row: Row) -> Sent:
    columns = {name: row[name] for name in Sent.__struct_fields__}
    parameters = msgspec.json.decode(row["parameters"])
    return Sent(**columns | {"success": bool(row["success"]), "parameters": parameters})
