"""What FIFO topics have accepted in the last five minutes, or is just being written.

Source: Amazon SNS Developer Guide, "Message deduplication for FIFO topics".
"""

import hashlib
from collections.abc import Iterable
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

    def claim(self, topic: str, dedup_id: str, accepted: Accepted, now: float) -> Accepted:
        """What a message is taken to be that is about to be written: itself, if it is the first."""
        known = self._known.get((topic, dedup_id))
        if known is not None and known.until > now:
            return known.accepted
        self._known = {key: each for key, each in self._known.items() if each.until > now}
        self._known[topic, dedup_id] = _Known(accepted, now + DEDUPLICATION_S)
        return accepted

    def forget(self, topic: str, dedup_id: str, accepted: Accepted) -> None:
        """It could not be written after all."""
        known = self._known.get((topic, dedup_id))
        if known is not None and known.accepted == accepted:
            del self._known[topic, dedup_id]


class Once:
    """A message to a FIFO topic. Whether it is a duplicate is seen as it is written: what was entered before it is then
    on disk, is written with it, or has failed, so that the next one is the first."""

    def __init__(self, dedup: Dedup, topic: str, published: Published, now: float) -> None:
        self._dedup = dedup
        self._topic = topic
        self._dedup_id = dedup_of(published)
        self._own = Accepted(published.id, published.sequence)
        self._now = now
        self.accepted = self._own  # that of the first, once it is written

    def entries(self, copies: Iterable[Entry]) -> list[Entry]:
        """What is to be entered with the message's copies, which go nowhere if it is a duplicate."""
        first = Entry(self._rows, failed=lambda: self._dedup.forget(self._topic, self._dedup_id, self._own))
        return [first, *(copy.provided(lambda: self.accepted == self._own) for copy in copies)]

    def _rows(self) -> Rows:
        self.accepted = self._dedup.claim(self._topic, self._dedup_id, self._own, self._now)
        if self.accepted != self._own:
            return []
        row = {
            "topic": self._topic, "dedup_id": self._dedup_id, "message_id": self._own.message_id,
            "sequence": self._own.sequence, "until": self._now + DEDUPLICATION_S,
        }  # fmt: skip
        return [("sns_dedup_put", row), ("sns_dedups_expire", {"now": self._now})]


def dedup_of(published: Published) -> str:
    """The deduplication id: as given, or that of the message."""
    return published.dedup or hashlib.sha256(published.message.encode()).hexdigest()
