"""Why no sandbox was waiting, in words: what became of the last ones of each version. Asked when one is started."""

from collections.abc import Collection
from typing import TypeVar

from lambent.observe.report import iso
from lambent.sandbox.pool import Pool
from lambent.sandbox.sandbox import Sandbox

Key = TypeVar("Key")
Value = TypeVar("Value")

MOST = 10_000  # versions whose last loss is remembered, and functions whose last change is
FIRST = "first call of this version on this node"
FIRST_OF_TENANT = "first call for this tenant on this node"
AGENT_DIED = "the node agent had died, and all sandboxes with it"
FOR_MEMORY = "its idle sandboxes had been stopped to make room in memory"
FOR_A_PLACE = "its idle sandboxes had been stopped to make places for others"
NEVER_COLD = ""  # it went with its version: nobody will ask


def idle_for(seconds: float) -> str:
    return f"its sandboxes had been idle for {seconds:g} s and were stopped"


def too_old(seconds: float) -> str:
    return f"its last sandbox had reached the age of {seconds:g} s and was stopped"


class Losses:
    """What became of each pool's last sandbox, and when each function was changed; the oldest news are forgotten."""

    def __init__(self) -> None:
        self._of_pools: dict[str, str] = {}
        self._changes: dict[tuple[str, str, str], float] = {}

    def lost(self, pool: Pool, why: str) -> None:
        _remember(self._of_pools, pool.key, why)

    def changed(self, function: tuple[str, str, str], at: float) -> None:
        """`at` is epoch seconds."""
        _remember(self._changes, function, at)

    def why(self, pool: Pool, estate: Sandbox | None, others: Collection[Pool] = ()) -> str:
        """Why `pool` starts a sandbox now. Its provisioned twins, if there are any among `others`, were busy too.

        Cases: 1 it goes on where one has ended, 2 all are busy, 3 they have gone, 4 it never had any.
        """
        if estate is not None:
            ending = estate.ending
            return f"the last sandbox had ended: {ending}" if ending else "the last sandbox had ended"
        provisioned = sum(len(twin.busy) for twin in others if twin.key.startswith(f"{pool.key}+"))
        busy = len(pool.busy) + pool.starting
        if busy or provisioned:
            return _all_busy(busy, provisioned)
        return self._of_pools.get(pool.key) or self._never_any(pool)

    def _never_any(self, pool: Pool) -> str:
        at = self._changes.get(pool.function) if pool.version == "$LATEST" else None
        if pool.tenant:
            return FIRST_OF_TENANT
        return FIRST if at is None else f"first call since the function was updated at {iso(at)}"


def _all_busy(busy: int, provisioned: int) -> str:
    parts = [_count(busy, "sandbox")] if busy else []
    parts += [_count(provisioned, "provisioned sandbox")] if provisioned else []
    return f"{parts[0]} was busy" if busy + provisioned == 1 else f"all {' and '.join(parts)} were busy"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "es")


def _remember(news: dict[Key, Value], key: Key, value: Value) -> None:
    news.pop(key, None)  # the newest stand last
    news[key] = value
    if len(news) > MOST:
        del news[next(iter(news))]
