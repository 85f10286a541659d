"""What a poller asks of the queue that its mapping names, wherever that is."""

import asyncio
from collections.abc import Sequence
from typing import Protocol, TypeVar

from lambent.services.sources.records import Record, Taken

M = TypeVar("M", bound=Taken)


class Source(Protocol[M]):
    """A queue, as one poller sees it; `M` is what it remembers of a message that is under way."""

    @property
    def closed(self) -> bool:
        """Nothing comes from it any more: it was deleted, or the server is about to stop."""
        ...

    async def poll(self, most: int, wait_s: float) -> list[Record[M]]:
        """At most so many messages, hidden from others for the queue's visibility timeout; waits so long for the first.

        Raises LambentError. Whoever is cancelled here has taken nothing.
        """
        ...

    def receive(self, most: int) -> list[Record[M]]:
        """Those that are there at this moment."""
        ...

    def give_back(self, records: Sequence[Record[M]]) -> None:
        """They were taken, but nothing was tried: visible again at once."""
        ...

    def drop(self, records: Sequence[Record[M]]) -> "asyncio.Future[None]":
        """Delete them; what cannot be deleted comes back by itself."""
        ...

    def drop_unseen(self, record: Record[M]) -> None:
        """Delete one that no filter lets through; nobody waits for that."""
        ...
