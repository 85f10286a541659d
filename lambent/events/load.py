"""Is there anything left of this machine's processors?"""

import time
from pathlib import Path

FRESH_S = 0.2  # the kernel counts in hundredths of a second


class Processors:
    """Reads /proc/stat at most every FRESH_S. Where it cannot be read nothing is known to be busy."""

    def __init__(self, path: Path = Path("/proc/stat")) -> None:
        self._path = path
        self._at = float("-inf")
        self._before = (0, 0)
        self._share = 1.0
        self._own_before = 0.0
        self._own = 0.0

    def own(self) -> float:
        """How much of one processor this process itself has used: of all, it can keep hardly more than one busy."""
        self.idle()
        return self._own

    def idle(self) -> float:
        """The share of the processors' time, 0 to 1, that nobody wanted when it was last looked at."""
        now = time.monotonic()
        if now - self._at >= FRESH_S:
            spent = time.process_time()
            self._own = (spent - self._own_before) / min(now - self._at, 3600.0)
            self._at, self._own_before = now, spent
            self._look()
        return self._share

    def _look(self) -> None:
        try:
            numbers = [int(word) for word in self._path.read_text().split("\n", 1)[0].split()[1:9]]
        except (OSError, ValueError):
            return
        idle, total = numbers[3] + numbers[4], sum(numbers)
        gone = total - self._before[1]
        if gone > 0:
            self._share = (idle - self._before[0]) / gone
        self._before = (idle, total)
