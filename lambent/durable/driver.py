"""Drives durable executions: invokes their functions when something has happened, and wakes them when time has come.

Each step is stored before the next begins, so that a server which dies anywhere goes on from there: an invocation that
was under way is made again.
"""

import asyncio
import logging
from collections.abc import Sequence

from lambent.clock import Clock
from lambent.durable import chained, machine
from lambent.durable.alarm import EARLY_S, Alarm
from lambent.durable.attempts import PAUSE_S, Attempt, Attempts
from lambent.durable.book import Book
from lambent.durable.lines import Key, Lines
from lambent.durable.nouns import Change, Execution, State
from lambent.errors import LambentError, ResourceNotFound
from lambent.store.durable_executions import DurableExecutions

log = logging.getLogger("lambent")

LOOK_EVERY_S = 0.05  # at lines for which there was no room: others than executions take and give back permits


class Driver:
    """State changes on the event loop only. `_missed` has executions that are to be invoked again after the invocation
    which is coming to its end."""

    def __init__(self, book: Book, store: DurableExecutions, attempts: Attempts, clock: Clock) -> None:
        self.lines = Lines()
        self.interrupted = 0  # invocations that were under way when the last server ended
        self._book = book
        self._store = store
        self._attempts = attempts
        self._clock = clock
        self._alarm = Alarm(store.waking, store.next_waking, self._wake, clock=clock, work=book.work)
        self._timeouts = Alarm(
            store.late, store.next_late, self._wake, clock=clock, work=book.work, background=True
        )  # fmt: skip
        self._invoking: set[int] = set()
        self._missed: dict[int, Execution] = {}
        self._entering: dict[Key, int] = {}  # invocations that have begun, and have no permit yet
        self._chaining: set[tuple[int, str]] = set()  # functions that are not durable, invoked by an execution
        self._waiters: dict[int, list[asyncio.Future[Execution]]] = {}
        self._looking = False
        self._closing = False

    # -- life

    async def start(self) -> None:
        """Take up what the last server left."""
        for number in self._store.busy():
            await self._recover(number)
        if self.interrupted:
            log.warning(
                "%d invocations of durable executions were under way when the last server ended; they are made again",
                self.interrupted,
            )
        self._alarm.start()
        self._timeouts.start()

    async def close(self, patience_s: float) -> None:
        """Invoke nothing any more; what is under way may come to its end, or is made again at the next start."""
        self._closing = True
        self._alarm.close()
        self._timeouts.close()
        await self._book.work.finish(patience_s)
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.cancel()

    def counts(self) -> dict[str, int]:
        return {
            "running": self._store.running(),
            "invoking": len(self._invoking),
            "waiting": len(self.lines),
            "interrupted": self.interrupted,
        }

    # -- what others ask

    async def wait(self, number: int) -> Execution:
        """The execution, once it is over. Raises what kept a synchronous one from being invoked for the first time."""
        execution = self._book.execution(number)
        if execution is None:
            raise ResourceNotFound()
        if execution.over:
            return execution
        waiter: asyncio.Future[Execution] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(number, []).append(waiter)
        return await waiter

    def chain(self, number: int, operations: Sequence[str]) -> None:
        """Invoke what these operations name, which is not durable."""
        for each in operations:
            if (number, each) not in self._chaining and not self._closing:
                self._chaining.add((number, each))
                self._book.work.begin(self._chain(number, each))

    def look(self, before: State | None, state: State) -> None:
        """What follows from a change."""
        execution = state.execution
        if execution.over:
            self._tell(execution)
            if execution.owes:
                self._book.work.begin(self._tell_parent(execution))
            return
        now = self._clock.epoch()
        if machine.due(execution) and execution.not_before <= now + EARLY_S:
            self._line_up(execution)
        if (wakes := state.wakes) is not None and wakes > now:
            self._alarm.set(wakes)
        elif wakes is not None and not execution.wanted:
            self._book.work.begin(self._tick(execution.number))
        self._timeouts.set(execution.deadline)

    # -- invocations

    def _line_up(self, execution: Execution) -> None:
        if execution.number in self._invoking:
            self._missed[execution.number] = execution
        else:
            self.lines.add(execution)
            self.pump()

    def pump(self) -> None:
        """Invoke what may be invoked."""
        while not self._closing and (ready := self.lines.next(self._room)) is not None:
            self._invoking.add(ready.number)
            self._entering[ready.key] = self._entering.get(ready.key, 0) + 1
            self._book.work.begin(self._invoke(ready.number, ready.key))
        if self.lines.waiting and not self._looking and not self._closing:
            self._looking = True
            asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look_again)

    def _room(self, key: Key) -> bool:
        return self._attempts.room(key) > self._entering.get(key, 0)

    def _look_again(self) -> None:
        self._looking = False
        self.pump()

    async def _invoke(self, number: int, key: Key) -> None:
        attempt = Attempt(entered=lambda: self._entered(key))
        try:
            state = await self._book.change(number, attempt.begin)
            if not attempt.begun:
                return
            decide = await self._attempts.make(attempt, state)
            if decide is None:
                await self._refuse(state, attempt)
            else:
                await self._book.change(number, decide)
        except ResourceNotFound:
            return  # it was deleted
        finally:
            attempt.enter()
            self._invoking.discard(number)
            if (missed := self._missed.pop(number, None)) is not None:
                self.lines.add(missed)
            self.pump()

    def _entered(self, key: Key) -> None:
        left = self._entering[key] - 1
        if left:
            self._entering[key] = left
        else:
            del self._entering[key]

    async def _refuse(self, state: State, attempt: Attempt) -> None:
        """Nobody has run for it yet, and whoever waits is to hear that there is no room."""
        number = state.execution.number
        await self._book.drop([number])
        for waiter in self._waiters.pop(number, []):
            if not waiter.done() and attempt.refusal is not None:
                waiter.set_exception(attempt.refusal)

    # -- what is not durable

    async def _chain(self, number: int, operation_id: str) -> None:
        try:
            state = self._book.read(number)
            operation = state.operations.get(operation_id) if state is not None else None
            if state is None or operation is None or not operation.invoking:
                return
            ended = await self._attempts.plain(state.execution, operation)
            if ended is None:
                self._clock.call_later(PAUSE_S, lambda: self.chain(number, [operation_id]))
                return
            await self._book.change(number, lambda state, now: chained.end(state, operation_id, ended, now))
        except ResourceNotFound:
            return
        finally:
            self._chaining.discard((number, operation_id))

    async def _tell_parent(self, child: Execution) -> None:
        ended = chained.of_execution(child)

        def end(state: State, now: float) -> Change | None:
            return chained.end(state, child.parent_operation, ended, now)

        try:
            await self._book.change(child.parent, end)
        except ResourceNotFound:
            log.info("the execution that invoked %s is gone", child.arn)
        await self._book.change(child.number, chained.told)

    # -- time

    async def _wake(self, numbers: Sequence[int]) -> None:
        await asyncio.gather(*(self._tick(number) for number in numbers))

    async def _tick(self, number: int) -> None:
        if self.lines.waiting.get(number, 0.0) > self._clock.epoch() + EARLY_S:
            return  # it goes on as soon as there is room
        try:
            state = await self._book.change(number, lambda state, now: machine.tick(state, now, now + EARLY_S))
        except ResourceNotFound:
            return  # it was deleted
        except Exception as error:  # the others must not wait for this one
            what = error.message if isinstance(error, LambentError) else repr(error)
            log.error("durable execution %d cannot go on now: %s", number, what)
            return
        execution = state.execution
        if execution.owes or machine.due(execution):
            self.look(None, state)

    async def _recover(self, number: int) -> None:
        state = self._book.read(number)
        if state is None:
            return
        if state.execution.invocation:
            self.interrupted += 1
            await self._book.change(number, machine.recover)
        self.chain(number, [each.id for each in state.operations.values() if each.invoking])

    def _tell(self, execution: Execution) -> None:
        for waiter in self._waiters.pop(execution.number, []):
            if not waiter.done():
                waiter.set_result(execution)
