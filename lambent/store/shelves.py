"""What is kept for a while only: failed events and the outbox, each a shelf from which the oldest go first."""

from collections.abc import Sequence
from typing import NamedTuple

from lambent.store.database import Database


class Item(NamedTuple):
    """One row of a shelf."""

    id: int
    at: float  # epoch seconds when it came
    size: int  # bytes that it counts for


class Shelf:
    """One table of the queue's database; `name` is how its queries begin. Reads are sync; `totals` takes a while."""

    def __init__(self, db: Database, name: str) -> None:
        self._db = db
        self.name = name

    def totals(self) -> tuple[int, int]:
        """(how many items there are, the bytes that they count for)."""
        row = self._db.first(f"{self.name}_size")
        return (row["number"], row["size"]) if row else (0, 0)

    def oldest(self, limit: int) -> list[Item]:
        return [Item(row["id"], row["at"], row["size"]) for row in self._db.read(f"{self.name}_oldest", limit=limit)]

    async def drop(self, ids: Sequence[int]) -> None:
        rows = [{"id": each} for each in ids]
        await self._db.transaction(lambda tx: tx.write_many(f"{self.name}_drop", rows))
