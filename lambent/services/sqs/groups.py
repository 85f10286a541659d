"""The messages of a FIFO queue that are in memory: each message group in its order, and none of a group goes out while
others of it are in flight. Pure, with the methods of line.Line.

Source: Amazon SQS Developer Guide, "FIFO queue delivery logic".
"""

import heapq
from bisect import insort

from lambent.services.sqs.line import Waiting, received
from lambent.services.sqs.nouns import Message


class Group:
    """One message group. `held` are not in flight, in their order; `flying` counts those that are."""

    __slots__ = ("flying", "held")

    def __init__(self) -> None:
        self.held: list[Message] = []
        self.flying = 0


def _order(message: Message) -> int:
    return message.id


class FifoLine:
    """`_order` names the groups that may have something to give, by their first message; entries that are no longer
    true are passed over."""

    def __init__(self) -> None:
        self._all: dict[int, Message] = {}
        self._groups: dict[str, Group] = {}
        self._order: list[tuple[int, str]] = []
        self._waiting = Waiting()
        self._in_flight: set[int] = set()
        self._asleep: set[int] = set()  # delayed, not in flight

    def __repr__(self) -> str:
        return f"<FifoLine of {len(self._all)} in {len(self._groups)} groups, {self.flying} in flight>"

    def __len__(self) -> int:
        return len(self._all)

    @property
    def flying(self) -> int:
        return len(self._in_flight)

    @property
    def delayed(self) -> int:
        return len(self._asleep)

    def add(self, message: Message, now: float) -> None:
        self._all[message.id] = message
        group = self._groups.setdefault(message.group, Group())
        if message.due > now and message.receives:
            self._fly(message, group)
        else:
            insort(group.held, message, key=_order)
            if message.due > now:
                self._asleep.add(message.id)
                self._waiting.add(message)
            self._offer(message.group, group)

    def wake(self, now: float) -> None:
        for message in self._waiting.over(now):
            self._asleep.discard(message.id)
            self._land(message)

    def ready(self) -> bool:
        return self._next_group() is not None

    def take(self, most: int, now: float, visible_at: float) -> list[Message]:
        taken: list[Message] = []
        while len(taken) < most and (name := self._next_group()) is not None:
            heapq.heappop(self._order)
            group = self._groups[name]
            while group.held and len(taken) < most and group.held[0].id not in self._asleep:
                message = group.held.pop(0)
                received(message, now, visible_at)
                self._fly(message, group)
                taken.append(message)
        if visible_at <= now:
            self.wake(now)
        return taken

    def find(self, number: int) -> Message | None:
        return self._all.get(number)

    def drop(self, message: Message) -> None:
        if self._all.pop(message.id, None) is None:
            return
        message.gone = True
        self._asleep.discard(message.id)
        group = self._groups[message.group]
        if message.id in self._in_flight:
            self._in_flight.discard(message.id)
            group.flying -= 1
        else:
            group.held.remove(message)
        self._offer(message.group, group)

    def change(self, message: Message, visible_at: float, now: float) -> None:
        message.due = visible_at
        self._waiting.add(message)
        self.wake(now)

    def next_due(self) -> float | None:
        return self._waiting.next_due()

    def clear(self) -> None:
        for message in self._all.values():
            message.gone = True
        for each in (self._all, self._groups, self._order, self._waiting, self._in_flight, self._asleep):
            each.clear()

    def _fly(self, message: Message, group: Group) -> None:
        group.flying += 1
        self._in_flight.add(message.id)
        self._waiting.add(message)

    def _land(self, message: Message) -> None:
        """It is visible again, in its old place; or it was only delayed, and has its place already."""
        group = self._groups[message.group]
        if message.id in self._in_flight:
            self._in_flight.discard(message.id)
            message.flight = b""
            group.flying -= 1
            insort(group.held, message, key=_order)
        self._offer(message.group, group)

    def _offer(self, name: str, group: Group) -> None:
        if not group.held and not group.flying:
            self._groups.pop(name, None)
        elif group.held and not group.flying and group.held[0].id not in self._asleep:
            heapq.heappush(self._order, (group.held[0].id, name))

    def _next_group(self) -> str | None:
        while self._order:
            first, name = self._order[0]
            group = self._groups.get(name)
            free = group is not None and group.held and not group.flying
            if group and free and group.held[0].id == first and first not in self._asleep:
                return name
            heapq.heappop(self._order)
        return None
