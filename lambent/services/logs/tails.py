"""Live tails: whoever looks at groups as events come. Bounded: who reads too slowly misses some, and is told so.

Source: CloudWatch Logs API Reference, StartLiveTail: once a second, at most 500 events, three hours.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import islice
from typing import Any

from lambent.model import Document
from lambent.observe.log_groups import LogEvent
from lambent.pace import paced
from lambent.services.logs.filter_patterns import compile_filter
from lambent.services.logs.nouns import Key

EVERY_S = 1.0
MOST_EVENTS = 500
LONGEST_S = 3 * 3600.0


class Tail:
    """One session. `asked`: the parameters of StartLiveTail; `groups`: the identifiers by which it named them."""

    def __init__(self, asked: Document, groups: dict[Key, str]) -> None:
        self.asked = asked
        self.groups = groups
        self._names = frozenset(asked.get("logStreamNames") or ())
        self._prefixes = tuple(asked.get("logStreamNamePrefixes") or ())
        self._matches = compile_filter(asked.get("logEventFilterPattern") or "").matches
        self._events: deque[tuple[Key, LogEvent]] = deque()
        self._missed = False

    def wanted(self, events: Sequence[LogEvent]) -> list[LogEvent]:
        """Those that it asks for, and one more than it can have at most. For threads."""
        return list(islice(filter(self._wants, paced(events)), MOST_EVENTS + 1))

    def take(self, key: Key, events: Sequence[LogEvent]) -> None:
        room = MOST_EVENTS - len(self._events)
        self._missed |= len(events) > room
        self._events.extend((key, event) for event in events[:room])

    def _wants(self, event: LogEvent) -> bool:
        by_stream = not (self._names or self._prefixes)
        by_stream = by_stream or event.stream in self._names or event.stream.startswith(self._prefixes or ("\0",))
        return by_stream and self._matches(event.message)

    def start(self, request_id: str) -> Document:
        names = ("logGroupIdentifiers", "logStreamNames", "logStreamNamePrefixes", "logEventFilterPattern")
        said = {name: self.asked.get(name) or ([] if name.startswith("logS") else "") for name in names}
        return said | {"requestId": request_id, "sessionId": str(uuid.uuid4())}

    def update(self) -> Document:
        """What has come since the last one."""
        results = [
            {
                "logStreamName": event.stream, "logGroupIdentifier": f"{key[0]}:{key[2]}", "message": event.message,
                "timestamp": event.at, "ingestionTime": event.taken,
            }
            for key, event in self._events
        ]  # fmt: skip
        missed, self._missed = self._missed, False
        self._events.clear()
        return {"sessionMetadata": {"sampled": missed}, "sessionResults": results}


class Tails:
    """All sessions. Mutable, on the event loop only."""

    def __init__(self, apart: Callable[..., Awaitable[Any]]) -> None:
        """`apart` does work in a thread."""
        self._apart = apart
        self._open: set[Tail] = set()
        self._ending = asyncio.Event()

    def keys(self) -> set[Key]:
        return {key for tail in self._open for key in tail.groups}

    async def offer(self, key: Key, events: Sequence[LogEvent]) -> None:
        for tail in [tail for tail in self._open if key in tail.groups]:
            tail.take(key, await self._apart(tail.wanted, events))

    def end(self) -> None:
        """The server is about to stop."""
        self._ending.set()

    async def follow(
        self, tail: Tail, request_id: str, changed: Callable[[], None], ready: Callable[[Key], Awaitable[None]]
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """The events of the session's stream, until its end or until the client goes away."""
        self._open.add(tail)
        changed()
        try:
            for key in tail.groups:
                await ready(key)
            yield "sessionStart", tail.start(request_id)
            ends = asyncio.get_running_loop().time() + LONGEST_S
            while asyncio.get_running_loop().time() < ends:
                try:
                    await asyncio.wait_for(self._ending.wait(), EVERY_S)
                except TimeoutError:
                    yield "sessionUpdate", tail.update()
                else:
                    return
            yield "SessionTimeoutException", {"message": "This session has reached the longest time of three hours."}
        finally:
            self._open.discard(tail)
            changed()
