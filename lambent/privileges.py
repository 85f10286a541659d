"""The front end reads what strangers send, so it keeps no privilege: another uid, no capability but reading files.

CAP_DAC_READ_SEARCH stays because interpreters often lie in a private home (pyenv under /root) and modules load lazily;
CAP_NET_BIND_SERVICE only for a port below 1024. Source: capabilities(7), prctl(2).
"""

import ctypes
import os
import resource
import struct
from pathlib import Path

FIRST_SANDBOX_UID = 1_879_048_192  # 0x70000000: far above any user's, inside no distribution's subordinate ranges
SANDBOX_UIDS = 65_536
FRONT_END_UID = FIRST_SANDBOX_UID - 2  # the one between is that of every pid 1
_CAP_DAC_READ_SEARCH, _CAP_NET_BIND_SERVICE, _LAST_CAP = 2, 10, 40
_PR_SET_KEEPCAPS, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE = 8, 24, 38, 4
MOST_DESCRIPTORS = 1 << 18
KEYS = "keys"  # in the data directory: what only the node agent may read
_CLONE_NEWNS, _MS_RDONLY, _MS_REC, _MS_SLAVE = 0x00020000, 1, 16384, 1 << 19

_libc = ctypes.CDLL(None, use_errno=True)


def allow_many_descriptors() -> None:
    """Each sandbox needs four or five; the usual soft limit of 1,024 would be reached at 200 sandboxes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def give_up(data: Path, port: int) -> None:
    """Become FRONT_END_UID for good, owning the data directory. Call while there is one thread."""
    _own(data)
    _hide(data / KEYS)
    keep = 1 << _CAP_DAC_READ_SEARCH | (1 << _CAP_NET_BIND_SERVICE if 0 < port < 1024 else 0)
    for capability in range(_LAST_CAP + 1):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(FRONT_END_UID, FRONT_END_UID, FRONT_END_UID)
    os.setresuid(FRONT_END_UID, FRONT_END_UID, FRONT_END_UID)
    _capset(keep)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 1)  # a changed uid would hide the process from its operator's own tools


def _hide(directory: Path) -> None:
    """An empty file system over `directory`, for this process alone: the capability that it keeps reads all there is.

    Where a mount namespace cannot be had, the directory's mode is all that protects it.
    """
    if _libc.unshare(_CLONE_NEWNS):
        return
    _libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_SLAVE), None)
    if _libc.mount(b"none", os.fsencode(directory), b"tmpfs", ctypes.c_ulong(_MS_RDONLY), b"size=4k,mode=0700"):
        raise OSError(ctypes.get_errno(), f"hide {directory}")


def _own(data: Path) -> None:
    """The data directory may come from an earlier start under another uid.

    Root's group may pass through it: weaker isolation than full runs the agent or the functions as root without root's
    capabilities, and they have to reach the code. What the agent executes stays root's (`run`, `runtimes`), and so do
    its keys.
    """
    wanted = (FRONT_END_UID, 0)
    found = os.stat(data)
    if (found.st_uid, found.st_gid) == wanted:
        return
    for directory, names, files in os.walk(data):
        if Path(directory) == data:
            names[:] = [name for name in names if name not in ("run", "runtimes", KEYS)]
        for name in (*names, *files):
            os.chown(os.path.join(directory, name), FRONT_END_UID, FRONT_END_UID, follow_symlinks=False)
    os.chmod(data, 0o710)
    os.chown(data, *wanted)  # last: until then a crash makes the next start begin again


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _capset(mask: int) -> None:
    header = struct.pack("Ii", 0x20080522, 0)
    if _libc.capset(header, struct.pack("IIIIII", mask, mask, 0, 0, 0, 0)):
        raise OSError(ctypes.get_errno(), "capset")
