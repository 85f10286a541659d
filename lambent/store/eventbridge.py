"""The tables of EventBridge, in the database of the durable queue: the only home of these rows."""

from typing import NamedTuple

from lambent.store.connection import Row
from lambent.store.database import Database


class Span(NamedTuple):
    """Events of an archive between two moments (epoch seconds), after one that has been seen."""

    archive: str  # ARN
    first: float
    until: float
    last_at: float
    last_id: int


class EventBridgeStore:
    """Rows as they are read; what changes them goes through the ledger."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def buses(self) -> list[Row]:
        return self._db.read("event_buses_all")

    def rules(self) -> list[Row]:
        return self._db.read("event_rules_all")

    def archives(self) -> list[Row]:
        return self._db.read("event_archives_all")

    def replays(self) -> list[Row]:
        return self._db.read("event_replays_all")

    def archived(self, span: Span, most: int) -> list[Row]:
        """In order of their times."""
        return self._db.read("event_archived_page", **span._asdict(), most=most)

    def archived_size(self, archive: str) -> tuple[int, int]:
        """How many events there are, and their bytes."""
        row = self._db.first("event_archived_size", archive=archive)
        return (int(row["events"]), int(row["bytes"])) if row else (0, 0)

    def last_archived(self) -> int:
        row = self._db.first("event_archived_last")
        return int(row["last"]) if row else 0
