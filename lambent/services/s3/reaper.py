"""Lifecycle rules carried out: once a day, at midnight (UTC) of the product's clock, what has come to its end goes."""

import asyncio
import logging
from typing import Any

from lambent.clock import Timer
from lambent.errors import LambentError
from lambent.services.s3 import lifecycle, notices
from lambent.services.s3.engine import S3
from lambent.services.s3.lifecycle import DAY_S
from lambent.services.s3.nouns import Bucket, Stored, stored
from lambent.services.s3.object_operations import marker_for
from lambent.services.s3.records import Happened
from lambent.wire import ids

log = logging.getLogger("lambent")
AT_ONCE = 500  # versions read in one step


class Reaper:
    """A timer exists while a bucket has rules."""

    def __init__(self, s3: S3) -> None:
        self._s3 = s3
        self._timer: Timer | None = None
        s3.reap = self.plan

    def plan(self) -> None:
        """At the start, and when rules have changed."""
        wanted = any(bucket.settings.lifecycle for bucket in self._s3.buckets.values())
        if wanted and self._timer is None:
            now = self._s3.clock.epoch()
            self._timer = self._s3.clock.call_later(DAY_S - now % DAY_S, self._due, background=True)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _due(self) -> None:
        self._timer = None
        self._s3.spawn(self._pass())

    async def _pass(self) -> None:
        with self._s3.clock.working():
            for bucket in tuple(self._s3.buckets.values()):
                if bucket.settings.lifecycle and not bucket.gone:
                    try:
                        await self.reap(bucket, self._s3.clock.epoch())
                    except LambentError as error:
                        log.error("the lifecycle rules of %s could not be carried out: %s", bucket.name, error.message)
            self.plan()

    async def reap(self, bucket: Bucket, now: float) -> None:
        """Remove what has come to its end by `now`."""
        rules = list(bucket.settings.lifecycle)
        for row in self._s3.store.uploads(bucket.name, "", "", 1_000_000):
            if lifecycle.is_abandoned(rules, row["key"], row["begun"], now):
                async with self._s3.turn(bucket, row["key"]):
                    rows, files = self._s3.upload_rows(row["id"])
                    await self._s3.enter(rows)
                self._s3.forget(files)
        begin, below = "", 2**62
        newest: list[Stored] = []  # of the key at hand: those seen so far, from the youngest on
        while found := self._s3.store.versions(bucket.name, begin, below, AT_ONCE):
            for row in found:
                each = stored(row, bucket.name)
                newest = newest if newest and newest[0].key == each.key else []
                await self._judge(bucket, rules, each, newest, now)
                newest.append(each)
            begin, below = found[-1]["key"], found[-1]["id"]
            await asyncio.sleep(0)

    async def _judge(self, bucket: Bucket, rules: list[Any], each: Stored, newer: list[Stored], now: float) -> None:
        if not newer and each.marker:
            if lifecycle.is_lonely_marker(rules, each, now):
                await self._drop(bucket, each, alone=True)
        elif not newer:
            if lifecycle.expires(rules, each, now):
                await self._expire(bucket, each)
        elif lifecycle.is_outlived(rules, each, (newer[-1].modified, len(newer) - 1), now):
            await self._drop(bucket, each)

    async def _expire(self, bucket: Bucket, found: Stored) -> None:
        """A current object: for good, or under a delete marker where there are versions."""
        if not bucket.versioned:
            await self._drop(bucket, found)
            return
        async with self._s3.turn(bucket, found.key):
            if self._is_newest(bucket, found):
                marker = marker_for(self._s3, bucket, found.key)
                notes = self._notes(bucket, "LifecycleExpiration:DeleteMarkerCreated", marker)
                await self._s3.add(bucket, marker, None, *notes)

    async def _drop(self, bucket: Bucket, found: Stored, *, alone: bool = False) -> None:
        async with self._s3.turn(bucket, found.key):
            there = self._s3.version(bucket, found.key, found.version)
            if there is None or there.id != found.id or (found.latest and not self._is_newest(bucket, found)):
                return  # it was replaced meanwhile
            if alone and self._has_older(found):
                return
            await self._s3.drop(bucket, there, *self._notes(bucket, "LifecycleExpiration:Delete", there))

    def _has_older(self, found: Stored) -> bool:
        rows = self._s3.store.versions(found.bucket, found.key, found.id, 1)
        return bool(rows) and rows[0]["key"] == found.key

    def _is_newest(self, bucket: Bucket, found: Stored) -> bool:
        current = self._s3.current(bucket, found.key)
        return current is not None and current.id == found.id

    def _notes(self, bucket: Bucket, name: str, found: Stored) -> list[Any]:
        happened = Happened(name, found, ids.s3_request_id(), "", notices.SENDER, notices.SENDER, self._s3.sequencer())
        return notices.told(self._s3, bucket, happened)
