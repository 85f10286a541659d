"""Turns a fresh fork of the zygote into a husk: a sealed environment with a parked runtime in it.

Two processes come of it: pid 1, which keeps the privileges until the code is attached, and the runtime, which is
sealed (own uid, no capabilities, no new privileges, seccomp) before anything of a function is known.
"""

import array
import os
import resource
import select
import signal
import socket
import struct
import sys

import kernel
import network
import pages

INIT = "/.lambent/init"
IMAGE = "/.lambent/image"  # where the root of an image is put before it becomes the root
FORKS = 900  # where the runtime of a template hears of clones to make: out of the way of what the function opens
CHANNEL = 3  # the runtime's descriptor of its channel; 0 is /dev/null, 1 and 2 are the log pipe
NEEDED = []  # runs of pages that a runtime will write to, as the zygote has found out
RUNTIME_API = ("127.0.0.1", 9001)


def become(order, control, channel, log, forks=None):
    """Never returns. `order` is the agent's message; the descriptors are this husk's own, `forks` a template's."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if order["level"] == "process":
        plain(order, control, channel, log)
    pair = socket.socket(fileno=control)
    wait_for_limits(pair)
    machine = network.routing_socket()
    enter_namespaces(order)
    listeners = {"api": network.listen(RUNTIME_API), **network.connect(order.get("network", {}), machine)}
    child = os.fork()
    if child == 0:
        pages.provide(NEEDED)
        park(order, control, channel, log, forks)
    announce(pair, listeners)
    del listeners
    be_init(pair, child, order["init_uid"])


def park(order, _, channel, log, forks=None):
    """The runtime of a husk, forked by pid 1; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    seal(order)
    keep_only(channel, log, forks)
    run(order, rehearsed=bool(NEEDED))


def wait_for_limits(pair):
    """Until the agent has put this process into its control groups; if it is gone instead, so is this."""
    if receive(pair)[0] != b"G":
        os._exit(0)


def enter_namespaces(order):
    kernel.unshare(
        kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWCGROUP
    )
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    if os.path.isdir("/.lambent/python"):  # the parent's interpreter, of no use to a function
        kernel.umount("/.lambent/python", kernel.MNT_DETACH)
    kernel.set_hostname("lambent")
    kernel.loopback_up()


