"""The node agent as the front end has it: connected at the start, and again when it has died. A piece of app."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from lambent.control.control import Control
from lambent.control.documents import as_version
from lambent.errors import LambentError
from lambent.limits import Limits
from lambent.sandbox.agent_client import AgentClient
from lambent.sandbox.agent_process import AgentProcess
from lambent.sandbox.keeper import Keeper

log = logging.getLogger("lambent")


class Node:
    """`failed` is set when no agent can be had: then nothing can run."""

    def __init__(
        self, process: AgentProcess, keeper: Keeper, limits: Limits, spawn: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:  # fmt: skip
        self._process = process
        self._keeper = keeper
        self._limits = limits
        self._spawn = spawn
        self._stopping = False
        self.failed = asyncio.Event()

    async def connect(self) -> None:
        agent = await AgentClient.connect(self._process.path, self._gone, self._process.check)
        await self._keeper.agency.attach(agent)

    async def ready_runtimes(self, control: Control) -> None:
        """Husks for every function that was there before this start, and the key of their environment variables."""
        latest = control.functions.all_latest()
        if any("Environment" in stored.config for stored in latest):
            with contextlib.suppress(LambentError):  # who needs it is told why it cannot be used
                await control.capacity.seal({}, "")
        for runtime in sorted({as_version(stored).husk_runtime for stored in latest}):
            if self._keeper.agency.refuse(runtime) is None:
                try:
                    await self._keeper.agency.use(runtime)
                except LambentError as error:
                    log.warning("husks for %s: %s", runtime, error.message)

    def part(self) -> None:
        """The server is about to stop: an agent that goes now is not missed."""
        self._stopping = True

    async def stop(self) -> None:
        if self._keeper.agency.agent:
            self._keeper.agency.agent.close()
        await self._process.stop()

    def _gone(self) -> None:
        """Every sandbox died with it. Calls that ran get an error, the next ones a new agent."""
        self._keeper.detach()
        if not self._stopping:
            self._limits.agent_gone()
            log.error("the node agent died; its parent starts another")
            self._spawn(self._reconnect())

    async def _reconnect(self) -> None:
        """To the next agent. Without one nothing can run: then this process ends, for its service manager to see."""
        try:
            await self.connect()
        except LambentError as error:
            log.error("%s", error.message)
            self.failed.set()
