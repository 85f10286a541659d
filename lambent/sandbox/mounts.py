"""The new mount API, as far as the node agent needs it: a detached, read-only view of a directory, as a descriptor.

Source: open_tree(2), mount_setattr(2). The agent clones on the host; pid 1 of the sandbox attaches (move_mount), since
a detached mount cannot be cloned again in another mount namespace.
"""

import ctypes
import errno
import os
import struct

from lambent.privileges import FIRST_SANDBOX_UID, SANDBOX_UIDS

_SYS_OPEN_TREE, _SYS_MOUNT_SETATTR = 428, 442
_OPEN_TREE_CLONE = 1
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_RDONLY, _NOSUID, _NODEV, _IDMAP = 1, 2, 4, 0x00100000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MNT_DETACH = 1, 2, 4, 32, 2
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_REC, _MS_PRIVATE = 16384, 1 << 18
FIRST_INSIDE = 2  # in a user namespace made by root: 0 is root, 1 is every pid 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def detached(path: str, *, writable: bool = False, users: int | None = None) -> int:
    """A descriptor of a private clone of the mount at `path`, read-only if not `writable`; the caller closes it.

    With `users`, a descriptor of a user namespace, it is ID-mapped by that.
    """
    flags = ctypes.c_uint(_OPEN_TREE_CLONE | os.O_CLOEXEC)
    fd = _check(
        _libc.syscall(ctypes.c_long(_SYS_OPEN_TREE), ctypes.c_int(_AT_FDCWD), os.fsencode(path), flags),
        f"open_tree {path}",
    )
    attributes = _NOSUID | _NODEV | (0 if writable else _RDONLY) | (0 if users is None else _IDMAP)
    wanted = struct.pack("QQQQ", attributes, 0, 0, users or 0)
    try:
        _check(
            _libc.syscall(
                ctypes.c_long(_SYS_MOUNT_SETATTR),
                ctypes.c_int(fd),
                b"",
                ctypes.c_uint(_AT_EMPTY_PATH | _AT_RECURSIVE),
                wanted,
                ctypes.c_size_t(len(wanted)),
            ),
            f"mount_setattr {path}",
        )
    except OSError:
        os.close(fd)
        raise
    return fd


def mapped(path: str, owner: tuple[int, int], uid: int) -> int:
    """A writable clone in which `uid` and the group of that number stand for the user and the group `owner`."""
    users = _users(owner, uid)
    try:
        return detached(path, writable=True, users=users)
    finally:
        os.close(users)


def _users(owner: tuple[int, int], uid: int) -> int:
    """A user namespace, made by a child that ends at once, in which `owner` are `uid`. Raises OSError."""
    made, tell = os.pipe()
    wait, go = os.pipe()
    child = os.fork()
    if not child:
        os.close(made)
        os.close(go)
        done = _libc.unshare(ctypes.c_int(_CLONE_NEWUSER)) == 0
        os.write(tell, b"1" if done else b"0")
        os.read(wait, 1)
        os._exit(0)
    try:
        os.close(tell)
        os.close(wait)
        if os.read(made, 1) != b"1":
            raise OSError(errno.ENOSYS, "no user namespace can be made")
        for name, inside in (("uid_map", owner[0]), ("gid_map", owner[1])):
            with open(f"/proc/{child}/{name}", "w") as file:
                file.write(f"{inside} {uid} 1\n")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(go)
        os.close(made)
        os.waitpid(child, 0)


def die_with_parent() -> None:
    """PR_SET_PDEATHSIG with SIGKILL: this process must not outlive the one that would restart it."""
    _check(_libc.prctl(ctypes.c_int(1), ctypes.c_ulong(9), 0, 0, 0), "prctl")


def unshare_mounts() -> None:
    """Leave the machine's mount namespace: what is mounted from here on vanishes with this process."""
    _check(_libc.unshare(ctypes.c_int(_CLONE_NEWNS)), "unshare mount namespace")
    make_private()


def unshare_user() -> int:
    """Enter a user namespace in which this user is root, with mounts of its own. Needs a single-threaded process.

    Returns the first of the uids inside that sandboxes may have, 0 where all must share this user's. Root must not
    share its own: the kernel lets uid 0 of the machine write much of /proc/sys even without a capability.
    """
    uid, gid = os.geteuid(), os.getegid()
    helper, go = _map_writer() if uid == 0 else (0, -1)
    _check(_libc.unshare(ctypes.c_int(_CLONE_NEWUSER | _CLONE_NEWNS)), "unshare user namespace")
    if helper:
        os.close(go)
        if os.waitpid(helper, 0)[1] == 0:
            make_private()
            return FIRST_INSIDE
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    make_private()
    return 0


def _map_writer() -> tuple[int, int]:
    """A child that stays outside, where it may map many users, and does so when the descriptor is closed."""
    wait, go = os.pipe()
    helper = os.fork()
    if helper:
        os.close(wait)
        return helper, go
    status = 1
    try:
        os.close(go)
        os.read(wait, 1)
        # One for root, one for every pid 1, and the rest for the runtimes.
        text = f"0 0 1\n1 {FIRST_SANDBOX_UID - 1} {SANDBOX_UIDS + 1}\n"
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{os.getppid()}/{name}", "w") as file:
                file.write(text)
        status = 0
    finally:
        os._exit(status)


def make_private() -> None:
    result = _libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)
    _check(result, "make mounts private")


def mount(source: str, target: str, kind: str, options: str) -> None:
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV)
    result = _libc.mount(source.encode(), os.fsencode(target), kind.encode(), flags, options.encode())
    _check(result, f"mount {kind} on {target}")


def make_read_only(target: str) -> None:
    """The file system mounted there, not only this mount of it; what was written is on its device when this returns."""
    result = _libc.mount(None, os.fsencode(target), None, ctypes.c_ulong(_MS_REMOUNT | _MS_RDONLY), None)
    _check(result, f"remount {target} read-only")


def unmount(target: str) -> None:
    """Take a mount away, now or as soon as nobody uses it; waits 10 ms for the kernel to agree."""
    _check(_libc.umount2(os.fsencode(target), ctypes.c_int(_MNT_DETACH)), f"umount {target}")
