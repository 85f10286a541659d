"""The engine of durable functions, put together: what the data plane and the operations on executions work with."""

import logging
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from lambent.clock import Clock
from lambent.durable.attempts import Attempts, Born
from lambent.durable.book import Book, Decide, Rowing
from lambent.durable.drafts import error_document
from lambent.durable.driver import Driver
from lambent.durable.expiry import Expiry
from lambent.durable.nouns import DELETING, SUCCEEDED, Execution, State
from lambent.durable.starts import Starts
from lambent.durable.telling import Telling
from lambent.errors import InvalidParameterValue
from lambent.invoke.authority import May, same_account
from lambent.invoke.durable import LONGEST_WAIT_S, Finished, Start
from lambent.invoke.path import Invoker
from lambent.invoke.recursion import Loops
from lambent.invoke.resolve import Resolver
from lambent.model import Durability
from lambent.observe.metrics import Metrics
from lambent.store.database import Database
from lambent.store.durable_executions import DurableExecutions

log = logging.getLogger("lambent")


class Executions:
    """Attributes are the parts. `run` and `accept` are what the data plane asks (invoke/durable.py)."""

    def __init__(
        self, database: Database, invoker: Invoker, resolver: Resolver, loops: Loops, *, clock: Clock, born: Born,
        may: May = same_account, metrics: Metrics | None = None, rows: Rowing = lambda before, after: (),
        posted: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """`rows` are those of others that are stored with a change; `posted` hears that there were any."""
        self.store = DurableExecutions(database)
        self.clock = clock
        self.book = Book(self.store, clock, _complain, rows=rows, posted=posted)
        self.attempts = Attempts(invoker, resolver, loops, clock, born)
        self.driver = Driver(self.book, self.store, self.attempts, clock)
        self.starts = Starts(self.store, self.book, resolver, loops, clock=clock, born=born, may=may)
        telling = Telling(metrics)
        self.book.listeners = [telling.changed, self.driver.look]
        self.expiry = Expiry(self.store, self.book, clock)

    async def start(self) -> None:
        """Take up what the last server left."""
        await self.driver.start()
        self.expiry.start()

    async def close(self, patience_s: float) -> None:
        self.expiry.close()
        await self.driver.close(patience_s)

    def counts(self) -> dict[str, int]:
        return self.driver.counts()

    # -- what the data plane asks

    async def run(self, start: Start) -> Finished:
        """Raises what the path of an invocation raises when there is no room for the first one."""
        config = _config(start)
        config = replace(config, timeout_s=min(config.timeout_s, LONGEST_WAIT_S))
        execution = await self.starts.start(start, config, synchronous=True)
        self.attempts.watch(execution.number, tail=start.want_log_tail)
        try:
            ended = await self.driver.wait(execution.number)
            tail = self.attempts.tails.get(execution.number, b"")
        finally:
            self.attempts.tails.pop(execution.number, None)
        return finished(ended, tail)

    async def accept(self, start: Start) -> str:
        return (await self.starts.start(start, _config(start), synchronous=False)).arn

    # -- what operations on executions ask

    async def change(self, number: int, decide: Decide) -> State:
        """What becomes of an execution, on disk; what follows from it has begun. Raises what `decide` raises."""
        state = await self.book.change(number, decide)
        if state.execution.status == DELETING:
            self.expiry.look()
        return state


def finished(execution: Execution, tail: bytes = b"") -> Finished:
    """What Invoke answers: the result, or the error as functions' errors are answered."""
    if execution.status == SUCCEEDED:
        text = execution.result if execution.result is not None else "null"
        return Finished(execution.arn, text.encode("utf-8", "surrogatepass"), None, tail)
    found = error_document(execution.error) if execution.error is not None else {}
    thrown = {name[0].lower() + name[1:]: value for name, value in found.items()}
    return Finished(execution.arn, msgspec.json.encode(thrown), "Unhandled", tail)


def _config(start: Start) -> Durability:
    config = start.version.durable
    if config is None:
        raise InvalidParameterValue("The invoked function is not a durable function.")
    return config


def _complain(error: BaseException) -> None:
    log.error("a durable execution cannot go on; it is tried again at the next start", exc_info=error)
