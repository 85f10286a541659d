"""The life of one invocation or event, in order: what `lambent explain` tells. Plain functions over what was kept."""

from collections.abc import Iterable, Sequence

import msgspec

from lambent.model import Record
from lambent.observe import sentences
from lambent.observe.journal import Entry, Fact
from lambent.observe.report import iso

QUEUED_S = 1.0  # beyond its date; less is no wait
NEAR_S = 1.0  # a record and an entry of the same attempt that are no further apart tell of the same thing
# What comes first where the clock says the same, as a clock that is moved by hand often does.
ORDER = ("accepted", "received", "interrupted", "queued", "waited", "cold", "ran", "failed", "attempt-failed",
         "malformed-answer", "throttled", "recursion", "retry-at", "answered-from-key", "delivered", "undeliverable",
         "kept", "replayed")  # fmt: skip


class Chapter(msgspec.Struct, frozen=True):
    """One thing that happened, and in words."""

    at: float  # epoch seconds
    time: str
    kind: str
    text: str
    facts: dict[str, Fact] = {}


class Life(msgspec.Struct, frozen=True):
    """All of it. `now` says in sentences where an event is at present; of a synchronous call it has nothing to say."""

    request_id: str
    function: str  # qualified ARN; "" if nobody knows
    chapters: list[Chapter]
    attempts: list[Record]
    now: list[str]


class _Placed(msgspec.Struct):
    """A chapter, and where it belongs: with the attempt that began at `anchor`, in the life after so many replays."""

    anchor: float
    chapter: Chapter
    replays: int = 0


def life(
    request_id: str, records: Sequence[Record], entries: Sequence[Entry], *, accepted: float | None = None,
    function: str = "", now: Sequence[str] = (),
) -> Life:  # fmt: skip
    """Join what is known. `accepted` is when it became an event (epoch seconds), if it is or was one."""
    left = list(entries)
    placed: list[_Placed] = []
    # One that was replayed was accepted more than once: the journal tells of the later times.
    times = [record.at for record in records if record.attempt] + ([] if accepted is None else [accepted])
    since = min(times, default=None)
    if since is not None and not any(entry.kind == "accepted" for entry in left):
        placed.append(_placed(since, since, "accepted", sentences.accepted()))
    dates = _dates(since, entries)
    replays = [entry.at for entry in entries if entry.kind == "replayed"]
    for record, life_no in _lives(sorted(records, key=_began), replays):
        placed += _in_life(life_no, [*_queued(record, dates), *_of_record(record, left)])
    life_no = 0
    for entry in left:
        placed += _in_life(life_no, [_placed(entry.at, entry.at, entry.kind, sentences.of(entry), entry.facts)])
        life_no += entry.kind == "replayed"
    chapters = [each.chapter for each in sorted(placed, key=_place)]
    named = function or next((record.arn for record in records), "")
    return Life(request_id, named, chapters, list(records), list(now))


def _place(each: _Placed) -> tuple[float, int, int]:
    return each.anchor, each.replays, _rank(each.chapter.kind)


def _in_life(number: int, placed: Iterable[_Placed]) -> list[_Placed]:
    return [msgspec.structs.replace(each, replays=number) for each in placed]


def _lives(records: Sequence[Record], replays: Sequence[float]) -> Iterable[tuple[Record, int]]:
    """Each attempt, and after how many replays it was: times tell, and where they are the same, that the numbers of
    attempts begin anew."""
    restarts = last = 0
    for record in records:
        if record.attempt and record.outcome != "throttled":
            restarts, last = restarts + (record.attempt <= last), record.attempt
        began = _began(record)
        yield record, min(max(restarts, sum(at < began for at in replays)), sum(at <= began for at in replays))


def _dates(since: float | None, entries: Sequence[Entry]) -> list[float]:
    """When an attempt could have been made: at its acceptance, when it was replayed, and whenever it was due again."""
    dates = [] if since is None else [since]
    for entry in entries:
        due = entry.facts.get("due")
        if entry.kind == "replayed":
            dates.append(entry.at)
        elif entry.kind == "retry-at" and "target" not in entry.facts and isinstance(due, int | float):
            dates.append(float(due))
    return dates


def _queued(record: Record, dates: list[float]) -> Iterable[_Placed]:
    """That an event was due, and had to wait for its turn all the same."""
    began = _began(record)
    ready = max((date for date in dates if date <= began), default=began)
    if record.attempt and began - ready >= QUEUED_S:
        facts: dict[str, Fact] = {"seconds": round(began - ready, 3), "attempt": record.attempt}
        yield _placed(began, began, "queued", sentences.queued(began - ready), facts)


def _of_record(record: Record, left: list[Entry]) -> Iterable[_Placed]:
    """The chapters of one attempt, with what the journal says of it, which is taken out of `left`."""
    began = _began(record)
    if not record.attempt:
        yield _placed(began, began, "received", sentences.received(record))
    if record.outcome == "throttled":
        entry = _taken(left, "throttled", lambda entry: abs(entry.at - began) <= NEAR_S)
        text = sentences.of(entry) if entry else sentences.throttled(record.reason)
        yield _placed(began, began, "throttled", text, entry.facts if entry else {"reason": record.reason})
        return
    entry = _taken(left, "waited", lambda entry: entry.facts.get("attempt", 0) == record.attempt)
    if entry:
        yield _placed(began, entry.at, "waited", sentences.of(entry), entry.facts)
    if record.cold:
        yield _placed(began, began, "cold", sentences.cold(record), {"reason": record.reason})
    trouble = _taken(left, "attempt-failed", lambda entry: _tells_of(entry, record))
    trouble = trouble or _taken(left, "failed", lambda entry: record.outcome != "success")
    if trouble is not None and not record.sandbox:
        yield _placed(began, trouble.at, trouble.kind, sentences.of(trouble), trouble.facts)
    else:
        at = entry.at if entry else began  # waiting is real, the clock may be another
        yield _placed(began, at, "ran", sentences.ran(record), {"attempt": record.attempt})


def _tells_of(entry: Entry, record: Record) -> bool:
    same = entry.facts.get("attempt") == record.attempt and record.outcome not in ("success", "throttled")
    return same and entry.at >= _began(record) - NEAR_S


def _taken(left: list[Entry], kind: str, fits: "sentences.Fits") -> Entry | None:
    entry = next((entry for entry in left if entry.kind == kind and fits(entry)), None)
    if entry is not None:
        left.remove(entry)
    return entry


def _began(record: Record) -> float:
    return record.tried or record.at


def _placed(anchor: float, at: float, kind: str, text: str, facts: dict[str, Fact] | None = None) -> _Placed:
    return _Placed(anchor, Chapter(at, iso(at), kind, text, facts or {}))


def _rank(kind: str) -> int:
    return ORDER.index(kind) if kind in ORDER else len(ORDER)
