"""What was noteworthy in the lives of invocations and events, and why: `lambent explain` is made of it.

<root>/<number>.jnl     length-prefixed msgpack of Entry, oldest segment removed first
"""

import time
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from lambent.observe.segments import Segmented, framed

RECENT = 5_000  # entries kept in memory too
MOST_PENDING = 50_000  # entries that wait to be written; a slow disk loses what comes beyond, and no memory
LONGEST_FACT = 1_000  # characters
MOST_FACTS = 16
# A storm of throttles says the same thing over and over, and each has its record besides.
STORM_BURST = 1_000
STORM_PER_S = 100.0

Fact = str | int | float | bool | None
_encode = msgspec.msgpack.Encoder().encode


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One thing that happened. Order is the storage format: only ever append fields."""

    at: float  # epoch seconds of the product's clock
    request_id: str
    kind: str  # accepted | throttled | waited | attempt-failed | retry-at | interrupted | kept | delivered | ...
    facts: dict[str, Fact] = {}


class _Told(NamedTuple):
    at: float
    request_id: str
    kind: str
    facts: dict[str, object]


class Journal(Segmented[_Told]):
    """`tell` is one deque append and never fails; a thread bounds, encodes and writes."""

    def __init__(self, root: Path, keep_bytes: int) -> None:
        super().__init__("lambent-journal", root, "jnl", keep_bytes)
        self.recent: deque[Entry] = deque(maxlen=RECENT)
        self.lost = 0  # entries that nobody will read: too many at once
        self._storm = _Allowance(STORM_BURST, STORM_PER_S)
        self._thread.start()

    def tell(self, at: float, request_id: str, kind: str, /, **facts: object) -> None:
        """That `kind` of thing happened to that invocation or event at `at` (epoch); facts are small and named."""
        if len(self._pending) >= MOST_PENDING:
            self.lost += 1
            return
        self._pending.append(_Told(at, request_id, kind, facts))
        if self._asleep:
            self._rouse()

    def spare(self) -> bool:
        """May one more be told of what comes in storms? Asked before the facts are found out, which costs more."""
        return self._storm.take()

    def about(self, request_id: str) -> list[Entry]:
        """All that is known of one id, oldest first; from any thread. It reads the disk: not for the event loop."""
        pending = [entry for told in self._pending.copy() if told.request_id == request_id for entry in [_entry(told)]]
        recent = [entry for entry in self.recent.copy() if entry.request_id == request_id]
        stored = self.holding(request_id, msgspec.msgpack.Decoder(Entry).decode)
        mine = [entry for entry in stored if entry.request_id == request_id]
        return sorted(_merged(mine, recent, pending), key=lambda entry: entry.at)

    def since(self) -> float | None:
        """The time of the oldest entry that there is (epoch seconds)."""
        # In the order in which entries move, or one that moves meanwhile would be seen nowhere.
        pending, recent = self._pending.copy(), self.recent.copy()
        stored = next(self.decoded(msgspec.msgpack.Decoder(Entry).decode), None)
        oldest = stored or next(iter(recent), None) or next(iter(pending), None)
        return oldest.at if oldest else None

    # -- the writer thread

    def _frame(self, item: _Told) -> bytes:
        try:
            entry = _entry(item)
            data = framed(_encode(entry))
        except Exception:  # whatever somebody found worth telling, the writer goes on
            self.lost += 1
            return b""
        self.recent.append(entry)
        return data


def _merged(*places: Sequence[Entry]) -> list[Entry]:
    """Each entry once, though it may be in two of the places by now; what one place has twice happened twice."""
    found, known = [], Counter[bytes]()
    for place in places:
        here = Counter[bytes]()
        for entry in place:
            said = _encode(entry)
            here[said] += 1
            if here[said] > known[said]:
                known[said] += 1
                found.append(entry)
    return found


class _Allowance:
    """So many at once, and so many a second from then on, in real time."""

    def __init__(self, burst: int, per_s: float) -> None:
        self._burst, self._per_s = burst, per_s
        self._left, self._at = float(burst), time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _entry(told: _Told) -> Entry:
    """What was told, in the form and size that can be kept."""
    facts = {str(name): _small(value) for name, value in list(told.facts.items())[:MOST_FACTS]}
    return Entry(float(told.at), _text(told.request_id), _text(told.kind), facts)


def _small(value: object) -> Fact:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < 1 << 63:
        return value
    return _text(value)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    text = text if len(text) <= LONGEST_FACT else f"{text[: LONGEST_FACT - 1]}…"
    return text.encode("utf-8", "replace").decode()  # a function's words may hold half of a surrogate pair
