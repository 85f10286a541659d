"""Control groups of both versions over a tree of plain files: what is written where."""

import os
from pathlib import Path
from typing import Any

import pytest

from lambent.sandbox import cgroups
from lambent.sandbox.cgroups import Cgroups, CgroupsV1, CgroupsV2, NoCgroups, cpu_quota_us

MB = 1024 * 1024
KERNELS_FILES = {
    "memory": (
        "memory.limit_in_bytes",
        "memory.memsw.limit_in_bytes",
        "memory.max_usage_in_bytes",
        "memory.oom_control",
    ),
    "cpu": ("cpu.cfs_quota_us",),
    "cpuacct": ("cpuacct.usage",),
    "pids": ("pids.max",),
    "": ("memory.max", "memory.swap.max", "memory.peak", "memory.events", "cpu.max", "cpu.stat", "pids.max"),
}


class Kernel:
    """A fake hierarchy: gives each new group its files, and takes a group with files in it away as cgroupfs does."""

    def __init__(self, mount: Path, version: str) -> None:
        self.mount = mount
        self.version = version
        self.busy: set[str] = set()  # groups that a dying process still is in

    def groups(self, name: str) -> list[Path]:
        if self.version == "v1":
            places = [self.mount / each / "lambent/i1" for each in CgroupsV1.CONTROLLERS]
        else:
            places = [self.mount / "lambent/i1"]
        return [place / name for place in places]

    def made(self, name: str) -> None:
        for group in self.groups(name):
            controller = group.relative_to(self.mount).parts[0] if self.version == "v1" else ""
            for file in ("cgroup.procs", *KERNELS_FILES[controller]):
                if not (group / file).exists():
                    (group / file).write_text("")

    def mkdir(self, path: str | Path) -> None:
        Path(path).mkdir()
        if all(group.is_dir() for group in self.groups(Path(path).name)):
            self.made(Path(path).name)

    def rmdir(self, path: str | Path) -> None:
        path = Path(path)
        if path.name in self.busy:
            raise OSError(16, "Device or resource busy")
        if path.is_dir():
            for file in path.iterdir():
                file.unlink()
        path.rmdir()

    def read(self, name: str, file: str) -> str:
        (path,) = [group / file for group in self.groups(name) if (group / file).exists()]
        return path.read_text()

    def write(self, name: str, file: str, text: str) -> None:
        (path,) = [group / file for group in self.groups(name) if (group / file).exists()]
        path.write_text(text)


