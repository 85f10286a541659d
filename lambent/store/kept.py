"""Events that failed and went nowhere: kept for a while, to be looked at and replayed. AWS drops them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from lambent.model import Event, Letter
from lambent.store.connection import Row
from lambent.store.database import Database, Transaction
from lambent.store.queue import LARGEST_ANSWER, event_columns

AT_ONCE = 200  # rows that one transaction moves or removes: all other writers wait for it
PAGE_BYTES = 8 * 1024 * 1024  # of payloads that are read at once
OVERHEAD = 512  # bytes that a row counts for, besides what is in it


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One kept event, whole."""

    id: int
    request_id: str
    account: str
    region: str
    name: str
    qualifier: str
    payload: bytes
    trace: str
    received: float  # epoch seconds
    failed: float  # epoch seconds
    condition: str
    attempts: int
    status: int
    error_type: str
    answer: bytes
    undelivered: str
    tenant: str = ""


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows somebody means."""

    account: str
    region: str
    name: str = ""  # of the function; "": of all
    condition: str = ""  # "": any
    since: float = 0.0  # epoch seconds: those that are not older
    after: int = 0  # their numbers are higher
    last: int = 1 << 62  # and not higher than this


class KeptEvents:
    """What a write changed is on disk on return. Reads are sync; of a long list they take a while."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def listed(self, which: Which, limit: int) -> list[dict[str, Any]]:
        """Without payloads and answers, those kept longest first."""
        rows = self._db.read("kept_list", **msgspec.structs.asdict(which), limit=limit)
        return [{column: row[column] for column in row.keys()} for row in rows]  # noqa: SIM118  a row is no mapping

    def page(self, which: Which, limit: int = AT_ONCE) -> list[Kept]:
        """The next few, whole: at most `limit`, and PAGE_BYTES unless one alone has more."""
        found: list[Row] = []
        room = PAGE_BYTES
        for row in self._db.read("kept_next", **msgspec.structs.asdict(which), limit=limit):
            room -= row["size"]
            if room < 0 and found:
                break
            found += self._db.read("kept_get", id=row["id"])
        return [_kept(row) for row in found]

    def of_request(self, request_id: str) -> list[Kept]:
        """What is kept of one event, the last first: one that was replayed may have failed again."""
        return [_kept(row) for row in self._db.read("kept_of_request", request_id=request_id)]

    def last(self) -> int:
        """The highest number there is."""
        row = self._db.first("kept_last")
        return int(row["last"]) if row else 0

    async def replay(self, moves: Sequence[tuple[Kept, Event]]) -> list[Event]:
        """Put events into the queue in the place of what was kept of them; those that were still there to be moved."""
        return await self._db.transaction(partial(_replay, moves=moves))

    async def remove(self, entries: Sequence[Kept]) -> int:
        """Forget them; how many were still there."""
        return await self._db.transaction(lambda tx: sum(_end(tx, each) for each in entries))

    async def purge(self, which: Which) -> tuple[int, int]:
        """Forget the next few: how many, and the number after which to go on (0: these were the last)."""
        columns = msgspec.structs.asdict(which)

        def purge(tx: Transaction) -> tuple[int, int]:
            ids = [row["id"] for row in tx.read("kept_next", **columns, limit=AT_ONCE)]
            tx.write_many("kept_drop", [{"id": each} for each in ids])
            return len(ids), ids[-1] if len(ids) == AT_ONCE else 0

        return await self._db.transaction(purge)


def kept_columns(letter: Letter, undelivered: str = "") -> dict[str, Any]:
    """The parameters of the query that keeps the event of a letter; `undelivered`: where it could not go, and why.

    The letter may be one without a target: then the event had nowhere to go.
    """
    ended = letter.ended
    payload, answer = _part(letter.body, ended.payload), _part(letter.body, ended.answer)[:LARGEST_ANSWER]
    return {
        "request_id": letter.request_id, "account": letter.account, "region": letter.region, "name": letter.name,
        "qualifier": letter.qualifier, "payload": payload, "trace": ended.trace, "received": ended.received,
        "failed": ended.failed, "condition": ended.condition, "attempts": ended.attempts, "status": ended.status,
        "error_type": ended.error_type, "answer": answer, "undelivered": undelivered,
        "size": len(payload) + len(answer) + OVERHEAD, "tenant": ended.tenant,
    }  # fmt: skip


def _part(body: bytes, place: tuple[int, int]) -> bytes:
    offset, length = place
    return body[offset : offset + length]


def _kept(row: Row) -> Kept:
    return Kept(**{name: row[name] for name in Kept.__struct_fields__})


def _replay(tx: Transaction, moves: Sequence[tuple[Kept, Event]]) -> list[Event]:
    moved = [event for entry, event in moves if _end(tx, entry)]
    tx.write_many("event_add", [event_columns(event) | {"taken": 0} for event in moved])
    return moved


def _end(tx: Transaction, entry: Kept) -> int:
    """1 if it was still there. Numbers are given again: it must be this very event, at this very end."""
    return tx.write("kept_end", id=entry.id, request_id=entry.request_id, failed=entry.failed)
