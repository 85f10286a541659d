"""The states of executions, and the one way in which they change: one decision after the other, each on disk before
anybody hears of it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from lambent.clock import Clock
from lambent.durable import records
from lambent.durable.nouns import Change, Execution, State
from lambent.errors import ResourceNotFound
from lambent.store.durable_executions import DurableExecutions
from lambent.store.queue import Rows
from lambent.work import Work

T = TypeVar("T")
Decide = Callable[[State, float], Change | None]  # the state and the time -> what becomes of it
Rowing = Callable[[State, State], Rows]  # before and after -> rows of others that are written with the change
LARGE = 256 * 1024  # bytes of payloads
GONE = "Durable Execution does not exist"


class New(NamedTuple):
    """An execution that starts."""

    state: State
    change: Change


class _Live:
    """An execution that somebody works at, or that is being invoked; its state is in memory then."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0
        self.state: State | None = None


class Book:
    """`listeners` hear of each change once it is on disk, with the states before (None: it is new) and after it."""

    def __init__(
        self, store: DurableExecutions, clock: Clock, failed: Callable[[BaseException], None], *,
        rows: Rowing = lambda before, after: (), posted: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """`rows` are those of others that are stored with a change; `posted` hears that there were any."""
        self.listeners: list[Callable[[State | None, State], None]] = []
        self._rows = rows
        self._posted = posted
        self.work = Work(clock, failed)
        self._store = store
        self._clock = clock
        self._live: dict[int, _Live] = {}

    async def start(self, new: New) -> None:
        await self._whole(self._write_new([new]))

    async def change(self, number: int, decide: Decide, also: Callable[[], Sequence[New]] = list) -> State:
        """What becomes of an execution; `also` is asked for those that start with that. They are stored together, or
        not at all. It goes on though whoever asked for it has gone.

        Raises ResourceNotFound, and whatever `decide` raises.
        """
        return await self._whole(self._change(number, decide, also))

    def read(self, number: int) -> State | None:
        """As it is now."""
        return self._state(number) or records.load(self._store, number)

    def execution(self, number: int) -> Execution | None:
        """The same without its operations, which may be many megabytes."""
        if (state := self._state(number)) is not None:
            return state.execution
        document = self._store.get(number)
        return records.execution_from(document) if document is not None else None

    async def drop(self, numbers: Sequence[int]) -> None:
        """Forget them, with all that is known of them; who is about to change one finds nothing."""
        await self._whole(self._drop(sorted(numbers)))

    # -- details

    def _state(self, number: int) -> State | None:
        """What is in memory."""
        live = self._live.get(number)
        return live.state if live is not None else None

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Its value, though its task is one that nobody's hanging up ends."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            try:
                value = await work
            except BaseException as error:
                if not done.done():
                    done.set_exception(error)
                if isinstance(error, asyncio.CancelledError):
                    raise
            else:
                if not done.done():
                    done.set_result(value)

        self.work.begin(run())
        return await done

    async def _drop(self, numbers: Sequence[int]) -> None:
        lives = {number: self._live.setdefault(number, _Live()) for number in numbers}
        for live in lives.values():
            live.users += 1
            await live.lock.acquire()
        try:
            await self._store.drop(numbers)
        finally:
            for number, live in lives.items():
                live.state = None
                live.lock.release()
                self._leave(number, live)

    async def _change(self, number: int, decide: Decide, also: Callable[[], Sequence[New]]) -> State:
        live = self._live.setdefault(number, _Live())
        live.users += 1
        try:
            async with live.lock:
                before, after, started = await self._decide(number, live, decide, also)
        finally:
            self._leave(number, live)
        if after is not before:
            self._tell(before, after)
            for new in started:
                self._tell(None, new.state)
        return after

    def _leave(self, number: int, live: _Live) -> None:
        live.users -= 1
        if not live.users and (live.state is None or not live.state.execution.invocation):
            self._live.pop(number, None)

    async def _decide(
        self, number: int, live: _Live, decide: Decide, also: Callable[[], Sequence[New]]
    ) -> tuple[State, State, Sequence[New]]:
        before = live.state or await self._load(number)
        live.state = before
        change = decide(before, self._clock.epoch())
        if change is None:
            return before, before, ()
        after, started = change.onto(before), also()
        writes = [records.write(each.change, each.state) for each in started]
        rows = self._rows(before, after)
        live.state = None  # until that is certain
        await self._store.write(records.write(change, after, rows), *writes)
        live.state = after
        if rows:
            self._posted()
        return before, after, started

    async def _load(self, number: int) -> State:
        """From disk; what is large in a thread of its own, for nothing else goes on meanwhile."""
        execution = self.execution(number)
        if execution is None:
            raise ResourceNotFound(GONE)
        if execution.bytes + execution.input_bytes > LARGE:
            return await asyncio.to_thread(records.with_operations, self._store, execution)
        return records.with_operations(self._store, execution)

    async def _write_new(self, started: Sequence[New]) -> None:
        await self._store.write(*(records.write(each.change, each.state) for each in started))
        for new in started:
            self._tell(None, new.state)

    def _tell(self, before: State | None, state: State) -> None:
        for listener in self.listeners:
            listener(before, state)
