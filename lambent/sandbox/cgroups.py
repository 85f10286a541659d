"""Control groups of sandboxes, version 1 and version 2, behind one small interface.

Each sandbox has one group (version 1: one in each hierarchy). Limits are in bytes and microseconds of CPU per 100 ms.
Source: Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

PERIOD_US = 100_000  # accurate to 0.5 % (sandbox.md); shorter periods throttle small functions in odd ways
MB_PER_CPU = 1_769
PIDS_MAX = 1_024
_RUN = "run"  # in the unified hierarchy: the group inside a sandbox's own in which everything but pid 1 is


def cpu_quota_us(memory_mb: int) -> int:
    """Microseconds of CPU in each 100 ms that AWS gives to a function of this memory: memory / 1,769 MB of a core."""
    return max(1_000, memory_mb * PERIOD_US // MB_PER_CPU)


class Cgroups(Protocol):
    """What the agent does with control groups. `name` is the husk's."""

    version: str

    def make(self, name: str) -> None: ...
    def attach(self, name: str, pid: int) -> None: ...
    def limit_memory(self, name: str, megabytes: int) -> None: ...
    def limit_cpu(self, name: str, quota_us: int) -> None: ...
    def open_counters(self, name: str) -> list[int]:
        """Read-only descriptors: [memory peak in bytes, CPU time]; the front end reads them without privileges."""
        ...

    def freezer(self, name: str, pid: int) -> int | None:
        """Move the runtime, not pid 1, to where it can be frozen; a descriptor that takes b"1" and b"0".

        pid 1 must go on seeing whether the agent lives. None where the kernel cannot: version 1's own freezer is no
        help, since it keeps frozen processes from being killed.
        """
        ...

    def oom_kills(self, name: str) -> int: ...
    def remove(self, name: str) -> bool:
        """True when it is gone; False while the kernel still counts a dying process in it."""
        ...

    def leftovers(self) -> list[str]: ...
    def kill(self, name: str) -> None: ...
    def discard(self) -> None:
        """Remove the group above the sandboxes'; not its parent, where another server may be starting."""
        ...


