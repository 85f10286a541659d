"""Topics and subscriptions as rows, and back."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import asdict

from lambent.services.sns.nouns import Delivery, Subscription, Topic
from lambent.store.connection import Row


def columns(noun: Topic | Subscription) -> dict[str, Any]:
    found = asdict(noun)
    for name in ("attributes", "tags"):
        if name in found:
            found[name] = msgspec.json.encode(found[name]).decode()
    return found | ({"confirmed": int(noun.confirmed)} if isinstance(noun, Subscription) else {})


def _decoded(row: Row, names: tuple[str, ...]) -> Mapping[str, Any]:
    found = {name: row[name] for name in names}
    return found | {name: msgspec.json.decode(found[name]) for name in ("attributes", "tags") if name in found}


def topic_from(row: Row) -> Topic:
    return Topic(**_decoded(row, Topic.__struct_fields__))


def subscription_from(row: Row) -> Subscription:
    found = _decoded(row, Subscription.__struct_fields__)
    return Subscription(**{**found, "confirmed": bool(row["confirmed"])})


def delivery_from(row: Row) -> Delivery:
    found = {name: row[name] for name in Delivery.__struct_fields__}
    return Delivery(**found | {"raw": bool(row["raw"])})
