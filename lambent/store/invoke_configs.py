"""Event invoke configs and recursion configs: the only home of these rows, and what the engine knows of them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from lambent.arns import function_arn
from lambent.errors import ResourceNotFound
from lambent.model import InvokeConfig
from lambent.store.connection import Row
from lambent.store.database import Database, Transaction
from lambent.store.rows import LATEST

TERMINATE = "Terminate"  # recursive loops, unless a function says Allow
LARGEST = 100_000  # functions remembered; their names come from callers, so there must be a bound
EVERY = 2**31

_DEFAULT = InvokeConfig()

Key = tuple[str, str, str]  # account, region, name


class StoredInvokeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How events of one qualifier are treated, as it was asked for."""

    account: str
    region: str
    name: str
    qualifier: str  # "$LATEST", the number of a version, or an alias
    max_age_s: int | None = None  # None: nothing was asked for
    max_retries: int | None = None
    on_success: str = ""  # ARN; "": none
    on_failure: str = ""
    last_modified: float  # epoch seconds

    @property
    def arn(self) -> str:
        return f"{function_arn(self.account, self.region, self.name)}:{self.qualifier}"

    def effective(self) -> InvokeConfig:
        """With AWS's defaults where nothing was asked for."""
        return InvokeConfig(
            max_age_s=_DEFAULT.max_age_s if self.max_age_s is None else self.max_age_s,
            max_retries=_DEFAULT.max_retries if self.max_retries is None else self.max_retries,
            on_success=self.on_success,
            on_failure=self.on_failure,
        )


Change = Callable[[StoredInvokeConfig | None], StoredInvokeConfig]  # from what there is to what shall be; may refuse


class InvokeConfigs:
    """Mutable: `_known` and `_loops` remember what was looked up; whatever changes a function has it forgotten after.

    Reads are sync; what a write changed is on disk on return. All of it goes with its function or version.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[Key, dict[str, InvokeConfig]] = {}  # by function, then by qualifier
        self._loops: dict[Key, str] = {}

    def get(self, account: str, region: str, name: str, qualifier: str) -> InvokeConfig:
        """How events of that qualifier ("": $LATEST) are treated. A look-up in memory, but for the first."""
        key = (account, region, name)
        configs = self._known.get(key)
        if configs is None:
            configs = self._known[key] = {found.qualifier: found.effective() for found in self.list(*key)}
            self._bound()
        return configs.get(qualifier or LATEST, _DEFAULT)

    def may_loop(self, account: str, region: str, name: str) -> bool:
        return self.recursion(account, region, name) != TERMINATE

    def recursion(self, account: str, region: str, name: str) -> str:
        """What becomes of recursive loops: "Terminate" or "Allow". A look-up in memory, but for the first."""
        key = (account, region, name)
        loop = self._loops.get(key)
        if loop is None:
            row = self._db.first("recursion_get", account=account, region=region, name=name)
            loop = self._loops[key] = row["recursive_loop"] if row else TERMINATE
            self._bound()
        return loop

    def forget(self, account: str, region: str, name: str) -> None:
        """A function, a version or an alias of it was changed or deleted."""
        self._known.pop((account, region, name), None)
        self._loops.pop((account, region, name), None)

    def find(self, account: str, region: str, name: str, qualifier: str) -> StoredInvokeConfig | None:
        """What was asked for, if anything was."""
        columns = {"account": account, "region": region, "name": name, "qualifier": qualifier}
        return _from(self._db.first("invoke_config_get", **columns))

    def list(
        self, account: str, region: str, name: str, after: str = "", limit: int = EVERY
    ) -> list[StoredInvokeConfig]:
        """At most `limit` of a function's, for the qualifiers after one."""
        columns = {"account": account, "region": region, "name": name}
        rows = self._db.read("invoke_configs_of", **columns, after_qualifier=after, limit=limit)
        return [StoredInvokeConfig(**dict(row)) for row in rows]

    async def change(self, account: str, region: str, name: str, qualifier: str, change: Change) -> StoredInvokeConfig:
        """Store what `change` makes of what there is. Raises what it raises, ResourceNotFound if the owner is gone."""
        columns = {"account": account, "region": region, "name": name, "qualifier": qualifier}
        stored = await self._db.transaction(partial(_change, columns=columns, change=change))
        self.forget(account, region, name)
        return stored

    async def remove(self, account: str, region: str, name: str, qualifier: str) -> bool:
        """Back to the defaults; False if nothing was stored."""
        columns = {"account": account, "region": region, "name": name, "qualifier": qualifier}
        removed = await self._db.write("invoke_config_remove", **columns)
        self.forget(account, region, name)
        return removed == 1

    async def put_recursion(self, account: str, region: str, name: str, loop: str) -> None:
        """Say what becomes of recursive loops. Raises ResourceNotFound if the function is gone."""
        columns = {"account": account, "region": region, "name": name}
        await self._db.transaction(partial(_put_recursion, columns=columns, loop=loop))
        self.forget(account, region, name)

    def _bound(self) -> None:
        if len(self._known) > LARGEST or len(self._loops) > LARGEST:
            self._known.clear()
            self._loops.clear()


def _change(tx: Transaction, columns: dict[str, str], change: Change) -> StoredInvokeConfig:
    key = {name: columns[name] for name in ("account", "region", "name")}
    qualifier = columns["qualifier"]
    number = 0 if qualifier == LATEST else int(qualifier) if qualifier.isdigit() else None
    if not _is_there(tx, key, qualifier, number):
        raise _gone(key)
    stored = change(_from(tx.first("invoke_config_get", **columns)))
    tx.write("invoke_config_put", **msgspec.structs.asdict(stored), number=number)
    return stored


def _is_there(tx: Transaction, key: dict[str, str], qualifier: str, number: int | None) -> bool:
    if number is None:
        return tx.first("alias_get", **key, alias=qualifier) is not None
    return tx.first("version_get", **key, number=number) is not None


def _put_recursion(tx: Transaction, columns: dict[str, str], loop: str) -> None:
    if tx.first("function_get", **columns) is None:
        raise _gone(columns)
    tx.write("recursion_put", **columns, recursive_loop=loop)


def _gone(key: dict[str, Any]) -> ResourceNotFound:
    return ResourceNotFound(f"Function not found: {function_arn(**key)}")


def _from(row: Row | None) -> StoredInvokeConfig | None:
    return StoredInvokeConfig(**dict(row)) if row else None
