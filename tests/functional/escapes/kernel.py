"""Attempts on the kernel: namespaces, mounts, modules, keys, clocks, and the calls that exploits are made of."""

import ctypes
import os
import platform
import signal
import struct

from .files import plant, read
from .harness import attempt, system

NAMESPACES = {
    "user": 0x10000000, "mount": 0x00020000, "pid": 0x20000000, "network": 0x40000000, "ipc": 0x08000000,
    "uts": 0x04000000, "cgroup": 0x02000000, "time": 0x00000080,
}  # fmt: skip
MS_RDONLY, MS_REMOUNT, MS_BIND = 1, 32, 4096
AT_FDCWD = -100
WEAK = ("process",)

for name, flag in NAMESPACES.items():

    @attempt(f"make a new {name} namespace", "EPERM")
    def _(host, flag=flag):
        system("unshare", flag)
        return True


@attempt("be forked into a new user namespace", "EPERM")
def _(host):
    pid = system("clone", NAMESPACES["user"] | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return True


@attempt("be forked into a whole set of new namespaces, as only templates of SnapStart are", "EPERM")
def _(host):
    pid = system("clone", sum(NAMESPACES.values()) - NAMESPACES["time"] | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return True


@attempt("be forked into a new user namespace by the newer call", "ENOSYS")
def _(host):
    arguments = struct.pack("QQQQQQQQ", NAMESPACES["user"], 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    pid = system("clone3", ctypes.create_string_buffer(arguments, 64), 64)
    if pid == 0:
        os._exit(0)
    return True


for name in ("mnt", "net", "pid", "user", "ipc", "uts", "cgroup"):

    @attempt(f"enter the {name} namespace of pid 1", "EPERM", "EACCES", "ENOENT")
    def _(host, name=name):
        system("setns", os.open("/proc/1/ns/" + name, os.O_RDONLY), 0)
        return True


@attempt("enter namespaces by a descriptor of a process", "EPERM")
def _(host):
    system("setns", system("pidfd_open", 1, 0), NAMESPACES["mount"] | NAMESPACES["network"])
    return True


# -- mounts


@attempt("mount a tmpfs", "EPERM")
def _(host):
    return system("mount", b"none", b"/tmp", b"tmpfs", 0, 0) == 0


@attempt("mount /proc anew", "EPERM")
def _(host):
    return system("mount", b"proc", b"/tmp", b"proc", 0, 0) == 0


@attempt("mount /sys", "EPERM")
def _(host):
    return system("mount", b"sysfs", b"/tmp", b"sysfs", 0, 0) == 0


@attempt("mount the control groups", "EPERM")
def _(host):
    return system("mount", b"cgroup", b"/tmp", b"cgroup2", 0, 0) == 0


@attempt("bind the root over /tmp", "EPERM")
def _(host):
    return system("mount", b"/", b"/tmp", 0, MS_BIND, 0) == 0


@attempt("make its own code writable", "EPERM")
def _(host):
    system("mount", 0, b"/var/task", 0, MS_REMOUNT | MS_BIND, 0)
    return plant("/var/task")


@attempt("make the root writable", "EPERM")
def _(host):
    system("mount", 0, b"/", 0, MS_REMOUNT | MS_BIND, 0)
    return plant("/")


@attempt("unmount its own code to see what is below", "EPERM")
def _(host):
    return system("umount2", b"/var/task", 2) == 0


@attempt("unmount /proc", "EPERM")
def _(host):
    return system("umount2", b"/proc", 2) == 0


@attempt("change the root of its mount namespace", "EPERM")
def _(host):
    return system("pivot_root", b"/tmp", b"/tmp") == 0


@attempt("clone a mount", "EPERM")
def _(host):
    return system("open_tree", AT_FDCWD, b"/", 1) >= 0


@attempt("clone a mount with other attributes by the newest call", "EPERM", "ENOSYS")
def _(host):
    return system("open_tree_attr", AT_FDCWD, b"/", 1, ctypes.create_string_buffer(32), 32) >= 0


@attempt("move a mount", "EPERM")
def _(host):
    return system("move_mount", AT_FDCWD, b"/tmp", AT_FDCWD, b"/opt", 0) == 0


@attempt("open a file system", "EPERM")
def _(host):
    return system("fsopen", b"tmpfs", 0) >= 0


@attempt("pick up a mounted file system", "EPERM")
def _(host):
    return system("fspick", AT_FDCWD, b"/tmp", 0) >= 0


@attempt("make a mount of a file system that is open", "EPERM")
def _(host):
    return system("fsmount", 0, 0, 0) >= 0


@attempt("change the attributes of a mount", "EPERM")
def _(host):
    wanted = ctypes.create_string_buffer(struct.pack("QQQQ", 0, 1, 0, 0), 32)
    system("mount_setattr", AT_FDCWD, b"/var/task", 0, wanted, 32)
    return plant("/var/task")


# -- the machine


def plain(sentence, name, *arguments):
    """An attempt that is one system call, which must not be permitted."""

    @attempt(sentence, "EPERM")
    def _(host):
        return system(name, *arguments) >= 0


plain("load a module", "init_module", b"", 0, b"")
plain("load a module from a file", "finit_module", 0, b"", 0)
plain("remove a module", "delete_module", b"none", 0)
plain("load another kernel", "kexec_load", 0, 0, 0, 0)
plain("restart the machine", "reboot", 0xFEE1DEAD, 672274793, 0, 0)
plain("swap to a file", "swapon", b"/tmp/swap", 0)
plain("stop swapping", "swapoff", b"/dev/sda")
plain("set the time of day", "settimeofday", 0, 0)
plain("set a clock", "clock_settime", 0, 0)
plain("adjust a clock", "adjtimex", 0)
plain("rename the machine", "sethostname", b"mine", 4)
plain("rename the machine's domain", "setdomainname", b"mine", 4)
plain("account for processes", "acct", 0)
plain("set disk quotas", "quotactl", 0, 0, 0, 0)
plain("read the kernel's log", "syslog", 3, 0, 0)
plain("load a BPF program", "bpf", 0, 0, 0)
plain("watch the processor's counters", "perf_event_open", 0, 0, -1, -1, 0)
plain("handle page faults of the kernel", "userfaultfd", 0)
plain("open a ring of asynchronous calls", "io_uring_setup", 8, 0)
plain("watch a whole file system", "fanotify_init", 0, 0)
plain("add a key to a keyring", "add_key", b"user", b"name", b"x", 1, -2)
plain("ask for a key", "request_key", b"user", b"name", 0, -2)
plain("find the session's keyring", "keyctl", 0, -3, 0)
plain("join another session's keyring", "keyctl", 1, b"_uid.0")


@attempt("attach shared memory of the host", "ENOENT", beyond=WEAK)
def _(host):
    return system("shmget", host["shared_memory"], 0, 0) >= 0


@attempt("register a handler of programs", "ENOENT", "EACCES", "EPERM", "EROFS")
def _(host):
    return os.open("/proc/sys/fs/binfmt_misc/register", os.O_WRONLY) >= 0


@attempt("learn the host's name", "nothing", beyond=WEAK)
def _(host):
    return read("/proc/sys/kernel/hostname").strip() == host["name"].encode()


@attempt("call the kernel by its 32-bit table", "SIGSYS", "SIGSEGV", "SIGKILL", "nothing")
def _(host):
    if platform.machine() != "x86_64":
        return False
    import mmap

    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (getpid); int 0x80; ret
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


@attempt("call the kernel by its x32 table", "ENOSYS", "nothing")
def _(host):
    if platform.machine() != "x86_64":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(0x40000000 | 39)) < 0:
        raise OSError(ctypes.get_errno(), "x32")
    return True
