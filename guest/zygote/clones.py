"""The template of a version with SnapStart: its runtime, which has been through init, makes a copy of itself per order.

A template has run code of the function, so that it is sealed like every sandbox. Its seccomp filter allows one thing
more: to make a process in a user namespace of its own, with all other namespaces new as well, and to set these up. That
process becomes pid 1 of the clone. It seals itself as strictly as every other sandbox before it forks the runtime.

The agent must not believe what a template or a clone says: both are the function's own memory.
"""

import array
import os
import random
import resource
import signal
import socket

import extension_spawner  # noqa: F401 - a clone starts extensions when this directory is not on the path any more
import husk
import kernel
import trees

NAMESPACES = (
    kernel.CLONE_NEWUSER | kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS | kernel.CLONE_NEWCGROUP
)  # fmt: skip
BURIAL_S = 0.2  # how often to look for a clone whose end has been told, but has not happened quite yet
FIRST_PID, LAST_PID = 300, 30000


def parking(order, forks):
    """What the runtime of a template calls when it is initialised: `park()` returns in each clone, with its channel."""
    return lambda: park(order, forks)


def park(order, forks):
    """Obey the agent until it goes. In the runtime of a clone: the descriptor of its channel."""
    agent = socket.socket(fileno=forks)
    order["ids"] = os.getuid(), os.getgid()  # in a new user namespace nobody has a name
    living, ended = set(), 0
    while True:
        message, fds = hear(agent, BURIAL_S if ended else None)
        if message == b"B":
            ended += 1
        elif message == b"C":
            pid = kernel.fork_into(NAMESPACES)
            if pid == 0:
                return become(order, agent, fds)
            living.add(pid)
        for fd in fds:
            os.close(fd)
        ended -= bury(living)


def hear(agent, patience_s):
    """A message of the agent and its descriptors; empty when `patience_s` have passed. Its end is ours."""
    agent.settimeout(patience_s)
    try:
        data, ancillary, _, _ = agent.recvmsg(16, socket.CMSG_SPACE(4 * 4))
    except socket.timeout:
        return b"", []
    except OSError:
        data, ancillary = b"", []
    if not data:
        os._exit(0)
    fds = array.array("i")
    for _, _, packed in ancillary:
        fds.frombytes(packed[: len(packed) - len(packed) % fds.itemsize])
    return data, list(fds)


def bury(living):
    """Take note of clones that are gone, one by one: the function may have children of its own. Returns how many."""
    gone = set()
    for pid in living:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                gone.add(pid)
        except ChildProcessError:
            gone.add(pid)
    living -= gone
    return len(gone)


def become(order, agent, fds):
    """pid 1 of a clone; returns only in the runtime that it forks, with the descriptor of its channel."""
    control, channel, log, tmp = fds
    try:
        agent.close()
        pair = socket.socket(fileno=control)
        prepare(order, pair, tmp)
        seal(order)
        child = os.fork()
        if child == 0:
            os.setsid()
            pair.close()
            limit(order)
            connect(log)
            return channel
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the function may ignore it, and pid 1 would never hear of it
        husk.announce(pair, {})
        os.closerange(control + 1, 1024)
        husk.be_init(pair, child, 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)


def prepare(order, pair, tmp):
    """Set up the namespaces, with the privileges that this process has in them and nowhere else."""
    # Nothing else may be mapped, and so what init remembers stays true.
    for name, text in (("setgroups", "deny"), ("uid_map", "{0} {0} 1"), ("gid_map", "{1} {1} 1")):
        write("/proc/self/" + name, text.format(*order["ids"]))
    husk.tell(pair, b"H")  # the kernel tells the agent, with the message, who has sent it
    husk.wait_for_limits(pair)
    kernel.unshare(kernel.CLONE_NEWCGROUP)  # again, since only now the control groups are this clone's own
    before = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    kernel.move_mount(tmp, "/tmp")
    os.close(tmp)
    kernel.loopback_up()
    trees.copy(before, "/tmp")
    os.close(before)
    try:
        # Random generators in native libraries notice by the pid that they are a copy; the template's is a low one.
        write("/proc/sys/kernel/ns_last_pid", str(random.SystemRandom().randrange(FIRST_PID, LAST_PID)))
    except OSError:
        pass  # a kernel without checkpointing; Python's own generators are renewed in any case


def seal(order):
    """Nobody in the clone gets more than in any other sandbox, pid 1 included: it has the function's uid here."""
    kernel.drop_bounding_set()
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if order["clone"]["seccomp"]:
        kernel.load_seccomp(bytes.fromhex(order["clone"]["seccomp"]))


def limit(order):
    for name, limits in order["clone"]["rlimits"].items():
        resource.setrlimit(getattr(resource, name), tuple(limits))


def connect(log):
    """What the runtime says goes into the clone's own log from here on."""
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
