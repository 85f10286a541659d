"""GetDurableExecution, GetDurableExecutionHistory and ListDurableExecutionsByFunction: what is only read."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from lambent.arns import FunctionRef, parse_function
from lambent.clock import Clock
from lambent.durable import api_documents, records
from lambent.durable.finding import Finder
from lambent.durable.nouns import Execution, HistoryEvent
from lambent.errors import InvalidParameterValue
from lambent.model import Document
from lambent.store.durable_executions import LAST, Asked, DurableExecutions
from lambent.wire import markers
from lambent.wire.parse import Call

PAGE = 100  # entries, unless MaxItems says otherwise; at most 1,000, which the model sees to
PAGE_BYTES = 5 * 1024 * 1024  # of payloads in a page of a history: AWS's answers end at 6 MB
MARKER_S = 86_400.0  # that a marker is good for
_CHUNK = 50  # rows read at once


class Owner(NamedTuple):
    """The function whose executions are asked for."""

    born: float  # when it was created: an earlier one of its name had executions of its own
    versions: tuple[str, ...]  # that the qualifier stands for; empty: all


class Owners(Protocol):
    """Who knows functions."""

    def owner(self, ref: FunctionRef) -> Owner:
        """Raises ResourceNotFound in AWS's words."""
        ...


class Lists:
    """Reads in threads of their own: a history has many megabytes, and a function many executions."""

    def __init__(self, store: DurableExecutions, finder: Finder, owners: Owners, clock: Clock) -> None:
        self._store = store
        self._finder = finder
        self._owners = owners
        self._clock = clock

    async def get(self, call: Call) -> Document:
        found = self._finder.execution(call)
        include = call.parameters.get("IncludeExecutionData", True)
        payload = await asyncio.to_thread(records.input_of, self._store, found.number) if include else None
        return api_documents.execution(found, payload, include=include)

    async def history(self, call: Call) -> Document:
        asked = call.parameters
        found = self._finder.execution(call)
        back = bool(asked.get("ReverseOrder"))
        scope = f"lambda:GetDurableExecutionHistory:{found.id}:{back}"
        position = self._position(scope, asked, LAST if back else 0)
        limit = asked.get("MaxItems") or PAGE
        page, more = await asyncio.to_thread(self._events, found, position, back=back, limit=limit)
        include = asked.get("IncludeExecutionData", True)
        shown = [api_documents.event(each, include=include) for each in page]
        return {"Events": shown} | (self._marker(scope, page[-1].number) if more else {})

    async def of_function(self, call: Call) -> Document:
        asked = call.parameters
        ref = parse_function(
            asked["FunctionName"], asked.get("Qualifier"), account=call.account, region=call.region
        )  # fmt: skip
        self._finder.demand(call, ref)
        owner = self._owners.owner(ref)
        oldest_first = bool(asked.get("ReverseOrder"))
        scope = f"lambda:ListDurableExecutionsByFunction:{ref.arn}:{oldest_first}"
        position = self._position(scope, asked, 0 if oldest_first else LAST)
        limit = asked.get("MaxItems") or PAGE
        walk = self._executions(ref, owner, _asked(asked), position, oldest_first=oldest_first)
        found = await asyncio.to_thread(lambda: list(itertools.islice(walk, limit + 1)))
        shown = [api_documents.listed(each) for each in found[:limit]]
        more = self._marker(scope, found[limit - 1].number) if len(found) > limit else {}
        return {"DurableExecutions": shown} | more

    # -- details

    def _events(self, found: Execution, position: int, *, back: bool, limit: int) -> tuple[list[HistoryEvent], bool]:
        """A page, and whether there is more after it."""
        page: list[HistoryEvent] = []
        size = 0
        for event, length in self._walk(found.number, position, back=back):
            size += length
            if page and (len(page) == limit or size > PAGE_BYTES):
                return page, True
            page.append(event)
        return page, False

    def _walk(self, number: int, position: int, *, back: bool) -> Iterator[tuple[HistoryEvent, int]]:
        read = self._store.events_back if back else self._store.events
        while documents := read(number, position, _CHUNK):
            for document in documents:
                event = records.event_from(document)
                yield event, len(document)
            position = event.number

    def _executions(
        self, ref: FunctionRef, owner: Owner, asked: Asked, position: int, *, oldest_first: bool
    ) -> Iterator[Execution]:
        read = self._store.of_function_from if oldest_first else self._store.of_function
        wanted = asked._replace(versions=owner.versions)
        while documents := read((ref.account, ref.region, ref.name), wanted, position, _CHUNK):
            for document in documents:
                found = records.execution_from(document)
                if found.born == owner.born:
                    yield found
            position = found.number

    def _position(self, scope: str, asked: Mapping[str, Any], first: int) -> int:
        """Where a list goes on. Raises InvalidParameterValue for a marker of another list, or of yesterday."""
        if not asked.get("Marker"):
            return first
        number, given = markers.unseal(scope, asked["Marker"])
        if self._clock.epoch() - float(given) > MARKER_S:
            raise InvalidParameterValue("The pagination token has expired. Begin the list again.")
        return int(number)

    def _marker(self, scope: str, number: int) -> Document:
        return {"NextMarker": markers.seal(scope, [str(number), str(self._clock.epoch())])}


def _asked(parameters: Mapping[str, Any]) -> Asked:
    asked = Asked(
        name=parameters.get("DurableExecutionName") or "", statuses=tuple(sorted(set(parameters.get("Statuses") or ())))
    )
    if parameters.get("StartedAfter") is not None:
        asked = asked._replace(started_after=parameters["StartedAfter"].timestamp())
    if parameters.get("StartedBefore") is not None:
        asked = asked._replace(started_before=parameters["StartedBefore"].timestamp())
    return asked
