"""CloudWatch's AWS/Lambda metrics as minutes of count, sum, least and most; kept in memory for three hours.

Source of names and meanings: lambda-semantics.md §25. An invocation counts in the minute in which it was received, as
on AWS. A metric of all functions of an account in a region has the function name "".
"""

import threading
from array import array
from collections import deque
from collections.abc import Iterator

import msgspec

from lambent.clock import Clock
from lambent.model import Record

MINUTE_S = 60
KEEP_MINUTES = 180
MOST_SERIES = 20_000  # of a metric and a function (and qualifier); the ones untouched for longest go first
MOST_MINUTES = 1_000_000  # of all series together: 40 MB
_WIDTH = 5  # numbers in a row of a series: minute, count, sum, min, max

Function = tuple[str, str, str]  # account, region, name
Key = tuple[str, Function, str]  # metric, function, qualifier ("": whatever it was invoked with)


class Minute(msgspec.Struct, frozen=True):
    """What was seen of one metric in one minute, which begins at `at` (epoch seconds)."""

    at: float
    count: int
    sum: float
    min: float
    max: float


class Metrics:
    """What is told is appended to `_fresh`; it is added up by whoever looks, or by the records' thread.

    `_series` changes only under `_lock`. Each is an array of rows in order of time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._fresh: deque[tuple[Record, str] | tuple[float, Key, float] | tuple[float, Key, float, bool]] = deque()
        self._series: dict[Key, array[float]] = {}
        self._minutes = 0  # rows of all series
        self._newest = 0.0  # minute
        self._lock = threading.Lock()

    # -- what is told: one append each, on the hot path

    def hear(self, record: Record, invoked_arn: str) -> None:
        """An invocation is over, or was throttled; `invoked_arn` is as its caller named the function."""
        self._fresh.append((record, invoked_arn))

    def add(self, metric: str, function: Function, value: float, qualifier: str = "") -> None:
        """Something happened to a function now; it counts for the function, its qualifier if any, and all functions."""
        self._fresh.append((self._clock.epoch(), (metric, function, qualifier), value))

    def sample(self, metric: str, function: Function, value: float, qualifier: str = "") -> None:
        """How high something stands now, for exactly that function (name "": all) and qualifier."""
        self._fresh.append((self._clock.epoch(), (metric, function, qualifier), value, True))

    # -- what is asked

    @property
    def waiting(self) -> int:
        """How much was told that is not added up yet."""
        return len(self._fresh)

    def minutes(self, metric: str, function: Function, qualifier: str = "", since: float = 0.0) -> list[Minute]:
        """The minutes that have anything, from that which holds `since` (epoch seconds) on, oldest first."""
        self.digest()
        with self._lock:
            rows = list(_rows(self._series.get((metric, function, qualifier), array("d"))))
        return [row for row in rows if row.at > since - MINUTE_S]

    def series(self) -> list[Key]:
        """All that there is something of."""
        self.digest()
        with self._lock:
            return sorted(self._series)

    def digest(self) -> None:
        """Add up what was told since the last time; from any thread."""
        with self._lock:
            calls: dict[tuple[str, str, float], _Calls] = {}
            added: dict[tuple[float, Key], list[float]] = {}
            for _ in range(len(self._fresh)):
                news = self._fresh.popleft()
                if len(news) == 2:
                    _sort_in(calls, *news)
                elif len(news) == 3:
                    added.setdefault((news[0] // MINUTE_S * MINUTE_S, news[1]), []).append(news[2])
                else:
                    self._put(news[1], _minute(news[0] // MINUTE_S * MINUTE_S, [news[2]]))
            for (minute, key), values in added.items():
                for level in _levels(*key):
                    self._put(level, _minute(minute, values))
            for (arn, invoked_arn, minute), each in calls.items():
                self._take_in(arn, invoked_arn, minute, each)
            if len(self._series) > MOST_SERIES or self._minutes > MOST_MINUTES:
                self._make_room()

    # -- details, under the lock

    def _take_in(self, arn: str, invoked_arn: str, minute: float, calls: "_Calls") -> None:
        parts, named = arn.split(":"), invoked_arn.split(":")
        function, qualifier = (parts[4], parts[3], parts[6]), named[7] if len(named) > 7 else ""
        for metric, news in calls.measures(minute):
            for key in _levels(metric, function, qualifier):
                self._put(key, news)
        if calls.durations:
            self._ran(function, minute)

    def _ran(self, function: Function, minute: float) -> None:
        """Whatever was called was running, though it may have been over before anybody took a sample."""
        for key in _levels("ConcurrentExecutions", function, ""):
            rows = self._series.get(key)
            if rows is None or minute not in rows[::_WIDTH]:
                self._put(key, Minute(minute, 1, 1.0, 1.0, 1.0))

    def _put(self, key: Key, news: Minute) -> None:
        rows = self._series.get(key)
        if rows is None:
            rows = self._series[key] = array("d")
        row = len(rows) - _WIDTH
        while row >= 0 and rows[row] > news.at:  # a long call is told of when it is over
            row -= _WIDTH
        if row >= 0 and rows[row] == news.at:
            rows[row + 1] += news.count
            rows[row + 2] += news.sum
            rows[row + 3] = min(rows[row + 3], news.min)
            rows[row + 4] = max(rows[row + 4], news.max)
            return
        rows[row + _WIDTH : row + _WIDTH] = array("d", msgspec.structs.astuple(news))
        self._newest = max(self._newest, news.at)
        self._minutes += 1 - _shorten(rows, self._newest - KEEP_MINUTES * MINUTE_S)

    def _make_room(self) -> None:
        """Forget the series of functions that nobody uses any more, then the oldest half of everything, or so."""
        self._forget(self._newest - KEEP_MINUTES * MINUTE_S)
        keep_s = KEEP_MINUTES * MINUTE_S / 2
        while keep_s > MINUTE_S and (len(self._series) > MOST_SERIES or self._minutes > MOST_MINUTES):
            self._forget(self._newest - keep_s)
            keep_s /= 2
        while len(self._series) > MOST_SERIES:
            self._minutes -= len(self._series.pop(next(iter(self._series)))) // _WIDTH

    def _forget(self, before: float) -> None:
        for key, rows in list(self._series.items()):
            self._minutes -= _shorten(rows, before)
            if not rows:
                del self._series[key]


def total(minutes: list[Minute]) -> Minute | None:
    """All of them as one, which begins with the first; None for none."""
    if not minutes:
        return None
    return Minute(
        minutes[0].at,
        sum(each.count for each in minutes),
        sum(each.sum for each in minutes),
        min(each.min for each in minutes),
        max(each.max for each in minutes),
    )


def _levels(metric: str, function: Function, qualifier: str) -> tuple[Key, ...]:
    account, region, _ = function
    plain = (metric, function, ""), (metric, (account, region, ""), "")
    return ((metric, function, qualifier), *plain) if qualifier else plain


class _Calls:
    """Calls of one function, by one name, in one minute: added up together, since each of them has many metrics."""

    __slots__ = ("durations", "errors", "extensions", "provisioned", "throttles")

    def __init__(self) -> None:
        self.durations: list[float] = []
        self.extensions: list[float] = []
        self.errors = 0
        self.throttles = 0
        self.provisioned = 0

    def measures(self, at: float) -> Iterator[tuple[str, Minute]]:
        """Errors are 0 or 1 of each invocation, as on AWS."""
        durations, count, errors = self.durations, len(self.durations), self.errors
        if durations:
            yield "Invocations", Minute(at, count, count, 1.0, 1.0)
            yield "Errors", Minute(at, count, errors, float(errors == count), float(errors > 0))
            yield "Duration", _minute(at, durations)
        if self.extensions:
            yield "PostRuntimeExtensionsDuration", _minute(at, self.extensions)
        if self.throttles:
            yield "Throttles", Minute(at, self.throttles, self.throttles, 1.0, 1.0)
        if self.provisioned:
            yield "ProvisionedConcurrencyInvocations", Minute(at, self.provisioned, self.provisioned, 1.0, 1.0)


def _minute(at: float, values: list[float]) -> Minute:
    return Minute(at, len(values), sum(values), min(values), max(values))


def _sort_in(calls: dict[tuple[str, str, float], _Calls], record: Record, invoked_arn: str) -> None:
    """Errors are the function's own: a call that never ran because of us is no invocation, as on AWS."""
    key = record.arn, invoked_arn, (record.tried or record.at) // MINUTE_S * MINUTE_S
    group = calls.get(key)
    if group is None:
        group = calls[key] = _Calls()
    if record.outcome == "throttled":
        group.throttles += 1
    elif record.sandbox:
        group.durations.append(record.duration_ms)
        if record.extensions_ms is not None:
            group.extensions.append(record.extensions_ms)
        if record.outcome != "success":
            group.errors += 1
        if record.initialization == "provisioned-concurrency":
            group.provisioned += 1


def _shorten(rows: "array[float]", before: float) -> int:
    """Drop the rows of minutes before that one; how many there were."""
    at = 0
    while at < len(rows) and rows[at] < before:
        at += _WIDTH
    if at:
        del rows[:at]
    return at // _WIDTH


def _rows(rows: "array[float]") -> Iterator[Minute]:
    for at in range(0, len(rows), _WIDTH):
        minute, count, total, least, most = rows[at : at + _WIDTH]
        yield Minute(minute, int(count), total, least, most)
