"""Letters that are to be delivered: they came into the place of their event, and go when they are delivered or kept."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from lambent.model import FORWARD, Ended, Letter
from lambent.store.connection import Row
from lambent.store.database import Database, Transaction
from lambent.store.kept import Which, kept_columns

PAGE_BYTES = 1024 * 1024  # of bodies that are read at once
_encode = msgspec.json.Encoder().encode


class Due(NamedTuple):
    """A target that has letters, and when (epoch seconds) the first of them is due."""

    target: str
    at: float


class Letters:
    """What a write changed is on disk on return. Reads are sync and fast."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def targets(self) -> Iterable[Due]:
        """All targets that have letters: one look at an index for each, however many letters there are."""
        after = ""
        while (row := self._db.first("letters_next_target", after=after)) is not None:
            after = row["target"]
            yield Due(after, row["due"])

    def due(self, target: str, now: float, limit: int) -> list[Letter]:
        """The first letters of a target that are due: at most `limit`, and PAGE_BYTES unless one alone has more."""
        ids: list[int] = []
        room = PAGE_BYTES
        for row in self._db.read("letters_due", target=target, now=now, limit=limit):
            room -= row["size"]
            if room < 0 and ids:
                break
            ids.append(row["id"])
        rows = [self._db.first("letter_get", id=each) for each in ids]
        return [letter_from(row) for row in rows if row is not None]

    def next_due(self, target: str) -> float | None:
        """When (epoch seconds) the first letter of a target is due; None if it has none."""
        row = self._db.first("letters_next_due", target=target)
        return None if row is None else float(row["due"])

    def listed(self, which: Which, limit: int) -> list[dict[str, Any]]:
        """Without bodies, oldest first."""
        rows = self._db.read("letters_list", **msgspec.structs.asdict(which), limit=limit)
        return [{column: row[column] for column in row.keys()} for row in rows]  # noqa: SIM118  a row is no mapping

    def of_request(self, request_id: str) -> list[Letter]:
        return [letter_from(row) for row in self._db.read("letters_of_request", request_id=request_id)]

    def count(self) -> int:
        row = self._db.first("letters_count")
        return int(row["letters"]) if row else 0

    async def settle(
        self, delivered: Sequence[Letter], again: Sequence[Letter], given_up: Sequence[tuple[Letter, str]]
    ) -> None:
        """All of it or nothing: those delivered go, some are tried again as they are from now on, some are kept.

        With each that is given up: where it could not be delivered, and why.
        """
        await self._db.transaction(partial(_settle, delivered=delivered, again=again, given_up=given_up))


def letter_columns(letter: Letter) -> dict[str, Any]:
    """The parameters of the query that stores a new letter, which is given a number then."""
    columns = {name: getattr(letter, name) for name in letter.__struct_fields__ if name != "id"}
    columns |= {"attributes": _encode(letter.attributes).decode(), "ended": _encode(letter.ended).decode()}
    return columns | {"success": int(letter.success)}


def letter_from(row: Row) -> Letter:
    """The letter in a row of `letters`."""
    columns = {name: row[name] for name in Letter.__struct_fields__}
    columns["attributes"] = msgspec.json.decode(row["attributes"], type=dict[str, str])
    columns["ended"] = msgspec.json.decode(row["ended"], type=Ended)
    return Letter(**columns | {"success": bool(row["success"])})


def _settle(
    tx: Transaction, delivered: Sequence[Letter], again: Sequence[Letter], given_up: Sequence[tuple[Letter, str]]
) -> None:
    for letter in delivered:
        tx.write("letter_end", id=letter.id)
    for letter in again:
        tx.write("letter_again", id=letter.id, due=letter.due, tries=letter.tries)
    for letter, why in given_up:
        if tx.write("letter_end", id=letter.id) and letter.kind != FORWARD:
            _keep(tx, letter, why)


def _keep(tx: Transaction, letter: Letter, why: str) -> None:
    """Once for each end of an event, though a destination and a dead-letter queue may both have failed."""
    known = tx.write("kept_add_to", request_id=letter.request_id, failed=letter.ended.failed, undelivered=why)
    if not known:
        tx.write("kept_add", **kept_columns(letter, why))
