"""The front end's way to the vault: it seals and opens nothing itself, it asks the node agent."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from lambent.errors import AgentGone
from lambent.sandbox.agent_client import AgentClient

T = TypeVar("T")
AT_ONCE = 4  # environments in one message: each has at most 4 KB, which is measured as JSON


class Secrets:
    """Asks whichever agent there is; once more if it dies meanwhile."""

    def __init__(self, present: Callable[[], Awaitable[AgentClient]]) -> None:
        self._present = present

    async def seal(self, variables: Mapping[str, str], owner: str, key: str = "") -> bytes:
        """The variables of the function `owner` (an ARN), as they may be stored. Raises SandboxError."""
        return await self._ask(lambda agent: agent.seal(dict(variables), owner, key))

    async def open(self, sealed: Sequence[tuple[bytes, str]]) -> list[dict[str, str] | str]:
        """What each of (sealed, owner) was, or the sentence that says why it cannot be opened. Raises AgentGone."""
        parts = [tuple(sealed[at : at + AT_ONCE]) for at in range(0, len(sealed), AT_ONCE)]
        opened = await asyncio.gather(*(self._open(part) for part in parts))
        return [each for part in opened for each in part]

    async def _open(self, part: tuple[tuple[bytes, str], ...]) -> tuple[dict[str, str] | str, ...]:
        return await self._ask(lambda agent: agent.open(part))

    async def _ask(self, question: Callable[[AgentClient], Awaitable[T]]) -> T:
        try:
            return await question(await self._present())
        except AgentGone:
            return await question(await self._present())
