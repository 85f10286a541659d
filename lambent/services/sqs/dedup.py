"""What a FIFO queue has accepted in the last five minutes, or is just being written. Pure.

Source: Amazon SQS Developer Guide, "Using the message deduplication ID".
"""

from collections import deque
from typing import Any, NamedTuple

from lambent.services.sqs.nouns import DEDUPLICATION_S, Message
from lambent.store.connection import Row


class Known(NamedTuple):
    """A message that was accepted, or is just being written."""

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

    def claim(self, scope: str, message: Message) -> Known:
        """The message that this one is taken to be, which is about to be written: itself, if it is the first."""
        self._forget(message.sent)
        key = scope, message.dedup
        if key not in self._known:
            self._put(key, Known(message.message_id, message.sequence, message.sent + DEDUPLICATION_S))
        return self._known[key]

    def row(self, scope: str, message: Message) -> tuple[str, dict[str, Any]]:
        """What says after a restart that it is the first."""
        return "sqs_dedup_put", {
            "queue": self._queue, "scope": scope, "dedup_id": message.dedup, "message_id": message.message_id,
            "sequence": message.sequence, "until": message.sent + DEDUPLICATION_S,
        }  # fmt: skip

    def forget(self, scope: str, message: Message) -> None:
        """It could not be written after all."""
        known = self._known.get((scope, message.dedup))
        if known is not None and known.message_id == message.message_id:
            del self._known[scope, message.dedup]

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
