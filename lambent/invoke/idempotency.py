"""The same answer to the same request: Idempotency-Key. Lambent's own; decision 20 tells what it promises.

A function opts in with a tag whose value is how long keys live. Then the first call under a key runs it, and all
others with the same key and request get its answer: while it runs, afterwards, and after a restart.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from msgspec.structs import replace

from lambent.clock import Clock, Timer
from lambent.errors import AwsError, LambentError
from lambent.invoke.keys import TAG, Asked, Given, Term, compare, term_in
from lambent.model import Event, Outcome, Version
from lambent.store.answers import Answers, Scope, StoredAnswer, answer_columns, size
from lambent.store.functions import Functions
from lambent.store.queue import Rows

log = logging.getLogger("lambent")

SWEEP_EVERY_S = 3_600.0  # for the disk only: an expired key is none at once; rare for who moves the clock far

Tell = Callable[[str, Asked, StoredAnswer], None]  # what happened: answered-from-key | interrupted
Store = Callable[[Event, Rows], Awaitable[None]]  # an event, and what is to be stored with it


class _Run(NamedTuple):
    """What is under way for a key."""

    digest: str
    task: "asyncio.Task[StoredAnswer]"


class Idempotency:
    """`_running` has the runs of this process: whoever comes meanwhile waits for them. It changes on the loop only."""

    def __init__(
        self, answers: Answers, functions: Functions, clock: Clock, most_bytes: int,
        tell: Tell = lambda *_: None,
    ) -> None:  # fmt: skip
        self._answers = answers
        self._functions = functions
        self._clock = clock
        self._most_bytes = most_bytes
        self._tell = tell
        self._running: dict[Scope, _Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        self.repeated = 0  # runs that were begun again, since the server had ended in the middle of them

    def term(self, version: Version) -> Term | None:
        """How long keys of its function live; None if it has not opted in, and the header is ignored."""
        tag = self._functions.tags(version.account, version.region, version.name).get(TAG)
        if tag is None:
            return None
        return Term(term_in(tag), self._functions.get(version.account, version.region, version.name).created_at)

    async def run(self, asked: Asked, work: Callable[[], Awaitable[Outcome]], executed_version: str) -> Given:
        """The answer to an invocation, which `work` runs, unless there is one. What `work` raises frees the key."""

        async def first(begun: StoredAnswer) -> StoredAnswer:
            await self._answers.put(begun)
            try:
                outcome = await work()
            except Exception:
                await self._release(begun)
                raise
            done = replace(
                begun, running=False, expires=self._clock.epoch() + asked.term.seconds, payload=outcome.payload,
                executed_version=executed_version, function_error=outcome.function_error or "",
                log_tail=outcome.log_tail,
            )  # fmt: skip
            await self._answers.put(done)
            return done

        return await self._once(asked, first)

    async def accept(self, asked: Asked, event: Event, store: Store) -> Given:
        """The same for an event, which `store` puts on disk together with the answer."""

        async def first(begun: StoredAnswer) -> StoredAnswer:
            await self._answers.drop(asked.scope)  # of a key that has expired
            done = replace(begun, running=False)
            await store(event, [("answer_put", answer_columns(done))])
            self._answers.bytes += size(done)
            return done

        return await self._once(asked, first)

    async def forget(self, account: str, region: str, name: str) -> None:
        """The function is gone; one that gets its name later has keys of its own."""
        await self._answers.forget(account, region, name)

    def start(self) -> None:
        """Let keys expire from now on."""
        self._timer = self._clock.call_later(SWEEP_EVERY_S, self._sweep_again, background=True)

    async def close(self, patience_s: float) -> None:
        """Let what runs, perhaps for nobody any more, come to its answer."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = [run.task for run in self._running.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=patience_s)
        for task in [*tasks, *self._tasks]:
            task.cancel()
        await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)

    def counts(self) -> dict[str, int]:
        return {"running": len(self._running), "bytes": self._answers.bytes, "repeated": self.repeated}

    # -- details

    async def _once(self, asked: Asked, first: Callable[[StoredAnswer], Awaitable[StoredAnswer]]) -> Given:
        """Cases: 1 it runs here, 2 there is an answer, 3 it was begun before a crash, 4 nothing is known of the key."""
        run = self._running.get(asked.scope)
        if run is not None:
            compare(run.digest, asked)
            return self._again(asked, await asyncio.shield(run.task))
        known = self._answers.get(asked.scope)
        if known is not None and (known.scope.born != asked.scope.born or known.expires <= self._clock.epoch()):
            known = None
        if known is not None:
            compare(known.digest, asked)
            if not known.running:
                return self._again(asked, known)
        # From here to where it is in `_running` nothing may wait: another call with the key could come in between.
        task = asyncio.get_running_loop().create_task(self._begin(asked, known, first))
        self._running[asked.scope] = _Run(asked.digest, task)
        task.add_done_callback(lambda task: self._ended(asked.scope, task))
        return Given(await asyncio.shield(task), False)

    async def _begin(
        self, asked: Asked, known: StoredAnswer | None, first: Callable[[StoredAnswer], Awaitable[StoredAnswer]]
    ) -> StoredAnswer:
        """A task of its own: it goes on though its caller hangs up."""
        begun = StoredAnswer(
            scope=asked.scope, digest=asked.digest, request_id=asked.request_id, trace=asked.trace, running=True,
            runs=known.runs + 1 if known else 1, expires=self._clock.epoch() + asked.term.seconds,
        )  # fmt: skip
        if known is not None:
            self.repeated += 1
            self._tell("interrupted", asked, known)
        else:
            await self._make_room()
        return await first(begun)

    def _again(self, asked: Asked, answer: StoredAnswer) -> Given:
        self._tell("answered-from-key", asked, answer)
        return Given(answer, True)

    def _ended(self, scope: Scope, task: "asyncio.Task[StoredAnswer]") -> None:
        del self._running[scope]
        if not task.cancelled():
            task.exception()  # whoever waits is told; it must not be held against us that nobody does

    async def _release(self, begun: StoredAnswer) -> None:
        """Nothing came of it: the next call may run. If that cannot be written, it does so as after a crash."""
        try:
            await self._answers.drop(begun.scope)
        except LambentError as error:
            log.error("an idempotency key of %s cannot be released: %s", begun.scope.name, error.message)

    async def _make_room(self) -> None:
        if self._answers.bytes < self._most_bytes:
            return
        await self._answers.expire(self._clock.epoch())
        if self._answers.bytes >= self._most_bytes:
            raise AwsError(
                f"The answers that are kept for idempotency keys take {self._most_bytes >> 20} MB, and no more may "
                "(setting keep_answers_mb). Nothing was run. Let keys live for a shorter time, or allow more.",
                code="ServiceQuotaExceededException", status=402,
            )  # fmt: skip

    def _sweep_again(self) -> None:
        self.start()
        if not self._any_expired():
            return  # a clock that is moved by hand comes by here a thousand times in one day
        hold = self._clock.working()
        hold.__enter__()
        task = asyncio.get_running_loop().create_task(self._sweep())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: hold.__exit__(None, None, None))

    def _any_expired(self) -> bool:
        try:
            return self._answers.expired(self._clock.epoch())
        except LambentError as error:
            log.error("idempotency keys cannot be looked through: %s", error.message)
            return False

    async def _sweep(self) -> None:
        try:
            await self._answers.expire(self._clock.epoch())
        except LambentError as error:
            log.error("idempotency keys cannot expire: %s", error.message)
