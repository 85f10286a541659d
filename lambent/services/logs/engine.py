"""Log groups and streams in memory, and every change of them as rows of the ledger. What functions log stays the
logbook's: its files are only read, or removed, and always in threads (decision 41)."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from msgspec.structs import asdict, replace

from lambent.clock import Clock
from lambent.observe import log_groups
from lambent.observe.logbook import Logbook
from lambent.services.logs.errors import not_found
from lambent.services.logs.nouns import Group, Key, Settings, Stream, columns, put_event
from lambent.services.logs.room import Room
from lambent.services.logs.subscribers import Allowed, Subscribers
from lambent.services.logs.tails import Tails
from lambent.services.post import Post
from lambent.store.ledger import Entry, Ledger
from lambent.store.logs import LogsStore

THREADS = 4  # of its own: who reads much waits for others who do, and nobody else waits
T = TypeVar("T")


class Logs:
    """Mutable, on the event loop only. A group without a row in `_groups` is there if functions have logged to it."""

    def __init__(
        self, store: LogsStore, ledger: Ledger, post: Post, clock: Clock, *, real: Clock, logbook: Logbook,
        allowed: Allowed,
    ) -> None:  # fmt: skip
        """Logs live in `real` time, as functions do; `clock` is the product's, which waits for what is under way."""
        self.store = store
        self.ledger = ledger
        self.clock = clock
        self._real = real
        self.logbook = logbook
        self.tails = Tails(self.apart)
        self._threads = ThreadPoolExecutor(THREADS, "lambent-logs")
        self.scanned = log_groups.Streams()
        self.scanning = asyncio.Lock()  # the above is for one thread at a time
        self.changed: Callable[[], None] = lambda: None  # filters or tails came or went
        self.subscribers = Subscribers(post, allowed, self.apart)
        self._groups: dict[Key, Group] = {}
        self._streams: dict[Key, dict[str, Stream]] = {}
        self._room = Room(ledger, real, logbook.keep_bytes)
        self._last_event = 0

    def __repr__(self) -> str:
        return f"<Logs with {len(self._groups)} groups of clients>"

    def start(self) -> None:
        for row in self.store.groups():
            key = (row["account"], row["region"], row["name"])
            settings = msgspec.json.decode(row["settings"], type=Settings)
            self._groups[key] = Group(key=key, created=row["created"], settings=settings)
        for row in self.store.streams():
            key = (row["account"], row["region"], row["group_name"])
            fields = {name: row[name] for name in Stream.__struct_fields__ if name != "key"}
            self._streams.setdefault(key, {})[row["name"]] = Stream(key=key, **fields)
        self._room.sizes = self.store.sizes()
        self._last_event = self.store.last_event()
        self._room.start(self._groups.values, self._expire)

    def close(self) -> None:
        self._room.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def apart(self, work: Callable[..., T], *given: Any) -> T:
        """In a thread: whatever reads files, or looks at many events."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    @property
    def now(self) -> int:
        """Epoch milliseconds."""
        return int(self._real.epoch() * 1000)

    # -- groups

    async def find(self, key: Key) -> Group | None:
        known = self._groups.get(key)
        if known is not None:
            return known
        about = await self.apart(self._about, key)
        return self._groups.get(key) or (Group(key=key, created=about.began, has_row=False) if about else None)

    async def group(self, key: Key) -> Group:
        """Raises ResourceNotFoundException."""
        found = await self.find(key)
        if found is None:
            raise not_found("log group")
        return found

    async def groups(self, account: str, region: str) -> list[tuple[Group, int]]:
        """By name, and how much each holds."""
        found = {
            key: (group, self._room.of(key)) for key, group in self._groups.items() if key[:2] == (account, region)
        }
        for name, about in (await self.apart(self._logged, account, region)).items():
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
        directories = await self.apart(self.places, group.key)
        which = dict(zip(("account", "region", "name"), group.key, strict=True))
        queries = ("log_group_drop", "log_streams_of_group_drop", "log_events_of_group_drop", "log_marks_of_group_drop")

        def written() -> None:
            self._groups.pop(group.key, None)
            self._streams.pop(group.key, None)
            self._room.sizes.pop(group.key, None)

        await self.ledger.enter(Entry([(query, which) for query in queries], written=written))
        await asyncio.wrap_future(self.logbook.remove(directories))
        self.changed()

    def _logged(self, account: str, region: str) -> dict[str, log_groups.About]:
        self.logbook.settle()
        found = log_groups.groups(self.logbook.root, account, region)
        return {name: log_groups.about(places) for name, places in found.items()}

    async def _expire(self, key: Key, before: float) -> None:
        await self.apart(self._expire_files, key, before)

    def _expire_files(self, key: Key, before: float) -> None:
        for directory in self.places(key):
            log_groups.expire(directory, before)

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
            return await self.apart(self._scan, key)

    def _scan(self, key: Key) -> dict[str, log_groups.Summary]:
        found: dict[str, log_groups.Summary] = {}
        for directory in self.places(key):
            found |= self.scanned.of(directory)
        return found

    async def put_stream(self, stream: Stream) -> None:
        await self.ledger.enter(Entry([_stream_row(stream)], written=lambda: self._take_stream(stream)))

    async def delete_stream(self, stream: Stream) -> None:
        """Of a client, with all that is in it."""
        which = columns(stream.key) | {"name": stream.name}
        rows = [(query, which) for query in ("log_stream_drop", "log_events_of_stream_drop")]

        def written() -> None:
            self._streams.get(stream.key, {}).pop(stream.name, None)

        await self.ledger.enter(Entry(rows, written=written))

    def _take_stream(self, stream: Stream) -> None:
        self._streams.setdefault(stream.key, {})[stream.name] = stream

    # -- events

    async def put_events(self, group: Group, stream: Stream, events: Sequence[tuple[int, str]]) -> None:
        """Moments and messages, in order. What subscription filters make of them is written in the same step."""
        now, rows, taken = self.now, [], []
        for at, message in events:
            self._last_event += 1
            row = {"id": self._last_event, "stream": stream.name, "at": at, "taken": now, "message": message}
            taken.append(put_event(row))
            rows.append(("log_event_add", row | columns(group.key)))
        first = min(at for at, _ in events)
        stream = replace(
            stream, first_at=min(first, stream.first_at) if stream.first_at else first,
            last_at=max(stream.last_at, *(at for at, _ in events)), taken=now,
        )  # fmt: skip
        size = sum(len(message) for _, message in events)

        def written() -> None:
            self._take_stream(stream)
            self._room.grew(group.key, len(events), size)

        out = await self.subscribers.deliveries(group, taken)
        await self.ledger.enter(
            Entry([*([] if group.has_row else [_row(group)]), *rows, _stream_row(stream)], size, written), *out
        )
        if not group.has_row:
            self._groups.setdefault(group.key, replace(group, has_row=True))
        await self.tails.offer(group.key, taken)


def _row(group: Group) -> tuple[str, dict[str, Any]]:
    account, region, name = group.key
    settings = msgspec.json.encode(group.settings).decode()
    return "log_group_put", {
        "account": account, "region": region, "name": name, "settings": settings, "created": group.created,
    }  # fmt: skip


def _stream_row(stream: Stream) -> tuple[str, dict[str, Any]]:
    fields = asdict(stream)
    del fields["key"]
    return "log_stream_put", fields | columns(stream.key)


def _joined(put: Stream, logged: Stream) -> Stream:
    """A function's stream to which clients have put events too."""
    return replace(
        put, created=min(put.created, logged.created), first_at=min(filter(None, (put.first_at, logged.first_at))),
        last_at=max(put.last_at, logged.last_at), taken=max(put.taken, logged.taken),
    )  # fmt: skip
