"""The tables of SNS, in the database of the durable queue: the only home of these rows."""

from lambent.store.connection import Row
from lambent.store.database import Database


class SnsStore:
    """Rows as they are read at the start; what changes them goes through the ledger."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def topics(self) -> list[Row]:
        return self._db.read("sns_topics_all")

    def subscriptions(self) -> list[Row]:
        return self._db.read("sns_subscriptions_all")

    def deliveries(self) -> list[Row]:
        return self._db.read("sns_deliveries_all")

    def dedups(self, now: float) -> list[Row]:
        return self._db.read("sns_dedups_all", now=now)

    def last_delivery(self) -> int:
        row = self._db.first("sns_delivery_last")
        return int(row["last"]) if row else 0
