"""Resource policies of functions, versions and aliases: the only home of these rows. They go with their owners."""

from functools import partial

from lambent.arns import FunctionRef
from lambent.errors import ResourceNotFound
from lambent.store.database import Database, Transaction
from lambent.store.rows import LATEST

Function = tuple[str, str, str]  # account, region, name


class Policies:
    """Policies by function and qualifier. Reads are sync and fast; what a write changed is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, ref: FunctionRef) -> str:
        """The policy document, JSON, of exactly that qualifier; "" if there is none. $LATEST is the function itself."""
        row = self._db.first("policy_get", **_key(ref))
        return str(row["document"]) if row else ""

    async def put(self, ref: FunctionRef, document: str, *, denies: bool) -> None:
        """Replace the policy. Raises ResourceNotFound for a function, version or alias that is gone."""
        await self._db.transaction(partial(_put, ref=ref, document=document, denies=denies))

    async def remove(self, ref: FunctionRef) -> bool:
        """Take it away; False if there was none."""
        return await self._db.write("policy_remove", **_key(ref)) == 1

    def denying(self) -> set[Function]:
        """The functions of which a policy says Deny."""
        return {(row["account"], row["region"], row["name"]) for row in self._db.read("policies_denying")}

    def denies(self, account: str, region: str, name: str) -> bool:
        """Whether a policy of that function, or of a version or alias of it, says Deny."""
        return self._db.first("policies_denying_of", account=account, region=region, name=name) is not None


def _key(ref: FunctionRef) -> dict[str, str]:
    qualifier = "" if ref.qualifier in (None, LATEST) else ref.qualifier
    return {"account": ref.account, "region": ref.region, "name": ref.name, "qualifier": qualifier or ""}


def _put(tx: Transaction, ref: FunctionRef, document: str, denies: bool) -> None:
    key = _key(ref)
    owner = {"account": ref.account, "region": ref.region, "name": ref.name}
    qualifier = key["qualifier"]
    number = int(qualifier) if qualifier.isascii() and qualifier.isdigit() else None
    alias = qualifier if qualifier and number is None else None
    if alias:
        there = tx.first("alias_get", **owner, alias=alias)
    else:
        there = tx.first("version_get", **owner, number=number or 0)
    if there is None:
        raise ResourceNotFound(f"Function not found: {ref.arn}")
    tx.write("policy_put", **key, number=number, alias=alias, document=document, denies=int(denies))
