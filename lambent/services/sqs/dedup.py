"""What a FIFO queue has accepted in the last five minutes, or is about to. Pure.

Source: Amazon SQS Developer Guide, "Using the message deduplication ID".
"""

from collections import deque
from typing import Any, NamedTuple

from lambent.services.sqs.nouns import DEDUPLICATION_S, Message
from lambent.store.connection import Row


class Known(NamedTuple):
    """A message that was accepted, or is about to be."""

    message_id: str
    sequence: str
    until: float  # epoch seconds


class Dedup:
    """By scope (the message group, or "") and deduplication id."""

    def __init__(self, queue: int) -> None:
        self._queue = queue
        self._known: dict[tuple[str, str], Known] = {}
        self._by_age: deque[tuple[float, tuple[str, str]]] = deque()

    def __len__(self) -> int:
        return len(self._known)

    def known(self, scope: str, dedup_id: str, now: float) -> Known | None:
        """The message that such a one is taken to be."""
        self._forget(now)
        return self._known.get((scope, dedup_id))

    def remember(self, scope: str, message: Message, now: float) -> tuple[str, dict[str, Any]]:
        """The row that says so after a restart."""
        known = Known(message.message_id, message.sequence, now + DEDUPLICATION_S)
        self._put((scope, message.dedup), known)
        return "sqs_dedup_put", {
            "queue": self._queue, "scope": scope, "dedup_id": message.dedup, "message_id": known.message_id,
            "sequence": known.sequence, "until": known.until,
        }  # fmt: skip

    def forget(self, scope: str, message: Message) -> None:
        """It could not be written after all."""
        self._known.pop((scope, message.dedup), None)

    def load(self, row: Row) -> None:
        known = Known(row["message_id"], row["sequence"], row["until"])
        self._put((row["scope"], row["dedup_id"]), known)

    def _put(self, key: tuple[str, str], known: Known) -> None:
        self._known[key] = known
        self._by_age.append((known.until, key))

    def _forget(self, now: float) -> None:
        while self._by_age and self._by_age[0][0] <= now:
            _, key = self._by_age.popleft()
            if key in self._known and self._known[key].until <= now:
                del self._known[key]
