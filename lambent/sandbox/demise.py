"""How a sandbox comes to its end: what made it, what the agent tells of it, and how that is put in words."""

import asyncio
from collections.abc import Callable

from lambent.sandbox import failures
from lambent.sandbox.extension_states import Fatal
from lambent.sandbox.link import InitDone
from lambent.sandbox.protocol import Ended, Exited

DEATH_WAIT_S = 2.0  # how long a closed channel may precede the news of how the runtime ended


class Demise:
    """What is known of one sandbox's end. News are only ever added, and the first of a kind is the one that counts."""

    __slots__ = ("environment", "farewell", "fatal", "late", "reason", "runtime")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.reason = ""  # for which we ended it: spindown, timeout or failure
        self.late = False  # the time-out of an invocation made it
        self.fatal: Fatal | None = None  # an extension did
        self.runtime: asyncio.Future[Ended] = loop.create_future()  # is over; extensions may linger
        self.environment: asyncio.Future[Ended] = loop.create_future()  # is over, and all that was in it
        self.farewell: asyncio.Task[None] | None = None  # the SHUTDOWN phase

    def runtime_exited(self, news: Exited) -> None:
        if not self.runtime.done():
            self.runtime.set_result(Ended(news.husk, news.status, news.out_of_memory))

    def is_over(self, news: Ended) -> None:
        for told in (self.runtime, self.environment):
            if not told.done():
                told.set_result(news)
        if self.farewell is not None:
            self.farewell.cancel()  # there is nobody left to wait for

    async def of_runtime(self, name: str, end: Callable[[str], None]) -> Ended:
        """The news of the runtime's end, which follows its closed channel; killed if it only closed the channel."""
        try:
            async with asyncio.timeout(DEATH_WAIT_S / 10):
                return await asyncio.shield(self.runtime)
        except TimeoutError:
            end("failure")
        try:
            async with asyncio.timeout(DEATH_WAIT_S):
                return await asyncio.shield(self.runtime)
        except TimeoutError:
            return Ended(name, None, False)

    @property
    def over(self) -> bool:
        return self.environment.done()

    @property
    def lost(self) -> bool:
        """It went with its agent."""
        return self.environment.done() and self.environment.result().lost

    def in_words(self, doomed: InitDone | None, init_trouble: str | None) -> str:
        """What made it, in a few words; none if nobody knows."""
        if self.late or "timeout" in (self.reason, init_trouble):
            return "time-out"
        if self.fatal is not None:
            return f"an extension failed ({self.fatal.kind})"
        if doomed is not None:
            return f"its init failed ({doomed.error_type})"
        return failures.ending(self.runtime.result()) if self.runtime.done() else ""