class FakeOs:
    """The operating system, as far as nobody has put something else in its place."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


@pytest.fixture
def fake_os(monkeypatch) -> Any:
    fake = FakeOs()
    monkeypatch.setattr(cgroups, "os", fake)
    return fake


@pytest.fixture(params=["v1", "v2"])
def kernel(request, tmp_path, fake_os):
    kernel = Kernel(tmp_path, request.param)
    if request.param == "v1":
        for controller in CgroupsV1.CONTROLLERS:
            (tmp_path / controller).mkdir()
            (tmp_path / controller / "cgroup.procs").write_text("")
    else:
        (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    fake_os.mkdir, fake_os.rmdir = kernel.mkdir, kernel.rmdir
    return kernel


@pytest.fixture
def killed(fake_os) -> list[tuple[int, int]]:
    """Whom somebody wanted to kill; nobody is."""
    victims: list[tuple[int, int]] = []
    fake_os.kill = lambda pid, number: victims.append((pid, number))
    return victims


@pytest.fixture
def groups(kernel, tmp_path) -> Cgroups:
    found = cgroups.find("i1", tmp_path)
    assert found.version == kernel.version
    return found


def limits(kernel: Kernel) -> tuple[str, str]:
    """Memory limit, and CPU quota with its period, of group s1."""
    if kernel.version == "v1":
        return kernel.read("s1", "memory.limit_in_bytes"), f"{kernel.read('s1', 'cpu.cfs_quota_us')} 100000"
    return kernel.read("s1", "memory.max"), kernel.read("s1", "cpu.max")


@pytest.mark.parametrize(
    ("memory_mb", "quota_us"),
    [(1_769, 100_000), (128, 7_235), (885, 50_028), (3_538, 200_000), (10_240, 578_858), (1, 1_000)],
)
def test_1769_mb_buy_one_core_and_the_rest_follows(memory_mb, quota_us):
    assert cpu_quota_us(memory_mb) == quota_us


def test_a_new_group_may_have_as_many_processes_as_on_aws(kernel, groups):
    groups.make("s1")
    assert kernel.read("s1", "pids.max") == "1024"


def test_a_process_is_put_into_every_hierarchy(kernel, groups):
    groups.make("s1")
    groups.attach("s1", 4711)
    assert {(group / "cgroup.procs").read_text() for group in kernel.groups("s1")} == {"4711"}


def test_limits_are_written_in_the_kernels_units(kernel, groups):
    groups.make("s1")
    groups.limit_memory("s1", 128)
    groups.limit_cpu("s1", cpu_quota_us(1_769))
    assert limits(kernel) == (str(128 * MB), "100000 100000")


def test_swap_is_no_way_around_the_memory_limit(kernel, groups):
    groups.make("s1")
    groups.limit_memory("s1", 128)
    file, wanted = (
        ("memory.memsw.limit_in_bytes", str(128 * MB)) if kernel.version == "v1" else ("memory.swap.max", "0")
    )
    assert kernel.read("s1", file) == wanted


def test_a_kernel_without_swap_accounting_still_limits_memory(kernel, groups):
    groups.make("s1")
    for group in kernel.groups("s1"):
        (group / "memory.memsw.limit_in_bytes").unlink(missing_ok=True)
        (group / "memory.swap.max").unlink(missing_ok=True)
    groups.limit_memory("s1", 128)
    assert limits(kernel)[0] == str(128 * MB)


def test_the_counters_are_memory_peak_and_cpu_time_read_only(kernel, groups):
    groups.make("s1")
    peak, cpu = (
        ("memory.max_usage_in_bytes", "cpuacct.usage") if kernel.version == "v1" else ("memory.peak", "cpu.stat")
    )
    kernel.write("s1", peak, "1234567\n")
    kernel.write("s1", cpu, "89\n")
    fds = groups.open_counters("s1")
    assert [os.read(fd, 100) for fd in fds] == [b"1234567\n", b"89\n"]
    for fd in fds:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(fd, b"0")
        os.close(fd)


def test_kills_for_memory_are_counted(kernel, groups):
    groups.make("s1")
    file = "memory.oom_control" if kernel.version == "v1" else "memory.events"
    assert groups.oom_kills("s1") == 0
    kernel.write("s1", file, "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert groups.oom_kills("s1") == 2
    assert groups.oom_kills("gone") == 0


def test_a_group_is_removed_from_every_hierarchy_and_once_is_enough(kernel, groups):
    groups.make("s1")
    assert groups.remove("s1")
    assert not any(group.exists() for group in kernel.groups("s1"))
    assert groups.remove("s1")


def test_a_group_with_a_dying_process_in_it_is_not_gone_yet(kernel, groups):
    groups.make("s1")
    kernel.busy.add("s1")
    assert not groups.remove("s1")
    kernel.busy.clear()
    assert groups.remove("s1")


def test_everybody_in_a_group_is_killed(kernel, groups, killed):
    groups.make("s1")
    for group in kernel.groups("s1"):
        (group / "cgroup.procs").write_text("11\n12\n")
    groups.kill("s1")
    assert set(killed) == {(11, 9), (12, 9)}
    groups.kill("gone")


def test_version_two_kills_a_whole_group_in_one_go_where_the_kernel_can(tmp_path, killed):
    (tmp_path / "s1").mkdir()
    (tmp_path / "s1" / "cgroup.procs").write_text("11\n")
    (tmp_path / "s1" / "cgroup.kill").write_text("")
    CgroupsV2(tmp_path).kill("s1")
    assert (tmp_path / "s1" / "cgroup.kill").read_text() == "1"
    assert killed == []


def test_a_process_that_has_gone_by_itself_is_no_trouble(kernel, groups, fake_os):
    def gone(pid: int, number: int) -> None:
        raise ProcessLookupError

    groups.make("s1")
    kernel.groups("s1")[0].joinpath("cgroup.procs").write_text("11\n")
    fake_os.kill = gone
    groups.kill("s1")


def test_a_sweep_ends_and_removes_what_a_killed_agent_left(kernel, groups, killed):
    for name in ("s1", "s2"):
        groups.make(name)
    kernel.groups("s2")[0].joinpath("cgroup.procs").write_text("11\n")
    assert groups.leftovers() == ["s1", "s2"]
    assert cgroups.sweep(groups, pause=never) == 2
    assert (11, 9) in killed
    assert groups.leftovers() == []
    assert cgroups.sweep(groups, pause=never) == 0


def test_a_sweep_waits_for_the_dying_and_kills_again_what_was_forked_meanwhile(kernel, groups, killed):
    groups.make("s1")
    kernel.busy.add("s1")
    procs = kernel.groups("s1")[0] / "cgroup.procs"
    procs.write_text("11\n")

    def meanwhile(_: float) -> None:
        if procs.read_text() == "11\n":
            procs.write_text("12\n")
        else:
            kernel.busy.clear()

    assert cgroups.sweep(groups, pause=meanwhile) == 1
    assert [pid for pid, _ in killed] == [11, 12, 12]
    assert groups.leftovers() == []


def test_a_sweep_gives_up_on_what_will_not_die(kernel, groups, killed):
    groups.make("s1")
    kernel.busy.add("s1")
    pauses: list[float] = []
    assert cgroups.sweep(groups, tries=5, pause=pauses.append) == 1
    assert len(pauses) == 5


def never(_: float) -> None:
    raise AssertionError("there was nothing to wait for")


def test_two_servers_on_one_machine_do_not_see_each_others_groups(kernel, groups, tmp_path):
    groups.make("s1")
    assert cgroups.find("i2", tmp_path).leftovers() == []


def test_a_controller_that_is_not_mounted_is_not_imitated_by_a_directory(tmp_path):
    """mkdir below an unmounted hierarchy works and limits nothing."""
    for controller in ("memory", "cpu", "cpuacct"):
        (tmp_path / controller).mkdir()
        (tmp_path / controller / "cgroup.procs").write_text("")
    (tmp_path / "pids").mkdir()
    assert cgroups.find("i1", tmp_path).version == "none"
    assert list((tmp_path / "pids").iterdir()) == []


def test_without_control_groups_everything_is_allowed_and_nothing_counted():
    none: Cgroups = NoCgroups()
    none.make("s1")
    none.attach("s1", 1)
    none.limit_memory("s1", 128)
    none.limit_cpu("s1", 1_000)
    none.kill("s1")
    assert (none.open_counters("s1"), none.oom_kills("s1"), none.leftovers(), none.remove("s1")) == ([], 0, [], True)
    assert cgroups.sweep(none, pause=never) == 0
