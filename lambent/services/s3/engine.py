"""S3 itself: its buckets in memory, its objects on disk, and the one step in which anything changes."""

import asyncio
import contextlib
import itertools
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from msgspec.structs import replace

from lambent.clock import Clock
from lambent.errors import Undeliverable
from lambent.services.post import Checked, Outgoing, Post
from lambent.services.s3 import errors
from lambent.services.s3.nouns import NULL, About, Bucket, Content, Part, Settings, Stored, stored
from lambent.store import object_files
from lambent.store.ledger import Entry, Ledger
from lambent.store.object_files import ObjectFiles
from lambent.store.s3 import S3Store

log = logging.getLogger("lambent")

Row = tuple[str, dict[str, Any]]
_encode = msgspec.json.Encoder().encode


class S3:
    """State changes on the event loop only. `_turns` are held while a key is read, judged and then changed."""

    def __init__(self, store: S3Store, files: ObjectFiles, ledger: Ledger, post: Post, clock: Clock) -> None:
        self.store = store
        self.files = files
        self.post = post
        self.clock = clock
        self.buckets: dict[str, Bucket] = {}
        self.reap: Callable[[], None] = lambda: None  # to be called when lifecycle rules have changed
        self._ledger = ledger
        self._numbers = itertools.count(1)
        self._sequence = 0
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<S3 of {len(self.buckets)} buckets>"

    def start(self) -> None:
        """Before the first request."""
        self._numbers = itertools.count(self.store.last_id() + 1)
        for row in self.store.buckets():
            settings = msgspec.json.decode(row["settings"], type=Settings)
            self.buckets[row["name"]] = Bucket(row["name"], row["account"], row["region"], row["created"], settings)
        self.reap()
        if self.files.new.exists():
            self.spawn(asyncio.to_thread(self._sweep, object_files.now()))

    def _sweep(self, began: float) -> None:
        left = self.files.sweep(self.store.knows_file, began)
        if left:
            log.info("%d files of objects that never came to be were removed", left)

    async def close(self) -> None:
        """Wait for what goes on in the background."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def check_function(self, outgoing: Outgoing) -> None:
        """Raises Undeliverable if a function would not take that. Of one elsewhere nobody knows."""
        if self.post.is_abroad(outgoing.target):
            return
        taker: object = self.post.takers.get("lambda")
        if not isinstance(taker, Checked):
            raise Undeliverable(f"nothing runs {outgoing.target}")
        taker.check(outgoing)

    def spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def sequencer(self) -> str:
        """Greater than any before it, as long as the product's time does not go back."""
        self._sequence = max(self._sequence + 1, int(self.clock.epoch() * 1_000_000))
        return f"00{self._sequence:016X}"

    # Buckets

    def bucket(self, name: str) -> Bucket:
        """Raises NoSuchBucket."""
        found = self.buckets.get(name)
        if found is None or found.gone:
            raise errors.no_bucket(name)
        return found

    async def create(self, bucket: Bucket) -> None:
        self.buckets[bucket.name] = bucket
        try:
            await self._ledger.enter(Entry([_bucket_row(bucket)]))
        except BaseException:
            self.buckets.pop(bucket.name, None)
            raise

    async def change(self, bucket: Bucket, *also: Entry, **settings: Any) -> None:
        """Give it other settings, together with what else is to be entered."""
        before = bucket.settings
        bucket.settings = replace(before, **settings)
        try:
            await self._ledger.enter(Entry([_bucket_row(bucket)]), *also)
        except BaseException:
            bucket.settings = before
            raise

    async def delete(self, bucket: Bucket) -> None:
        """Raises BucketNotEmpty."""
        if bucket.writing or self.store.is_used(bucket.name):
            raise errors.not_empty(bucket.name)
        bucket.gone = True
        rows: list[Row] = [("s3_bucket_drop", {"name": bucket.name})]
        files: list[str] = []
        for upload in self.store.uploads(bucket.name, "", "", 1_000_000):
            dropped = self.upload_rows(upload["id"])
            rows += dropped[0]
            files += dropped[1]
        try:
            await self._ledger.enter(Entry(rows))
        except BaseException:
            bucket.gone = False
            raise
        del self.buckets[bucket.name]
        self.forget(files)

    # Objects

    @asynccontextmanager
    async def turn(self, bucket: Bucket, key: str) -> AsyncIterator[None]:
        """Nobody else changes that key meanwhile, and the bucket stays."""
        lock = self._turns.setdefault((bucket.name, key), asyncio.Lock())
        async with lock:
            if bucket.gone:
                raise errors.no_bucket(bucket.name)
            bucket.writing += 1
            try:
                yield
            finally:
                bucket.writing -= 1

    def current(self, bucket: Bucket, key: str) -> Stored | None:
        row = self.store.current(bucket.name, key)
        return None if row is None else stored(row, bucket.name)

    def version(self, bucket: Bucket, key: str, version: str) -> Stored | None:
        row = self.store.version(bucket.name, key, version)
        return None if row is None else stored(row, bucket.name)

    def made(self, bucket: Bucket, key: str, content: Content, about: About, *, marker: bool = False) -> Stored:
        """The version that this would become."""
        version = secrets.token_urlsafe(24) if bucket.settings.versioning == "Enabled" else NULL
        about = replace(
            about, parts=content.parts, checksums=content.checksums, checksum_type=content.checksum_type
        )  # fmt: skip
        return Stored(
            next(self._numbers), bucket.name, key, version, True, marker, content.size, content.etag,
            self.clock.epoch(), about,
        )  # fmt: skip

    async def add(
        self, bucket: Bucket, new: Stored, inline: bytes | None, *also: Entry, rows: Sequence[Row] = (),
        fresh: Iterable[str] = (),
    ) -> None:  # fmt: skip
        """Make it the current version, within `turn`. `fresh` are those of its files that nothing knows yet; `also` and
        `rows` take effect together with it.
        """
        replaced = None if new.version != NULL else self.version(bucket, new.key, NULL)
        known: list[Row] = [("s3_file_add", {"name": name}) for name in fresh]
        step: list[Row] = [] if replaced is None else self.drop_rows(replaced)
        step += [("s3_object_overtaken", {"bucket": bucket.name, "key": new.key}), _object_row(new, inline)]
        entry = Entry([*rows, *known, *step], size=len(inline or b""))
        await self._ledger.enter(entry, *also)
        if replaced is not None:
            self.forget(part.file for part in replaced.about.parts)

    def entry(self, bucket: Bucket, new: Stored, inline: bytes) -> Entry:
        """The same as part of another step, for a key that nothing else has."""
        rows: list[Row] = []
        replaced = None if new.version != NULL else self.version(bucket, new.key, NULL)
        if replaced is not None:
            rows += self.drop_rows(replaced)
        rows += [("s3_object_overtaken", {"bucket": bucket.name, "key": new.key}), _object_row(new, inline)]
        return Entry(rows, size=len(inline))

    async def drop(self, bucket: Bucket, old: Stored, *also: Entry) -> None:
        """Remove one version for good, within `turn`."""
        rows = self.drop_rows(old)
        if old.latest:
            rows.append(("s3_object_promote", {"bucket": bucket.name, "key": old.key}))
        await self._ledger.enter(Entry(rows), *also)
        self.forget(part.file for part in old.about.parts)

    async def describe(self, old: Stored, changes: dict[str, Any], *also: Entry) -> None:
        """Change what is known of a version, within `turn`."""
        about = replace(old.about, **changes)
        await self._ledger.enter(Entry([("s3_object_about", {"id": old.id, "about": _encode(about)})]), *also)

    def drop_rows(self, old: Stored) -> list[Row]:
        rows: list[Row] = [("s3_object_drop", {"bucket": old.bucket, "key": old.key, "version": old.version})]
        return rows + [("s3_file_drop", {"name": part.file}) for part in old.about.parts]

    def forget(self, names: Iterable[str]) -> None:
        """Remove files that no row needs any more. Who reads one goes on: it is open."""
        gone = [name for name in names if name]
        if gone:
            self.spawn(asyncio.to_thread(self.files.remove, gone))

    @contextlib.asynccontextmanager
    async def keeping(self, parts: Iterable[Part]) -> AsyncIterator[None]:
        """If the block fails, nothing will need these files."""
        try:
            yield
        except BaseException:
            self.forget(part.file for part in parts)
            raise

    # Multipart uploads

    async def enter(self, rows: Sequence[Row], *also: Entry) -> None:
        await self._ledger.enter(Entry(rows), *also)

    def upload_rows(self, upload: str, keep: frozenset[str] = frozenset()) -> tuple[list[Row], list[str]]:
        """What ends an upload, and its files that are no longer needed then."""
        files = [row["file"] for row in self.store.parts(upload, 0, 10_000) if row["file"] not in keep]
        rows: list[Row] = [("s3_upload_drop", {"id": upload}), ("s3_parts_drop", {"upload": upload})]
        return rows + [("s3_file_drop", {"name": name}) for name in files], files


def _bucket_row(bucket: Bucket) -> Row:
    return "s3_bucket_put", {
        "name": bucket.name, "account": bucket.account, "region": bucket.region, "created": bucket.created,
        "settings": _encode(bucket.settings).decode(),
    }  # fmt: skip


def _object_row(new: Stored, inline: bytes | None) -> Row:
    return "s3_object_add", {
        "id": new.id, "bucket": new.bucket, "key": new.key, "version": new.version, "marker": int(new.marker),
        "size": new.size, "etag": new.etag, "modified": new.modified, "about": _encode(new.about), "content": inline,
    }  # fmt: skip
