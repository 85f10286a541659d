"""Reserved and provisioned concurrency: the only home of these rows. What is allowed is judged by who asks."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from lambent.arns import function_arn
from lambent.errors import ResourceNotFound
from lambent.store.database import Database, Transaction


class ReservedConcurrency(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept for a function, and all that it may use; 0 stops it."""

    account: str
    region: str
    name: str
    reserved: int  # executions


class ProvisionedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How many environments are to be kept initialised for a version or an alias."""

    account: str
    region: str
    name: str
    qualifier: str  # the number of a version, or an alias
    requested: int  # environments, at least 1
    last_modified: float  # epoch seconds

    @property
    def arn(self) -> str:
        return f"{function_arn(self.account, self.region, self.name)}:{self.qualifier}"


class Claims(msgspec.Struct, frozen=True):
    """All that functions of one account in one region have claimed of its concurrency."""

    reserved: Mapping[str, int] = {}  # by function
    provisioned: Mapping[tuple[str, str], int] = {}  # by function and qualifier

    def provisioned_of(self, name: str, besides: str = "") -> int:
        """The sum of a function's provisioned concurrency, without that of the qualifier `besides`."""
        return sum(
            count for (owner, qualifier), count in self.provisioned.items() if owner == name and qualifier != besides
        )

    def total(self) -> int:
        """What is not for everybody: what is reserved, and what is provisioned for functions that reserve nothing.

        A function's provisioned concurrency is part of its reserved, which is never less.
        """
        loose = sum(count for (owner, _), count in self.provisioned.items() if owner not in self.reserved)
        return sum(self.reserved.values()) + loose


Judge = Callable[[Claims], None]  # sees what is claimed before the change, in its transaction; raises to refuse it


def _agree(claims: Claims) -> None:
    """No objection."""


class Concurrency:
    """Reads are sync; what a write changed is on disk on return. All of it goes with its function or version."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def reserved(self, account: str, region: str, name: str) -> int | None:
        """Executions reserved for a function; None if nothing is."""
        row = self._db.first("reserved_get", account=account, region=region, name=name)
        return row["reserved"] if row else None

    def all_reserved(self) -> list[ReservedConcurrency]:
        return [ReservedConcurrency(**dict(row)) for row in self._db.read("reserved_everywhere")]

    async def reserve(self, account: str, region: str, name: str, reserved: int, judge: Judge = _agree) -> None:
        """Reserve concurrency for a function unless `judge` refuses. Raises ResourceNotFound if it is gone."""
        await self._db.transaction(partial(_reserve, key=_key(account, region, name), reserved=reserved, judge=judge))

    async def unreserve(self, account: str, region: str, name: str) -> None:
        await self._db.write("reserved_remove", account=account, region=region, name=name)

    def provisioned(self, account: str, region: str, name: str) -> list[ProvisionedConfig]:
        """What is provisioned for a function, by qualifier."""
        rows = self._db.read("provisioned_of", account=account, region=region, name=name)
        return [ProvisionedConfig(**dict(row)) for row in rows]

    def all_provisioned(self) -> list[ProvisionedConfig]:
        return [ProvisionedConfig(**dict(row)) for row in self._db.read("provisioned_everywhere")]

    async def provision(self, config: ProvisionedConfig, judge: Judge = _agree) -> None:
        """Store what is to be provisioned unless `judge` refuses. Raises ResourceNotFound if its owner is gone."""
        await self._db.transaction(partial(_provision, config=config, judge=judge))

    async def withdraw(self, account: str, region: str, name: str, qualifier: str) -> bool:
        """Provision nothing any more; False if nothing was."""
        columns = {"account": account, "region": region, "name": name, "qualifier": qualifier}
        return await self._db.write("provisioned_remove", **columns) == 1

    def claims(self, account: str, region: str) -> Claims:
        return _claims(self._db, account, region)


def _key(account: str, region: str, name: str) -> dict[str, str]:
    return {"account": account, "region": region, "name": name}


def _claims(source: Database | Transaction, account: str, region: str) -> Claims:
    reserved = source.read("reserved_of_account", account=account, region=region)
    provisioned = source.read("provisioned_of_account", account=account, region=region)
    return Claims(
        {row["name"]: row["reserved"] for row in reserved},
        {(row["name"], row["qualifier"]): row["requested"] for row in provisioned},
    )


def _reserve(tx: Transaction, key: dict[str, str], reserved: int, judge: Judge) -> None:
    if tx.first("function_get", **key) is None:
        raise ResourceNotFound(f"Function not found: {function_arn(**key)}")
    judge(_claims(tx, key["account"], key["region"]))
    tx.write("reserved_put", **key, reserved=reserved)


def _provision(tx: Transaction, config: ProvisionedConfig, judge: Judge) -> None:
    columns: dict[str, Any] = msgspec.structs.asdict(config)
    key = _key(config.account, config.region, config.name)
    number = int(config.qualifier) if config.qualifier.isdigit() else None
    if number is not None and tx.first("version_get", **key, number=number) is None:
        raise ResourceNotFound(f"Function not found: {config.arn}")
    if number is None and tx.first("alias_get", **key, alias=config.qualifier) is None:
        raise ResourceNotFound(f"Cannot find alias arn: {config.arn}")
    judge(_claims(tx, config.account, config.region))
    tx.write("provisioned_put", **columns, number=number)
