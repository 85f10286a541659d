"""What FIFO topics have accepted in the last five minutes, or are about to: one that cannot be written is forgotten.

Source: Amazon SNS Developer Guide, "Message deduplication for FIFO topics".
"""

import hashlib
from typing import NamedTuple

from lambent.services.sns.nouns import Published
from lambent.store.connection import Row
from lambent.store.ledger import Entry, Rows

DEDUPLICATION_S = 300.0


class Accepted(NamedTuple):
    """What a publisher is told."""

    message_id: str
    sequence: str  # "" in a standard topic


class _Known(NamedTuple):
    accepted: Accepted
    until: float  # epoch seconds


class Dedup:
    """Mutable, on the event loop only: `_known` is by topic and deduplication id."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Known] = {}

    def load(self, row: Row) -> None:
        self._known[row["topic"], row["dedup_id"]] = _Known(Accepted(row["message_id"], row["sequence"]), row["until"])

    def known(self, topic: str, published: Published, now: float) -> Accepted | None:
        """What such a message is taken to be."""
        known = self._known.get((topic, dedup_of(published)))
        return known.accepted if known is not None and known.until > now else None

    def remember(self, topic: str, published: Published, accepted: Accepted, now: float) -> Entry:
        """What is to be entered with the message, for it to be known after a restart."""
        key = topic, dedup_of(published)
        self._known = {key: each for key, each in self._known.items() if each.until > now}
        self._known[key] = _Known(accepted, now + DEDUPLICATION_S)
        row = {
            "topic": topic, "dedup_id": key[1], "message_id": accepted.message_id, "sequence": accepted.sequence,
            "until": now + DEDUPLICATION_S,
        }  # fmt: skip
        rows: Rows = [("sns_dedup_put", row), ("sns_dedups_expire", {"now": now})]
        return Entry(rows, failed=lambda: self._forget(key))

    def _forget(self, key: tuple[str, str]) -> None:
        self._known.pop(key, None)


def dedup_of(published: Published) -> str:
    """The deduplication id: as given, or that of the message."""
    return published.dedup or hashlib.sha256(published.message.encode()).hexdigest()
