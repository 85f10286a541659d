"""The freezer of one sandbox's control group. Source: cgroup-v2.rst of the kernel, cgroup.freeze."""

import os


class Brake:
    """One sandbox's freezer, held as a descriptor that takes b"1" and b"0"; without one nothing ever stands still."""

    __slots__ = ("_fd", "on")

    def __init__(self, fd: int | None = None) -> None:
        self._fd = fd
        self.on = False

    def put_on(self) -> None:
        self.on = True
        self._write(b"1")

    def let_go(self) -> bool:
        """False when the control group is gone, and everybody in it."""
        self.on = False
        return self._write(b"0")

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _write(self, value: bytes) -> bool:
        if self._fd is None:
            return True
        try:
            os.write(self._fd, value)
        except OSError:
            return False
        return True
