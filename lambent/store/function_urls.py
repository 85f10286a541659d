"""Function URLs: the only home of these rows. They go with their function, or with the alias that they are of."""

from functools import partial
from typing import Any

import msgspec

from lambent.arns import function_arn
from lambent.errors import ResourceNotFound
from lambent.store.connection import Row
from lambent.store.database import Database, Transaction

BUFFERED, STREAMED = "BUFFERED", "RESPONSE_STREAM"
NONE, AWS_IAM = "NONE", "AWS_IAM"
EVERY = 2**31


class Cors(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """Which web pages of other origins a browser lets call the URL; None is what was never said."""

    allow_credentials: bool | None = None
    allow_headers: tuple[str, ...] | None = None
    allow_methods: tuple[str, ...] | None = None
    allow_origins: tuple[str, ...] | None = None
    expose_headers: tuple[str, ...] | None = None
    max_age: int | None = None  # seconds that a browser may remember what a preflight said


NO_CORS = Cors()


class FunctionUrl(msgspec.Struct, frozen=True, kw_only=True):
    """The address of a function or of one of its aliases."""

    account: str
    region: str
    name: str
    qualifier: str = ""  # an alias; "": none was given, so that $LATEST answers
    url_id: str
    auth_type: str  # NONE | AWS_IAM
    invoke_mode: str = ""  # BUFFERED | RESPONSE_STREAM; "": never said
    cors: Cors = NO_CORS
    created: float  # epoch seconds
    modified: float

    @property
    def arn(self) -> str:
        """Of what it calls: qualified only if it is an alias's."""
        bare = function_arn(self.account, self.region, self.name)
        return f"{bare}:{self.qualifier}" if self.qualifier else bare


class FunctionUrls:
    """Reads are sync and see every write that was answered; a write is on disk on return."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, url: FunctionUrl) -> bool:
        """Store a new one; False if there is one already. Raises ResourceNotFound if what it is of is gone."""
        return await self._db.transaction(partial(_add, url=url))

    def get(self, account: str, region: str, name: str, qualifier: str) -> FunctionUrl | None:
        key = {"account": account, "region": region, "name": name, "qualifier": qualifier}
        return _from(self._db.first("function_url_get", **key))

    def by_id(self, url_id: str) -> FunctionUrl | None:
        """What the first label of a host means, if anything."""
        return _from(self._db.first("function_url_by_id", url_id=url_id))

    def list(
        self, account: str, region: str, name: str, after: str | None = None, limit: int = EVERY
    ) -> list[FunctionUrl]:
        """At most `limit` of a function's, for the qualifiers after one (None: from the first, which may be "")."""
        key: dict[str, Any] = {"account": account, "region": region, "name": name}
        own = self.get(account, region, name, "") if after is None else None
        rows = self._db.read("function_urls_of", **key, after_qualifier=after or "", limit=limit)
        aliased = [url for row in rows if (url := _from(row))]
        return [*([own] if own else []), *aliased][:limit]

    async def update(self, url: FunctionUrl) -> bool:
        """Store what may change of one; False if it is gone."""
        return await self._db.write("function_url_update", **_columns(url)) == 1

    async def remove(self, account: str, region: str, name: str, qualifier: str) -> bool:
        """False if there was none."""
        key = {"account": account, "region": region, "name": name, "qualifier": qualifier}
        return await self._db.write("function_url_remove", **key) == 1


def _add(tx: Transaction, url: FunctionUrl) -> bool:
    key = {"account": url.account, "region": url.region, "name": url.name}
    there = tx.first("function_get", **key)
    if there is not None and url.qualifier:
        there = tx.first("alias_get", **key, alias=url.qualifier)
    if there is None:
        raise ResourceNotFound("Function does not exist")
    return tx.write("function_url_add", **_columns(url), alias=url.qualifier or None) == 1


def _columns(url: FunctionUrl) -> dict[str, Any]:
    return msgspec.structs.asdict(url) | {"cors": msgspec.json.encode(url.cors).decode()}


def _from(row: Row | None) -> FunctionUrl | None:
    if row is None:
        return None
    columns: dict[str, Any] = dict(row)
    columns["cors"] = msgspec.json.decode(columns["cors"], type=Cors)
    return FunctionUrl(**columns)
