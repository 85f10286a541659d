"""Log groups and streams in memory, and every change of them as rows of the ledger. What functions log stays the
logbook's: its files are only read, or removed, and always in threads (decision 41)."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from lambent.clock import Clock, Timer
from lambent.errors import Undeliverable
from lambent.observe import log_groups
from lambent.observe.log_groups import LogEvent
from lambent.observe.logbook import Logbook
from lambent.principal import Principal
from lambent.services.logs.deliveries import payloads
from lambent.services.logs.errors import invalid, not_found
from lambent.services.logs.nouns import Filter, Group, Key, Settings, Stream, group_arn, put_event
from lambent.services.logs.tails import Tails
from lambent.services.post import Outgoing, Post
from lambent.store.ledger import Entry, Ledger
from lambent.store.logs import LogsStore

log = logging.getLogger("lambent")

EXPIRE_EVERY_S = 3600.0
Allowed = Callable[[Outgoing], object]  # raises Undeliverable unless the function is there and may be invoked


class Logs:
    """Mutable, on the event loop only. A group without a row in `_groups` is there if functions have logged to it."""

    def __init__(
        self, store: LogsStore, ledger: Ledger, post: Post, clock: Clock, *, logbook: Logbook, allowed: Allowed
    ) -> None:
        self.store = store
        self.ledger = ledger
        self.clock = clock
        self.logbook = logbook
        self.tails = Tails()
        self.scanned = log_groups.Streams()
        self.scanning = asyncio.Lock()  # the above is for one thread at a time
        self.changed: Callable[[], None] = lambda: None  # filters or tails came or went
        self._post = post
        self._allowed = allowed
        self._groups: dict[Key, Group] = {}
        self._streams: dict[Key, dict[str, Stream]] = {}
        self._sizes: dict[Key, tuple[int, int]] = {}
        self._last_event = 0
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<Logs with {len(self._groups)} groups of clients>"

    def start(self) -> None:
        for row in self.store.groups():
            key = (row["account"], row["region"], row["name"])
            settings = msgspec.json.decode(row["settings"], type=Settings)
            self._groups[key] = Group(key=key, created=row["created"], settings=settings)
        for row in self.store.streams():
            key = (row["account"], row["region"], row["group_name"])
            columns = {name: row[name] for name in Stream.__struct_fields__ if name != "key"}
            self._streams.setdefault(key, {})[row["name"]] = Stream(key=key, **columns)
        self._sizes = self.store.sizes()
        self._last_event = self.store.last_event()
        self._set_timer()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @property
    def now(self) -> int:
        """Epoch milliseconds."""
        return int(self.clock.epoch() * 1000)

    # -- groups

    async def find(self, key: Key) -> Group | None:
        known = self._groups.get(key)
        if known is not None:
            return known
        about = await asyncio.to_thread(self._about, key)
        return self._groups.get(key) or (Group(key=key, created=about.began, has_row=False) if about else None)

    async def group(self, key: Key) -> Group:
        """Raises ResourceNotFoundException."""
        found = await self.find(key)
        if found is None:
            raise not_found("log group")
        return found

    async def groups(self, account: str, region: str) -> list[tuple[Group, int]]:
        """By name, and how much each holds."""
        found = {key: (group, self._size(key)) for key, group in self._groups.items() if key[:2] == (account, region)}
        for name, about in (await asyncio.to_thread(self._logged, account, region)).items():
            key = (account, region, name)
            group, size = found.get(key) or (Group(key=key, created=about.began, has_row=False), 0)
            found[key] = group, size + about.size
        return sorted(found.values(), key=lambda each: each[0].name)

    def watched(self) -> list[Group]:
        return [group for group in self._groups.values() if group.settings.filters]

    def places(self, key: Key) -> list[Any]:
        """Where functions' logs of that group lie. Blocks."""
        self.logbook.settle()
        return log_groups.places(self.logbook.root, *key)

    def _about(self, key: Key) -> log_groups.About | None:
        places = self.places(key)
        return log_groups.about(places) if places else None

    def _size(self, key: Key) -> int:
        return self._sizes.get(key, (0, 0))[1]

    async def put_group(self, group: Group) -> None:
        """A new one, or one that was changed."""
        group = replace(group, has_row=True)
        rows = [_row(group)]
        if not group.settings.filters:  # whoever subscribes later begins then
            rows.append(("log_marks_of_group_drop", dict(zip(("account", "region", "name"), group.key, strict=True))))
        await self.ledger.enter(Entry(rows, written=lambda: self._groups.update({group.key: group})))
        self.changed()

    async def delete_group(self, group: Group) -> None:
        """With all that is in it, also the logs of functions: what they log from now on makes it anew."""
        directories = await asyncio.to_thread(self.places, group.key)
        columns = dict(zip(("account", "region", "name"), group.key, strict=True))
        queries = ("log_group_drop", "log_streams_of_group_drop", "log_events_of_group_drop", "log_marks_of_group_drop")

        def written() -> None:
            self._groups.pop(group.key, None)
            self._streams.pop(group.key, None)
            self._sizes.pop(group.key, None)

        await self.ledger.enter(Entry([(query, columns) for query in queries], written=written))
        await asyncio.wrap_future(self.logbook.remove(directories))
        self.changed()

    def _logged(self, account: str, region: str) -> dict[str, log_groups.About]:
        self.logbook.settle()
        found = log_groups.groups(self.logbook.root, account, region)
        return {name: log_groups.about(places) for name, places in found.items()}

    # -- streams

    def stream(self, key: Key, name: str) -> Stream | None:
        """Of a client. Those of functions are on disk."""
        return self._streams.get(key, {}).get(name)

    async def streams(self, key: Key) -> dict[str, Stream]:
        """All of a group, also those of functions."""
        found = {}
        for name, part in (await self.logged_streams(key)).items():
            found[name] = Stream(
                key=key, name=name, created=part.first, first_at=part.first, last_at=part.last, taken=part.last
            )
        for name, stream in self._streams.get(key, {}).items():
            found[name] = _joined(stream, found[name]) if name in found else stream
        return found

    async def logged_streams(self, key: Key) -> dict[str, log_groups.Summary]:
        """Those of functions."""
        async with self.scanning:
            return await asyncio.to_thread(self._scan, key)

    def _scan(self, key: Key) -> dict[str, log_groups.Summary]:
        found: dict[str, log_groups.Summary] = {}
        for directory in self.places(key):
            found |= self.scanned.of(directory)
        return found

    async def put_stream(self, stream: Stream) -> None:
        await self.ledger.enter(Entry([_stream_row(stream)], written=lambda: self._take_stream(stream)))

    async def delete_stream(self, stream: Stream) -> None:
        """Of a client, with all that is in it."""
        account, region, group = stream.key
        columns = {"account": account, "region": region, "group_name": group, "name": stream.name}
        rows = [(query, columns) for query in ("log_stream_drop", "log_events_of_stream_drop")]

        def written() -> None:
            self._streams.get(stream.key, {}).pop(stream.name, None)

        await self.ledger.enter(Entry(rows, written=written))

    def _take_stream(self, stream: Stream) -> None:
        self._streams.setdefault(stream.key, {})[stream.name] = stream

    # -- events

    async def put_events(self, group: Group, stream: Stream, events: Sequence[tuple[int, str]]) -> None:
        """Moments and messages, in order. What subscription filters make of them is written in the same step."""
        account, region, name = group.key
        now, rows, taken = self.now, [], []
        for at, message in events:
            self._last_event += 1
            row = {"id": self._last_event, "stream": stream.name, "at": at, "taken": now, "message": message}
            taken.append(put_event(row))
            rows.append(("log_event_add", row | {"account": account, "region": region, "group_name": name}))
        first = min(at for at, _ in events)
        stream = replace(
            stream, first_at=min(first, stream.first_at) if stream.first_at else first,
            last_at=max(stream.last_at, *(at for at, _ in events)), taken=now,
        )  # fmt: skip
        size = sum(len(message) for _, message in events)

        def written() -> None:
            self._take_stream(stream)
            self._grew(group.key, len(events), size)

        out = await self.deliveries(group, taken)
        await self.ledger.enter(
            Entry([*([] if group.has_row else [_row(group)]), *rows, _stream_row(stream)], size, written), *out
        )
        if not group.has_row:
            self._groups.setdefault(group.key, replace(group, has_row=True))
        await self.tails.offer(group.key, taken)

    async def deliveries(self, group: Group, events: Sequence[LogEvent]) -> list[Entry]:
        """What subscription filters make of events: to be entered together with where they come from."""
        entries: list[Entry] = []
        for rule in group.settings.filters:
            for body in await asyncio.to_thread(payloads, group.key, rule, events):
                try:
                    entries += self._post.entries(self.outgoing(group.key, rule, body))
                except Undeliverable as error:
                    log.warning("subscription filter %s of %s: %s", rule.name, group.arn, error.message)
        return entries

    def outgoing(self, key: Key, rule: Filter, body: bytes = b"") -> Outgoing:
        """In the name of CloudWatch Logs of the region, as policies have it, or of all regions."""
        found = [
            Outgoing(
                target=rule.destination, body=body, source=f"{group_arn(key)}:*",
                sender=Principal(service=service, account=key[0]),
            )
            for service in (f"logs.{key[1]}.amazonaws.com", "logs.amazonaws.com")
        ]  # fmt: skip
        try:
            self._allowed(found[0])
        except Undeliverable:
            return found[1]
        return found[0]

    def demand_permission(self, key: Key, rule: Filter) -> None:
        """Raises InvalidParameterException unless the function can be invoked."""
        try:
            self._allowed(self.outgoing(key, rule))
        except Undeliverable:
            raise invalid(
                "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
                "your function."
            ) from None

    # -- room

    def _grew(self, key: Key, number: int, size: int) -> None:
        """What clients put is bounded as the log of a function is: the oldest tenth goes."""
        numbers, sizes = self._sizes.get(key, (0, 0))
        numbers, sizes = numbers + number, sizes + size
        if sizes > self.logbook.keep_bytes:
            gone = max(1, numbers // 10)
            self.ledger.enter_unseen(Entry([("log_events_trim", _in(key) | {"number": gone})]))
            numbers, sizes = numbers - gone, sizes * (numbers - gone) // numbers
        self._sizes[key] = (numbers, sizes)

    def _set_timer(self) -> None:
        self._timer = self.clock.call_later(EXPIRE_EVERY_S, self._expire, background=True)

    def _expire(self) -> None:
        """What is older than its group keeps is not shown anyway; now it goes."""
        for group in [each for each in self._groups.values() if each.settings.retention_days]:
            before = group.begins(self.now)
            self.ledger.enter_unseen(Entry([("log_events_expire", _in(group.key) | {"before": before})]))
            task = asyncio.get_running_loop().run_in_executor(None, self._expire_files, group.key, before / 1000)
            task.add_done_callback(_tell)
        self._set_timer()

    def _expire_files(self, key: Key, before: float) -> None:
        for directory in self.places(key):
            log_groups.expire(directory, before)


def _tell(task: "asyncio.Future[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("old logs could not be removed: %s", error)


def _in(key: Key) -> dict[str, Any]:
    return dict(zip(("account", "region", "group_name"), key, strict=True))


def _row(group: Group) -> tuple[str, dict[str, Any]]:
    account, region, name = group.key
    settings = msgspec.json.encode(group.settings).decode()
    return "log_group_put", {
        "account": account, "region": region, "name": name, "settings": settings, "created": group.created,
    }  # fmt: skip


def _stream_row(stream: Stream) -> tuple[str, dict[str, Any]]:
    columns = asdict(stream)
    del columns["key"]
    return "log_stream_put", columns | _in(stream.key)


def _joined(put: Stream, logged: Stream) -> Stream:
    """A function's stream to which clients have put events too."""
    return replace(
        put, created=min(put.created, logged.created), first_at=min(filter(None, (put.first_at, logged.first_at))),
        last_at=max(put.last_at, logged.last_at), taken=max(put.taken, logged.taken),
    )  # fmt: skip
