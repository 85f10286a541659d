"""Attempts on processes: those of the host, of other sandboxes, pid 1, and the runtime that it was forked from."""

import ctypes
import os
import resource
import signal
import struct

from .files import visible_pids
from .harness import attempt, system

WEAK = ("process",)
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
CAP_LAST, PR_SET_SECCOMP = 40, 22


def signalled(pids):
    """Those of `pids` that a signal could be sent to."""
    found = []
    for pid in pids:
        try:
            os.kill(pid, 0)
            found.append(pid)
        except OSError:
            pass
    return found


def capabilities():
    """All that this process holds, in whatever set, as a number."""
    with open("/proc/self/status") as file:
        lines = [line.split() for line in file if line.startswith("Cap")]
    return sum(int(value, 16) for _, value in lines)


@attempt("signal processes of the host", "nothing", beyond=WEAK)
def _(host):
    return signalled(pid for pid in host["pids"] if pid > 1000)


@attempt("signal everything there is", "EPERM", "ESRCH", "nothing", beyond=WEAK)
def _(host):
    os.kill(-1, 0)
    return [pid for pid in visible_pids() if pid not in (1, os.getpid(), os.getppid())]


@attempt("stop pid 1", "EPERM", "nothing")
def _(host):
    if host["level"] == "process":
        os.kill(1, 0)
        return False  # may be told apart only by harming the machine's own
    for number in (signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM):
        os.kill(1, number)
    with open("/proc/1/stat") as file:
        return file.read().rpartition(")")[2].split()[0] in "TtZX"


@attempt("see processes that are not its own", "nothing", beyond=WEAK)
def _(host):
    return [pid for pid in visible_pids() if pid > 1 and pid not in (os.getpid(), os.getppid())]


for whom, find in (("pid 1", lambda: 1), ("its own runtime", os.getppid)):

    @attempt(f"trace {whom}", "EPERM")
    def _(host, find=find):
        system("ptrace", PTRACE_SEIZE, find(), 0, 0)
        return True

    @attempt(f"read the memory of {whom} by a system call", "EPERM")
    def _(host, find=find):
        buffer = ctypes.create_string_buffer(16)
        local = ctypes.create_string_buffer(struct.pack("PN", ctypes.addressof(buffer), 16))
        return system("process_vm_readv", find(), local, 1, local, 1, 0)

    @attempt(f"write the memory of {whom} by a system call", "EPERM")
    def _(host, find=find):
        buffer = ctypes.create_string_buffer(16)
        local = ctypes.create_string_buffer(struct.pack("PN", ctypes.addressof(buffer), 16))
        return system("process_vm_writev", find(), local, 1, local, 1, 0)

    @attempt(f"take a descriptor from {whom}", "EPERM")
    def _(host, find=find):
        return system("pidfd_getfd", system("pidfd_open", find(), 0), 0, 0)


@attempt("write the memory of pid 1", "EACCES", "EPERM", "ENOENT")
def _(host):
    return os.open("/proc/1/mem", os.O_RDWR) >= 0


@attempt("open a descriptor of pid 1", "EACCES", "EPERM", "ENXIO", "ENOENT", "nothing", beyond=WEAK)
def _(host):
    found = []
    for name in os.listdir("/proc/1/fd"):
        try:
            link = os.readlink("/proc/1/fd/" + name)
            if link != "/dev/null":
                found.append((link, os.open("/proc/1/fd/" + name, os.O_RDWR)))
        except OSError:
            pass
    return found


@attempt("open the channel of its runtime a second time", "ENXIO", "ENOENT", "EACCES", "nothing")
def _(host):
    found = []
    for name in os.listdir(f"/proc/{os.getppid()}/fd"):
        path = f"/proc/{os.getppid()}/fd/{name}"
        try:
            if os.readlink(path).startswith("socket:"):
                found.append(os.open(path, os.O_RDWR))
        except OSError:
            pass
    return found


@attempt("compare itself with pid 1 inside the kernel", "EPERM")
def _(host):
    return system("kcmp", os.getpid(), 1, 2, 0, 0) >= 0


# -- privileges


@attempt("hold a capability", "nothing")
def _(host):
    return capabilities()


@attempt("set its own capabilities", "EPERM")
def _(host):
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    everything = (1 << 32) - 1, (1 << 32) - 1, (1 << 32) - 1, 0x1FF, 0x1FF, 0x1FF
    system("capset", header, ctypes.create_string_buffer(struct.pack("6I", *everything)))
    return capabilities()


@attempt("raise ambient capabilities", "EPERM")
def _(host):
    for capability in range(CAP_LAST + 1):
        system("prctl", 47, 2, capability, 0, 0)
    return capabilities()


@attempt("change its secure bits", "EPERM")
def _(host):
    return system("prctl", 28, 0x1, 0, 0, 0) == 0


@attempt("allow itself new privileges again", "EINVAL")
def _(host):
    return system("prctl", 38, 0, 0, 0, 0) == 0


@attempt("take on the front end's user", "EPERM", "EINVAL")
def _(host):
    os.setresgid(host["front_end_uid"], host["front_end_uid"], host["front_end_uid"])
    return True


@attempt("take on the user of another sandbox", "EPERM", "EINVAL")
def _(host):
    os.setresuid(host["front_end_uid"] + 77, host["front_end_uid"] + 77, host["front_end_uid"] + 77)
    return True


@attempt("become root with a capability of root", "EPERM", "EINVAL", "nothing")
def _(host):
    os.setresuid(0, 0, 0)
    return capabilities()


@attempt("join groups", "EPERM")
def _(host):
    os.setgroups([0, 6, 42])
    return os.getgroups()


@attempt("take its seccomp filter off", "EINVAL")
def _(host):
    return system("prctl", PR_SET_SECCOMP, 0, 0, 0, 0) == 0


@attempt("load a filter that allows what the first one refuses", "EPERM")
def _(host):
    allow = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 1, ctypes.addressof(allow)))
    system("prctl", PR_SET_SECCOMP, 2, ctypes.addressof(program), 0, 0)
    system("unshare", 0x10000000)
    return True


@attempt("switch address randomisation off", "EPERM")
def _(host):
    before = system("personality", 0xFFFFFFFF)
    system("personality", before | 0x0040000)
    return True


@attempt("read where its own code lies before it is randomised", "EPERM", "nothing")
def _(host):
    return system("personality", 0xFFFFFFFF) & 0x0040000


for name in ("NOFILE", "NPROC", "CORE"):

    @attempt(f"raise its limit RLIMIT_{name}", "nothing", "EPERM", beyond=WEAK if name == "NPROC" else ())
    def _(host, name=name):
        wanted = 1 << 19
        try:
            resource.setrlimit(getattr(resource, "RLIMIT_" + name), (wanted, wanted))
        except ValueError:  # Python's word for EPERM
            return False
        return True


@attempt("run before everything else in real time", "EPERM")
def _(host):
    return system("sched_setscheduler", 0, 1, ctypes.create_string_buffer(struct.pack("i", 50))) == 0


@attempt("raise its own priority", "EACCES", "EPERM")
def _(host):
    os.setpriority(os.PRIO_PROCESS, 0, -10)
    return True


@attempt("type into a terminal", "ENXIO", "ENOENT", "EIO", "ENOTTY", "EPERM", "nothing")
def _(host):
    import fcntl

    fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), 0x5412, b"x")  # TIOCSTI
    return True


@attempt("hang the terminals up", "EPERM")
def _(host):
    return system("vhangup") == 0
