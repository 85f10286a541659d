"""One compact record of every invocation, kept in segments on disk and bounded; metrics, cost and advice read them.

<root>/<number>.rec     length-prefixed msgpack of model.Record, oldest segment removed first
"""

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from lambent.model import Record
from lambent.observe.segments import LARGEST, SEGMENTS, Segmented, framed

__all__ = ["LARGEST", "SEGMENTS", "Records"]

RECENT = 10_000  # kept in memory too: enough for a status page without touching the disk
_encode = msgspec.msgpack.Encoder().encode


class Records(Segmented[Record]):
    """`append` is one deque append; a thread encodes and writes, and calls `after` when it has, in each round."""

    def __init__(self, root: Path, keep_bytes: int, after: Callable[[], None] = lambda: None) -> None:
        super().__init__("lambent-records", root, "rec", keep_bytes)
        self.recent: deque[Record] = deque(maxlen=RECENT)
        self._after = after
        self._thread.start()

    def append(self, record: Record) -> None:
        self.recent.append(record)
        self._pending.append(record)
        if self._asleep:
            self._rouse()

    def read(self) -> Iterator[Record]:
        """Every record on disk, oldest first."""
        return self.decoded(_decoder())

    def find(self, request_id: str) -> Record | None:
        """The record of one invocation; the newest if a request id was used again."""
        for record in reversed(self.recent):
            if record.request_id == request_id:
                return record
        found = self.about(request_id)
        return found[-1] if found else None

    def about(self, request_id: str) -> list[Record]:
        """All records of one request id, which an event's attempts share, oldest first; from any thread."""
        recent = [record for record in self.recent.copy() if record.request_id == request_id]
        stored = self.holding(request_id, _decoder())
        # What is recent is on disk too, or will be in a moment.
        found = dict.fromkeys([*(record for record in stored if record.request_id == request_id), *recent])
        return sorted(found, key=lambda record: record.tried or record.at)

    def since(self) -> float | None:
        """The time of the oldest record that there is (epoch seconds)."""
        oldest = next(self.read(), None) or next(iter(self.recent.copy()), None)
        return oldest.at if oldest else None

    # -- the writer thread

    def _frame(self, item: Record) -> bytes:
        return _frame(item)

    def _write_pending(self) -> None:
        super()._write_pending()
        self._after()


def _decoder() -> Callable[[bytes], Record]:
    return msgspec.msgpack.Decoder(Record).decode


def _frame(record: Record) -> bytes:
    """A record behind its size; nothing if it is too large to be one, which would end the writer and all records."""
    try:
        return framed(_encode(record))
    except ValueError:  # half of a surrogate pair in a name that a function chose
        return b""
