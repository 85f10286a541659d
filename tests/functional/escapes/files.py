"""Attempts on files: the host's, other functions', and what a function may read but not write."""

import ctypes
import os
import shutil
import stat
import subprocess

from .harness import attempt, system

ABSENT = ("ENOENT", "ENOTDIR", "EACCES", "EPERM", "nothing")
READ_ONLY = ("EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "ETXTBSY")
WEAK = ("process",)


def read(path):
    with open(path, "rb") as file:
        return file.read(4096)


def plant(directory):
    path = os.path.join(directory, "planted-by-an-escape")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755))
    os.unlink(path)
    return path


def change(path, data):
    """Open for writing and write; "done" only if the kernel took the data."""
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, data)
    finally:
        os.close(fd)


def visible_pids():
    return sorted({1, os.getppid(), *(int(name) for name in os.listdir("/proc") if name.isdigit())})


@attempt("read a file that everybody on the host may read", *ABSENT, beyond=WEAK)
def _(host):
    return read(host["canary"])


@attempt("read the host's password hashes", *ABSENT, beyond=WEAK)
def _(host):
    return read("/etc/shadow")


@attempt("look into root's home", *ABSENT, beyond=WEAK)
def _(host):
    return os.listdir("/root")


@attempt("look into the homes of users", *ABSENT, beyond=WEAK)
def _(host):
    return os.listdir("/home")


@attempt("list the data directory", *ABSENT, beyond=WEAK)
def _(host):
    return os.listdir(host["data"])


@attempt("read another function's code by its path on the host", *ABSENT, beyond=WEAK)
def _(host):
    return read(host["other_code"])


@attempt("read the database", *ABSENT, beyond=WEAK)
def _(host):
    return read(host["data"] + "/lambent.db")


@attempt("read the key that environment variables are encrypted with", *ABSENT, beyond=WEAK)
def _(host):
    return [read(path) for path in host["keys"] if os.path.exists(path)]


@attempt("reach the host's files through the root of some process", *ABSENT, beyond=WEAK)
def _(host):
    found = []
    for pid in visible_pids():
        for link in ("root", "cwd"):
            try:
                found.append(read("/proc/{}/{}{}".format(pid, link, host["canary"])))
            except OSError:
                pass
    return found


@attempt("climb above the root by its own parent", *ABSENT, beyond=WEAK)
def _(host):
    return read("/proc/self/root/" + "../" * 40 + host["canary"])


@attempt("climb out of a directory that is open already", *ABSENT, beyond=WEAK)
def _(host):
    found = []
    for fd in range(1024):
        try:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            pass
    return found


@attempt("find a file of the host among the descriptors", "nothing")
def _(host):
    own = ("/dev/null", "/dev/urandom", "/proc/", "pipe:", "socket:", "anon_inode:", "/var/task", "/tmp")
    links = [f"/proc/self/fd/{fd}" for fd in range(1024)]
    links = [os.readlink(link) for link in links if os.path.lexists(link)]
    return [link for link in links if not link.startswith((*own, host["task"]))]


@attempt("leave a change of root by a descriptor", "EPERM")
def _(host):
    system("chroot", b"/tmp")
    return True


@attempt("open a file of the host by its handle", "EPERM")
def _(host):
    handle = ctypes.create_string_buffer(b"\x08\x00\x00\x00\x01\x00\x00\x00" + b"\x02" + bytes(7), 16)
    return system("open_by_handle_at", os.open("/", os.O_RDONLY), handle, os.O_RDONLY)


@attempt("read the environment of another process", "nothing", "EACCES", "EPERM", beyond=WEAK)
def _(host):
    found = []
    for pid in visible_pids():
        try:
            text = read(f"/proc/{pid}/environ")
        except OSError:
            continue
        if host["secret"].encode() in text:
            found.append(pid)
    return found


@attempt("add to its own code", *READ_ONLY, beyond=WEAK)
def _(host):
    return plant(host["task"])


@attempt("change its own code", *READ_ONLY, beyond=WEAK)
def _(host):
    path = host["task"] + "/app.py"
    return os.close(os.open(path, os.O_WRONLY)) or path


for place in ("/opt", "/var/runtime", "/var/lang", "/etc", "/usr/bin", "/usr/lib", "/", "/.lambent", "/run", "/dev"):

    @attempt(f"add to {place}", *READ_ONLY, beyond=WEAK)
    def _(host, place=place):
        return plant(place)


@attempt("change the program of pid 1", *READ_ONLY)
def _(host):
    return change("/.lambent/init", b"")


@attempt("change the runtime's own code", *READ_ONLY)
def _(host):
    return change("/var/runtime/lambent_runtime/__init__.py", b"")


@attempt("preload a library into every program", *READ_ONLY, beyond=WEAK)
def _(host):
    path = "/etc/ld.so.preload"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    os.unlink(path)
    return path


@attempt("change the loader's cache of libraries", *READ_ONLY, beyond=WEAK)
def _(host):
    return os.close(os.open("/etc/ld.so.cache", os.O_WRONLY)) or True


