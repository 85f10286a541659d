"""/_lambent/events: events that failed and are kept, those that wait, letters and the outbox. `lambent events` is its
client; see docs/reference/endpoint.md.

Long work (replay and purge of many) is done in steps: an answer that has `next` asks for another request with it.
"""

import asyncio
import base64
import math
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from msgspec.structs import asdict, replace

from lambent.arns import parse_function
from lambent.errors import AwsError, InvalidParameterValue, ResourceNotFound
from lambent.events.delivery import Delivery
from lambent.model import Document, Event, Letter
from lambent.settings import Settings
from lambent.store.kept import Kept, Which
from lambent.store.outbox import Sent
from lambent.store.queue import Queue
from lambent.wire.http import Request, Response

PREFIX = "/_lambent/events"
KINDS = ("kept", "waiting", "letters", "outbox")
LIMIT, MOST = 100, 1_000  # rows of one answer
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_json = msgspec.json.Encoder().encode
Query = dict[str, str]


class EventsDoor:
    """Answers requests to PREFIX and below. Raises AwsError. Lists are read in a thread: a long one takes a while."""

    prefix = PREFIX

    def __init__(self, delivery: Delivery, queue: Queue, settings: Settings) -> None:
        self.delivery = delivery
        self.queue = queue
        self.settings = settings

    async def answer(self, request: Request) -> Response:
        return Response(200, [("content-type", "application/json")], _json(await self._answer(request)))

    async def _answer(self, request: Request) -> Document:
        query = dict(parse_qsl(request.query))
        words = [unquote(word) for word in request.path.removeprefix(PREFIX).split("/")[1:]]
        method = "GET" if request.method == "HEAD" else request.method
        match method, words:
            case "GET", []:
                return await self._list(query)
            case "GET", [request_id]:
                return await asyncio.to_thread(self._show, _checked(request_id))
            case "POST", ["replay"]:
                return await self._replay_all(query)
            case "POST", [request_id, "replay"]:
                return await self._replay(_checked(request_id))
            case "DELETE", []:
                return await self._purge_all(query)
            case "DELETE", [request_id]:
                return await self._purge(_checked(request_id))
            case _, [] | [_] | [_, "replay"]:
                raise AwsError(f"{request.method} is not for {request.path}", code="MethodNotAllowed", status=405)
        raise ResourceNotFound(f"There is nothing at {request.path}: see {PREFIX} and {PREFIX}/REQUEST_ID.")

    # -- looking

    async def _list(self, query: Query) -> Document:
        kind, which = _kind(query, KINDS), self._which(query)
        if kind == "waiting":
            return {"kind": kind, "functions": await asyncio.to_thread(self._waiting, which)}
        limit = min(MOST, max(1, int(_number(query, "limit", LIMIT))))
        delivery = self.delivery
        lists = {"kept": delivery.kept.listed, "letters": delivery.letters.listed, "outbox": delivery.outbox.listed}
        rows = await asyncio.to_thread(lists[kind], which, limit)
        return {"kind": kind, "events": rows, "next": rows[-1]["id"] if len(rows) == limit else None}

    def _waiting(self, which: Which) -> list[dict[str, Any]]:
        """The queue itself: how many events each function has, and when (epoch seconds) its first is due."""
        found = [
            {"name": each.function[2], "waiting": each.waiting, "due": each.due}
            for each in self.queue.backlogs()
            if each.function[:2] == (which.account, which.region) and which.name in ("", each.function[2])
        ]
        return sorted(found, key=lambda each: each["name"])

    def _show(self, request_id: str) -> Document:
        waiting = self.queue.find(request_id)
        found = {
            "request_id": request_id,
            "waiting": None if waiting is None else _event(waiting),
            "kept": [_kept(entry) for entry in self.delivery.kept.of_request(request_id)],
            "letters": [_letter(letter) for letter in self.delivery.letters.of_request(request_id)],
            "outbox": [_sent(message) for message in self.delivery.outbox.of_request(request_id)],
        }
        if not any(found[name] for name in ("waiting", "kept", "letters", "outbox")):
            raise _nothing(request_id)
        return found

    # -- doing

    async def _replay(self, request_id: str) -> Document:
        entries = await asyncio.to_thread(self.delivery.kept.of_request, request_id)
        moved = await self.delivery.replay(entries[:1])
        if not moved:
            raise _not_kept(request_id)
        return {"replayed": len(moved), "next": None}

    async def _replay_all(self, query: Query) -> Document:
        """The next step of a function's. Those that fail again while this goes on are not taken a second time."""
        if not query.get("function"):
            raise InvalidParameterValue("Name the function whose events are to be replayed, or one event.")
        which = self._stepping(query, self.delivery.kept.last)
        entries = await self.delivery.page(which)
        moved = await self.delivery.replay(entries)
        return _step("replayed", len(moved), which, entries[-1].id if entries else 0)

    async def _purge(self, request_id: str) -> Document:
        entries = await asyncio.to_thread(self.delivery.kept.of_request, request_id)
        if not entries:
            raise _not_kept(request_id)
        return {"purged": await self.delivery.kept.remove(entries), "next": None}

    async def _purge_all(self, query: Query) -> Document:
        kind = _kind(query, ("kept", "outbox"))
        if not query.get("function") and query.get("all") != "1":
            raise InvalidParameterValue("Name the function whose events are to be purged, or say all=1.")
        shelf = self.delivery.kept if kind == "kept" else self.delivery.outbox
        which = self._stepping(query, shelf.last)
        purged, after = await shelf.purge(which)
        return _step("purged", purged, which, after)

    def _which(self, query: Query) -> Which:
        account = query.get("account", self.settings.account)
        region, name = query.get("region", self.settings.region), ""
        if query.get("function"):
            ref = parse_function(query["function"], None, account=account, region=region)
            account, region, name = ref.account, ref.region, ref.name
        return Which(
            account=account, region=region, name=name, condition=query.get("condition", ""),
            since=_number(query, "since", 0.0), after=int(_number(query, "after", 0)),
        )  # fmt: skip

    def _stepping(self, query: Query, last: Callable[[], int]) -> Which:
        """What the first step means is what all of them mean: whatever comes later is not among it."""
        return replace(self._which(query), last=int(_number(query, "last", 0)) or last())


