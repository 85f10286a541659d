"""A thread that writes down what the hot path leaves behind, in rounds; logs and records have one each."""

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Background(Generic[Item]):
    """Whoever leaves something appends it to `_pending` and, only if `_asleep`, calls `_rouse`.

    That is a plain flag, since asking an Event for every item would cost more than keeping the item.
    """

    def __init__(self, name: str, every_s: float) -> None:
        self._pending: deque[Item] = deque()
        self._asleep = False
        self._every_s = every_s
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_for_ever, name=name, daemon=True)

    def close(self) -> None:
        """Write what is pending, and stop."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _rouse(self) -> None:
        self._asleep = False
        self._wake.set()

    def _write_for_ever(self) -> None:
        while True:
            self._asleep = True  # before looking: whoever appends from here on wakes us
            if not self._pending and not self._closing.is_set():
                self._wake.wait()
            self._asleep = False
            self._wake.clear()
            stopping = self._closing.is_set()
            self._write_pending()
            if stopping:
                return
            # A pause lets a burst gather into one write; it also bounds how often this thread takes the interpreter.
            self._closing.wait(self._every_s)

    def _write_pending(self) -> None:
        """Write everything that is pending; runs in the thread, and must not raise."""
        raise NotImplementedError
