"""How husks are made: with what was compiled, with only some of it, and with nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from real_server import ROOT, Function, Server

Serve = Callable[..., Server]
COMPILED = ROOT / "lambent/sandbox/_bin"
# What must be the same however a husk was made.
LOOK = """
    import ctypes, os, signal, socket, threading
    def cores():
        # The C library reads from memory that the kernel writes on which core it runs.
        libc, allowed, found = ctypes.CDLL(None), os.sched_getaffinity(0), []
        for core in sorted(allowed):
            os.sched_setaffinity(0, {core})
            found.append(libc.sched_getcpu() == core)
        os.sched_setaffinity(0, allowed)
        return all(found)
    def status(pid):
        return dict(line.split(":\\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines())
    def handler(event, context):
        if event == "crash":
            os.kill(os.getpid(), 9)
        mine = status(os.getpid())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
        return {
            "sealed": [mine[name] for name in ("CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")],
            "parent": (os.getppid(), status(1)["CapEff"], status(1)["NoNewPrivs"]),
            "descriptors": sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:3],
            "ids": len(set(os.getresuid() + os.getresgid())),
            "groups": os.getgroups(),
            "cwd": os.getcwd(),
            "host": socket.gethostname(),
            "thread": threading.get_native_id() == os.getpid() and not signal.pthread_kill(threading.get_ident(), 0),
            "cores": cores(),
            "signals": [mine[name] for name in ("SigBlk", "SigIgn")],
        }
"""


def needs_compiler() -> None:
    if (COMPILED / "lambent-birth.so").exists():
        return
    if os.environ.get("CI") == "true":
        pytest.fail("nothing was compiled, though CI has a compiler")
    pytest.skip("nothing was compiled here")


def checkout(place: Path, compiled: set[str]) -> list[str]:
    """A copy of the source with these of the compiled programs; the command that starts it."""
    skip = shutil.ignore_patterns("_bin", "__pycache__", ".mypy_cache")
    for name in ("lambent", "guest"):
        shutil.copytree(ROOT / name, place / name, ignore=skip)
    own = place / "lambent/sandbox/_bin"
    own.mkdir()
    for each in COMPILED.iterdir():
        if each.is_dir() or each.name in compiled:
            (own / each.name).symlink_to(each) if each.is_dir() else shutil.copy(each, own)
    return ["env", "-C", str(place), sys.executable, "-m", "lambent"]  # modules are looked for there first


def check(function: Function) -> dict[str, object]:
    found = [function.call().value for _ in range(2)]
    assert function.call("crash").error is not None
    found.append(function.call().value)
    assert found[0] == found[1] == found[2]
    assert found[0]["sealed"] == ["0" * 16] * 3 + ["1", "2"]
    assert found[0]["descriptors"] == [0, 1, 2]
    assert found[0]["thread"]
    assert found[0]["cores"]
    return dict(found[0])


@pytest.mark.root
def test_husks_are_the_same_with_a_compiler_and_without(server: Server, serve: Serve, tmp_path: Path) -> None:
    needs_compiler()
    with_all = check(server.deploy(LOOK))
    for number, compiled in enumerate((set(), {"lambent-init"})):
        place = tmp_path / f"source-{number}"
        other = serve(data=tmp_path / f"data-{number}", command=checkout(place, compiled))
        assert check(other.deploy(LOOK)) == with_all
        assert ("no C compiler at installation" in other.said()) == (not compiled)


def test_what_is_compiled_can_run_in_this_interpreter() -> None:
    """Or every zygote would quietly take the slower way."""
    needs_compiler()
    probe = "import ctypes, sys; sys.exit(not ctypes.PyDLL(sys.argv[1]).possible())"
    done = subprocess.run([sys.executable, "-c", probe, str(COMPILED / "lambent-birth.so")], check=False)
    old = tuple(map(int, os.confstr("CS_GNU_LIBC_VERSION").split()[1].split("."))) < (2, 34)  # type: ignore[union-attr]
    assert done.returncode == int(old)
