"""Idempotency keys and the answers that were given under them: the only home of these rows."""

from typing import Any, NamedTuple

import msgspec

from lambent.store.database import Database, Transaction

AT_ONCE = 100  # rows that one transaction removes: all other writers wait for it
OVERHEAD = 512  # bytes that a row counts for, besides what is in it


class Scope(NamedTuple):
    """What a key belongs to, with the key: the same one under another scope is another one."""

    account: str
    region: str
    name: str
    qualifier: str  # "" for none and for $LATEST
    idempotency_key: str
    born: float  # epoch seconds: when the function was created


class StoredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one key."""

    scope: Scope
    digest: str  # of the request
    request_id: str
    trace: str
    running: bool  # there is no answer yet
    runs: int = 1
    expires: float  # epoch seconds
    executed_version: str = ""
    function_error: str = ""
    payload: bytes = b""
    log_tail: bytes = b""


class Totals(NamedTuple):
    """What there is of all."""

    keys: int
    running: int
    bytes: int


class Answers:
    """What a write changed is on disk on return; reads are sync. `bytes` is what all rows count for together."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.bytes = self.totals().bytes

    def get(self, scope: Scope) -> StoredAnswer | None:
        """Also one that has expired, or that belonged to another function of that name: look at its scope."""
        row = self._db.first("answer_get", **_place(scope))
        if row is None:
            return None
        columns = {name: row[name] for name in StoredAnswer.__struct_fields__ if name != "scope"}
        of = scope._replace(born=row["born"])
        return StoredAnswer(scope=of, **columns | {"running": bool(row["running"])})

    async def put(self, answer: StoredAnswer) -> None:
        """In the place of whatever was known of the key."""

        def put(tx: Transaction) -> int:
            before = tx.first("answer_size", **_place(answer.scope))
            tx.write("answer_put", **answer_columns(answer))
            return size(answer) - (before["size"] if before else 0)

        self.bytes += await self._db.transaction(put)

    async def drop(self, scope: Scope) -> None:
        await self._delete("answer_drop", **_place(scope))

    async def forget(self, account: str, region: str, name: str) -> None:
        """Of a function that is gone."""
        await self._delete("answers_of_function", account=account, region=region, name=name)

    def expired(self, now: float) -> bool:
        """Is there any whose time is over?"""
        return self.bytes > 0 and self._db.first("answers_expired", now=now) is not None

    async def expire(self, now: float) -> int:
        """Remove those whose time is over; how many."""
        removed = 0
        while True:
            some = await self._delete("answers_expire", now=now, limit=AT_ONCE)
            removed += some
            if some < AT_ONCE:
                return removed

    def totals(self) -> Totals:
        row = self._db.read("answers_totals")[0]
        return Totals(row["keys"], row["running"], row["bytes"])

    async def _delete(self, query: str, **parameters: Any) -> int:
        sizes = await self._db.transaction(lambda tx: [row["size"] for row in tx.read(query, **parameters)])
        self.bytes -= sum(sizes)
        return len(sizes)


def answer_columns(answer: StoredAnswer) -> dict[str, Any]:
    """The parameters of `answer_put`."""
    columns = {name: getattr(answer, name) for name in answer.__struct_fields__ if name != "scope"}
    return answer.scope._asdict() | columns | {"running": int(answer.running), "size": size(answer)}


def size(answer: StoredAnswer) -> int:
    """Bytes that it counts for."""
    return OVERHEAD + len(answer.payload) + len(answer.log_tail) + len(answer.scope.idempotency_key)


def _place(scope: Scope) -> dict[str, Any]:
    columns = scope._asdict()
    del columns["born"]
    return columns
