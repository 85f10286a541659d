"""One runtime that a zygote starts for itself, to learn from it which memory each of them will need (pages.py).

It goes the way of every husk's runtime, from the fork to its first answer, with a handler of the platform's.
"""

import json
import os
import signal
import socket
import struct

import husk
import kernel
import pages

PATIENCE_S = 5.0
HEADER = struct.Struct(">B3xII16s")
INIT, INVOKE, READY, RESULT = 1, 2, 17, 18
SAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sample")
ENVIRON = {"AWS_TRIAL_{}".format(number): "x" * 40 for number in range(30)}
SPEC = {"environ": ENVIRON, "handler": "sample.handler", "task_root": SAMPLE, "opt": "/opt"}
META = {"id": "trial", "arn": "", "deadline": 0, "trace": None, "context": None, "identity": None, "tenant": None}
EVENT = b'{"key": ["value", 1, 2.5, null]}'


def learn(close):
    """Runs of pages for pages.provide; none if they cannot be found out. `close`: descriptors of the zygote's alone."""
    read, write = os.pipe()
    if os.fork() == 0:
        report(write, [*close, read])
    os.close(write)
    with os.fdopen(read, "rb") as told:
        text = told.read()
    return [tuple(run) for run in json.loads(text.decode())] if text else []


def report(write, close):
    """In a process that plays the platform: try, and write down what was learned. Never returns."""
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        for fd in close:
            os.close(fd)
        if pages.possible():
            find_proc()
            os.write(write, json.dumps(attempt()).encode())
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(0)


def find_proc():
    """In the root of sandboxes there is a /proc only where it was bound."""
    if not os.path.exists("/proc/self/pagemap"):
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def attempt():
    """What a runtime that has answered a call has written to."""
    places = pages.mapped()
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE_S)
    nothing = os.open("/dev/null", os.O_RDWR)
    pid = os.fork()
    if pid == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        husk.seal({"rlimits": {}, "uid": 0, "seccomp": ""})
        husk.keep_only(theirs.fileno(), nothing)
        husk.run({"kind": "python"}, rehearsed=True)
    theirs.close()
    try:
        say(ours, INIT, SPEC)
        hear(ours, READY)
        say(ours, INVOKE, META, EVENT)
        hear(ours, RESULT)
        return pages.own(pid, places)
    finally:
        os.kill(pid, signal.SIGKILL)


def say(sock, kind, meta, body=b""):
    text = json.dumps(meta).encode()
    sock.sendall(HEADER.pack(kind, len(text), len(body), bytes(16)) + text + body)


def hear(sock, wanted):
    """The next frame, which must be of this type."""
    kind, meta_size, body_size, _ = HEADER.unpack(sock.recv(HEADER.size, socket.MSG_WAITALL))
    body = sock.recv(meta_size + body_size, socket.MSG_WAITALL)
    if kind != wanted:
        raise ValueError("expected a frame of type {}, got one of type {}: {}".format(wanted, kind, body))
