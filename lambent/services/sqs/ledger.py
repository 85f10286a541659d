"""What happens to messages, written to disk in groups: whoever comes while one is being written goes with the next.

An answer that promises something waits for its group. That a message was received is promised to nobody: it is noted
with a later group, and a crash before that only makes the message visible earlier.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from lambent.services.sqs.nouns import Content, Message
from lambent.store.sqs import Rows, SqsStore

log = logging.getLogger("lambent")

NOTE_AFTER_S = 0.25
GROUP_BYTES = 4 * 1024 * 1024
GROUP_UNITS = 1_000
_encode = msgspec.json.Encoder().encode


class _Unit(NamedTuple):
    """Rows that are written together, who is told once they are, and who waits for it."""

    rows: Rows
    size: int
    written: Callable[[], None]
    failed: Callable[[], None]
    waiter: "asyncio.Future[None] | None"


def _nothing() -> None: ...


class Ledger:
    """State changes on the event loop only. `_notes` are messages whose receipt is to be noted."""

    def __init__(self, store: SqsStore) -> None:
        self._store = store
        self._units: deque[_Unit] = deque()
        self._notes: dict[int, Message] = {}
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def enter(
        self, rows: Rows, *, size: int = 0, written: Callable[[], None] = _nothing,
        failed: Callable[[], None] = _nothing,
    ) -> "asyncio.Future[None]":  # fmt: skip
        """Have `rows` of `size` bytes written, all or none. `written` or `failed` is called, and the future done, in
        the order of entering; the former also if nobody waits any more."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._units.append(_Unit(rows, size, written, failed, waiter))
        self._go_on()
        return waiter

    def enter_unseen(self, rows: Rows, failed: Callable[[], None] = _nothing) -> None:
        """The same, for what nobody waits for."""
        self._units.append(_Unit(rows, 0, _nothing, failed, None))
        self._go_on()

    def note(self, message: Message) -> None:
        """That it was received, or when it is visible again, is worth keeping, but not worth waiting for."""
        self._notes[message.id] = message
        if self._timer is None and self._task is None:
            self._timer = asyncio.get_running_loop().call_later(NOTE_AFTER_S, self._go_on)

    async def close(self) -> None:
        """Write all that is left."""
        while self._units or self._notes or self._task is not None:
            self._go_on()
            if self._task is not None:
                await self._task

    def _go_on(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._units or self._notes:
                await self._write_group(self._next_group())
        finally:
            self._task = None
            if self._units:
                self._go_on()

    def _next_group(self) -> list[_Unit]:
        size = 0
        group: list[_Unit] = []
        while self._units and len(group) < GROUP_UNITS and (not group or size + self._units[0].size <= GROUP_BYTES):
            group.append(self._units.popleft())
            size += group[-1].size
        return group

    async def _write_group(self, group: list[_Unit]) -> None:
        rows = self._noted()
        for unit in group:
            rows.extend(unit.rows)
        error: Exception | None = None
        try:
            await self._store.write_many(_in_runs(rows))
        except Exception as refused:
            error = refused
            if not group:
                log.warning("how often messages were received cannot be noted: %s", refused)
        for unit in group:
            _tell(unit, error)

    def _noted(self) -> list[tuple[str, dict[str, Any]]]:
        notes, self._notes = self._notes, {}
        return [
            (
                "sqs_message_note",
                {"id": each.id, "due": each.due, "receives": each.receives, "first_received": each.first_received},
            )
            for each in notes.values()
            if not each.gone
        ]


def _tell(unit: _Unit, error: Exception | None) -> None:
    """A mistake over there keeps nobody else from being told."""
    try:
        (unit.written if error is None else unit.failed)()
    except Exception:
        log.exception("a message was written, but cannot be dealt with now")
    if unit.waiter is None or unit.waiter.done():
        if error is not None and unit.waiter is None:
            log.error("SQS: %s", error)
        return
    if error is None:
        unit.waiter.set_result(None)
    else:
        unit.waiter.set_exception(error)


def _in_runs(rows: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Neighbours with the same query go in one statement; the order stays."""
    runs: list[tuple[str, list[dict[str, Any]]]] = []
    for query, parameters in rows:
        if runs and runs[-1][0] == query:
            runs[-1][1].append(parameters)
        else:
            runs.append((query, [parameters]))
    return runs


def added(message: Message, queue: int, content: Content) -> tuple[str, dict[str, Any]]:
    """The row of a message that is accepted."""
    return "sqs_message_add", {
        "id": message.id, "queue": queue, "message_id": message.message_id, "sent": message.sent, "due": message.due,
        "receives": message.receives, "first_received": message.first_received, "group_id": message.group,
        "dedup_id": message.dedup, "size": message.size, "content": _encode(content),
    }  # fmt: skip


def dropped(message: Message) -> tuple[str, dict[str, Any]]:
    return "sqs_message_drop", {"id": message.id}
