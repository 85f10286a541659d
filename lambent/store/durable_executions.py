"""Durable executions, their operations and histories, as rows of the queue's database. Documents are bytes here:
what is in them is the durable functions' own affair (lambent/durable/records.py)."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from lambent.store.connection import Row
from lambent.store.database import Database, Transaction
from lambent.store.queue import FunctionKey, Rows

Moment = tuple[float, int]  # epoch seconds, and the number of an execution
LAST = 2**62  # a number that nothing reaches
ALL_STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED", "DELETING", "PAUSING", "PAUSED")


class ExecutionRow(NamedTuple):
    """The columns of an execution."""

    number: int
    id: str
    account: str
    region: str
    function: str
    version: str
    name: str
    status: str
    started: float
    wakes: float | None  # when something happens to it by itself; None: nothing does
    times_out: float | None  # None: it is over
    busy: bool  # an invocation is under way
    expires: float | None  # None: it is not over
    document: bytes


class Write(NamedTuple):
    """What changes at once: an execution, some of its operations, and what is added to its history."""

    execution: ExecutionRow
    operations: Sequence[tuple[int, bytes]] = ()  # position, document
    events: Sequence[tuple[int, bytes]] = ()  # number, document
    rows: Rows = ()  # of others: name of the query, its parameters


class Asked(NamedTuple):
    """Which executions of a function are asked for. What says nothing is empty."""

    name: str = ""
    statuses: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()  # at most two, as an alias stands for
    started_after: float = -1.0  # epoch seconds, and they themselves not
    started_before: float = 1e15

    def columns(self) -> dict[str, Any]:
        """The parameters of the queries; SQL has no lists, so that a short one says its last again."""
        statuses = [*(self.statuses or ALL_STATUSES)]
        statuses += statuses[-1:] * (len(ALL_STATUSES) - len(statuses))
        versions = [*self.versions, "", ""] if not self.versions else [*self.versions, self.versions[-1]]
        named = {f"status{at}": status for at, status in enumerate(statuses)}
        named |= {f"version{at}": version for at, version in enumerate(versions[:2])}
        return named | {
            "name": self.name, "started_after": self.started_after, "started_before": self.started_before,
        }  # fmt: skip


class DurableExecutions:
    """What a write changed is on disk on return; reads are sync. Numbers are given out here, in order of starts."""

    def __init__(self, db: Database) -> None:
        self._db = db
        row = db.first("executions_last_number")
        self._numbers = itertools.count((row["last_number"] if row else 0) + 1)

    def number(self) -> int:
        """One that no execution has had."""
        return next(self._numbers)

    async def write(self, *writes: Write) -> None:
        """All of it or nothing."""

        def write(tx: Transaction) -> None:
            for each in writes:
                _write(tx, each)

        await self._db.transaction(write)

    async def drop(self, numbers: Sequence[int]) -> None:
        """Forget them, with all that is known of them."""

        def drop(tx: Transaction) -> None:
            for number in numbers:
                tx.write("history_drop", execution=number)
                tx.write("operations_drop", execution=number)
                tx.write("execution_drop", number=number)

        await self._db.transaction(drop)

    # -- one execution

    def get(self, number: int) -> bytes | None:
        return _document(self._db.first("execution_get", number=number))

    def of_id(self, execution_id: str) -> bytes | None:
        return _document(self._db.first("execution_of_id", id=execution_id))

    def operations(self, number: int) -> list[bytes]:
        """In order of their starts."""
        return [row["document"] for row in self._db.read("operations_get", execution=number)]

    def first_operation(self, number: int) -> bytes | None:
        """The EXECUTION itself, which has the input."""
        return _document(self._db.first("operation_first", execution=number))

    def events(self, number: int, after: int, limit: int) -> list[bytes]:
        """Of its history, oldest first, those after a number (0: from the first)."""
        rows = self._db.read("history_after", execution=number, number=after, limit=limit)
        return [row["document"] for row in rows]

    def events_back(self, number: int, before: int, limit: int) -> list[bytes]:
        """Of its history, latest first, those before a number (LAST: from the last)."""
        rows = self._db.read("history_before", execution=number, number=before, limit=limit)
        return [row["document"] for row in rows]

    # -- many

    def of_name(self, function: FunctionKey, name: str) -> list[bytes]:
        """Those of a function that have that name, latest first."""
        rows = self._db.read("executions_of_name", **_key(function), name=name)
        return [row["document"] for row in rows]

    def of_function(self, function: FunctionKey, asked: Asked, before: int, limit: int) -> list[bytes]:
        """Those of a function before a number (LAST: from the latest), latest first."""
        columns = _key(function) | asked.columns()
        rows = self._db.read("executions_of_function_before", **columns, number=before, limit=limit)
        return [row["document"] for row in rows]

    def of_function_from(self, function: FunctionKey, asked: Asked, after: int, limit: int) -> list[bytes]:
        """Those of a function after a number (0: from the earliest), earliest first."""
        columns = _key(function) | asked.columns()
        rows = self._db.read("executions_of_function_after", **columns, number=after, limit=limit)
        return [row["document"] for row in rows]

    def waking(self, now: float, after: Moment, limit: int) -> list[Moment]:
        """Those to which something has to happen by now, soonest first, after one of them."""
        return self._moments("executions_waking", now, after, limit)

    def next_waking(self, after: float) -> float | None:
        """When, later than that, something happens to one; None if nothing does."""
        return self._next("executions_next_waking", after)

    def late(self, now: float, after: Moment, limit: int) -> list[Moment]:
        """Those that have timed out by now, soonest first, after one of them."""
        return self._moments("executions_late", now, after, limit)

    def next_late(self, after: float) -> float | None:
        """When, later than that, one times out."""
        return self._next("executions_next_late", after)

    def _moments(self, query: str, now: float, after: Moment, limit: int) -> list[Moment]:
        rows = self._db.read(query, now=now, at=after[0], number=after[1], limit=limit)
        return [(float(row["at"]), row["number"]) for row in rows]

    def _next(self, query: str, after: float) -> float | None:
        row = self._db.first(query, after=after)
        return None if row is None else float(row["at"])

    def busy(self) -> list[int]:
        """At a start: those that were being invoked when the last server ended."""
        return [row["number"] for row in self._db.read("executions_busy")]

    def expired(self, now: float, limit: int) -> list[int]:
        """Those whose time to be remembered is over."""
        return [row["number"] for row in self._db.read("executions_expired", now=now, limit=limit)]

    def running(self) -> int:
        """How many are not over."""
        return int(self._db.read("executions_running")[0]["running"])


def _write(tx: Transaction, write: Write) -> None:
    number = write.execution.number
    tx.write("execution_put", **write.execution._asdict() | {"busy": int(write.execution.busy)})
    tx.write_many(
        "operation_put", [{"execution": number, "position": at, "document": each} for at, each in write.operations]
    )
    tx.write_many("history_add", [{"execution": number, "number": at, "document": each} for at, each in write.events])
    for query, parameters in write.rows:
        tx.write(query, **parameters)


def _key(function: FunctionKey) -> dict[str, Any]:
    account, region, name = function
    return {"account": account, "region": region, "function": name}


def _document(row: Row | None) -> bytes | None:
    return None if row is None else bytes(row["document"])