def _write(path: Path, value: object) -> None:
    """One write, as the kernel wants it, without the six further system calls of a Python file."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)


def _frozen_by(group: Path, pid: int) -> int:
    _write(group / "cgroup.procs", pid)
    return os.open(group / "cgroup.freeze", os.O_WRONLY | os.O_CLOEXEC)


def _pids(path: Path) -> list[int]:
    try:
        return [int(line) for line in path.read_text().split()]
    except OSError:
        return []


def _kill_all(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            continue


class CgroupsV1:
    """One hierarchy for each controller, as on machines that boot with the legacy or the hybrid layout."""

    version = "v1"
    CONTROLLERS = ("memory", "cpu", "cpuacct", "pids")

    def __init__(self, mount: Path, group: str) -> None:
        # cpu and cpuacct are often one mount with two names: the set keeps one of them.
        self._roots = {name: (mount / name).resolve() / group for name in self.CONTROLLERS}
        self._unified = mount / "unified" / group  # beside the old hierarchies, and good for freezing only
        self._distinct = sorted(set(self._roots.values()))
        for name in self.CONTROLLERS:
            # Where a controller is not mounted there may be a plain directory, which would limit nothing.
            os.stat(mount / name / "cgroup.procs")
        self._freezes = (mount / "unified" / "cgroup.procs").exists()
        for root in self._everywhere():
            root.mkdir(parents=True, exist_ok=True)

    def _everywhere(self) -> list[Path]:
        return [*self._distinct, *([self._unified] if self._freezes else [])]

    def make(self, name: str) -> None:
        for root in self._everywhere():
            os.mkdir(root / name)
        if self._freezes:
            os.mkdir(self._unified / name / _RUN)
        _write(self._roots["pids"] / name / "pids.max", PIDS_MAX)

    def attach(self, name: str, pid: int) -> None:
        for root in self._everywhere():
            _write(root / name / "cgroup.procs", pid)

    def limit_memory(self, name: str, megabytes: int) -> None:
        group = self._roots["memory"] / name
        _write(group / "memory.limit_in_bytes", megabytes * 1024 * 1024)
        with_swap = group / "memory.memsw.limit_in_bytes"
        if with_swap.exists():  # or a function could use all of the machine's swap beyond its memory
            _write(with_swap, megabytes * 1024 * 1024)

    def limit_cpu(self, name: str, quota_us: int) -> None:
        _write(self._roots["cpu"] / name / "cpu.cfs_quota_us", quota_us)

    def open_counters(self, name: str) -> list[int]:
        peak = self._roots["memory"] / name / "memory.max_usage_in_bytes"
        return [
            os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            for path in (peak, self._roots["cpuacct"] / name / "cpuacct.usage")
        ]

    def freezer(self, name: str, pid: int) -> int | None:
        return _frozen_by(self._unified / name / _RUN, pid) if self._freezes else None

    def oom_kills(self, name: str) -> int:
        return _field(self._roots["memory"] / name / "memory.oom_control", "oom_kill")

    def remove(self, name: str) -> bool:
        _rmdir(self._unified / name / _RUN)
        gone = [_rmdir(root / name) for root in self._everywhere()]  # each must be tried
        return all(gone)

    def leftovers(self) -> list[str]:
        return sorted({entry.name for root in self._everywhere() for entry in root.iterdir() if entry.is_dir()})

    def kill(self, name: str) -> None:
        for group in (*(root / name for root in self._everywhere()), self._unified / name / _RUN):
            _kill_all(_pids(group / "cgroup.procs"))

    def discard(self) -> None:
        for root in self._everywhere():
            _rmdir(root)


class CgroupsV2:
    """The unified hierarchy. The group must be delegated with the memory, cpu and pids controllers."""

    version = "v2"

    def __init__(self, group: Path) -> None:
        self._root = group

    def make(self, name: str) -> None:
        os.mkdir(self._root / name)
        os.mkdir(self._root / name / _RUN)
        _write(self._root / name / "pids.max", PIDS_MAX)

    def attach(self, name: str, pid: int) -> None:
        _write(self._root / name / "cgroup.procs", pid)

    def limit_memory(self, name: str, megabytes: int) -> None:
        _write(self._root / name / "memory.max", megabytes * 1024 * 1024)
        swap = self._root / name / "memory.swap.max"
        if swap.exists():
            _write(swap, 0)

    def limit_cpu(self, name: str, quota_us: int) -> None:
        _write(self._root / name / "cpu.max", f"{quota_us} {PERIOD_US}")

    def open_counters(self, name: str) -> list[int]:
        peak = self._root / name / "memory.peak"
        if not peak.exists():  # before Linux 5.19 there is no peak; the current value is the nearest thing
            peak = self._root / name / "memory.current"
        return [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in (peak, self._root / name / "cpu.stat")]

    def freezer(self, name: str, pid: int) -> int | None:
        return _frozen_by(self._root / name / _RUN, pid)

    def oom_kills(self, name: str) -> int:
        return _field(self._root / name / "memory.events", "oom_kill")

    def remove(self, name: str) -> bool:
        return _rmdir(self._root / name / _RUN) and _rmdir(self._root / name)

    def leftovers(self) -> list[str]:
        return sorted(entry.name for entry in self._root.iterdir() if entry.is_dir())

    def kill(self, name: str) -> None:
        everyone = self._root / name / "cgroup.kill"
        if everyone.exists():
            _write(everyone, 1)
        else:
            for group in (self._root / name, self._root / name / _RUN):
                _kill_all(_pids(group / "cgroup.procs"))

    def discard(self) -> None:
        _rmdir(self._root)


class NoCgroups:
    """Nothing to limit with: announced loudly; rlimits are all that is left."""

    version = "none"

    def make(self, name: str) -> None: ...
    def attach(self, name: str, pid: int) -> None: ...
    def limit_memory(self, name: str, megabytes: int) -> None: ...
    def limit_cpu(self, name: str, quota_us: int) -> None: ...
    def open_counters(self, name: str) -> list[int]:
        return []

    def freezer(self, name: str, pid: int) -> int | None:
        return None

    def oom_kills(self, name: str) -> int:
        return 0

    def remove(self, name: str) -> bool:
        return True

    def leftovers(self) -> list[str]:
        return []

    def kill(self, name: str) -> None: ...
    def discard(self) -> None: ...


def _rmdir(path: Path) -> bool:
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _field(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name + " ")), 0)


def find(instance: str, mount: Path = Path("/sys/fs/cgroup")) -> Cgroups:
    """The best control groups that this process may use; `instance` keeps several servers apart."""
    group = f"lambent/{instance}"
    try:
        if (mount / "cgroup.controllers").exists():
            return _unified(mount / group)
        return CgroupsV1(mount, group)
    except OSError:
        return NoCgroups()


def _unified(group: Path) -> CgroupsV2:
    group.mkdir(parents=True, exist_ok=True)
    for parent in (group.parent.parent, group.parent, group):
        _write(parent / "cgroup.subtree_control", "+memory +cpu +pids")
    return CgroupsV2(group)


def sweep(cgroups: Cgroups, tries: int = 200, pause: Callable[[float], None] = time.sleep) -> int:
    """Remove what a killed agent left behind: processes first, then their groups. Returns how many were left behind."""
    left = waiting = cgroups.leftovers()
    for _ in range(tries):
        for name in waiting:
            cgroups.kill(name)  # again each time: what was being forked meanwhile is not on the first list
        waiting = [name for name in waiting if not cgroups.remove(name)]
        if not waiting:
            break
        pause(0.01)
    return len(left)
