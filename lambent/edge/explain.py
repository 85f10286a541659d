"""/_lambent/explain/REQUEST_ID: what happened to an invocation or an event, and why. Client: `lambent explain`."""

import asyncio
from typing import Any
from urllib.parse import unquote

import msgspec

from lambent.errors import AwsError, InvalidParameterValue, ResourceNotFound
from lambent.model import Event, Letter
from lambent.observe.journal import Journal
from lambent.observe.life import Life, life
from lambent.observe.records import Records
from lambent.observe.report import iso
from lambent.store.kept import Kept, KeptEvents
from lambent.store.letters import Letters
from lambent.store.outbox import OutboxStore, Sent
from lambent.store.queue import Queue
from lambent.wire.http import Request, Response

PREFIX = "/_lambent/explain"
LONGEST = 256  # characters of an id
NO_LONGER = "kept no longer: it was purged, or had to go when its days were over or the disk space was full"
_json = msgspec.json.Encoder().encode


class Present(msgspec.Struct, frozen=True):
    """Where an event is now: in the queue, on its way to a destination, kept, or in the outbox."""

    event: Event | None = None
    letters: tuple[Letter, ...] = ()
    kept: tuple[Kept, ...] = ()
    sent: tuple[Sent, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.event or self.letters or self.kept or self.sent)


class Whereabouts:
    """Looks for an event wherever events can be. It reads the disk: not for the event loop."""

    def __init__(self, queue: Queue, letters: Letters, kept: KeptEvents, outbox: OutboxStore) -> None:
        self._queue = queue
        self._letters = letters
        self._kept = kept
        self._outbox = outbox

    def of(self, request_id: str) -> Present:
        return Present(
            self._queue.find(request_id),
            tuple(self._letters.of_request(request_id)),
            tuple(self._kept.of_request(request_id)),
            tuple(self._outbox.of_request(request_id)),
        )


class ExplainDoor:
    """Answers GET of PREFIX/REQUEST_ID. Raises AwsError."""

    prefix = PREFIX

    def __init__(self, records: Records, journal: Journal, whereabouts: Whereabouts) -> None:
        self.records = records
        self.journal = journal
        self.whereabouts = whereabouts

    async def answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise AwsError(f"{request.method} is not for {request.path}", code="MethodNotAllowed", status=405)
        request_id = unquote(request.path.removeprefix(PREFIX).removeprefix("/"))
        if not 1 <= len(request_id) <= LONGEST:
            raise InvalidParameterValue(f"Name the request id: GET {PREFIX}/REQUEST_ID, of 1 to {LONGEST} characters.")
        found = await asyncio.to_thread(self._find, request_id)  # full records take a moment to be looked through
        return Response(200, [("content-type", "application/json")], _json(found))

    def _find(self, request_id: str) -> dict[str, Any]:
        records, entries = self.records.about(request_id), self.journal.about(request_id)
        present = self.whereabouts.of(request_id)
        if not (records or entries or present):
            raise ResourceNotFound(self._unknown(request_id))
        accepted, function = _origin(present)
        told = life(request_id, records, entries, accepted=accepted, function=function, now=sentences_of(present))
        if not present and _was_kept(told):
            told = msgspec.structs.replace(told, now=[NO_LONGER])
        return _document(told)

    def _unknown(self, request_id: str) -> str:
        return (
            f"Nothing is known of the request id {request_id!r}. Searched: the records of invocations "
            f"({_reach(self.records.since())}), the journal ({_reach(self.journal.since())}), and the events that "
            "wait, are on their way to a destination, are kept, or are in the outbox. A synchronous call leaves its "
            "record when it has ended, and none if it was refused before it came to a function (404, 400, 413)."
        )


def _was_kept(told: Life) -> bool:
    """That it was kept, and has not been replayed since."""
    ends = [chapter.kind for chapter in told.chapters if chapter.kind in ("kept", "replayed")]
    return ends[-1:] == ["kept"]


def sentences_of(present: Present) -> list[str]:
    """Where it is now."""
    said = []
    if (event := present.event) is not None:
        tried = f"after {event.attempts} failed attempt{'' if event.attempts == 1 else 's'}" if event.attempts else ""
        throttled = f"put off {event.throttles} time{'' if event.throttles == 1 else 's'}" if event.throttles else ""
        history = ", ".join(filter(None, (tried, throttled)))
        said.append(f"in the queue{', ' if history else ''}{history}; due at {iso(event.due)}, or under way")
    said += [_on_its_way(letter) for letter in present.letters]
    said += [f"in the outbox since {iso(sent.delivered)}: {sent.operation} to {sent.target}" for sent in present.sent]
    said += [_where_kept(kept) for kept in present.kept]
    return said


def _on_its_way(letter: Letter) -> str:
    tries = f"{letter.tries} tr{'y' if letter.tries == 1 else 'ies'} so far, " if letter.tries else ""
    what = "dead letter" if letter.kind == "dead-letter" else "record"
    return f"its {what} is on its way to {letter.target}: {tries}next at {iso(letter.due)}"


def _where_kept(kept: Kept) -> str:
    nowhere = f"; {kept.undelivered}" if kept.undelivered else ""
    problem = kept.error_type or (str(kept.status) if kept.status != 200 else "")  # 200: nobody has refused it
    end = ", ".join(filter(None, (kept.condition, problem))) + nowhere
    return (
        f"kept since {iso(kept.failed)} ({end}): see `lambent events show {kept.request_id}`, try it again with "
        f"`lambent events replay {kept.request_id}`"
    )


def _origin(present: Present) -> tuple[float | None, str]:
    """When it became an event, and the function that was named."""
    if present.event is not None:
        return present.event.received, present.event.qualified_arn
    for kept in present.kept:
        return kept.received, _arn(kept)
    for letter in present.letters:
        return letter.ended.received, _arn(letter)
    for sent in present.sent:
        return None, _arn(sent)
    return None, ""


def _arn(of: Kept | Letter | Sent) -> str:
    return f"arn:aws:lambda:{of.region}:{of.account}:function:{of.name}:{of.qualifier or '$LATEST'}"


def _reach(since: float | None) -> str:
    return f"back to {iso(since)}" if since is not None else "empty so far"


def _document(told: Life) -> dict[str, Any]:
    """The answer: times are epoch seconds, and written out beside."""
    return {
        "request_id": told.request_id,
        "function": told.function,
        "life": told.chapters,
        "now": told.now,
        "attempts": [msgspec.structs.asdict(record) for record in told.attempts],
    }
