"""ReceiveRequestAttemptId: whoever lost the answer to a receive of a FIFO queue asks again and gets the same messages.

Source: Amazon SQS API Reference, ReceiveMessage: for five minutes, and as long as none of them has been changed.
"""

from typing import TYPE_CHECKING

from lambent.services.sqs.nouns import DEDUPLICATION_S

if TYPE_CHECKING:
    from lambent.services.sqs.queue import Received


class Attempts:
    """What was given out at which attempt; at most `MOST` are remembered."""

    MOST = 1_000

    def __init__(self) -> None:
        self._given: dict[str, tuple[float, list[Received]]] = {}

    def again(self, attempt: str, now: float) -> "list[Received]":
        """The same messages, if all of them are still in that flight; otherwise none."""
        until, found = self._given.get(attempt, (0.0, []))
        same = until > now and all(
            not each.message.gone and each.message.flight == each.receipt.flight for each in found
        )
        return found if same else []

    def remember(self, attempt: str, found: "list[Received]", now: float) -> None:
        if not found:
            return
        self._given.pop(attempt, None)
        self._given[attempt] = (now + DEDUPLICATION_S, found)
        while len(self._given) > self.MOST:
            del self._given[next(iter(self._given))]
