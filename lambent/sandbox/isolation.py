"""Which isolation this machine allows, found out by trying, and said loudly where it is weaker than full."""

import os
import platform
import subprocess
import sys

from lambent.errors import SettingError
from lambent.model import Isolation
from lambent.sandbox import seccomp

NAMESPACES = ("mount", "pid", "net", "ipc", "uts", "cgroup")
STRENGTH = ("process", "userns", "full")

# Tried in a child, since a process that has entered namespaces cannot go back.
_PROBE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
user = 0x10000000 if sys.argv[1] == "userns" else 0
uid = os.geteuid()
if libc.unshare(user | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000):
    sys.exit(1)
if user:
    open("/proc/self/setgroups", "w").write("deny")
    open("/proc/self/uid_map", "w").write("0 %d 1" % uid)
pid = os.fork()
if pid == 0:
    private = libc.mount(b"none", b"/", None, ctypes.c_ulong(16384 | (1 << 18)), None)
    proc = libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(14), None)
    os._exit(1 if private or proc else 0)
sys.exit(os.waitpid(pid, 0)[1] != 0)
"""


# As a template will: somebody without privileges, in a user namespace, mounts a /proc of a pid namespace of its own.
_NESTED_PROBE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if os.geteuid() == 0 and libc.unshare(0x00020000 | 0x20000000) == 0:
    pid = os.fork()
    if pid:
        sys.exit(os.waitpid(pid, 0)[1] != 0)
    libc.mount(b"none", b"/", None, ctypes.c_ulong(16384 | (1 << 18)), None)
    libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(14), None)
    os.setgid(65534)
    os.setuid(65534)
    libc.prctl(4, 1, 0, 0, 0)
    libc.prctl(38, 1, 0, 0, 0)
uid = os.geteuid()
if libc.unshare(0x10000000 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000):
    os._exit(1)
open("/proc/self/setgroups", "w").write("deny")
open("/proc/self/uid_map", "w").write("%d %d 1" % (uid, uid))
pid = os.fork()
if pid == 0:
    os._exit(1 if libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(14), None) else 0)
os._exit(os.waitpid(pid, 0)[1] != 0)
"""


def strongest() -> str:
    """The strongest level that works here: full, userns or process."""
    if platform.system() != "Linux" or not seccomp.program():
        return "process"
    level = "full" if os.geteuid() == 0 else "userns"
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROBE, level], capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return "process"
    return level if done.returncode == 0 else "process"


def choose(wanted: str) -> str:
    """The level to use: auto takes the strongest, anything else is taken exactly.

    Raises SettingError when this machine cannot give it.
    """
    best = strongest()
    if wanted != "auto" and STRENGTH.index(best) < STRENGTH.index(wanted):
        raise SettingError(
            f"isolation={wanted} was asked for, but this machine allows only {best}"
            + (": full isolation needs root" if os.geteuid() else "")
        )
    return best if wanted == "auto" else wanted


def why_no_snapshots(level: str) -> str:
    """Why SnapStart is not possible here, "" if it is: clones live in user namespaces that a template makes itself."""
    if level == "process":
        return "functions run as plain processes, without sandboxes"
    for name in ("user/max_user_namespaces", "kernel/unprivileged_userns_clone"):
        try:
            with open(f"/proc/sys/{name}") as file:
                if file.read().strip() == "0":
                    return f"the kernel allows no user namespaces (/proc/sys/{name} is 0)"
        except OSError:
            continue  # a kernel without this switch
    try:
        tried = [sys.executable, "-I", "-S", "-c", _NESTED_PROBE]
        done = subprocess.run(tried, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return f"user namespaces could not be tried: {error}"
    return "" if done.returncode == 0 else "a process without privileges cannot make user namespaces here"


def describe(level: str, cgroups: str, compiled_init: bool, *, own_uid: bool = True) -> Isolation:
    """What is in force; `own_uid` says that each sandbox has a user of its own, which plain processes never have."""
    warnings = []
    if level == "process":
        warnings.append(
            "NO ISOLATION: functions run as plain processes of this user; they can read this user's files and see "
            "other processes. Run as root, or allow user namespaces, for real sandboxes."
        )
    if level == "userns":
        shared = "" if own_uid else ": all sandboxes share one uid of the machine"
        warnings.append(f"user namespaces instead of root{shared}")
    if cgroups == "none":
        warnings.append(
            "no control groups: memory and CPU limits of functions are NOT enforced, memory use is not measured"
        )
    if not compiled_init:
        warnings.append("no C compiler at installation: pid 1 of each sandbox is a Python process (more memory)")
    return Isolation(
        kind=level,
        namespaces=NAMESPACES if level != "process" else (),
        cgroups=cgroups,
        seccomp=bool(seccomp.program()),
        own_uid=own_uid and level != "process",
        warnings=tuple(warnings),
    )
