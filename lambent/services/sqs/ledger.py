"""What happens to messages, as rows of the ledger.

That a message was received is promised to nobody: it is noted with a later group, and a crash before that only makes
the message visible earlier.
"""

from typing import Any

import msgspec

from lambent.services.sqs.nouns import Content, Message
from lambent.store.database import Database
from lambent.store.ledger import Ledger

_encode = msgspec.json.Encoder().encode


class MessageLedger(Ledger):
    """A ledger with notes: `_notes` are messages whose receipt is to be written down some time."""

    def __init__(self, db: Database) -> None:
        super().__init__(db, self._noted)
        self._notes: dict[int, Message] = {}

    def note(self, message: Message) -> None:
        """That it was received, or when it is visible again, is worth keeping, but not worth waiting for."""
        self._notes[message.id] = message
        self.soon()

    def _noted(self) -> list[tuple[str, dict[str, Any]]]:
        notes, self._notes = self._notes, {}
        return [
            (
                "sqs_message_note",
                {"id": each.id, "due": each.due, "receives": each.receives, "first_received": each.first_received},
            )
            for each in notes.values()
            if not each.gone
        ]


def added(message: Message, queue: int, content: Content) -> tuple[str, dict[str, Any]]:
    """The row of a message that is accepted."""
    return "sqs_message_add", {
        "id": message.id, "queue": queue, "message_id": message.message_id, "sent": message.sent, "due": message.due,
        "receives": message.receives, "first_received": message.first_received, "group_id": message.group,
        "dedup_id": message.dedup, "size": message.size, "content": _encode(content),
    }  # fmt: skip


def dropped(message: Message) -> tuple[str, dict[str, Any]]:
    return "sqs_message_drop", {"id": message.id}
