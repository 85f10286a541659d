"""The durable queue of accepted events, in a database of its own: its traffic holds up no operation of the API."""

import itertools
from collections.abc import Iterable, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lambent.model import Event
from lambent.store import migrations, queries
from lambent.store.connection import Row
from lambent.store.database import Database, Transaction

SQL = queries.SQL / "queue"
EVENT_BYTES = 1024  # that an event takes in memory besides its payload
MOST_BYTES = 8 * 1024 * 1024  # of events that are taken at once
LARGEST_ANSWER = 65_536  # bytes of an answer that are kept of an event that failed

FunctionKey = tuple[str, str, str]  # account, region, name
Rows = Sequence[tuple[str, dict[str, Any]]]  # name of the query, its parameters


class Backlog(NamedTuple):
    """What a function has waiting."""

    function: FunctionKey
    waiting: int
    due: float  # epoch seconds, of the first


class Again(NamedTuple):
    """An event that is to be tried again, as it is from now on."""

    event: Event


class Over(NamedTuple):
    """An event that has come to its end, with rows that take its place: letters, or one in the kept list."""

    id: int
    rows: tuple[tuple[str, dict[str, Any]], ...] = ()  # name of the query, its parameters


def open_queue(directory: Path) -> Database:
    """The queue's database below the data directory."""
    named = queries.load({path.name: path.read_text() for path in sorted(SQL.glob("*.sql"))})
    return Database(directory, known=migrations.shipped(SQL / "migrations"), named=named)


class Queue:
    """Events from their acceptance to their end. What a write changed is on disk on return.

    Numbers are given out here, in order of acceptance; there is one Queue for a database.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        row = db.first("events_last_id")
        self._numbers = itertools.count((row["last_id"] if row else 0) + 1)

    def numbered(self, event: Event) -> Event:
        return msgspec.structs.replace(event, id=next(self._numbers))

    async def add(self, events: Sequence[tuple[Event, bool]], rows: Rows = ()) -> None:
        """Store all or none, and `rows` with them. With each event: may it be running as soon as it is stored?"""
        columns = [event_columns(event) | {"taken": int(taken)} for event, taken in events]

        def add(tx: Transaction) -> None:
            tx.write_many("event_add", columns)
            for query, parameters in rows:
                tx.write(query, **parameters)

        await self._db.transaction(add)

    async def take(self, function: FunctionKey, now: float, limit: int, most_bytes: int = MOST_BYTES) -> list[Event]:
        """At most `limit` events of a function that are due, and one at least whatever its size; they may be running
        from now on."""
        room = min(most_bytes, MOST_BYTES)
        return await self._db.transaction(partial(_take, function=function, now=now, limit=limit, room=room))

    async def settle(self, changes: Iterable[Again | Over]) -> None:
        """All of it or nothing."""
        await self._db.transaction(partial(_settle, changes=list(changes)))

    async def interrupted(self) -> list[Row]:
        """At a start: what the last server had taken. It may have run, and is to be tried again."""
        return await self._db.transaction(_interrupted)

    async def give_back(self, but: Set[int] = frozenset()) -> None:
        """At an orderly stop: what was taken and not tried has not run, unlike these."""
        await self._db.transaction(partial(_give_back, but=but))

    def backlogs(self) -> list[Backlog]:
        rows = self._db.read("events_by_function")
        return [Backlog((row["account"], row["region"], row["name"]), row["waiting"], row["due"]) for row in rows]

    def next_due(self, function: FunctionKey) -> float | None:
        """When the first event of a function is due that nobody has taken; None if there is none."""
        row = self._db.first("events_next_due", **_key(function))
        return None if row is None else float(row["due"])

    def find(self, request_id: str) -> Event | None:
        row = self._db.first("event_of_request", request_id=request_id)
        return None if row is None else event_from(row)


def event_columns(event: Event) -> dict[str, Any]:
    """The parameters of the queries that store an event."""
    return {name: getattr(event, name) for name in event.__struct_fields__}


def event_from(row: Row) -> Event:
    """The event in a row of `events`."""
    return Event(**{name: row[name] for name in Event.__struct_fields__})


def _key(function: FunctionKey) -> dict[str, str]:
    account, region, name = function
    return {"account": account, "region": region, "name": name}


def _take(tx: Transaction, function: FunctionKey, now: float, limit: int, room: int) -> list[Event]:
    ids: list[dict[str, int]] = []
    for row in tx.read("events_due", **_key(function), now=now, limit=limit):
        room -= row["size"] + EVENT_BYTES
        if room < 0 and ids:
            break
        ids.append({"id": row["id"]})
    tx.write_many("event_take", ids)
    rows = [tx.first("event_get", **each) for each in ids]
    return [event_from(row) for row in rows if row is not None]


def _settle(tx: Transaction, changes: Sequence[Again | Over]) -> None:
    ended, again = [], []
    for change in changes:
        if isinstance(change, Again):
            event = change.event
            again.append({"id": event.id, "due": event.due, "attempts": event.attempts, "throttles": event.throttles})
            continue
        ended.append({"id": change.id})
        for query, parameters in change.rows:
            tx.write(query, **parameters)
    tx.write_many("event_end", ended)
    tx.write_many("event_again", again)


def _give_back(tx: Transaction, but: Set[int]) -> None:
    taken = [row["id"] for row in tx.read("events_interrupted")]
    tx.write_many("event_give_back", [{"id": each} for each in taken if each not in but])


def _interrupted(tx: Transaction) -> list[Row]:
    found = tx.read("events_interrupted")
    tx.write("events_all_back")
    return found
