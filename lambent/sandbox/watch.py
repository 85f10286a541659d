"""One look, now and then, at the calls that have just begun: most are over before a timer of their own would matter."""

import asyncio
from typing import Protocol


class Watched(Protocol):
    """What runs a call, one at a time."""

    def takes_long(self, for_s: float) -> None:
        """Its call has been running for `for_s` seconds, and is not watched any more."""
        ...


class Watch:
    """`_young` are the calls that nobody has been told of yet, by when they began (the loop's time), oldest first.

    Told between one and two `after_s` from their beginning. Setting and cancelling a timer for each call took several
    microseconds of the hot path; this takes two changes of a dictionary.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, after_s: float) -> None:
        self._loop = loop
        self._after_s = after_s
        self._young: dict[Watched, float] = {}
        self._ticking = False

    def begin(self, call: Watched) -> None:
        self._young[call] = self._loop.time()
        if not self._ticking:
            self._tick()

    def end(self, call: Watched) -> None:
        self._young.pop(call, None)

    def look(self) -> None:
        """Tell those that have taken long enough; come back if there are others."""
        self._ticking = False
        now = self._loop.time()
        enough_s = self._after_s * 0.9  # a timer may be a little early
        long = [(call, now - began) for call, began in self._young.items() if now - began >= enough_s]
        for call, for_s in long:
            del self._young[call]
            call.takes_long(for_s)
        if self._young and not self._ticking:
            self._tick()

    def _tick(self) -> None:
        self._ticking = True
        self._loop.call_later(self._after_s, self.look)
