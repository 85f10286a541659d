"""Pages of events, out of what functions logged and what clients put, merged by time. Blocks: for threads.

A page ends with its limit, with 1 MB, or when enough was looked through: like AWS's it may be empty and yet go on.
"""

import heapq
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from lambent.errors import AwsError
from lambent.observe import log_groups
from lambent.observe.log_groups import LogEvent
from lambent.observe.sieve import Sieve
from lambent.pace import paced
from lambent.services.logs.engine import Logs
from lambent.services.logs.errors import invalid
from lambent.services.logs.nouns import Group, put_event
from lambent.wire import markers

PAGE_BYTES = 1 << 20
PAGE_EVENTS = 10_000
LOOKED_THROUGH = 50_000  # events that are decoded, for one page
OVERHEAD = 26  # bytes that AWS counts for an event beside its message


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a page is to be made of. `until` is the first moment that is not wanted (epoch milliseconds)."""

    since: int = 0
    until: int = 10**14 - 1
    limit: int = PAGE_EVENTS
    is_forward: bool = True
    after: str = ""  # the id of the last event of the page before; "": there was none
    wants: Callable[[LogEvent], bool] = lambda event: True
    needles: tuple[str, ...] = ()  # any of them is in every message that is wanted


class Page(msgspec.Struct, frozen=True):
    """`reached`: the id of the last event that was looked at; `is_last`: there is nothing more."""

    events: list[LogEvent]
    reached: str
    is_last: bool


def page(logs: Logs, group: Group, wanted: Wanted) -> Page:
    """In the order of the direction asked for."""
    found: list[LogEvent] = []
    reached, size, sieve = wanted.after, 0, Sieve(wanted.needles)
    for event in paced(_all(logs, group, wanted, sieve)):
        if wanted.wants(event):
            size += len(event.message.encode("utf-8", "replace")) + OVERHEAD
            if found and size > PAGE_BYTES:
                return Page(found, reached, is_last=False)
            found.append(event)
        reached = event.id
        sieve.looked += 1
        if len(found) >= wanted.limit or sieve.looked >= LOOKED_THROUGH:
            return Page(found, reached, is_last=False)
    return Page(found, reached, is_last=True)


def _all(logs: Logs, group: Group, wanted: Wanted, sieve: Sieve) -> Iterator[LogEvent]:
    since, until, after = max(wanted.since, group.begins(logs.now)), wanted.until, wanted.after
    if after and wanted.is_forward:
        since = max(since, int(after[:14]))
    elif after:
        until = min(until, int(after[:14]) + 1)
    sources = [_logged(place, since, until, sieve, is_forward=wanted.is_forward) for place in logs.places(group.key)]
    rows = (logs.store.after if wanted.is_forward else logs.store.before)(group.key, since, until, sieve)
    sources.append(map(put_event, rows))
    for event in heapq.merge(*sources, key=lambda event: event.id, reverse=not wanted.is_forward):
        if not after or (event.id > after if wanted.is_forward else event.id < after):
            yield event


def _logged(directory: Path, since: int, until: int, sieve: Sieve, *, is_forward: bool) -> Iterator[LogEvent]:
    if not is_forward:
        yield from log_groups.backward(directory, since, until, sieve)
        return
    for event in log_groups.forward(directory, since, sieve):
        if event.at >= until:
            return
        yield event


# -- tokens: a direction and the id that was reached


def seal(is_forward: bool, reached: str) -> str:
    return markers.seal("logs", ["f" if is_forward else "b", reached])


def unseal(token: str) -> tuple[bool, str]:
    """Raises InvalidParameterException."""
    refused: AwsError = invalid("The specified nextToken is invalid.")
    position = markers.unseal("logs", token, refuse=refused)
    if len(position) != 2 or not (position[1] == "" or (position[1].isdecimal() and len(position[1]) == 56)):
        raise refused
    return position[0] == "f", position[1]
