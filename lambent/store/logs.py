"""The tables of CloudWatch Logs, in the database of the durable queue: the only home of these rows."""

from collections.abc import Iterator
from typing import Any, Protocol

from lambent.store.connection import Row
from lambent.store.database import Database

PAGE = 1_000  # rows of one read, as the queries have it
WINDOW = 10_000  # events that are looked through in one read, by whoever wants few of them
Key = tuple[str, str, str]  # account, region, name of the group
Place = tuple[int, int]  # an event's moment and number, by which a group is in order


class Sieve(Protocol):
    """As observe.sieve.Sieve, of which rows need no more."""

    needles: tuple[str, ...]

    def leave_out(self, number: int) -> None: ...


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

    def after(self, key: Key, since: int, until: int, sieve: Sieve) -> Iterator[Row]:
        """The events of a group from one moment to before another, oldest first; from any thread."""
        return self._some("after", key, (since, -1), (until, -1), sieve)

    def before(self, key: Key, since: int, until: int, sieve: Sieve) -> Iterator[Row]:
        """The same, newest first."""
        return self._some("before", key, (until, -1), (since, -1), sieve)

    def _some(self, way: str, key: Key, place: Place, end: Place, sieve: Sieve) -> Iterator[Row]:
        if not 1 <= len(sieve.needles) <= 2:
            yield from self._pages(f"log_events_{way}", key, place, end)
            return
        holds = {"one": sieve.needles[0], "other": sieve.needles[-1] if len(sieve.needles) > 1 else ""}
        far: Place | None = place
        while far is not None:
            far = self._far(way, key, place, end)
            yield from self._pages(f"log_events_that_hold_{way}", key, place, far or end, **holds)
            sieve.leave_out(WINDOW)
            place = far or end

    def _far(self, way: str, key: Key, place: Place, end: Place) -> Place | None:
        """Where so many events end that they are left out in one step; None: there are not so many."""
        row = self._db.first(f"log_events_far_{way}", **_between(key, place, end), skipped=WINDOW - 1)
        return None if row is None else (row["at"], row["id"])

    def _pages(self, query: str, key: Key, place: Place, end: Place, **holds: str) -> Iterator[Row]:
        while rows := self._db.read(query, **_between(key, place, end), **holds):
            yield from rows
            if len(rows) < PAGE:
                return
            place = (rows[-1]["at"], rows[-1]["id"])


def _between(key: Key, place: Place, end: Place) -> dict[str, Any]:
    names = ("account", "region", "group_name", "at", "id", "end_at", "end_id")
    return dict(zip(names, (*key, *place, *end), strict=True))