def _step(name: str, done: int, which: Which, after: int) -> Document:
    """`next` and `last` are the parameters after and last of the next request, if there is to be one."""
    more = 0 < after < which.last
    return {name: done, "next": after if more else None, "last": which.last}


def _nothing(request_id: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"Nothing is known of an event {request_id}: it is not waiting, on its way to a destination, kept or in the "
        f"outbox. What became of it: `lambent explain {request_id}`."
    )


def _not_kept(request_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"The event {request_id} is not kept. Where it is: `lambent explain {request_id}`.")


def _checked(request_id: str) -> str:
    if not _ID.fullmatch(request_id):
        raise InvalidParameterValue(f"{request_id!r} is not a request id.")
    return request_id


def _kind(query: Query, known: Sequence[str]) -> str:
    kind = query.get("kind", "kept")
    if kind not in known:
        raise InvalidParameterValue(f"kind must be one of {', '.join(known)}; found {kind!r}.")
    return kind


def _number(query: Query, name: str, default: float) -> float:
    try:
        number = float(query.get(name, default))
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise InvalidParameterValue(f"{name} must be a number that is not negative")
    return number


# -- how they are shown


def _event(event: Event) -> Document:
    return _readable(asdict(event), "payload")


def _kept(entry: Kept) -> Document:
    return _readable(asdict(entry), "payload", "answer")


def _sent(message: Sent) -> Document:
    return _readable(asdict(message), "body")


def _letter(letter: Letter) -> Document:
    shown = asdict(letter)
    del shown["ended"]
    return _readable(shown, "body")


def _readable(shown: Document, *names: str) -> Document:
    """Bytes as text; what is none goes as base64 under another name."""
    for name in names:
        data = shown.pop(name)
        try:
            shown[name] = data.decode()
        except UnicodeDecodeError:
            shown[f"{name}_base64"] = base64.b64encode(data).decode()
    return shown