@attempt("make a hard link to a file outside /tmp", "EXDEV", "EPERM", "EROFS", beyond=WEAK)
def _(host):
    os.link(host["task"] + "/app.py", "/tmp/linked-by-an-escape")
    os.unlink("/tmp/linked-by-an-escape")
    return True


@attempt("follow a symbolic link in /tmp to the host", *ABSENT, beyond=WEAK)
def _(host):
    os.symlink(host["canary"], "/tmp/to-the-host")
    try:
        return read("/tmp/to-the-host")
    finally:
        os.unlink("/tmp/to-the-host")


@attempt("keep the setuid bit of a file in the zip", "nothing")
def _(host):
    return os.stat(host["task"] + "/setuid").st_mode & (stat.S_ISUID | stat.S_ISGID)


@attempt("gain a user by a setuid program of its own", "nothing")
def _(host):
    shutil.copy("/usr/bin/id", "/tmp/id")
    os.chmod("/tmp/id", 0o6755)
    try:
        told = subprocess.run(["/tmp/id", "-u"], stdout=subprocess.PIPE, check=False).stdout
    finally:
        os.unlink("/tmp/id")
    return int(told) != os.getuid()


@attempt("have setuid programs of the system obeyed", "nothing", beyond=WEAK)
def _(host):
    return not os.statvfs("/usr/bin").f_flag & os.ST_NOSUID


for name in ("mem", "kmem", "port", "kmsg", "sda", "vda", "loop0", "loop-control", "fuse", "kvm", "net/tun", "vsock"):

    @attempt(f"open /dev/{name}", "ENOENT", "ENOTDIR", "EACCES", "EPERM", "ENODEV", "ENXIO", beyond=WEAK)
    def _(host, name=name):
        return os.open("/dev/" + name, os.O_RDONLY) >= 0


@attempt("make a device node for the machine's memory", "EPERM")
def _(host):
    os.mknod("/tmp/mem", stat.S_IFCHR | 0o666, os.makedev(1, 1))
    return True


@attempt("make a device node for a disk", "EPERM")
def _(host):
    os.mknod("/tmp/disk", stat.S_IFBLK | 0o666, os.makedev(8, 0))
    return True


@attempt("read the kernel's memory", "ENOENT", "EACCES", "EPERM")
def _(host):
    return read("/proc/kcore")


@attempt("read where the kernel lies in memory", "ENOENT", "EACCES", "EPERM", "nothing")
def _(host):
    lines = read("/proc/kallsyms").splitlines()[:20]
    return [line for line in lines if int(line.split()[0], 16)]


@attempt("read the kernel's messages", "ENOENT", "EACCES", "EPERM")
def _(host):
    return os.open("/proc/kmsg", os.O_RDONLY | os.O_NONBLOCK) >= 0


WRITABLE_BY_ROOT = (
    "sys/kernel/core_pattern", "sys/kernel/modprobe", "sys/kernel/hostname", "sys/kernel/sysrq", "sys/vm/drop_caches",
    "sys/vm/overcommit_memory", "sys/fs/file-max", "sys/kernel/randomize_va_space", "sysrq-trigger",
    "irq/default_smp_affinity",
)  # fmt: skip
for name in WRITABLE_BY_ROOT:

    @attempt(f"write /proc/{name}", "EACCES", "EPERM", "EROFS", "ENOENT", "EINVAL", beyond=WEAK)
    def _(host, name=name):
        path = "/proc/" + name
        return os.close(os.open(path, os.O_WRONLY)) or path


@attempt("be spared when memory runs out", "EACCES", "EPERM")
def _(host):
    return change("/proc/self/oom_score_adj", b"-1000")


@attempt("spare pid 1 when memory runs out", "EACCES", "EPERM")
def _(host):
    return change("/proc/1/oom_score_adj", b"-1000")


@attempt("map users of the host onto its own", "EPERM", "EACCES")
def _(host):
    return change("/proc/self/uid_map", b"0 0 65536")


@attempt("map users of the host onto those of pid 1", "EPERM", "EACCES")
def _(host):
    return change("/proc/1/uid_map", b"0 0 65536")


@attempt("shift the clocks of its namespace", "EPERM", "EACCES", "ENOENT")
def _(host):
    return change("/proc/self/timens_offsets", b"monotonic 1000 0")


for path in ("/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/transparent_hugepage/enabled"):

    @attempt(f"write {path}", *READ_ONLY, beyond=WEAK)
    def _(host, path=path):
        return os.close(os.open(path, os.O_WRONLY)) or path


@attempt("move itself into the control group of the machine", *READ_ONLY, beyond=WEAK)
def _(host):
    taken = []
    for top in ("/sys/fs/cgroup", *("/sys/fs/cgroup/" + name for name in os.listdir("/sys/fs/cgroup"))):
        path = top + "/cgroup.procs"
        if os.access(path, os.W_OK):
            taken.append(path)
    return taken


@attempt("raise its own memory limit", *ABSENT, beyond=WEAK)
def _(host):
    return [top for top, _, names in os.walk("/sys/fs/cgroup") if {"memory.max", "memory.limit_in_bytes"} & set(names)]
