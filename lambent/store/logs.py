"""The tables of CloudWatch Logs, in the database of the durable queue: the only home of these rows."""

from collections.abc import Iterator

from lambent.store.connection import Row
from lambent.store.database import Database

FAR = 1 << 62
Key = tuple[str, str, str]  # account, region, name of the group


class LogsStore:
    """Rows as they are read; what changes them goes through the ledger."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def groups(self) -> list[Row]:
        return self._db.read("log_groups_all")

    def streams(self) -> list[Row]:
        return self._db.read("log_streams_all")

    def marks(self) -> list[Row]:
        return self._db.read("log_marks_all")

    def last_event(self) -> int:
        return int(self._db.read("log_events_last")[0]["id"])

    def sizes(self) -> dict[Key, tuple[int, int]]:
        """Events and characters of every group that holds any."""
        rows = self._db.read("log_events_sizes")
        return {(row["account"], row["region"], row["group_name"]): (row["number"], row["size"]) for row in rows}

    def after(self, key: Key, since: int, until: int) -> Iterator[Row]:
        """The events of a group from one moment to before another, oldest first; from any thread."""
        return self._pages("log_events_after", key, (since, until), (-1, 0))

    def before(self, key: Key, since: int, until: int) -> Iterator[Row]:
        """The same, newest first."""
        return self._pages("log_events_before", key, (since, until), (FAR, 0))

    def _pages(self, query: str, key: Key, span: tuple[int, int], place: tuple[int, int]) -> Iterator[Row]:
        account, region, name = key
        while rows := self._db.read(
            query, account=account, region=region, group_name=name, since=span[0], until=span[1], at=place[0],
            id=place[1],
        ):  # fmt: skip
            yield from rows
            place = (rows[-1]["at"], rows[-1]["id"])