def announce(pair, listeners):
    """Tell the agent that the runtime is parked, and hand over the listening sockets, by name."""
    fds = array.array("i", [listener.fileno() for listener in listeners.values()])
    try:
        pair.sendmsg([b"R" + ",".join(listeners).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    except OSError:
        os._exit(0)


def seal(order):
    """Give up everything that a function must not have. Order matters: each step needs what the next one drops."""
    os.setsid()
    for name, (soft, hard) in order["rlimits"].items():
        resource.setrlimit(getattr(resource, name), (soft, hard))
    if os.geteuid() == 0:
        kernel.drop_bounding_set()  # here and not in the zygote: pid 1 still has to execute with privileges
    if order["uid"]:
        os.setgroups([])
        os.setresgid(order["uid"], order["uid"], order["uid"])
        os.setresuid(order["uid"], order["uid"], order["uid"])
    kernel.drop_capabilities()
    kernel.prctl(
        kernel.PR_SET_DUMPABLE, 1
    )  # a changed uid hides /proc/self from the process itself, /dev/stdout with it
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if order["seccomp"]:
        kernel.load_seccomp(bytes.fromhex(order["seccomp"]))


def keep_only(channel, log, forks=None):
    """Arrange 0, 1, 2 and the channel, and close every other descriptor: an allow-list, since leaks are escapes."""
    high = os.dup(channel), os.dup(log), os.open("/dev/null", os.O_RDWR), forks and os.dup(forks)
    os.dup2(high[2], 0)
    os.dup2(high[1], 1)
    os.dup2(high[1], 2)
    os.dup2(high[0], CHANNEL)
    if forks:
        os.dup2(high[3], FORKS, inheritable=False)
        os.closerange(CHANNEL + 1, FORKS)
    os.closerange(FORKS + 1 if forks else CHANNEL + 1, 1024)
    os.umask(0o022)


def run(order, rehearsed=False):
    """The runtime itself; never returns. `rehearsed`: it has the memory already that its start will write to."""
    status = 1
    try:
        if order["kind"] == "python":
            import lambent_runtime

            lambent_runtime.main(CHANNEL, parking(order), rehearsed=rehearsed)
            status = 0
        elif order["kind"] in ("node", "ruby"):
            os.set_inheritable(CHANNEL, True)
            os.execve(order["executable"], [order["executable"], *order["arguments"]], order["environ"])
        elif order["kind"] == "java":
            import jvm

            jvm.main(CHANNEL, order)
        else:
            import bootstrap

            bootstrap.main(CHANNEL)
    except SystemExit as request:
        status = request.code if isinstance(request.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def parking(order):
    """Where the runtime of a template waits for clones to be made; None for every other runtime."""
    if "clone" not in order:
        return None
    import clones

    return clones.parking(order, FORKS)


def be_init(pair, child, drop_to):
    """Become pid 1 proper: the small static program where it was compiled, this process where not."""
    control = pair.fileno()
    os.dup2(os.open("/dev/null", os.O_RDWR), 0)
    os.dup2(0, 1)
    os.dup2(0, 2)
    os.set_inheritable(control, True)
    close_but(control)
    if os.path.exists(INIT):
        os.execve(INIT, ["lambent-init", str(control), str(child), str(drop_to)], {})
    try:
        init_loop(pair, child, drop_to)
    finally:
        os._exit(0)


def close_but(control):
    os.closerange(3, control)
    os.closerange(control + 1, max(control, 256) + 256)


def init_loop(pair, child, drop_to):
    """What init.c does, for machines without a compiler; the messages are described there."""
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    keep_house(pair, child, lambda data, mounts: attach(data[1:].split(b"\0"), mounts, drop_to))


def keep_house(pair, child, obey):
    """Reap, and answer the agent, until the child ends (unless pid 1 is to linger) or the agent wants or does."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    linger = False
    while not (reap(pair, child) and not linger):
        ready, _, _ = select.select([pair, read], [], [])
        if read in ready:
            os.read(read, 512)
        if pair in ready:
            data, mounts = receive(pair)
            if not data or data[:1] == b"K":
                return
            if data[:1] == b"M":
                linger = data[1:2] == b"1"
                tell(pair, obey(data, mounts))


def reap(pair, child):
    """True when there is nobody left to wait for, or the child has ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
        if pid == child:
            tell(pair, b"X" + struct.pack("i", status))
            return True


def tell(pair, message):
    try:
        pair.send(message)
    except OSError:
        os._exit(0)  # the agent is gone


def receive(pair):
    try:
        data, ancillary, _, _ = pair.recvmsg(4096, socket.CMSG_SPACE(8 * 4))
    except ConnectionError:
        return b"", []
    mounts = array.array("i")
    for _, _, packed in ancillary:
        mounts.frombytes(packed[: len(packed) - len(packed) % mounts.itemsize])
    return data, mounts


def enter_image(fd):
    """The root of a container image becomes the root of everybody in here, as in init.c."""
    kernel.move_mount(fd, IMAGE)
    for kept in ("/proc", "/dev", "/etc/resolv.conf", "/etc/hosts"):
        if os.path.exists(kept):
            kernel.mount(kept, IMAGE + kept, None, kernel.MS_BIND | kernel.MS_REC)
    os.chdir(IMAGE)
    kernel.pivot_root(".", ".")
    kernel.umount(".", kernel.MNT_DETACH)
    os.chdir("/")


def attach(texts, mounts, drop_to):
    try:
        for target, fd in zip(texts[1:], mounts):
            if target == b"/":
                enter_image(fd)
            else:
                kernel.move_mount(fd, os.fsdecode(target))
            os.close(fd)
        if drop_to:
            os.setgroups([])
            os.setresgid(drop_to, drop_to, drop_to)
            os.setresuid(drop_to, drop_to, drop_to)
        kernel.drop_capabilities()
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    except OSError as error:
        return b"e" + struct.pack("i", error.errno or 1)
    return b"m" + struct.pack("i", 0)


def plain(order, control, channel, log):
    """No namespaces to be had: a supervised process with limits. Loudly announced by the agent."""
    pair = socket.socket(fileno=control)
    wait_for_limits(pair)
    listeners = {"api": network.listen(("127.0.0.1", 0))}
    child = os.fork()
    if child == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        seal(order)
        keep_only(channel, log)
        run(order)
    announce(pair, listeners)
    del listeners
    os.dup2(os.open("/dev/null", os.O_RDWR), 0)
    close_but(control)
    try:
        # Paths are the host's own: there is nothing to attach.
        keep_house(pair, child, lambda data, mounts: b"m" + struct.pack("i", 0))
    finally:
        for victim in (-child, child):
            try:
                (os.killpg if victim < 0 else os.kill)(abs(victim), signal.SIGKILL)
            except OSError:
                pass
        os._exit(0)


sys.dont_write_bytecode = True
