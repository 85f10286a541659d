"""When buffered telemetry goes out, and what is dropped: decisions without I/O; time is an argument."""

from collections import deque

import msgspec

from lambent.sandbox.telemetry_rules import Buffering

QUEUED_BATCHES_BYTES = 4 << 20  # of one subscriber that is slower than its function writes


class Batch(msgspec.Struct):
    """Encoded events that go out together."""

    events: list[bytes] = msgspec.field(default_factory=list)
    size: int = 0


class Buffer:
    """The open batch of one subscriber, and the full ones that wait to be sent.

    State: `open` fills until an item, byte or time limit closes it; `queue` is bounded; what does not fit is counted in
    `dropped_bytes` and `dropped_records` until somebody takes the counts.
    """

    def __init__(self, limits: Buffering) -> None:
        self.limits = limits
        self.open = Batch()
        self.due_at: float | None = None  # when the open batch goes out at the latest; None: it is empty
        self.queue: deque[Batch] = deque()
        self.queued_bytes = 0
        self.dropped_bytes = 0
        self.dropped_records = 0

    def add(self, event: bytes, now: float) -> bool:
        """Take one event. True when a batch has become ready."""
        full = False
        if self.open.events and self.open.size + len(event) > self.limits.max_bytes:
            full = self.close()
        if self.due_at is None:
            self.due_at = now + self.limits.timeout_ms / 1000
        self.open.events.append(event)
        self.open.size += len(event)
        if len(self.open.events) >= self.limits.max_items or self.open.size >= self.limits.max_bytes:
            full = self.close()
        return full

    def expire(self, now: float) -> bool:
        """Close the batch whose time has come."""
        return self.due_at is not None and now >= self.due_at and self.close()

    def close(self) -> bool:
        """Close the open batch now. True when there is something to send."""
        batch, self.open, self.due_at = self.open, Batch(), None
        if not batch.events:
            return bool(self.queue)
        if self.queued_bytes + batch.size > QUEUED_BATCHES_BYTES and self.queue:
            self.drop(batch)
        else:
            self.queue.append(batch)
            self.queued_bytes += batch.size
        return bool(self.queue)

    def take(self) -> Batch | None:
        """The next batch to send."""
        if not self.queue:
            return None
        batch = self.queue.popleft()
        self.queued_bytes -= batch.size
        return batch

    def drop(self, batch: Batch) -> None:
        self.dropped_bytes += batch.size
        self.dropped_records += len(batch.events)

    def take_dropped(self) -> tuple[int, int]:
        """Bytes and records that were dropped since the last call."""
        dropped, self.dropped_bytes, self.dropped_records = (self.dropped_bytes, self.dropped_records), 0, 0
        return dropped

    @property
    def empty(self) -> bool:
        return not self.open.events and not self.queue
