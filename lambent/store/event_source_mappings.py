"""Event source mappings: the only home of these rows. They outlive the function that they are for, as on AWS."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from lambent.arns import function_arn
from lambent.store.connection import Row
from lambent.store.database import Database, Transaction

CREATING, ENABLING, ENABLED = "Creating", "Enabling", "Enabled"
DISABLING, DISABLED, UPDATING, DELETING = "Disabling", "Disabled", "Updating", "Deleting"


class StoredMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A source, a function, and how the one is to feed the other."""

    account: str
    region: str
    uuid: str
    name: str  # of the function
    qualifier: str = ""
    kind: str  # of source, as control.mapping_kinds names it
    source: str = ""  # EventSourceArn
    settings: dict[str, Any] = {}  # members of EventSourceMappingConfiguration, as they are shown
    enabled: bool
    state: str  # the one that it was brought into; what it is in by now, `state_at` says
    due: float = 0.0  # epoch seconds when a passing state is over; 0: it stays
    result: str = ""  # of the last batch
    last_modified: float  # epoch seconds
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:event-source-mapping:{self.uuid}"

    @property
    def function_arn(self) -> str:
        bare = function_arn(self.account, self.region, self.name)
        return f"{bare}:{self.qualifier}" if self.qualifier else bare

    def state_at(self, now: float) -> str | None:
        """Its state at a moment (epoch seconds); None: it has been deleted."""
        if not self.due or now < self.due:
            return self.state
        if self.state == DELETING:
            return None
        return ENABLED if self.enabled else DISABLED

    def settled(self, now: float) -> "StoredMapping":
        """The same, with a passing state that is over replaced by the one that it led to."""
        state = self.state_at(now)
        return self if state in (None, self.state) else replace(self, state=state, due=0.0)


# From what there is to what shall be; refuses by raising. None: there is no such mapping.
Change = Callable[[StoredMapping | None], StoredMapping]
# Refuses by raising: judges a new or changed mapping by the others of its function.
Judge = Callable[[StoredMapping, Sequence[StoredMapping]], None]


class EventSourceMappings:
    """Mappings by account, region and UUID. Reads are sync; what a write changed is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(self, mapping: StoredMapping, judge: Judge) -> None:
        """Store a new one, unless `judge` raises."""
        await self._db.transaction(partial(_create, mapping=mapping, judge=judge))

    async def change(self, key: tuple[str, str, str], change: Change, judge: Judge | None = None) -> StoredMapping:
        """Store what `change` makes of one (account, region, UUID), unless it or `judge` raises."""
        return await self._db.transaction(partial(_change, key=_key(key), change=change, judge=judge))

    async def settle(self, key: tuple[str, str, str], now: float) -> StoredMapping | None:
        """Write down what a passing state that is over has led to, which may be that the mapping is gone."""
        return await self._db.transaction(partial(_settle, key=_key(key), now=now))

    async def note(self, key: tuple[str, str, str], result: str) -> None:
        """Keep what became of the last batch."""
        await self._db.write("mapping_note", **_key(key), result=result)

    def get(self, account: str, region: str, uuid: str) -> StoredMapping | None:
        return _found(self._db.first("mapping_get", account=account, region=region, uuid=uuid))

    def page(
        self, account: str, region: str, *, source: str, function: tuple[str, str], after: str, limit: int
    ) -> list[StoredMapping]:
        """At most `limit` after a UUID, of a source and of a function (name, qualifier), each all if it is empty."""
        rows = self._db.read(
            "mappings_page", account=account, region=region, source=source, name=function[0], qualifier=function[1],
            after_uuid=after, limit=limit,
        )  # fmt: skip
        return [_from(row) for row in rows]

    def all(self) -> list[StoredMapping]:
        """Every mapping there is, whoever's it is."""
        return [_from(row) for row in self._db.read("mappings_all")]


def _create(tx: Transaction, mapping: StoredMapping, judge: Judge) -> None:
    judge(mapping, _others(tx, mapping))
    tx.write("mapping_add", **_columns(mapping))


def _change(tx: Transaction, key: dict[str, str], change: Change, judge: Judge | None) -> StoredMapping:
    changed = change(_found(tx.first("mapping_get", **key)))
    if judge is not None:
        judge(changed, _others(tx, changed))
    tx.write("mapping_put", **_without(_columns(changed), "kind", "source"))
    return changed


def _settle(tx: Transaction, key: dict[str, str], now: float) -> StoredMapping | None:
    found = _found(tx.first("mapping_get", **key))
    if found is None:
        return None
    if found.state_at(now) is None:
        tx.write("mapping_remove", **key)
        return None
    settled = found.settled(now)
    if settled is not found:
        tx.write("mapping_put", **_without(_columns(settled), "kind", "source"))
    return settled


def _others(tx: Transaction, mapping: StoredMapping) -> list[StoredMapping]:
    columns = {"account": mapping.account, "region": mapping.region, "name": mapping.name}
    found = [_from(row) for row in tx.read("mappings_of_function", **columns)]
    return [each for each in found if each.uuid != mapping.uuid]


def _key(key: tuple[str, str, str]) -> dict[str, str]:
    account, region, uuid = key
    return {"account": account, "region": region, "uuid": uuid}


def _columns(mapping: StoredMapping) -> dict[str, Any]:
    encoded = {name: msgspec.json.encode(getattr(mapping, name)).decode() for name in ("settings", "tags")}
    return msgspec.structs.asdict(mapping) | encoded | {"enabled": int(mapping.enabled)}


def _without(columns: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if name not in names}


def _found(row: Row | None) -> StoredMapping | None:
    return _from(row) if row else None


def _from(row: Row) -> StoredMapping:
    columns: dict[str, Any] = dict(row)
    columns |= {name: msgspec.json.decode(columns[name]) for name in ("settings", "tags")}
    return StoredMapping(**(columns | {"enabled": bool(columns["enabled"])}))
