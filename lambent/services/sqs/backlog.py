"""The messages of one queue, those in memory and those that are only on disk.

Of a long queue only the next messages are in memory: `_read_to` is the number up to which all of them are, in the line;
what lies beyond is read when the line runs low.
"""

import copy

import msgspec

from lambent.services.sqs.line import Line
from lambent.services.sqs.lines import new_line
from lambent.services.sqs.nouns import MOST_IN_FLIGHT, Content, Message
from lambent.store.connection import Row
from lambent.store.sqs import SqsStore

PAGE = 500  # messages read from disk at once
MOST_READY = 1_000  # messages that wait in memory as they come; more wait on disk
SMALL = 8_192  # bytes of a message that is kept whole until it goes out
PAGES = 8  # read in a row before others get their turn
_decode = msgspec.json.Decoder(Content).decode


class Backlog:
    """Mutable, on the event loop only. `total` counts the messages on disk."""

    def __init__(self, number: int, store: SqsStore, *, fifo: bool, total: int = 0) -> None:
        """Of the queue of that number, which has `total` messages."""
        self.line: Line = new_line(fifo=fifo)
        self.total = total
        self._number = number
        self._store = store
        self._read_to = 0
        self._unread = total > 0  # may there be more on disk, beyond `_read_to`?

    def __repr__(self) -> str:
        return f"<Backlog of {self.total}, {len(self.line)} in memory>"

    def arrived(self, message: Message, now: float) -> bool:
        """One is on disk. Behind others that only are there it waits with them; True if it is in memory."""
        self.total += 1
        if message.id <= self._read_to:
            return False  # a page was read since it was written, and it was in it
        self._unread = self._unread or len(self.line) - self.line.flying - self.line.delayed >= MOST_READY
        if self._unread:
            return False
        if message.size > SMALL or message.due > now:
            message.content = None
        self._read_to = message.id
        self.line.add(message, now)
        return True

    def has_one(self, now: float) -> bool:
        """Is there a message to be taken? Reads more of them from disk if there may be."""
        self.line.wake(now)
        pages = 0
        while not self.line.ready():
            if not self._unread or pages == PAGES or len(self.line) >= MOST_IN_FLIGHT:
                return False
            pages += 1
            self._read_page(now)
        return True

    def find(self, number: int) -> Message | None:
        """A message that is still there, in memory or not read yet (given out before a restart)."""
        found = self.line.find(number)
        if found is None and number > self._read_to:
            row = self._store.find(number, self._number)
            found = None if row is None else message_from(row)
        return found

    def content(self, message: Message) -> Content | None:
        """What it carries; None if it has gone from the disk meanwhile."""
        if message.content is not None:
            found, message.content = message.content, None  # it will hardly be asked for again
            return found
        data = self._store.content(message.id)
        return None if data is None else _decode(data)

    def drop(self, message: Message) -> None:
        """It is gone, or about to be."""
        self.line.drop(message)
        self.total -= 1

    def restore(self, message: Message, now: float) -> None:
        """What was to go has to stay after all."""
        self.total += 1
        kept = copy.copy(message)  # where the line still has the old one, that is passed over: it went out twice
        kept.gone = False
        if kept.id <= self._read_to:
            self.line.add(kept, now)

    def purge(self, upto: int) -> None:
        """All messages up to that number are to go. What has come meanwhile is read from disk again."""
        self.line.clear()
        self.total = 0
        self._read_to = upto
        self._unread = True

    def too_old(self, before: float) -> tuple[list[int], bool]:
        """Of the oldest messages, the numbers of those sent before that moment, which are dropped; and may there be
        more of them?"""
        page = self._store.after(self._number, 0, PAGE)
        over = [row["id"] for row in page if row["sent"] < before]
        for number in over:
            message = self.line.find(number)
            if message is not None:
                self.line.drop(message)
        self.total -= len(over)
        return over, bool(over) and len(page) == PAGE

    def counts(self, now: float) -> dict[str, int]:
        self.line.wake(now)
        flying, delayed = self.line.flying, self.line.delayed
        return {
            "ApproximateNumberOfMessages": max(0, self.total - flying - delayed),
            "ApproximateNumberOfMessagesNotVisible": flying,
            "ApproximateNumberOfMessagesDelayed": delayed,
        }

    def _read_page(self, now: float) -> None:
        rows = self._store.after(self._number, self._read_to, PAGE)
        for row in rows:
            self.line.add(message_from(row), now)
            self._read_to = row["id"]
        self._unread = len(rows) == PAGE


def message_from(row: Row) -> Message:
    """A message as it lies on disk, without what it carries."""
    return Message(
        row["id"], row["message_id"], sent=row["sent"], due=row["due"], group=row["group_id"], dedup=row["dedup_id"],
        size=row["size"], receives=row["receives"], first_received=row["first_received"],
    )  # fmt: skip
