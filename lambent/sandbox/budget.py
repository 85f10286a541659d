"""The memory that sandboxes may fill on this node, and what they have filled of it."""

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from lambent.sandbox.pool import Pool

SHARE = 0.8  # of the machine's memory, if no budget is set: the rest is the system's, and the page cache's
FRESH_S = 0.1  # how long a measurement counts: reading a thousand counters takes a millisecond
_MB = 1024 * 1024


def machine_mb(root: Path = Path("/")) -> int:
    """The memory of this machine, or of the container that this process is in if that has less; 0 if nobody says."""
    limits = [_total_mb(root / "proc/meminfo")]
    for limit in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        limits.append(_bytes_mb(root / limit))
    return min((limit for limit in limits if limit), default=0)


def budget_mb(setting_mb: int, machine: Callable[[], int] = machine_mb) -> int:
    """The budget in force: the setting, or a share of the machine; no limit where nobody knows its memory."""
    return setting_mb or int(machine() * SHARE) or sys.maxsize


class Meter:
    """What all sandboxes of the pools have used at most, together; asked for only when memory is short."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = float("-inf")
        self._mb = 0

    def measured_mb(self, pools: Iterable[Pool], budget_mb: int) -> int:
        """Fresh if it is the budget or more: for one that has ended since, nobody shall wait."""
        now = self._clock()
        if now - self._at >= FRESH_S or self._mb >= budget_mb:
            self._at, self._mb = now, sum(map(measure, pools))
        return self._mb


def measure(pool: Pool) -> int:
    """MB that this pool's sandboxes have used. Running ones are read anew: so the pool learns what to expect."""
    running = [sandbox.measure() for sandbox in pool.busy]
    pool.most_mb = max([pool.most_mb, *running])
    return sum(running) + sum(sandbox.used_mb for sandbox in pool.idle)


def _total_mb(path: Path) -> int:
    try:
        line = next(line for line in path.read_text().splitlines() if line.startswith("MemTotal:"))
    except (OSError, StopIteration):
        return 0
    return int(line.split()[1]) // 1024


def _bytes_mb(path: Path) -> int:
    """A limit in bytes; 0 where there is none. Version 1 writes a huge number for no limit."""
    try:
        text = path.read_text().strip()
    except OSError:
        return 0
    return int(text) // _MB if text.isdigit() else 0
