"""The tables of EventBridge Scheduler, in the database of the durable queue: the only home of these rows."""

from lambent.store.connection import Row
from lambent.store.database import Database


class SchedulerStore:
    """Rows as they are read at the start; what changes them goes through the ledger."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def groups(self) -> list[Row]:
        return self._db.read("schedule_groups_all")

    def schedules(self) -> list[Row]:
        return self._db.read("schedules_all")
