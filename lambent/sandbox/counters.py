"""What a sandbox uses, counted by its control group and read without asking anybody."""

import os

_MB = 1024 * 1024


class Counters:
    """The control group's counters, read from descriptors that the agent opened; 1 µs each."""

    def __init__(self, fds: list[int]) -> None:
        self._fds = fds
        self._cpu_ns: int | None = 0  # when `cpu_ms_since` looked last; None: nobody counts it
        self._last: tuple[bytes, ...] = ()  # what they said last; the files go away with the control group

    def memory_peak_mb(self) -> int:
        """Highest use since the environment was made, rounded up; 0 where nobody counts."""
        return -(-int(self._read(0) or b"0") // _MB)

    def cpu_ns(self) -> int | None:
        data = self._read(1)
        if data.startswith(b"usage_usec"):  # version 2
            return int(data.split(None, 2)[1]) * 1000
        return int(data) if data else None

    def cpu_ms_since(self) -> float | None:
        """CPU time since this was asked the last time, the first time since the beginning; None where nobody counts."""
        if self._cpu_ns is None:
            return None
        before, self._cpu_ns = self._cpu_ns, self.cpu_ns()
        return (self._cpu_ns - before) / 1e6 if self._cpu_ns is not None else None

    def keep(self, last: tuple[bytes, ...] = ()) -> None:
        """Before the group goes: an invocation that its environment does not survive has used memory too."""
        self._last = last or tuple(self._read(index) for index in range(len(self._fds)))

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds = []

    def _read(self, index: int) -> bytes:
        if self._fds:
            try:
                return os.pread(self._fds[index], 128, 0)
            except OSError:
                pass  # the group is gone
        return self._last[index] if self._last else b""
