"""The node agent as the engine needs it: there, or soon there again, with husks for the runtimes that are in use."""

import asyncio
import logging

from lambent.errors import AgentGone, SandboxError
from lambent.model import RuntimeInfo
from lambent.runtimes import finder
from lambent.sandbox import image_process
from lambent.sandbox.agent_client import AgentClient
from lambent.settings import Settings

log = logging.getLogger("lambent")

AGENT_WAIT_S = 15.0  # a new agent is there after one or two


class Agency:
    """Who the agent is; None between the death of one and the coming of the next."""

    def __init__(self, settings: Settings) -> None:
        self.agent: AgentClient | None = None
        self._settings = settings
        self._attached = asyncio.Event()  # set while there is an agent
        self._in_use: dict[str, int] = {}  # runtimes that functions need: husks to keep

    async def attach(self, agent: AgentClient) -> None:
        """A (new) agent is there: its husks are made for the runtimes in use."""
        self.agent = agent
        self._attached.set()
        for runtime in list(self._in_use):
            try:
                await self.use(runtime)
            except SandboxError as error:
                log.warning("husks for %s: %s", runtime, error)

    def detach(self) -> None:
        """The agent is gone."""
        self.agent = None
        self._attached.clear()

    async def present(self) -> AgentClient:
        """The agent. After one died, whoever needs it waits for the next. Raises AgentGone."""
        try:
            async with asyncio.timeout(AGENT_WAIT_S):
                while self.agent is None or self.agent.gone:
                    self._attached.clear()
                    await self._attached.wait()
        except TimeoutError:
            raise AgentGone("the node agent is being restarted; try again") from None
        return self.agent

    async def use(self, runtime: str) -> None:
        agent = await self.present()
        husks = self._in_use[runtime] = self._settings.husks
        await agent.prepare(runtime, husks)

    def refuse(self, runtime: str) -> str | None:
        """Why `runtime` cannot run here and how to add it; None when it can."""
        if self.agent is None or runtime in self.agent.hello.runtimes or runtime in self.runtimes():
            return None
        return finder.how_to_add(runtime)

    def refuse_images(self) -> str | None:
        """Why container images cannot run here; None when they can."""
        return image_process.refusal(self.agent.hello.isolation) if self.agent is not None else None

    def runtimes(self) -> dict[str, RuntimeInfo]:
        """What the agent found when it started, and what has been added since; the former is what it uses."""
        found = self.agent.hello.runtimes if self.agent else {}
        return finder.find_added({"LAMBENT_DATA": str(self._settings.data_dir)}) | found
