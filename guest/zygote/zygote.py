"""The zygote of one runtime: has it loaded, and forks a husk for every order of the node agent.

    python -I -S zygote.py CONTROL_FD PIDNS_FD KIND

One thread, no event loop: an order is a JSON datagram with three descriptors (pid 1's control socket, the runtime's
end of the channel, the write end of the log pipe; for a template also where it hears of clones); the answer is the pid
of the new pid 1. EOF ends the zygote.
"""

import array
import gc
import json
import os
import signal
import socket
import struct
import sys

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

import birth  # noqa: E402
import clones  # noqa: E402, F401 - loaded here, where nothing of a function is yet
import husk  # noqa: E402
import kernel  # noqa: E402
import trial  # noqa: E402

HEAD = struct.Struct("16xI")  # an order begins with what birth.c needs of it, and that with where the JSON begins


def main():
    control, pidns, kind = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
    preload(kind)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # husks report their own end: no zombies are wanted here
    gc.collect()
    gc.freeze()
    if kind == "python":
        husk.NEEDED[:] = trial.learn([control.fileno()])
    library = birth.load(pidns >= 0)
    answer(control, {"births": library is not None})
    if library is not None:
        become(*birth.serve(library, control.fileno()), husk.park)
    while True:
        order, fds = receive(control)
        answer(control, {"husk": order["husk"], "pid": fork(order, fds, pidns)})
        for fd in fds:
            os.close(fd)


def answer(control, told):
    """The end of the agent is the zygote's own, at whichever instant it is noticed."""
    try:
        control.send(json.dumps(told).encode())
    except OSError:
        os._exit(0)


def preload(kind):
    """Everything that must not be loaded on the way to the first answer."""
    import resource  # noqa: F401
    import select  # noqa: F401
    import traceback  # noqa: F401

    if kind == "python":
        sys.path.append("/var/runtime")
        sys.path += [os.environ[name] for name in ("LAMBENT_GUEST", "LAMBENT_SDK") if os.environ.get(name)]
        import lambent_runtime

        lambent_runtime.preload()
    elif kind in ("provided", "java"):
        # In the root of a container image there is nothing of Python: what may be needed is here before.
        import encodings.idna  # noqa: F401

        import bootstrap  # noqa: F401
        import extension_spawner  # noqa: F401
        import jvm  # noqa: F401


def receive(control):
    try:
        data, ancillary, _, _ = control.recvmsg(65536, socket.CMSG_SPACE(4 * 4))
    except ConnectionError:
        data = b""  # an order was still unread when the agent went
    if not data:
        os._exit(0)
    fds = array.array("i")
    for _, _, packed in ancillary:
        fds.frombytes(packed[: len(packed) - len(packed) % fds.itemsize])
    return json.loads(data[HEAD.unpack_from(data)[0] :].decode()), list(fds)


def fork(order, fds, pidns):
    """A child in a pid namespace of its own, of which it is pid 1; this process stays in its own."""
    if order["level"] == "userns":
        return fork_through_another(order, fds)
    if pidns >= 0:
        kernel.unshare(kernel.CLONE_NEWPID)
    pid = os.fork()
    if pid == 0:
        become(order, fds, husk.become)
    if pidns >= 0:
        kernel.setns(pidns, kernel.CLONE_NEWPID)
    return pid


def fork_through_another(order, fds):
    """The same where the machine's pid namespace cannot be returned to, by a process that does not need to."""
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            kernel.unshare(kernel.CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                become(order, fds, husk.become)
            os.write(write, b"%d" % pid)
        finally:
            report(order)
    os.close(write)
    pid = int(os.read(read, 32) or b"-1")  # no process has that number: the agent gives the husk up
    os.close(read)
    return pid


def become(order, fds, part):
    """Be `part` of a husk."""
    try:
        part(order, *fds)
    finally:
        report(order)


def report(order):
    """The end of a forked process: without a word if there is nothing to report."""
    import traceback

    if sys.exc_info()[0] is not None:
        sys.stderr.write("lambent: husk {} could not be made\n{}\n".format(order["husk"], traceback.format_exc()))
        sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
