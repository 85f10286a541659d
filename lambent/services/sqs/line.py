"""The messages of a standard queue that are in memory: which is next, which are in flight, when the next one is due.

Pure: no I/O, and time is an argument (epoch seconds). A FIFO queue's are in groups.py, by the same methods.
"""

import heapq
from typing import Protocol

from lambent.services.sqs.nouns import Message


class Line(Protocol):
    """What a queue asks of either kind."""

    @property
    def flying(self) -> int: ...

    @property
    def delayed(self) -> int: ...

    def add(self, message: Message, now: float) -> None:
        """One that has arrived, or was read from disk."""
        ...

    def wake(self, now: float) -> None:
        """Make ready what has become visible by `now`."""
        ...

    def ready(self) -> bool:
        """Is there one to be taken? Ask after `wake`."""
        ...

    def take(self, most: int, now: float, visible_at: float) -> list[Message]:
        """At most so many that are ready; they are in flight from now on, until `visible_at`."""
        ...

    def find(self, number: int) -> Message | None:
        """One that is here, whatever its state."""
        ...

    def drop(self, message: Message) -> None:
        """It is gone: deleted, expired, or moved elsewhere."""
        ...

    def change(self, message: Message, visible_at: float, now: float) -> None:
        """One in flight is to be visible at another time."""
        ...

    def next_due(self) -> float | None:
        """When the next one may become visible; None: nothing is waited for."""
        ...

    def clear(self) -> None:
        """All are gone."""
        ...

    def __len__(self) -> int: ...


class Waiting:
    """Messages that are not visible yet, by the time when they will be. Both kinds of lines have one.

    An entry whose message has left, or has another time by now, is passed over when it comes up.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Message]] = []

    def add(self, message: Message) -> None:
        heapq.heappush(self._heap, (message.due, message.id, message))

    def over(self, now: float) -> list[Message]:
        """Take out those whose time has come."""
        found = []
        while (first := self._first()) is not None and first.due <= now:
            heapq.heappop(self._heap)
            found.append(first)
        return found

    def next_due(self) -> float | None:
        first = self._first()
        return None if first is None else first.due

    def clear(self) -> None:
        self._heap.clear()

    def _first(self) -> Message | None:
        while self._heap:
            due, _, message = self._heap[0]
            if not message.gone and message.due == due:
                return message
            heapq.heappop(self._heap)
        return None


class StandardLine:
    """Ready messages go out in order of arrival, which SQS does not promise but people like."""

    def __init__(self) -> None:
        self._all: dict[int, Message] = {}
        self._ready: list[tuple[int, Message]] = []
        self._waiting = Waiting()
        self._hidden: dict[int, bool] = {}  # those not visible: is it in flight?
        self._flying = self._delayed = 0

    def __repr__(self) -> str:
        return f"<StandardLine of {len(self._all)}: {self.flying} in flight, {self.delayed} delayed>"

    def __len__(self) -> int:
        return len(self._all)

    @property
    def flying(self) -> int:
        return self._flying

    @property
    def delayed(self) -> int:
        return self._delayed

    def add(self, message: Message, now: float) -> None:
        self._all[message.id] = message
        if message.due <= now:
            heapq.heappush(self._ready, (message.id, message))
        else:
            self._hide(message, flying=message.receives > 0)

    def wake(self, now: float) -> None:
        for message in self._waiting.over(now):
            self._show(message)
            heapq.heappush(self._ready, (message.id, message))

    def ready(self) -> bool:
        while self._ready and self._ready[0][1].gone:
            heapq.heappop(self._ready)
        return bool(self._ready)

    def take(self, most: int, now: float, visible_at: float) -> list[Message]:
        taken: list[Message] = []
        while len(taken) < most and self.ready():
            _, message = heapq.heappop(self._ready)
            received(message, now, visible_at)
            taken.append(message)
            self._hide(message, flying=True)
        if visible_at <= now:
            self.wake(now)
        return taken

    def find(self, number: int) -> Message | None:
        return self._all.get(number)

    def drop(self, message: Message) -> None:
        if self._all.pop(message.id, None) is not None:
            message.gone = True
            self._show(message)

    def change(self, message: Message, visible_at: float, now: float) -> None:
        message.due = visible_at
        self._waiting.add(message)
        self.wake(now)

    def next_due(self) -> float | None:
        return self._waiting.next_due()

    def clear(self) -> None:
        for message in self._all.values():
            message.gone = True
        self._all.clear()
        self._ready.clear()
        self._waiting.clear()
        self._hidden.clear()
        self._flying = self._delayed = 0

    def _hide(self, message: Message, *, flying: bool) -> None:
        self._hidden[message.id] = flying
        self._flying += flying
        self._delayed += not flying
        self._waiting.add(message)

    def _show(self, message: Message) -> None:
        flying = self._hidden.pop(message.id, None)
        if flying is not None:
            message.flight = b""
            self._flying -= flying
            self._delayed -= not flying


def received(message: Message, now: float, visible_at: float) -> None:
    """Note on the message that it goes out."""
    message.receives += 1
    message.first_received = message.first_received or now
    message.due = visible_at
