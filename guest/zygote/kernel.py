"""The few system calls that sealing a sandbox needs and Python 3.8 does not offer, through ctypes.

Runs in every Python from 3.8 on, before any code of a function is loaded. Numbers from the kernel's uapi headers.
"""

import ctypes
import fcntl
import os
import platform
import signal
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4

PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 24, 38, 22
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
SECCOMP_MODE_FILTER = 2
LAST_CAP = 40

# move_mount and mount_setattr came after the architectures' numbers were unified.
SYS_MOVE_MOUNT = 429
SYS_MOUNT_SETATTR = 442
SYS_CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine(), -1)
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(platform.machine(), -1)

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, "{}: {}".format(what, os.strerror(number)))
    return result


def _bytes(text):
    return None if text is None else os.fsencode(text)


def unshare(flags):
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare {:#x}".format(flags))


def setns(fd, kind):
    _check(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def fork_into(flags):
    """A bare clone(2) into new namespaces, in one step: what a process without privileges may do with CLONE_NEWUSER.

    No handlers of forks run, neither libc's nor Python's: the child may only prepare things, and then fork as usual.
    """
    # The same order of arguments on both architectures as far as they are not zero. PyDLL keeps hold of the GIL.
    call = ctypes.PyDLL(None, use_errno=True).syscall
    none = ctypes.c_void_p(0)
    pid = call(ctypes.c_long(SYS_CLONE), ctypes.c_ulong(flags | signal.SIGCHLD), none, none, none, none)
    return _check(pid, "clone {:#x}".format(flags))


def mount(source, target, kind, flags, data=None):
    result = _libc.mount(_bytes(source), _bytes(target), _bytes(kind), ctypes.c_ulong(flags), _bytes(data))
    _check(result, "mount {} on {}".format(source, target))


def umount(target, flags=0):
    _check(_libc.umount2(_bytes(target), ctypes.c_int(flags)), "umount {}".format(target))


def pivot_root(new, old):
    _check(_libc.syscall(ctypes.c_long(SYS_PIVOT_ROOT), _bytes(new), _bytes(old)), "pivot_root {}".format(new))


def move_mount(fd, target):
    """Attach a detached mount (a descriptor from open_tree) at `target` in this mount namespace."""
    result = _libc.syscall(
        ctypes.c_long(SYS_MOVE_MOUNT),
        ctypes.c_int(fd),
        b"",
        ctypes.c_int(AT_FDCWD),
        _bytes(target),
        ctypes.c_uint(MOVE_MOUNT_F_EMPTY_PATH),
    )
    _check(result, "move_mount on {}".format(target))


def mount_setattr(path, attributes):
    """Set attributes (MOUNT_ATTR_…) on the mount at `path` and on all below it."""
    wanted = struct.pack("QQQQ", attributes, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(SYS_MOUNT_SETATTR),
        ctypes.c_int(AT_FDCWD),
        _bytes(path),
        ctypes.c_uint(AT_RECURSIVE),
        wanted,
        ctypes.c_size_t(len(wanted)),
    )
    _check(result, "mount_setattr {}".format(path))


def prctl(option, argument=0, third=0):
    result = _libc.prctl(
        ctypes.c_int(option), ctypes.c_ulong(argument), ctypes.c_ulong(third), ctypes.c_ulong(0), ctypes.c_ulong(0)
    )
    _check(result, "prctl {}".format(option))


def drop_bounding_set():
    """Nothing that is executed from here on can gain a capability; those already held stay."""
    for capability in range(LAST_CAP + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            return  # the kernel knows fewer capabilities than this file


def drop_capabilities():
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_libc.capset(header, struct.pack("IIIIII", 0, 0, 0, 0, 0, 0)), "capset")


def load_seccomp(program):
    """Install a BPF program: bytes of struct sock_filter. Needs no_new_privs or CAP_SYS_ADMIN."""
    buffer = ctypes.create_string_buffer(program, len(program))
    descriptor = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(descriptor, len(descriptor))
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(holder))


def set_hostname(name):
    _check(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name))), "sethostname")


def loopback_up():
    """Bring up `lo` in this network namespace: SIOCGIFFLAGS, then SIOCSIFFLAGS with IFF_UP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(probe, 0x8913, request))[1]
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh22x", b"lo", flags | 1))
