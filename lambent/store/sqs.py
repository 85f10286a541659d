"""The tables of SQS, in the database of the durable queue: the only home of these rows."""

from collections.abc import Sequence
from typing import Any

from lambent.store.connection import Row
from lambent.store.database import Database, Transaction

Rows = Sequence[tuple[str, dict[str, Any]]]  # name of the query, its parameters
AT_ONCE = 500  # rows of one step of a long removal


class SqsStore:
    """Rows in, rows out. Reads are sync; what a write changed is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def write(self, rows: Rows) -> None:
        """All of it or nothing, in this order."""

        def write(tx: Transaction) -> None:
            for query, parameters in rows:
                tx.write(query, **parameters)

        await self._db.transaction(write)

    def last_numbers(self) -> tuple[int, int]:
        """The highest numbers that a message and a queue have."""
        row = self._db.first("sqs_last")
        return (int(row["message"]), int(row["queue"])) if row else (0, 0)

    def queues(self) -> list[Row]:
        return self._db.read("sqs_queues_all")

    def counts(self) -> dict[int, int]:
        """How many messages each queue has, by its number; takes a while where there are many."""
        return {row["queue"]: row["number"] for row in self._db.read("sqs_counts")}

    def after(self, queue: int, number: int, limit: int) -> list[Row]:
        """The next messages of a queue, without what they carry."""
        return self._db.read("sqs_messages_after", queue=queue, after=number, limit=limit)

    def content(self, number: int) -> bytes | None:
        row = self._db.first("sqs_message_content", id=number)
        return None if row is None else bytes(row["content"])

    def find(self, number: int, queue: int) -> Row | None:
        return self._db.first("sqs_message_find", id=number, queue=queue)

    def dedups(self, now: float) -> list[Row]:
        return self._db.read("sqs_dedups_all", now=now)

    async def clear(self, queue: int, upto: int) -> int:
        """Remove all messages of a queue up to a number, bit by bit: others write meanwhile. How many there were."""
        removed = 0
        while found := await self._db.transaction(lambda tx: _clear_some(tx, queue, upto)):
            removed += found
        return removed

    def tasks_of(self, source: str, limit: int) -> list[Row]:
        return self._db.read("sqs_tasks_of", source=source, limit=limit)

    def task(self, task_id: str) -> Row | None:
        return self._db.first("sqs_task_get", id=task_id)

    def unfinished_tasks(self) -> list[Row]:
        return self._db.read("sqs_tasks_unfinished")


def _clear_some(tx: Transaction, queue: int, upto: int) -> int:
    ids = [{"id": row["id"]} for row in tx.read("sqs_messages_upto", queue=queue, upto=upto, limit=AT_ONCE)]
    tx.write_many("sqs_message_drop", ids)
    return len(ids)
